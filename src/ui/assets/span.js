// One span in full: where it ran, what it says, what came with it. Everything is set as text, whoever wrote it.

import { html, nothing } from "./lit-html.js";
import { attributes, valueText } from "./model.js";
import { mark } from "./report.js";
import { at, duration } from "./words.js";

/** Longer values are cut, with a way to the rest. */
const VALUE_SHOWN_MAX = 400;
/** More are counted. */
const EVENTS_SHOWN_MAX = 100;

export function spanPanel(span, { lanes, model, onClose, onJump }) {
  const own = attributes(span.raw.attributes ?? []);
  const [ours, theirs] = [[], []];
  for (const pair of own) (pair[0].startsWith("tutti.") ? ours : theirs).push(pair);
  return html`<aside class="panel" aria-label="Details of a span">
    <header>
      <div>
        <h2>${span.name}</h2>
        <p>${mark(lanes.of(span.region))}<b>${span.service}</b>
          <span class="dim">${[span.region, span.kind].filter(Boolean).join(" · ")}</span></p>
      </div>
      <button type="button" class="plain" @click=${onClose} aria-label="Close the details" title="Close (Esc)">✕</button>
    </header>
    ${span.isError ? html`<p class="error-note"><b>Error.</b> ${span.raw.status?.message ?? ""}</p>` : nothing}
    ${span.isSynthetic ? html`<p class="note">This span was made by the gateway. It stands for ${span.isPlaceholder ? "a parent that is not here" : "a region that is missing"}.</p>` : nothing}
    ${crossingNote(span)}
    ${span.gaps.map(([from, to]) => html`<p class="note">Nothing was recorded for <b>${duration(to - from)}</b>, from ${duration(from)} on, while the trace waited for this span.</p>`)}
    <dl class="facts">
      <dt>Begins</dt><dd>${span.start === 0 ? "with the trace" : `${duration(span.start)} into the trace`}<br><span class="dim">${at(new Date(model.startedAt.getTime() + span.start / 1e6))}</span></dd>
      <dt>Takes</dt><dd>${duration(span.end - span.start)}, ${ownTime(span)}</dd>
      <dt>Span</dt><dd><code>${span.id}</code></dd>
      ${span.parent ? html`<dt>Parent</dt><dd><button type="button" class="link" @click=${() => onJump(span.parent)}>${span.parent.service}: ${span.parent.name}</button></dd>` : nothing}
      ${span.isOrphan ? html`<dt>Parent</dt><dd><code>${span.parentId}</code>, which no region that answered has</dd>` : nothing}
      ${span.raw.traceState ? html`<dt>State</dt><dd>${span.raw.traceState}</dd>` : nothing}
    </dl>
    ${table("Span", theirs)}
    ${table("Added by the gateway", ours)}
    ${events(span, model)}
    ${links(span)}
    ${table("Resource", [...attributes(span.resource)])}
    ${span.scope?.name ? table("Scope", [["name", span.scope.name], ["version", span.scope.version ?? ""], ...attributes(span.scope.attributes ?? [])]) : nothing}
  </aside>`;
}

function crossingNote(span) {
  if (!span.crossing) return nothing;
  const { from, to, ms: latency, error, offset } = span.crossing;
  return html`<p class="note">Crosses from <b>${from}</b> to <b>${to}</b>${latency === null ? "" : html`; the way there took about <b>${latency.toFixed(1)} ms</b>${error ? ` (± ${error.toFixed(1)})` : ""}`}.
    ${offset === null ? nothing : `The clocks of the two differ by ${offset.toFixed(1)} ms.`}</p>`;
}

function ownTime(span) {
  const waited = span.critical.reduce((sum, [from, to]) => sum + to - from, 0);
  return waited > 0 ? `${duration(waited)} of it on the critical path` : "not on the critical path";
}

function table(title, pairs) {
  const filled = pairs.filter(([, text]) => text !== "");
  if (filled.length === 0) return nothing;
  return html`<section><h3>${title}</h3>
    <table class="pairs"><tbody>
      ${filled.map(([key, text]) => html`<tr><th scope="row">${breakable(key)}</th><td>${shown(text)}</td></tr>`)}
    </tbody></table></section>`;
}

/** A long key breaks between its words. */
const breakable = (key) => key.split(/(?<=[._/-])/).map((word) => html`${word}<wbr>`);

function shown(text) {
  if (text.length <= VALUE_SHOWN_MAX) return text;
  return html`<details><summary>${text.slice(0, VALUE_SHOWN_MAX)}…</summary>${text.slice(VALUE_SHOWN_MAX)}</details>`;
}

function events(span, model) {
  const all = span.raw.events ?? [];
  if (all.length === 0) return nothing;
  return html`<section><h3>Events</h3>
    ${all.slice(0, EVENTS_SHOWN_MAX).map((event) => html`<div class="event">
      <p><b>${event.name || "(no name)"}</b> <span class="dim">${duration(since(event.timeUnixNano, model.origin))} into the trace</span></p>
      <table class="pairs"><tbody>
        ${(event.attributes ?? []).map(({ key, value }) => html`<tr><th scope="row">${breakable(key)}</th><td>${shown(valueText(value))}</td></tr>`)}
      </tbody></table></div>`)}
    ${all.length > EVENTS_SHOWN_MAX ? html`<p class="dim">${all.length - EVENTS_SHOWN_MAX} more are not shown.</p>` : nothing}
  </section>`;
}

function links(span) {
  const all = (span.raw.links ?? []).map((link) => ({ ...link, trace: hexOf(link.traceId) })).filter((link) => link.trace);
  if (all.length === 0) return nothing;
  return html`<section><h3>Links</h3>
    <ul>${all.slice(0, EVENTS_SHOWN_MAX).map((link) => html`<li><a href="/ui/trace/${link.trace}"><code>${link.trace}</code></a></li>`)}</ul></section>`;
}

function since(text, origin) {
  try {
    return Number(BigInt(text ?? 0) - origin);
  } catch {
    return Number.NaN;
  }
}

/** Only what is an id becomes part of an address. */
function hexOf(base64) {
  try {
    const bytes = atob(base64 ?? "");
    return bytes.length === 16 ? Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("") : "";
  } catch {
    return "";
  }
}
