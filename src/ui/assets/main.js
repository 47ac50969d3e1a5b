// Begins the page: which one it is, its keys, light and dark, and what is said to who cannot see it.

import { askWho, whoLabel } from "./caller.js";
import { estatePage } from "./estate.js";
import { html, render } from "./lit-html.js";
import { focusSearch, searchBox } from "./search.js";
import { traceKeys, tracePage } from "./trace.js";

const THEME = "tutti.theme";
const KEYS = [
  ["/", "search"],
  ["?", "these keys"],
  ["↑ ↓", "to the span above, below"],
  ["→ ←", "unfold and into, fold and out of"],
  ["Home End", "to the first, the last"],
  ["Enter", "details of a span"],
  ["Esc", "close"],
  ["e", "to the next error"],
  ["z 0", "zoom to a span, and out"],
  ["*", "unfold everything"],
];

const page = document.body.dataset.page;
const said = document.getElementById("said");
const seen = document.getElementById("over");

/** Said once things are quiet: of many states the last is worth hearing. */
let waits = 0;
function say(text, isShown = false) {
  clearTimeout(waits);
  waits = setTimeout(() => { said.textContent = text; }, 150);
  if (!isShown) return;
  seen.textContent = text;
  seen.classList.add("shown");
  setTimeout(() => seen.classList.remove("shown"), 4000);
}

function theme(wanted) {
  if (wanted === "light" || wanted === "dark") document.documentElement.dataset.theme = wanted;
  dispatchEvent(new Event("tutti:theme"));
}

function otherTheme() {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const wanted = isDark ? "light" : "dark";
  try {
    localStorage.setItem(THEME, wanted);
  } catch {
    // It lasts for this page, then.
  }
  theme(wanted);
}

function help() {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "keys");
  render(html`<h2 id="keys">Keys</h2>
    <dl class="keys">${KEYS.map(([keys, what]) => html`<div><dt>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl>
    <p class="buttons"><button type="button" @click=${() => dialog.close()}>Close</button></p>`, dialog);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function tools() {
  render(html`
    <button type="button" class="plain" @click=${() => askWho()}>${whoLabel()}</button>
    <button type="button" class="plain" @click=${otherTheme} aria-label="Light or dark" title="Light or dark">◐</button>
    <button type="button" class="plain" @click=${help} aria-label="Keys" title="Keys (?)">?</button>`, document.getElementById("tools"));
}

function isTyping(target) {
  return target.closest?.("input, select, textarea, dialog") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const keys = { "/": focusSearch, "?": help, ...(page === "trace" ? traceKeys : {}) };
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

addEventListener("tutti:stranger", (event) => askWho(event.detail));

try {
  theme(localStorage.getItem(THEME));
} catch {
  theme(null);
}
tools();
searchBox(document.getElementById("ask"));
const main = document.getElementById("main");
if (page === "trace") tracePage(main, say);
else estatePage(main, say);
