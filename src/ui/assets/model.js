// A trace as it arrived, made into a tree with times, regions, errors, a critical path and gaps. Computes only: nothing
// here asks or draws.

/** Below this share of the trace, time in which nothing was recorded is not worth a mark. */
const GAP_SHARE_MIN = 0.04;
const GAP_NS_MIN = 1e6;

/** Deeper than this, a row is drawn no further to the right. */
export const DEPTH_SHOWN_MAX = 24;

export function modelOf(trace) {
  const spans = read(trace ?? {});
  const origin = earliest(spans);
  for (const span of spans) {
    // Nanoseconds since the epoch are more than a number holds; since the trace's begin they are not.
    span.start = span.startNs === 0n ? 0 : Number(span.startNs - origin);
    span.end = Math.max(span.start, Number(span.endNs - origin));
  }
  const byId = link(spans);
  for (const span of spans) cross(span);
  const roots = plant(spans);
  const inOrder = walk(roots);
  const duration = inOrder.reduce((end, span) => Math.max(end, span.end), 0);
  const root = roots.find((span) => !span.isSynthetic && !span.isOrphan) ?? roots.find((span) => !span.isSynthetic) ?? null;
  if (root) markCriticalPath(root, Math.max(duration * GAP_SHARE_MIN, GAP_NS_MIN));
  return {
    spans: inOrder,
    byId,
    root,
    origin,
    duration,
    startedAt: new Date(Number(origin / 1_000_000n)),
    endedAt: new Date(Number(origin / 1_000_000n) + duration / 1e6),
    errors: errorsOf(inOrder),
    crossings: inOrder.filter((span) => span.crossing),
    gaps: inOrder.filter((span) => span.gaps.length > 0),
    count: inOrder.filter((span) => !span.isSynthetic).length,
    services: new Set(inOrder.filter((span) => !span.isSynthetic).map((span) => span.service)).size,
  };
}

/**
 * Every span once, with what is read of it often; the rest is read when somebody looks at it. Before the whole of a
 * trace stands, two regions may each have told of a span.
 */
function read(trace) {
  const spans = [];
  const seen = new Set();
  for (const batch of trace.resourceSpans ?? trace.batches ?? []) {
    const resource = batch.resource?.attributes ?? [];
    const of = attributes(resource);
    const service = of.get("service.name") ?? "unknown service";
    const region = of.get("tutti.region") ?? "";
    for (const { scope, spans: own } of batch.scopeSpans ?? []) {
      for (const span of own ?? []) {
        const found = spanOf(span, { resource, service, region, scope });
        if (seen.has(found.key)) continue;
        seen.add(found.key);
        spans.push(found);
      }
    }
  }
  return spans;
}

function spanOf(span, { resource, service, region, scope }) {
  const found = attributes((span.attributes ?? []).filter((pair) => pair.key?.startsWith("tutti.")));
  const isSynthetic = found.get("tutti.synthetic") === "true";
  const from = found.get("tutti.network.from");
  return {
    raw: span,
    resource,
    scope,
    service,
    region,
    id: hex(span.spanId),
    // A client and its server may share an id.
    key: `${span.spanId} ${span.kind}`,
    parentId: hex(span.parentSpanId),
    name: span.name || "(no name)",
    kind: (span.kind ?? "").replace("SPAN_KIND_", "").toLowerCase(),
    startNs: nanos(span.startTimeUnixNano),
    endNs: nanos(span.endTimeUnixNano),
    isError: span.status?.code === "STATUS_CODE_ERROR" && !isSynthetic,
    isSynthetic,
    missing: found.get("tutti.missing.region") ?? "",
    isPlaceholder: found.get("tutti.placeholder") === "true",
    isCycle: found.get("tutti.cycle") === "true",
    isRedacted: found.get("tutti.redacted") === "true",
    crossing: from && {
      from,
      to: found.get("tutti.network.to") ?? region,
      ms: numberOf(found.get("tutti.network.latency_ms")),
      error: numberOf(found.get("tutti.network.error_ms")),
      offset: numberOf(found.get("tutti.clock.offset_ms")),
    },
    children: [],
    parent: null,
    place: 1,
    depth: 0,
    critical: [],
    gaps: [],
  };
}

/** By id. A server span may have the id of its client: then it hangs on that, and everything else on it. */
function link(spans) {
  const byId = new Map();
  const clients = new Map();
  for (const span of spans) {
    if (span.kind === "client") clients.set(span.id, span);
    const other = byId.get(span.id);
    if (!other || other.kind === "client") byId.set(span.id, span);
  }
  for (const span of spans) {
    const twin = span.kind === "server" ? clients.get(span.id) : undefined;
    const parent = twin ?? byId.get(span.parentId);
    span.isOrphan = span.parentId !== "" && !parent;
    if (parent && parent !== span) span.parent = parent;
  }
  return byId;
}

