// The estate at a glance: how each region is, how quick, how often an answer was not whole; and what was searched for.

import { ask } from "./ask.js";
import { html, nothing, render } from "./lit-html.js";
import { mark } from "./report.js";
import { addressOf, results, search } from "./search.js";
import { count, Lanes, ms, percent, status } from "./words.js";

const AGAIN_MS = 10_000;
const REASONS_MAX = 3;
const EXAMPLES = [
  ["Errors", "{ status = error }"],
  ["Slower than a second", "{ traceDuration > 1s && nestedSetParent < 0 }"],
  ["Failed requests", "{ kind = server && span.http.response.status_code >= 500 }"],
];

const estate = { version: "", regions: [], numbers: null, sentences: [], line: "" };
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
  const [state, metrics, analytics] = await Promise.allSettled([
    ask("/status", { accept: "text/plain" }).then((answer) => answer.text()),
    ask("/metrics", { accept: "application/openmetrics-text" }).then((answer) => answer.text()),
    ask("/api/tutti/v1/analytics?window=1h").then((answer) => answer.json()),
  ]);
  if (state.status === "fulfilled") Object.assign(estate, statusOf(state.value), { line: "" });
  else estate.line = state.reason.message;
  estate.numbers = metrics.status === "fulfilled" ? numbersOf(metrics.value) : null;
  estate.sentences = analytics.status === "fulfilled" ? sentencesOf(analytics.value) : [];
  for (const region of estate.regions) lanes.of(region.name);
  draw();
}

/** `/status`: a line for each region, with words like `circuit=closed` behind its name. */
export function statusOf(text) {
  const version = /^tutti, version (\S+)/m.exec(text)?.[1] ?? "";
  const part = text.split("GET /status/regions\n")[1]?.split("\n\n")[0] ?? "";
  const regions = part.split("\n").filter(Boolean).map((line) => {
    const [name, ...words] = line.trim().split(/\s+/);
    const pairs = words.filter((word) => word.includes("=")).map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]);
    return { name, ...Object.fromEntries(pairs) };
  });
  return { version, regions };
}

/** Of `/metrics` what is shown here: answers by outcome, and of each region its answers and their times. */
export function numbersOf(text) {
  const numbers = { outcomes: new Map(), regions: new Map() };
  const region = (name) => {
    if (!numbers.regions.has(name)) numbers.regions.set(name, { statuses: new Map(), buckets: [] });
    return numbers.regions.get(name);
  };
  const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);
  for (const line of text.split("\n")) {
    const read = /^(tutti_\w+)\{([^}]*)\} (\S+)/.exec(line);
    if (!read) continue;
    const labels = Object.fromEntries([...read[2].matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    const value = Number(read[3]);
    if (read[1] === "tutti_requests_total") add(numbers.outcomes, labels.outcome, value);
    if (read[1] === "tutti_region_requests_total") add(region(labels.region).statuses, labels.status, value);
    if (read[1] === "tutti_region_request_seconds_bucket") region(labels.region).buckets.push([Number(labels.le.replace("+Inf", "Infinity")), value]);
  }
  return numbers;
}

/** The time that a share of the answers came in, by the buckets they were counted in. */
export function quantile(buckets, share) {
  const inOrder = [...buckets].sort(([one], [other]) => one - other);
  const all = inOrder.at(-1)?.[1] ?? 0;
  if (all === 0) return NaN;
  let [low, before] = [0, 0];
  for (const [high, counted] of inOrder) {
    if (counted >= all * share) {
      if (!Number.isFinite(high)) return low * 1000;
      return (low + ((high - low) * (all * share - before)) / Math.max(counted - before, 1)) * 1000;
    }
    [low, before] = [high, counted];
  }
  return NaN;
}

/** Whatever the gateway says of itself in words. */
function sentencesOf(analytics) {
  const said = analytics?.sentences ?? (analytics?.sentence ? [analytics.sentence] : []);
  return said.filter((line) => typeof line === "string");
}

function draw() {
  render(html`
    <header class="title">
      <h1>The estate</h1>
      <p class="facts-line">${estate.version ? html`<span class="dim">tutti ${estate.version}</span>` : nothing}${overall()}</p>
      ${estate.sentences.map((line) => html`<p class="said">${line}</p>`)}
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
  const outcomes = estate.numbers?.outcomes;
  const all = outcomes ? ["complete", "partial", "refused"].reduce((sum, outcome) => sum + (outcomes.get(outcome) ?? 0), 0) : 0;
  if (all === 0) return nothing;
  const part = (outcomes.get("partial") ?? 0) / all;
  return html`<span>${count(all, "answer")} since it began</span><span class=${part > 0.05 ? "bad" : ""}><b>${percent(part)}</b> partial</span>
    <span><b>${percent((outcomes.get("refused") ?? 0) / all)}</b> refused</span>`;
}

/** What kept a region from answering in full, the most frequent first. */
function reasons(numbers) {
  const not = [...(numbers?.statuses ?? [])].filter(([name, number]) => number > 0 && !status(name).isWhole);
  return not.sort((one, other) => other[1] - one[1]).slice(0, REASONS_MAX).map(([name, number]) => `${number} × ${status(name).word}`);
}

const CIRCUITS = { closed: ["well", "asked as usual"], "half-open": ["trying", "being tried again"], half_open: ["trying", "being tried again"], open: ["failing", "not asked for now, since it has been failing"] };

function card(region) {
  const [word, sentence] = CIRCUITS[region.circuit] ?? [region.circuit ?? "unknown", ""];
  const numbers = estate.numbers?.regions.get(region.name);
  const asked = numbers ? [...numbers.statuses.values()].reduce((sum, value) => sum + value, 0) : 0;
  const well = numbers ? (numbers.statuses.get("ok") ?? 0) + (numbers.statuses.get("not_needed") ?? 0) : 0;
  return html`<li class=${`card ${word}`}>
    <h2>${mark(lanes.of(region.name))}${region.name} <span class="dim">${region.jurisdiction ?? ""}</span></h2>
    <p class="state" title=${sentence}><i class="dot" aria-hidden="true"></i>${word}<span class="unseen">, ${sentence}</span></p>
    <dl>
      <div><dt>p50</dt><dd>${well ? ms(quantile(numbers.buckets, 0.5)) : "–"}</dd></div>
      <div><dt>p95</dt><dd>${well ? ms(quantile(numbers.buckets, 0.95)) : "–"}</dd></div>
      <div><dt>In full</dt><dd>${asked ? percent(well / asked) : "–"}</dd></div>
      <div><dt>Asked</dt><dd>${asked ? asked.toLocaleString("en") : "–"}</dd></div>
    </dl>
    ${asked ? html`<div class="share" aria-hidden="true"><i .style=${`width: ${(well / asked) * 100}%`}></i><i class="not" .style=${`width: ${(1 - well / asked) * 100}%`}></i></div>` : nothing}
    <p class="dim small">${[region.tempo && region.tempo !== "unknown" ? `Tempo ${region.tempo}` : "", ...reasons(numbers)].filter(Boolean).join(" · ")}</p>
  </li>`;
}
