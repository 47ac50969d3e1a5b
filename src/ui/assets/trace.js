// One trace on the page: asks for it, shows it as it grows, and says what it covers.

import { events, Refused } from "./ask.js";
import { html, nothing, render } from "./lit-html.js";
import { modelOf } from "./model.js";
import { banner, mark, redaction, regionChips } from "./report.js";
import { spanPanel } from "./span.js";
import { Waterfall } from "./waterfall.js";
import { ago, at, count, duration, inWords, Lanes } from "./words.js";

const ERRORS_SHOWN = 5;
const ERRORS_SHOWN_MAX = 100;
/** How often it is said how long has been waited. */
const TICK_MS = 250;

const state = { phase: "asking", regions: [], report: null, model: null, line: "", open: null, showsAllErrors: false, begun: 0, parts: [], isLater: false, wasWhole: false };
let [main, say, lanes, waterfall, asking] = [null, null, new Lanes(), null, null];

export function tracePage(host, announce) {
  [main, say] = [host, announce];
  const id = idOf(location.pathname);
  if (!id) {
    state.phase = "refused";
    state.line = "This is no trace id: it has 1 to 32 hex digits.";
    return draw();
  }
  waterfall = new Waterfall({ lanes, onOpen: (span) => open(span) });
  state.id = id;
  look();
}

export const traceKeys = {
  e: () => waterfall?.nextError(),
  Escape: () => state.open && close(),
};

function idOf(path) {
  try {
    const text = decodeURIComponent(path.split("/").filter(Boolean).at(-1) ?? "");
    return /^[0-9a-f]{1,32}$/i.test(text) ? text.toLowerCase() : null;
  } catch {
    return null;
  }
}

/** Asks, from the beginning. */
async function look() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  Object.assign(state, { phase: state.model ? "growing" : "asking", line: "", begun: performance.now() });
  const tick = setInterval(draw, TICK_MS);
  draw();
  try {
    for await (const event of events(`/api/tutti/v1/traces/${state.id}/stream`, signal)) take(event);
    if (state.phase !== "done" && state.phase !== "refused") throw new Error("the stream ended");
  } catch (error) {
    if (signal.aborted) return;
    // What broke in the middle has no words of the gateway.
    const line = error instanceof Refused ? error.message : "the connection broke before the answer was whole";
    Object.assign(state, { phase: state.model ? "done" : "refused", line });
    say(line);
  } finally {
    clearInterval(tick);
    draw();
  }
}

function take({ name, data }) {
  if (name === "begin") {
    for (const region of data.regions) lanes.of(region.name);
    state.id = data.traceId;
    state.regions = data.regions.map((region) => ({ ...region, status: "pending" }));
    state.parts = [];
  } else if (name === "region") {
    const { trace, ...report } = data;
    state.regions = state.regions.map((region) => (region.name === report.name ? report : region));
    if (trace) {
      state.parts.push(...(trace.resourceSpans ?? trace.batches ?? []));
      state.isLater = true;
      // Regions that land together are drawn together.
      requestAnimationFrame(showParts);
    }
  } else if (name === "answer") {
    state.report = data.report;
    state.regions = data.report.regions;
    Object.assign(state, { phase: "done", isLater: false, parts: [] });
    show(data.trace);
  } else if (name === "refused") {
    if (data.report) state.regions = data.report.regions;
    Object.assign(state, { phase: "refused", line: data.error, report: data.report });
    say(data.error);
  }
  draw();
}

/** The parts that have landed, before the whole of them stands. A look again does not take away what was there. */
function showParts() {
  if (!state.isLater) return;
  state.isLater = false;
  if (state.wasWhole) return;
  state.phase = "growing";
  show({ resourceSpans: state.parts });
  draw();
}

function show(trace) {
  state.model = modelOf(trace);
  state.wasWhole = state.phase === "done";
  const pending = state.phase === "done" ? [] : state.regions.filter(({ status }) => status === "pending");
  waterfall.show(state.model, pending.map(({ name }) => name));
  say(inWords(state.model, state.regions, state.wasWhole ? state.report : null));
  // What was open is open in the next state, as it is there.
  if (state.open) state.open = state.model.spans.find((span) => span.key === state.open.key) ?? null;
}

function open(span) {
  state.open = span;
  draw();
}

function close() {
  state.open = null;
  waterfall.close();
  draw();
  waterfall.grid.focus({ preventScroll: true });
}

function draw() {
  const { model, phase, regions, report } = state;
  document.title = model?.root ? `${model.root.service}: ${model.root.name} · Tutti` : "Trace · Tutti";
  const jump = (span) => waterfall.jump(span);
  const elapsedMs = performance.now() - state.begun;
  main.classList.toggle("with-panel", Boolean(state.open));
  render(html`
    ${heading(model)}
    ${regionChips(regions, lanes)}
    ${state.line ? refusal() : nothing}
    ${phase === "refused" && !report ? nothing : banner({ phase, report, regions, elapsedMs, model, onAgain: look })}
    ${model && model.spans.length > 0
      ? html`
        <div class="folds">${errorList(model, jump)}${redaction(report, regions, lanes)}${crossingList(model, jump)}${gapList(model, jump)}</div>
        <p class="legend" aria-hidden="true"><span><i class="key critical"></i> critical path</span><span><i class="key gap"></i> nothing recorded</span><span><i class="key error"></i> error</span><span class="dim"><kbd>?</kbd> keys</span></p>
        <div class="stage">${waterfall.host}${state.open ? spanPanel(state.open, { lanes, model, onClose: close, onJump: jump }) : nothing}</div>`
      : empty()}`, main);
}

