// What is computed of a trace before it is drawn. Pure, so no browser is needed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { modelOf, valueText } from "../../src/ui/assets/model.js";
import { inWords } from "../../src/ui/assets/words.js";

const id = (number) => Buffer.from(number.toString(16).padStart(16, "0"), "hex").toString("base64");
const text = (key, value) => ({ key, value: { stringValue: value } });

/** A span: number, parent, begin and end in milliseconds, and whatever else. */
function span(number, parent, [from, to], more = {}) {
  const at = (ms) => String(1_790_000_000_000_000_000n + BigInt(Math.round(ms * 1e6)));
  return { spanId: id(number), parentSpanId: parent ? id(parent) : undefined, name: `s${number}`, kind: "SPAN_KIND_INTERNAL", startTimeUnixNano: at(from), endTimeUnixNano: at(to), ...more };
}

const part = (region, spans) => ({ resource: { attributes: [text("service.name", "shop"), text("tutti.region", region)] }, scopeSpans: [{ spans }] });
const model = (...parts) => modelOf({ resourceSpans: parts });
const names = (spans) => spans.map(({ name }) => name);
const inMs = (ranges) => ranges.map((range) => range.map((ns) => ns / 1e6));

test("spans stand below their parents, in the order of their begin", () => {
  const { spans } = model(part("a", [span(3, 1, [5, 6]), span(1, 0, [0, 10]), span(4, 2, [2, 3])]), part("b", [span(2, 1, [1, 4])]));
  assert.deepEqual(names(spans), ["s1", "s2", "s4", "s3"]);
  assert.deepEqual(spans.map(({ depth }) => depth), [0, 1, 2, 1]);
});

test("the critical path goes back from the end, by whoever ended last", () => {
  const { byId } = model(part("a", [span(1, 0, [0, 100]), span(2, 1, [10, 40]), span(3, 1, [20, 90]), span(4, 3, [30, 50])]));
  const path = (number) => inMs(byId.get(number.toString(16).padStart(16, "0")).critical);
  assert.deepEqual(path(1), [[90, 100], [0, 10]]);
  assert.deepEqual(path(3), [[50, 90], [20, 30]]);
  assert.deepEqual(path(4), [[30, 50]]);
  // Of the earlier one only what nobody else explains.
  assert.deepEqual(path(2), [[10, 20]]);
});

test("every moment of the root is on the critical path once", () => {
  const { spans } = model(part("a", [span(1, 0, [0, 100]), span(2, 1, [10, 40]), span(3, 1, [20, 90]), span(4, 3, [15, 95]), span(5, 4, [0, 200])]));
  const all = spans.flatMap(({ critical }) => inMs(critical)).sort(([one], [other]) => one - other);
  assert.deepEqual([all[0][0], all.at(-1)[1]], [0, 100]);
  for (const [nth, [from]] of all.slice(1).entries()) assert.equal(from, all[nth][1]);
});

test("long time that no child explains is a gap, and the way over a network is none", () => {
  const { gaps } = model(part("a", [span(1, 0, [0, 100]), span(2, 1, [10, 30]), span(3, 1, [80, 99])]));
  assert.deepEqual(names(gaps), ["s1"]);
  assert.deepEqual(inMs(gaps[0].gaps), [[30, 80], [0, 10]]);
  const call = model(part("a", [span(1, 0, [0, 100], { kind: "SPAN_KIND_CLIENT" })]), part("b", [span(2, 1, [40, 60], { kind: "SPAN_KIND_SERVER" })]));
  assert.deepEqual(call.gaps, []);
  assert.deepEqual(call.crossings.map(({ crossing }) => [crossing.from, crossing.to]), [["a", "b"]]);
});

test("errors begin with those that others hand on", () => {
  const error = { status: { code: "STATUS_CODE_ERROR" } };
  const { errors } = model(part("a", [span(1, 0, [0, 100], error), span(2, 1, [10, 40], error), span(3, 2, [20, 30], error), span(4, 1, [50, 60], error)]));
  assert.deepEqual(names(errors), ["s3", "s4", "s1", "s2"]);
  assert.deepEqual(errors.map(({ isOrigin }) => isOrigin), [true, true, false, false]);
});

test("a circle is cut, and a span whose parent is not here is a top", () => {
  const { spans } = model(part("a", [span(1, 2, [0, 10]), span(2, 1, [1, 9]), span(3, 99, [2, 3]), span(4, 4, [5, 6])]));
  assert.equal(spans.length, 4);
  assert.equal(spans.find(({ name }) => name === "s3").isOrphan, true);
});

test("a chain of thirty thousand spans is walked without calling itself", () => {
  const chain = Array.from({ length: 30_000 }, (_, nth) => span(nth + 1, nth, [nth / 1000, 100 - nth / 1000]));
  const { spans, duration } = model(part("a", chain));
  assert.equal(spans.at(-1).depth, 29_999);
  assert.equal(duration, 100e6);
});

test("a client and its server may share an id, and the rest hangs on the server", () => {
  const { spans } = model(part("a", [span(1, 0, [0, 100], { kind: "SPAN_KIND_CLIENT" })]), part("b", [span(1, 0, [10, 90], { kind: "SPAN_KIND_SERVER" }), span(2, 1, [20, 80])]));
  assert.deepEqual(spans.map(({ kind, depth }) => `${kind} ${depth}`), ["client 0", "server 1", "internal 2"]);
});

test("a span that two regions told of is there once, and nonsense is no reason to fail", () => {
  assert.equal(model(part("a", [span(1, 0, [0, 1])]), part("b", [span(1, 0, [0, 1])])).count, 1);
  const odd = [{}, { spanId: "%", startTimeUnixNano: "x", endTimeUnixNano: {}, attributes: [{}, { key: "k", value: null }] }, span(3, 0, [5, 1])];
  assert.equal(model({ scopeSpans: [{ spans: odd }] }, {}).spans.length, 3);
  assert.deepEqual(modelOf(undefined).spans, []);
});

test("values are texts", () => {
  assert.equal(valueText({ arrayValue: { values: [{ intValue: "1" }, { kvlistValue: { values: [{ key: "__proto__", value: { boolValue: true } }] } }] } }), '["1",{"__proto__":"true"}]');
  assert.equal(valueText({ stringValue: "<b>" }), "<b>");
  assert.equal(valueText(undefined), "");
});

test("complete is said of what the gateway calls complete, and of nothing else", () => {
  const whole = model(part("a", [span(1, 0, [0, 100])]));
  const regions = (...states) => states.map((status, nth) => ({ name: "ab"[nth], status }));
  assert.equal(inWords(whole, regions("ok", "ok"), { outcome: "complete", exactness: "exact" }), "1 span in 100 ms, complete.");
  assert.equal(inWords(whole, regions("ok", "pending")), "1 span in 100 ms so far. b has not answered yet.");
  // Every region has answered, and the whole does not stand yet.
  assert.equal(inWords(whole, regions("ok", "ok")), "1 span in 100 ms so far.");
  assert.equal(inWords(whole, regions("ok", "timeout"), { outcome: "partial", exactness: "region_missing" }), "1 span in 100 ms, not whole. b did not answer in time.");
  // Every region has answered in full, and the trace was cut.
  assert.equal(inWords(whole, regions("ok", "ok"), { outcome: "partial", exactness: "size_limit" }), "1 span in 100 ms, not whole. It is larger than one answer may be.");
});
