// What an answer covers, in words and chips: regions, what is missing and when to look again, what was redacted. Knows
// counts and states, never a value.

import { html, nothing } from "./lit-html.js";
import { count, limitWords, listed, ms, status } from "./words.js";

/** A region's mark: colour and shape together, so that neither is needed alone. */
export const mark = (lane) => html`<i class="mark ${lane}" aria-hidden="true"></i>`;

/** One chip for each declared region, whether it has answered or not. */
export const regionChips = (regions, lanes) => html`
  <ul class="regions" aria-label="Regions">
    ${regions.map((region) => chip(region, lanes))}
  </ul>`;

function chip(region, lanes) {
  const { word, sentence, isWhole, isWaiting } = status(region.status);
  const state = isWhole ? "whole" : isWaiting ? "waiting" : "missing";
  const title = `${region.name} ${sentence}${region.detail ? `: ${region.detail}` : ""}`;
  return html`<li class="region ${state}" title=${title}>
    ${mark(lanes.of(region.name))}
    <b>${region.name}</b>
    <span class="dim">${region.jurisdiction}</span>
    <span class="state">${word}</span>
    ${region.spans ? html`<span>${count(region.spans, "span")}</span>` : nothing}
    ${region.attempts ? html`<span class="dim">${ms(region.tookMs)}</span>` : nothing}
    ${region.treated ? html`<span class="treated">${count(region.treated, "value")} redacted</span>` : nothing}
    ${region.rawEgress ? html`<span class="treated">raw across a border</span>` : nothing}
  </li>`;
}

/** What is missing, why, and when it is worth looking again. */
export function banner({ phase, report, regions, elapsedMs, model, onAgain }) {
  const waiting = regions.filter((region) => region.status === "pending");
  const missing = regions.filter((region) => !status(region.status).isWhole && region.status !== "pending");
  if (phase === "asking" || phase === "growing") {
    const answered = regions.length - waiting.length;
    const who = listed(waiting.map((region) => region.name));
    const verb = waiting.length === 1 ? "has" : "have";
    return html`<section class="banner waiting" aria-label="What is missing"><div>
      <p><b>${who ? `${who} ${verb} not answered yet.` : "All regions have answered."}</b>
        ${count(answered, "region")} of ${regions.length} answered so far, after ${ms(elapsedMs)}. What is here can be read; the rest is added as it comes.</p>
      ${missing.map(sentence)}
    </div></section>`;
  }
  if (!report || (missing.length === 0 && waiting.length === 0 && report.outcome === "complete")) return nothing;
  return html`<section class="banner partial" aria-label="What is missing"><div>
    <p><b>${report.outcome === "refused" ? "There is no answer." : "This trace is not whole."}</b>
      ${owedWords(report.owed)} ${limitWords(report.exactness)}</p>
    ${[...missing, ...waiting].map(sentence)}
    ${freshWords(model)}
    </div><button type="button" @click=${onAgain}>Look again</button>
  </section>`;
}

function sentence(region) {
  const { sentence, again } = status(region.status);
  const when = region.lookAgainSeconds ? `Look again in ${count(region.lookAgainSeconds, "second")}.` : again;
  const detail = (region.detail ?? "").replace(/^not asked: /, "");
  return html`<p><b>${region.name}</b> ${sentence}${detail ? html` <span class="dim">(${detail})</span>` : nothing}. ${when}</p>`;
}

function owedWords(owed) {
  if (!owed) return "";
  const words = [];
  if (owed.missingParents) words.push(`${count(owed.missingParents, "parent span")} of what is here`);
  if (owed.clientsWithoutServer) words.push(`the other side of ${count(owed.clientsWithoutServer, "call")}`);
  const by = Object.entries(owed.byRegion ?? {}).map(([region, number]) => `${number} probably in ${region}`);
  if (words.length === 0) return "";
  return `Still owed, by what the trace itself says: ${listed(words)}${by.length ? ` (${listed(by)})` : ""}.`;
}

/** Spans come late: what ended a moment ago may still grow, though every region answered. */
const FRESH_MS = 60_000;

function freshWords(model) {
  if (!model || Date.now() - model.endedAt.getTime() > FRESH_MS) return nothing;
  return html`<p class="dim">It ended less than a minute ago: spans may still be on their way.</p>`;
}

/** How many values of which class were treated where, and by which policy. */
export function redaction(report, regions, lanes) {
  const treated = regions.filter((region) => region.treated > 0);
  if (treated.length === 0) return nothing;
  const total = treated.reduce((sum, region) => sum + region.treated, 0);
  return html`<details class="fold redaction">
    <summary><b>${count(total, "value")}</b> redacted in ${listed(treated.map((region) => region.name))}</summary>
    <p class="dim">By the policy ${report?.planDigest ? html`<code>${report.planDigest}</code>` : nothing} for you. Someone else with this link sees what their own rights show.</p>
    ${treated.map((region) => html`<div class="classes">
      ${mark(lanes.of(region.name))}<b>${region.name}</b>
      ${Object.entries(region.treatedByClass ?? {}).sort((one, other) => other[1] - one[1])
        .map(([name, number]) => html`<span class="class"><code>${name}</code> ${number}</span>`)}
      ${region.treatedByClass ? nothing : html`<span class="class">${count(region.treated, "value")} of listed keys</span>`}
    </div>`)}
  </details>`;
}
