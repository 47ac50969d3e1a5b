// Who asks, as this tab shows it to the gateway: a token, a purpose and a grant, kept for the tab alone. Where a
// certificate or a proxy shows somebody, nothing has to be given here.

import { identity } from "./ask.js";
import { html, nothing, render } from "./lit-html.js";

let dialog = null;

/** Opens the form; `line` is what the gateway said. */
export function askWho(line = "") {
  // Several questions may be refused at once, and somebody may be writing already.
  if (dialog?.open) return;
  dialog?.remove();
  dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "who");
  const kept = identity.read();
  render(html`<form method="dialog" autocomplete="off" @submit=${keep}>
    <h2 id="who">Who asks?</h2>
    ${line ? html`<p class="error-note">${line}</p>` : nothing}
    <p>What you see depends on who you are. A token stays in this tab until you forget it or close the tab.</p>
    <label>Token<input name="token" type="password" autocomplete="off" spellcheck="false" .value=${kept.token ?? ""}></label>
    <label><span>Purpose <span class="dim">if the token allows several</span></span><input name="purpose" autocomplete="off" spellcheck="false" .value=${kept.purpose ?? ""}></label>
    <label><span>Grant <span class="dim">for break-glass</span></span><input name="grant" type="password" autocomplete="off" spellcheck="false" .value=${kept.grant ?? ""}></label>
    <p class="buttons">
      <button type="submit" class="main">Use in this tab</button>
      <button type="button" @click=${forget}>Forget</button>
      <button type="button" class="plain" @click=${() => dialog.close()}>Cancel</button>
    </p></form>`, dialog);
  document.body.append(dialog);
  dialog.showModal();
}

function keep(event) {
  event.preventDefault();
  identity.keep(Object.fromEntries(new FormData(event.target)));
  location.reload();
}

function forget() {
  identity.forget();
  location.reload();
}

export const whoLabel = () => (identity.read().token ? "Token in use" : "Who asks");
