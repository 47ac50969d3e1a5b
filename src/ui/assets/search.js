// The search box on every page, and the table of what it finds. A query stands behind the # of an address: a browser
// does not send that part, so that no proxy's log has it.

import { ask, coverage } from "./ask.js";
import { complete, prepare } from "./complete.js";
import { html, nothing, render } from "./lit-html.js";
import { ago, at, count, listed, ms, status } from "./words.js";

const TIMES = [["15m", "15 min"], ["1h", "1 hour"], ["6h", "6 hours"], ["24h", "1 day"], ["168h", "1 week"]];
const ROWS = 50;
/** Asked for first, so that the newest are read while the rest is looked for: every row of a page is final. */
const FIRST_ROWS = 10;
const WAIT_MS = 120;

const box = { text: "", since: "1h", choices: [], from: 0, chosen: -1, waits: 0, isShut: true };
let [form, input] = [null, null];

export function searchBox(host) {
  form = host;
  const asked = query();
  Object.assign(box, { text: asked.q, since: asked.since });
  drawBox();
  input = form.querySelector("input");
  input.value = box.text;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(input.value);
  });
  addEventListener("hashchange", () => {
    const asked = query();
    input.value = asked.q;
    box.since = asked.since;
    drawBox();
  });
}

export const focusSearch = () => {
  input.focus();
  input.select();
};

/** The query of this address. */
export function query() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const since = asked.get("since") ?? "1h";
  return { q: asked.get("q") ?? "", since: TIMES.some(([time]) => time === since) ? since : "1h" };
}

export const addressOf = (q, since = "1h") => `/ui#${new URLSearchParams({ q, since })}`;

/** An id opens its trace; anything else is searched for. */
function go(text) {
  const wanted = text.trim();
  shut();
  if (wanted === "") return;
  if (/^[0-9a-f]{1,32}$/i.test(wanted)) location.assign(`/ui/trace/${wanted.toLowerCase()}`);
  else if (addressOf(wanted, box.since).slice(3) === location.hash) dispatchEvent(new Event("hashchange"));
  else location.assign(addressOf(wanted, box.since));
}

function drawBox() {
  const isOpen = box.choices.length > 0;
  render(html`
    <div class="ask">
      <label class="unseen" for="query">Trace id or TraceQL</label>
      <input id="query" type="text" role="combobox" spellcheck="false" autocapitalize="off" autocomplete="off"
        placeholder="Trace id, or TraceQL: { status = error }" maxlength="65536"
        aria-autocomplete="list" aria-controls="choices" aria-expanded=${isOpen}
        aria-activedescendant=${box.chosen >= 0 ? `choice-${box.chosen}` : nothing}
        @input=${later} @keydown=${key} @focus=${prepare} @blur=${shut}>
      <ul id="choices" role="listbox" aria-label="Completions" ?hidden=${!isOpen}>
        ${box.choices.map(({ text, what }, nth) => html`<li role="option" id=${`choice-${nth}`} class=${nth === box.chosen ? "chosen" : ""}
          aria-selected=${nth === box.chosen} @pointerdown=${(event) => { event.preventDefault(); accept(nth); }}><code>${text}</code> <span class="dim">${what}</span></li>`)}
      </ul>
    </div>
    <label class="unseen" for="since">Since</label>
    <select id="since" @change=${(event) => { box.since = event.target.value; }}>
      ${TIMES.map(([time, words]) => html`<option value=${time} ?selected=${time === box.since}>${words}</option>`)}
    </select>
    <button type="submit" class="main">Search</button>`, form);
}

function later() {
  clearTimeout(box.waits);
  box.waits = setTimeout(suggest, WAIT_MS);
}

async function suggest() {
  box.isShut = false;
  const [text, caret] = [input.value, input.selectionStart ?? input.value.length];
  // Nothing completes an id.
  const isId = /^[0-9a-f]+$/i.test(text.trim());
  if (isId) return shut();
  await complete(text, caret, (found) => {
    if (input.value !== text || box.isShut || document.activeElement !== input) return;
    const chosen = box.choices[box.chosen]?.text;
    Object.assign(box, found);
    box.chosen = box.choices.findIndex(({ text }) => text === chosen);
    drawBox();
  });
}

function shut() {
  clearTimeout(box.waits);
  Object.assign(box, { choices: [], chosen: -1, isShut: true });
  drawBox();
}

function accept(nth) {
  const { text } = box.choices[nth];
  const caret = input.selectionStart ?? input.value.length;
  const ends = /[.]$/.test(text) ? "" : " ";
  // What of a quoted value stands behind the caret goes with it.
  const after = input.value.slice(caret).replace(/^"/, text.startsWith('"') ? "" : '"');
  input.value = input.value.slice(0, box.from) + text + ends + after.trimStart();
  const at = box.from + text.length + ends.length;
  input.setSelectionRange(at, at);
  shut();
  later();
}

function key(event) {
  const number = box.choices.length;
  if (event.key === "Escape") {
    if (number > 0) event.stopPropagation();
    return shut();
  }
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    return suggest();
  }
  if (number === 0) {
    if (event.key === "ArrowDown") later();
    return;
  }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    box.chosen = box.chosen < 0 && step < 0 ? number - 1 : (box.chosen + step + number) % number;
    drawBox();
  } else if ((event.key === "Enter" || event.key === "Tab") && box.chosen >= 0) {
    event.preventDefault();
    accept(box.chosen);
  }
}

const found = { phase: "none", q: "", since: "1h", rows: [], next: "", covers: null, line: "" };
let redraw = () => {};

