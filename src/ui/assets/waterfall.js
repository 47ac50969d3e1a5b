// The waterfall: a tree of rows of which only those in sight are drawn, with a ruler and an overview. Knows how a trace
// looks and is walked through; what it is comes from the model.

import { html, nothing, render } from "./lit-html.js";
import { DEPTH_SHOWN_MAX } from "./model.js";
import { mark } from "./report.js";
import { duration } from "./words.js";

/** Rows that are drawn above and below those in sight, so that a quick hand sees no blank. */
const BEYOND_ROWS = 12;
const INDENT_PX = 14;
/** Rows that have just come are shown as such for so long, as the style sheet has it. */
const FRESH_MS = 900;
const TICKS = 5;
/** Narrower than this, a drag over the overview is a click. */
const DRAG_PX_MIN = 6;
const LANE_NAMES = ["l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "own"];

export class Waterfall {
  constructor({ lanes, onOpen, onClose }) {
    Object.assign(this, { lanes, onOpen, onClose });
    this.model = null;
    this.rows = [];
    this.collapsed = new Set();
    this.current = null;
    this.isOpen = false;
    this.seen = null;
    this.view = null;
    /** Regions whose spans are still to come. */
    this.pending = [];
    this.host = document.createElement("section");
    this.host.className = "waterfall";
    this.host.setAttribute("aria-label", "Waterfall");
    this.#build();
    new ResizeObserver(() => this.#later()).observe(this.grid);
    // Its first size comes when it is put into the page.
    new ResizeObserver(() => this.#overview()).observe(this.canvas);
  }

  /** Another state of the trace. What was folded, chosen and in sight stays so. */
  show(model, pending) {
    this.pending = pending;
    const top = this.rows[this.#first()]?.key;
    const before = this.seen;
    this.seen = new Set(model.spans.map((span) => span.key));
    this.fresh = before && new Set([...this.seen].filter((key) => !before.has(key)));
    setTimeout(() => { this.fresh = null; }, FRESH_MS);
    const wasWhole = !this.view || this.view[1] >= (this.model?.duration ?? 0);
    this.model = model;
    if (wasWhole) this.view = null;
    this.#fold();
    if (top && this.grid.scrollTop > 0) {
      const place = this.rows.findIndex((span) => span.key === top);
      if (place >= 0) this.grid.scrollTop = place * this.height;
    }
    this.#draw();
    this.#overview();
  }

  get span() {
    return this.rows.find((span) => span.key === this.current) ?? null;
  }

  /** Brings a span into sight, unfolding what it is under. */
  jump(span, { open = true, focus = true } = {}) {
    for (let above = span.parent; above; above = above.parent) this.collapsed.delete(above.key);
    this.#fold();
    if (this.view && (span.end < this.view[0] || span.start > this.view[1])) this.view = null;
    this.#choose(this.rows.indexOf(span), { open });
    if (focus) this.grid.focus({ preventScroll: true });
  }

  close() {
    this.isOpen = false;
    this.#draw();
  }

  nextError() {
    const errors = this.rows.length ? [...this.model.errors].sort((one, other) => one.row - other.row) : [];
    if (errors.length === 0) return;
    const from = this.span?.row ?? -1;
    this.jump(errors.find((error) => error.row > from) ?? errors[0]);
  }

  #build() {
    render(html`
      <canvas class="overview" height="48" aria-hidden="true"
        @pointerdown=${(event) => this.#drag(event)}></canvas>
      <div class="grid" role="treegrid" tabindex="0" aria-label="Spans of the trace" aria-colcount="3"
        aria-keyshortcuts="ArrowUp ArrowDown ArrowLeft ArrowRight Enter"
        @scroll=${() => this.#later()} @keydown=${(event) => this.#key(event)}
        @click=${(event) => this.#click(event)} @dblclick=${() => this.#zoomTo(this.span)}></div>`, this.host);
    this.canvas = this.host.querySelector("canvas");
    this.grid = this.host.querySelector(".grid");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#overview());
    addEventListener("tutti:theme", () => this.#overview());
  }

  get height() {
    return Number.parseInt(getComputedStyle(this.grid).getPropertyValue("--row"), 10) || 30;
  }

  #first() {
    return Math.floor(this.grid.scrollTop / this.height);
  }

  /** The rows that are not folded away. */
  #fold() {
    this.rows = [];
    let below = Infinity;
    for (const span of this.model.spans) {
      if (span.depth > below) continue;
      below = this.collapsed.has(span.key) && span.children.length > 0 ? span.depth : Infinity;
      this.rows.push(span);
    }
  }

  /** At most once for each frame. */
  #later() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.#draw();
    });
  }

  #draw() {
    if (!this.model) return;
    const { height, rows } = this;
    const shown = Math.ceil(this.grid.clientHeight / height);
    const from = Math.max(0, this.#first() - BEYOND_ROWS);
    const inSight = rows.slice(from, this.#first() + shown + BEYOND_ROWS);
    const place = rows.findIndex((span) => span.key === this.current);
    this.grid.setAttribute("aria-rowcount", String(rows.length + 1));
    const isDrawn = place >= from && place < from + inSight.length;
    if (isDrawn) this.grid.setAttribute("aria-activedescendant", `row-${place}`);
    else this.grid.removeAttribute("aria-activedescendant");
    const [start, end] = this.#range();
    render(html`
      <div class="head" role="rowgroup"><div role="row" aria-rowindex="1">
        <span role="columnheader">Service and span</span>
        <span role="columnheader">Region</span>
        <span role="columnheader" class="ruler">${ticks(start, end)}</span>
      </div></div>
      <div class="rows" role="rowgroup" .style=${`height: ${rows.length * height}px`}>
        ${inSight.map((span, nth) => this.#row(span, from + nth, height))}
      </div>
      ${this.pending.map((name) => html`<div class=${`pending ${this.lanes.of(name)}`} aria-hidden="true">
        <span class="name">${mark(this.lanes.of(name))}${name} has not answered yet</span><i></i></div>`)}`, this.grid);
  }

  #range() {
    return this.view ?? [0, Math.max(this.model.duration, 1)];
  }

  #row(span, place, height) {
    const isFolded = this.collapsed.has(span.key);
    const hasChildren = span.children.length > 0;
    const classes = ["row", this.lanes.of(span.region)];
    if (span.isError) classes.push("error");
    if (span.isSynthetic) classes.push("synthetic");
    if (span.key === this.current) classes.push("current");
    if (this.fresh?.has(span.key)) classes.push("fresh");
    const indent = Math.min(span.depth, DEPTH_SHOWN_MAX) * INDENT_PX;
    const siblings = span.parent?.children.length ?? 1;
    return html`<div role="row" id=${`row-${place}`} class=${classes.join(" ")} data-place=${place}
        aria-level=${span.depth + 1} aria-rowindex=${place + 2} aria-posinset=${span.place} aria-setsize=${siblings}
        aria-selected=${span.key === this.current} aria-expanded=${hasChildren ? !isFolded : nothing}
        .style=${`transform: translateY(${place * height}px)`}>
      <span role="gridcell" class="name" .style=${`padding-left: ${8 + indent}px`}>
        <i class=${`fold ${hasChildren ? (isFolded ? "closed" : "open") : "leaf"}`} aria-hidden="true"></i>
        ${mark(this.lanes.of(span.region))}
        ${span.isError ? html`<b class="alarm" title="Error">!<span class="unseen"> error in</span></b>` : nothing}
        <b class="service">${span.service}</b> <span class="what">${span.name}</span>
        ${isFolded && hasChildren ? html`<span class="inside">+${below(span)}</span>` : nothing}
      </span>
      <span role="gridcell" class="where">${span.missing || span.region}${crossing(span)}</span>
      <span role="gridcell" class="time">${this.#bar(span)}</span>
    </div>`;
  }

  #bar(span) {
    const [start, end] = this.#range();
    const width = end - start;
    const at = (time) => ((Math.min(Math.max(time, start), end) - start) / width) * 100;
    const box = (from, to) => `left: ${at(from)}%; width: ${at(to) - at(from)}%`;
    const took = duration(span.end - span.start);
    if (span.end < start || span.start > end) return html`<span class="took beyond">${took}</span>`;
    // Beside the bar where there is room, else in it.
    const isLate = at(span.end) > 86;
    const isInside = isLate && at(span.start) <= 14;
    const from = isLate && !isInside ? `right: ${100 - at(span.start)}%` : `left: ${at(span.end)}%`;
    const beside = isInside ? `right: ${100 - at(span.end)}%` : from;
    return html`<i class="bar" .style=${box(span.start, span.end)}></i>
      ${span.gaps.map(([from, to]) => html`<i class="gap" .style=${box(from, to)}></i>`)}
      ${span.critical.map(([from, to]) => html`<i class="critical" .style=${box(from, to)}></i>`)}
      <span class=${isInside ? "took inner" : "took"} .style=${beside}>${took}<span class="unseen">${spoken(span)}</span></span>`;
  }

  #choose(place, { open = this.isOpen } = {}) {
    const span = this.rows[place];
    if (!span) return;
    this.current = span.key;
    const [top, height] = [place * this.height, this.height];
    const head = height;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + height + head > this.grid.scrollTop + this.grid.clientHeight) {
      this.grid.scrollTop = top + height + head - this.grid.clientHeight;
    }
    this.isOpen = open;
    this.#draw();
    if (open) this.onOpen(span);
  }

  #click(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    const place = Number(row.dataset.place);
    if (event.target.closest(".fold")) this.#toggle(this.rows[place]);
    else this.#choose(place, { open: true });
  }

  #toggle(span, isFolded = !this.collapsed.has(span.key)) {
    if (span.children.length === 0) return;
    if (isFolded) this.collapsed.add(span.key);
    else this.collapsed.delete(span.key);
    this.#fold();
    this.#draw();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.model) return;
    const place = this.rows.findIndex((span) => span.key === this.current);
    const span = this.rows[place];
    const page = Math.max(1, Math.floor(this.grid.clientHeight / this.height) - 2);
    const last = this.rows.length - 1;
    const go = (to) => this.#choose(Math.min(Math.max(to, 0), last));
    const isFolded = span && this.collapsed.has(span.key);
    const keys = {
      ArrowDown: () => go(place + 1),
      ArrowUp: () => go(place - 1),
      PageDown: () => go(place + page),
      PageUp: () => go(place - page),
      Home: () => go(0),
      End: () => go(last),
      ArrowRight: () => span && (isFolded ? this.#toggle(span, false) : span.children.length && go(place + 1)),
      ArrowLeft: () => span && (!isFolded && span.children.length ? this.#toggle(span, true) : span.parent && go(this.rows.indexOf(span.parent))),
      Enter: () => span && this.#choose(place, { open: true }),
      " ": () => span && this.#choose(place, { open: true }),
      z: () => this.#zoomTo(span),
      0: () => this.#zoom(null),
      "*": () => {
        this.collapsed.clear();
        this.#fold();
        this.#draw();
      },
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }

  #zoomTo(span) {
    if (!span || span.end <= span.start) return;
    const air = (span.end - span.start) * 0.05;
    this.#zoom([Math.max(0, span.start - air), span.end + air]);
  }

  #zoom(view) {
    this.view = view;
    this.#draw();
    this.#overview();
  }

  /** The whole trace in a strip: where time went, in which region, and what part of it is in sight. */
  #overview() {
    const { canvas, model } = this;
    if (!model || canvas.clientWidth === 0) return;
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * scale;
    canvas.height = height * scale;
    const paint = canvas.getContext("2d");
    paint.scale(scale, scale);
    const colours = this.#colours();
    const whole = Math.max(model.duration, 1);
    const line = Math.max(1, Math.min(4, height / model.spans.length - 0.5));
    for (const span of model.spans) {
      const x = (span.start / whole) * width;
      const y = ((span.row + 0.5) / model.spans.length) * (height - 4) + 1;
      paint.fillStyle = span.isError ? colours.error : colours[this.lanes.of(span.region)];
      paint.globalAlpha = span.isSynthetic ? 0.3 : 0.9;
      paint.fillRect(x, y, Math.max(1.5, ((span.end - span.start) / whole) * width), line);
    }
    if (!this.view) return;
    const [from, to] = this.view.map((time) => (time / whole) * width);
    paint.globalAlpha = 0.35;
    paint.fillStyle = colours.shade;
    paint.fillRect(0, 0, from, height);
    paint.fillRect(to, 0, width - to, height);
  }

  /** Of the style sheet, as they are now. */
  #colours() {
    const probe = document.createElement("i");
    probe.hidden = true;
    this.host.append(probe);
    const colour = (classes) => {
      probe.className = classes;
      return getComputedStyle(probe).backgroundColor;
    };
    const found = Object.fromEntries(LANE_NAMES.map((lane) => [lane, colour(`mark ${lane}`)]));
    Object.assign(found, { error: colour("probe-error"), shade: colour("probe-shade") });
    probe.remove();
    return found;
  }

  /** Over the overview: a range to look at, or a row to go to. */
  #drag(down) {
    if (!this.model) return;
    const { left, width, top, height } = this.canvas.getBoundingClientRect();
    const time = (event) => (Math.min(Math.max(event.clientX - left, 0), width) / width) * Math.max(this.model.duration, 1);
    this.canvas.setPointerCapture(down.pointerId);
    const up = (event) => {
      if (Math.abs(event.clientX - down.clientX) >= DRAG_PX_MIN) {
        this.#zoom([time(down), time(event)].sort((one, other) => one - other));
        return;
      }
      if (this.view) this.#zoom(null);
      this.grid.scrollTop = ((event.clientY - top) / height) * this.rows.length * this.height - this.grid.clientHeight / 2;
    };
    this.canvas.addEventListener("pointerup", up, { once: true });
  }
}

function crossing(span) {
  if (!span.crossing) return nothing;
  const { from, ms } = span.crossing;
  const took = ms === null ? "" : ` ${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  return html` <span class="crossing" title=${`from ${from}${took}`}><span class="unseen">, from ${from}</span><i class="hop" aria-hidden="true"></i>${took}</span>`;
}

/** What only eyes would find in a bar. */
function spoken(span) {
  const said = [];
  if (span.critical.length > 0) said.push("on the critical path");
  if (span.gaps.length > 0) said.push("with time in which nothing was recorded");
  if (span.isRedacted) said.push("partly redacted");
  return said.length > 0 ? `, ${said.join(", ")}` : "";
}

/** Spans below one. */
function below(span) {
  let number = 0;
  for (const stack = [...span.children]; stack.length > 0; number++) stack.push(...stack.pop().children);
  return number;
}

function ticks(start, end) {
  return Array.from({ length: TICKS }, (_, nth) => {
    const share = nth / TICKS;
    const time = start + (end - start) * share;
    return html`<span class="tick" .style=${`left: ${share * 100}%`}>${time === 0 ? "0" : duration(time)}</span>`;
  });
}
