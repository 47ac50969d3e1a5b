// The estate at a glance: how each region is, how quick, how often an answer was not whole; and what was searched for.

import { ask } from "./ask.js";
import { html, nothing, render } from "./lit-html.js";
import { mark } from "./report.js";
import { addressOf, results, search } from "./search.js";
import { count, Lanes, ms, percent, status } from "./words.js";

const AGAIN_MS = 10_000;
const HOUR_AGAIN_MS = 60_000;
const REASONS_MAX = 3;
/** More partial answers than that are worth a colour. */
const BAD_SHARE = 0.05;
const EXAMPLES = [
  ["Errors", "{ status = error }"],
  ["Slower than a second", "{ traceDuration > 1s && nestedSetParent < 0 }"],
  ["Failed requests", "{ kind = server && span.http.response.status_code >= 500 }"],
];

const estate = { version: "", regions: [], analytics: null, hourAgainAt: 0, line: "", isStranger: false };
const lanes = new Lanes();
let [main, say] = [null, null];

export function estatePage(host, announce) {
  [main, say] = [host, announce];
  addEventListener("hashchange", () => search(draw, say));
  search(draw, say);
  look();
  setInterval(() => document.hidden || look(), AGAIN_MS);
}

async function look() {
  const [state, analytics] = await Promise.allSettled([
    ask("/status", { accept: "text/plain" }).then((answer) => answer.text()),
    lastHour(),
  ]);
  if (state.status === "fulfilled") Object.assign(estate, statusOf(state.value), { line: "" });
  else estate.line = state.reason.message;
  if (analytics.status === "fulfilled") estate.analytics = analytics.value;
  else estate.isStranger ||= analytics.reason.status === 401;
  for (const region of estate.regions) lanes.of(region.name);
  draw();
}

/** Counted by the minute, and on record where answers are: so it is asked no more often. */
async function lastHour() {
  // Whoever was refused once has been asked who they are.
  if (estate.isStranger || performance.now() < estate.hourAgainAt) return estate.analytics;
  estate.hourAgainAt = performance.now() + HOUR_AGAIN_MS;
  return (await ask("/api/tutti/v1/analytics?window=1h")).json();
}

/** `/status`: a line for each region, with words like `circuit=closed` behind its name. */
function statusOf(text) {
  const version = /^tutti, version (\S+)/m.exec(text)?.[1] ?? "";
  const part = text.split("GET /status/regions\n")[1]?.split("\n\n")[0] ?? "";
  const regions = part.split("\n").filter(Boolean).map((line) => {
    const [name, ...words] = line.trim().split(/\s+/);
    const pairs = words.filter((word) => word.includes("=")).map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]);
    return { name, ...Object.fromEntries(pairs) };
  });
  return { version, regions };
}

function draw() {
  render(html`
    <header class="title">
      <h1>The estate</h1>
      <p class="facts-line">${estate.version ? html`<span class="dim">tutti ${estate.version}</span>` : nothing}${overall()}</p>
      ${estate.analytics?.sentences ? html`<p class="said">${estate.analytics.sentences.join(" ")}</p>` : nothing}
    </header>
    ${estate.line ? html`<section class="banner refused" role="alert"><div><p>${estate.line}</p></div></section>` : nothing}
    <ul class="cards" aria-label="Regions">${estate.regions.map(card)}</ul>
    <nav class="examples" aria-label="Searches to begin with"><span class="dim">Search for</span>
      ${EXAMPLES.map(([words, q]) => html`<a href=${addressOf(q)}>${words}</a>`)}
    </nav>
    ${results(say)}
    ${location.hash ? nothing : html`<p class="note">Paste a trace id above to see it from every region, or search: <kbd>/</kbd> leads there, <kbd>?</kbd> shows all keys.</p>`}`, main);
}

function overall() {
  const together = estate.analytics?.together;
  if (!together?.answers) return nothing;
  const { answers, partialShare, refused, federatedMs } = together;
  return html`<span>${count(answers, "answer")} in the last hour</span>
    <span class=${partialShare > BAD_SHARE ? "bad" : ""}><b>${percent(partialShare)}</b> partial</span>
    <span><b>${percent(refused / answers)}</b> refused</span>
    <span><b>${ms(federatedMs?.p95 ?? NaN)}</b> or less for 95 % over several regions</span>`;
}

/** What kept a region from answering in full, the most frequent first. */
function reasons(numbers) {
  const why = Object.entries(numbers?.notWholeWhy ?? {}).sort((one, other) => other[1] - one[1]);
  return why.slice(0, REASONS_MAX).map(([name, number]) => `${number} × ${status(name).word}`);
}

const CIRCUITS = {
  closed: ["well", "asked as usual"],
  half_open: ["trying", "being tried again"],
  open: ["failing", "not asked for now, since it has been failing"],
};

function card(region) {
  const [word, sentence] = CIRCUITS[(region.circuit ?? "").replace("-", "_")] ?? ["unknown", ""];
  const numbers = (estate.analytics?.regions ?? []).find((known) => known.region === region.name);
  const tempo = region.tempo && region.tempo !== "unknown" ? `Tempo ${region.tempo}` : "";
  return html`<li class=${`card ${word}`}>
    <h2>${mark(lanes.of(region.name))}${region.name} <span class="dim">${region.jurisdiction ?? ""}</span></h2>
    <p class="state" title=${sentence}><i class="dot" aria-hidden="true"></i>${word}<span class="unseen">, ${sentence}</span></p>
    ${numbers?.ms ? figures(numbers) : nothing}
    <p class="dim small">${[tempo, ...reasons(numbers)].filter(Boolean).join(" · ")}</p>
  </li>`;
}

function figures({ ms: took, answers, notWhole }) {
  const asked = Math.max(answers, notWhole);
  const whole = asked > 0 ? 1 - notWhole / asked : NaN;
  const time = (of) => (whole > 0 ? ms(of ?? NaN) : "–");
  return html`<dl>
      <div><dt>p50</dt><dd>${time(took.p50)}</dd></div>
      <div><dt>p95</dt><dd>${time(took.p95)}</dd></div>
      <div><dt>In full</dt><dd>${percent(whole)}</dd></div>
      <div><dt>Asked</dt><dd>${asked.toLocaleString("en")}</dd></div>
    </dl>
    ${asked > 0 ? html`<div class="share" aria-hidden="true"><i .style=${`width: ${whole * 100}%`}></i><i class="not" .style=${`width: ${(1 - whole) * 100}%`}></i></div>` : nothing}`;
}