/** Searches for what the address says, page by page. `draw` is called whenever something has changed. */
export async function search(draw, say) {
  redraw = draw;
  Object.assign(found, query(), { phase: "none", rows: [], next: "", covers: null, line: "" });
  if (found.q === "") {
    // Whatever is still on its way was asked by an address that is left.
    found.turn = (found.turn ?? 0) + 1;
    return draw();
  }
  await more(say, FIRST_ROWS);
}

/** Up to `ROWS` rows more, the first of them on a page of their own where `first` is less. */
async function more(say, first = ROWS) {
  // Whoever asks again is not told of what they asked before.
  const turn = (found.turn = (found.turn ?? 0) + 1);
  const [rows, cursor] = [found.rows, found.next];
  Object.assign(found, { phase: "asking", line: "" });
  redraw();
  try {
    const head = await page(cursor, first);
    if (found.turn !== turn) return;
    take(rows, head);
    const isWhole = ["", "complete"].includes(head.covers.outcome);
    if (first < ROWS && head.traces.length >= first && (head.next || !isWhole)) {
      say(`${count(found.rows.length, "trace")} so far`);
      redraw();
      // A page that lacks something does not say where to go on: the same one is asked for again, at its full length.
      const rest = head.next ? await page(head.next, ROWS - first) : await page(cursor, ROWS);
      if (found.turn !== turn) return;
      take(head.next ? found.rows : rows, rest);
    }
    found.phase = "done";
    say(`${count(found.rows.length, "trace")} found`);
  } catch (error) {
    if (found.turn !== turn) return;
    Object.assign(found, { phase: "refused", line: error.message });
    say(error.message);
  }
  redraw();
}

/** What a page adds to the rows before it. */
function take(rows, { traces, next, covers }) {
  Object.assign(found, { rows: [...rows, ...traces], next, covers });
}

async function page(cursor, rows) {
  const { q, since } = found;
  const asked = new URLSearchParams({ q, since, limit: String(rows), ...(cursor ? { cursor } : {}) });
  const answer = await ask(`/api/tutti/v1/search?${asked}`);
  const { traces } = await answer.json();
  return { traces: traces ?? [], next: answer.headers.get("tutti-next") ?? "", covers: coverage(answer.headers) };
}

export function results(say) {
  if (found.phase === "none") return nothing;
  return html`<section class="results" aria-label="What was found" aria-busy=${found.phase === "asking"}>
    <h2>${found.phase === "asking" && found.rows.length === 0 ? "Searching …" : html`${count(found.rows.length, "trace")}${found.next || found.phase === "asking" ? " so far" : ""}${found.phase === "asking" ? ", searching …" : ""}`} <code class="dim">${found.q}</code></h2>
    ${found.covers ? covers(found.covers) : nothing}
    ${found.phase === "refused" ? html`<section class="banner refused" role="alert"><div><p>${found.line}</p></div></section>` : nothing}
    ${found.rows.length > 0 ? table(found.rows) : nothing}
    ${found.phase === "done" && found.rows.length === 0 ? html`<p class="note">Nothing matches in this time.</p>` : nothing}
    ${found.next && found.phase === "done" ? html`<p><button type="button" @click=${() => more(say)}>More</button></p>` : nothing}
  </section>`;
}

function covers({ outcome, exactness, regions }) {
  if (outcome === "complete" || outcome === "") return nothing;
  const missing = regions.filter((region) => !status(region.status).isWhole).map((region) => `${region.name} ${status(region.status).sentence}`);
  const why = missing.length > 0 ? listed(missing) : exactness.replaceAll("_", " ");
  return html`<section class="banner partial"><div><p><b>More may match.</b> ${why}.</p></div></section>`;
}

function table(rows) {
  return html`<div class="scroll"><table class="found">
    <thead><tr><th scope="col">Trace</th><th scope="col">Begins</th><th scope="col" class="number">Takes</th><th scope="col" class="number">Spans</th><th scope="col" class="number">Match</th><th scope="col">Services</th></tr></thead>
    <tbody>${rows.map(row)}</tbody></table></div>`;
}

function row(trace) {
  const stats = Object.entries(trace.serviceStats ?? {});
  const spans = stats.reduce((sum, [, of]) => sum + (of.spanCount ?? 0), 0);
  const errors = stats.reduce((sum, [, of]) => sum + (of.errorCount ?? 0), 0);
  const id = /^[0-9a-f]{1,32}$/i.test(trace.traceID ?? "") ? trace.traceID : "";
  const begun = new Date(Number(trace.startTimeUnixNano ?? 0) / 1e6);
  const matched = (trace.spanSets ?? []).reduce((sum, set) => sum + (set.matched ?? 0), 0);
  return html`<tr class=${errors ? "error" : ""}>
    <th scope="row"><a href=${`/ui/trace/${id}`}>${errors ? html`<b class="alarm" title=${count(errors, "error")}>!<span class="unseen"> ${count(errors, "error")} </span></b>` : nothing}<b>${trace.rootServiceName || "root not here"}</b> ${trace.rootTraceName ?? ""}</a></th>
    <td title=${at(begun)}>${ago(begun)}</td>
    <td class="number">${ms(trace.durationMs ?? 0)}</td>
    <td class="number">${spans || ""}</td>
    <td class="number">${matched || ""}</td>
    <td class="services">${stats.map(([name, of]) => html`<span class=${of.errorCount ? "service bad" : "service"}>${name}${of.errorCount ? html`<span class="unseen"> with ${count(of.errorCount, "error")}</span>` : nothing}</span>`)}</td>
  </tr>`;
}