function heading(model) {
  const root = model?.root;
  return html`<header class="title">
    <h1>${root ? html`${root.service} <span class="dim">${root.name}</span>` : state.phase === "asking" ? "Asking for a trace" : "Trace"}</h1>
    <p class="facts-line">
      ${state.phase === "done" && state.report?.outcome === "complete" && model.count ? html`<span class="good">✓ complete</span>` : nothing}
      ${model && model.count ? html`<b>${duration(model.duration)}</b><span>${count(model.count, "span")}</span><span>${count(model.services, "service")}</span>
        <span>${at(model.startedAt)} <span class="dim">${ago(model.startedAt)}</span></span>` : nothing}
      <code class="id">${state.id ?? ""}</code>
      ${state.id ? html`<button type="button" class="link" @click=${share} title="Whoever opens the link sees what their own rights show">Copy link</button>` : nothing}
    </p>
  </header>`;
}

async function share() {
  const link = `${location.origin}/ui/trace/${state.id}`;
  try {
    await navigator.clipboard.writeText(link);
    say("The link is copied. Whoever opens it sees what their own rights show.", true);
  } catch {
    say(`The link is ${link}`, true);
  }
}

function refusal() {
  return html`<section class="banner refused" role="alert"><div><p><b>${state.model ? "Not asked to the end." : "No trace to show."}</b> ${state.line}</p></div>
    ${state.id ? html`<button type="button" @click=${look}>Look again</button>` : nothing}</section>`;
}

function empty() {
  if (state.phase === "asking" || state.phase === "growing") {
    return html`<div class="skeleton" aria-hidden="true">${[92, 70, 55, 64, 30, 38, 22].map((width, nth) => html`<i .style=${`width: ${width}%; margin-left: ${nth * 3}%`}></i>`)}</div>`;
  }
  if (state.phase === "done") return html`<p class="note">No region that answered has this trace.</p>`;
  return nothing;
}

function errorList(model, jump) {
  const { errors } = model;
  if (errors.length === 0) return nothing;
  const origins = errors.filter((span) => span.isOrigin).length;
  const shown = errors.slice(0, state.showsAllErrors ? ERRORS_SHOWN_MAX : Math.min(origins, ERRORS_SHOWN));
  return html`<section class="errors" aria-label="Errors">
    <h2>${count(errors.length, "error")}<span class="dim"> ${origins < errors.length ? `${origins} of them began it, ${errors.length - origins} handed it on` : ""}</span></h2>
    <ul>${shown.map((span) => html`<li><button type="button" @click=${() => jump(span)}>
        ${mark(lanes.of(span.region))}<b>${span.service}</b> <span>${span.name}</span>
        <span class="message">${span.raw.status?.message ?? ""}</span>
        <span class="dim">${span.isOrigin ? "" : "handed on · "}${duration(span.start)}</span></button></li>`)}</ul>
    ${errors.length > shown.length ? html`<button type="button" class="link" @click=${more}>${state.showsAllErrors ? `${errors.length - shown.length} more are in the waterfall` : `All ${errors.length}`}</button>` : nothing}
  </section>`;
}

function more() {
  state.showsAllErrors = true;
  draw();
}

/** More would push the waterfall out of sight. */
const LISTED_MAX = 20;

function crossingList(model, jump) {
  if (model.crossings.length === 0) return nothing;
  const ways = new Map();
  for (const span of model.crossings) {
    const way = `${span.crossing.from} → ${span.crossing.to}`;
    ways.set(way, [...(ways.get(way) ?? []), span]);
  }
  return html`<details class="fold"><summary><b>${count(model.crossings.length, "crossing")}</b> between regions</summary>
    <ul>${[...ways].slice(0, LISTED_MAX).map(([way, spans]) => {
      const known = spans.map((span) => span.crossing.ms).filter((ms) => ms !== null);
      const mean = known.length ? known.reduce((sum, ms) => sum + ms, 0) / known.length : null;
      return html`<li><button type="button" class="link" @click=${() => jump(spans[0])}>${way}</button> ${count(spans.length, "call")}${mean === null ? "" : `, ${mean.toFixed(1)} ms on the way`}</li>`;
    })}</ul></details>`;
}

function gapList(model, jump) {
  if (model.gaps.length === 0) return nothing;
  const size = (span) => Math.max(...span.gaps.map(([from, to]) => to - from));
  const largest = [...model.gaps].sort((one, other) => size(other) - size(one)).slice(0, LISTED_MAX);
  return html`<details class="fold"><summary><b>${count(model.gaps.length, "span")}</b> with time nothing explains</summary>
    <ul>${largest.map((span) => html`<li><button type="button" class="link" @click=${() => jump(span)}>${span.service}: ${span.name}</button> ${duration(size(span))} on the critical path in which nothing was recorded</li>`)}</ul></details>`;
}