/** Before the gateway has measured a crossing, it is seen by the regions alone. */
function cross(span) {
  const from = span.parent?.region;
  if (span.crossing || span.isSynthetic || !from || !span.region || from === span.region) return;
  span.crossing = { from, to: span.region, ms: null, error: null, offset: null };
}

/** Children in the order of their begin; what hangs in a circle is cut loose at its earliest span. */
function plant(spans) {
  const roots = [];
  const inTime = [...spans].sort((one, other) => one.start - other.start || other.end - one.end);
  for (const span of inTime) (span.parent ? span.parent.children : roots).push(span);
  const seen = new Set();
  const reach = (from) => {
    for (const stack = [from]; stack.length > 0; ) {
      const span = stack.pop();
      if (seen.has(span)) continue;
      seen.add(span);
      stack.push(...span.children);
    }
  };
  roots.forEach(reach);
  for (const span of inTime) {
    if (seen.has(span)) continue;
    span.parent.children = span.parent.children.filter((child) => child !== span);
    span.parent = null;
    roots.push(span);
    reach(span);
  }
  return roots;
}

/** Every span below its parent. Depth comes from strangers, so nothing calls itself. */
function walk(roots) {
  const found = [];
  const stack = [...roots].reverse();
  while (stack.length > 0) {
    const span = stack.pop();
    span.depth = span.parent ? span.parent.depth + 1 : 0;
    span.row = found.push(span) - 1;
    for (let child = span.children.length - 1; child >= 0; child--) {
      span.children[child].place = child + 1;
      stack.push(span.children[child]);
    }
  }
  return found;
}

/**
 * Backwards from the root's end: whoever ended last before a moment is what that moment waited for. What no child
 * explains is the span's own, and where that is long between or beside children, nothing was recorded there.
 */
function markCriticalPath(root, gapMin) {
  const stack = [{ span: root, since: root.start, until: root.end }];
  while (stack.length > 0) {
    const { span, since, until } = stack.pop();
    // A child may say that it began before its parent: clocks differ.
    const begin = Math.max(since, span.start);
    let cursor = Math.min(until, span.end);
    const own = (from, to) => {
      if (to <= from) return;
      span.critical.push([from, to]);
      const isGap = to - from >= gapMin && span.children.some((child) => !child.isSynthetic);
      // On the way to another region and back, time is the network's.
      const isNetwork = span.kind === "client" && span.children.some((child) => child.crossing);
      if (isGap && !isNetwork) span.gaps.push([from, to]);
    };
    const children = span.children.filter((child) => !child.isSynthetic).sort((one, other) => other.end - one.end);
    for (const child of children) {
      const end = Math.min(child.end, cursor);
      if (child.start >= cursor || end <= begin) continue;
      own(end, cursor);
      stack.push({ span: child, since: begin, until: end });
      cursor = Math.max(child.start, begin);
    }
    own(begin, cursor);
  }
}

/** Where it began first: an error below which there is none, then those that only hand it on. */
function errorsOf(spans) {
  const errors = spans.filter((span) => span.isError);
  const handsOn = new Set();
  for (const error of errors) {
    for (let above = error.parent; above && !handsOn.has(above); above = above.parent) handsOn.add(above);
  }
  const rank = (span) => (handsOn.has(span) ? 1 : 0);
  for (const error of errors) error.isOrigin = !handsOn.has(error);
  return errors.sort((one, other) => rank(one) - rank(other) || one.start - other.start);
}

const earliest = (spans) =>
  spans.reduce((first, span) => (span.startNs > 0n && (first === 0n || span.startNs < first) ? span.startNs : first), 0n);

function nanos(text) {
  try {
    return BigInt(text ?? 0);
  } catch {
    return 0n;
  }
}

function numberOf(text) {
  const number = Number.parseFloat(text);
  return Number.isFinite(number) ? number : null;
}

/** Ids come as base64. */
function hex(base64) {
  if (!base64) return "";
  try {
    return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  } catch {
    return "";
  }
}

/** Key to text. */
export const attributes = (pairs) => new Map(pairs.map(({ key, value }) => [key, valueText(value)]));

/** A value as text; lists and pairs as JSON would have them. */
export function valueText(value) {
  const plain = plainOf(value ?? {});
  return typeof plain === "string" ? plain : JSON.stringify(plain) ?? "";
}

function plainOf(value) {
  if ("stringValue" in value) return String(value.stringValue);
  if ("boolValue" in value) return String(value.boolValue);
  if ("intValue" in value) return String(value.intValue);
  if ("doubleValue" in value) return String(value.doubleValue);
  if ("bytesValue" in value) return `bytes ${value.bytesValue}`;
  if ("arrayValue" in value) return (value.arrayValue?.values ?? []).map(plainOf);
  if ("kvlistValue" in value) {
    return Object.fromEntries((value.kvlistValue?.values ?? []).map((pair) => [pair.key, plainOf(pair.value ?? {})]));
  }
  return "";
}
