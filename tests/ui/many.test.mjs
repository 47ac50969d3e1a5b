// Ten thousand spans: only the rows in sight are there, and drawing them takes no longer than of a hundred spans.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, end, open, picture, serve, span } from "./world.mjs";

const MANY = "00000000000000000000000000010000";
const FEW = "00000000000000000000000000000100";
const BATCH = 2500;
/** In the page at one time: those in sight and a margin. */
const ROWS_MAX = 100;
/**
 * Drawing is one pass over the rows in sight, and a search for the current row. The rest is the machine's: the middle
 * of many draws of each, taken in turns in one run, leaves out what others do there meanwhile.
 */
const SLOWER_MAX = 4;

let world;
before(async () => {
  world = await serve(["north", "south"]);
  for (const [trace, number] of [[MANY, 10_000], [FEW, 100]]) {
    const spans = Array.from({ length: number }, (_, nth) => {
      const id = nth + 1;
      // A tree of ten branches each, whose times lie within those above.
      const parent = Math.floor((id + 8) / 10);
      const from = nth === 0 ? 0 : (nth / number) * 900;
      const status = nth % 97 === 5 ? { code: 2, message: "it failed" } : {};
      return span(trace, id, nth === 0 ? 0 : parent, [from, nth === 0 ? 1000 : from + 40], { status });
    });
    for (let at = 0; at < number; at += BATCH) {
      const part = spans.slice(at, at + BATCH);
      await world.send("north", "shop", part.filter((_, nth) => nth % 3 !== 0));
      await world.send("south", "stock", part.filter((_, nth) => nth % 3 === 0));
    }
  }
});
after(async () => {
  await end();
  await world.stop();
});

/** Goes through a trace in steps: the middle of the times of a draw, and the most rows that were there. */
function stride(page, steps) {
  return page.evaluate(async (steps) => {
    const grid = document.querySelector(".grid");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const [took, rows] = [[], []];
    for (let step = 0; step <= steps; step++) {
      grid.scrollTop = ((grid.scrollHeight - grid.clientHeight) * ((step * 7) % (steps + 1))) / steps;
      await new Promise((resolve) => grid.addEventListener("scroll", resolve, { once: true }) ?? setTimeout(resolve, 100));
      const begun = performance.now();
      await frame();
      await frame();
      took.push(performance.now() - begun);
      rows.push(document.querySelectorAll(".row").length);
    }
    took.sort((one, other) => one - other);
    return { middle: took[Math.floor(took.length / 2)], rows: Math.max(...rows) };
  }, steps);
}

test("ten thousand spans are gone through like a hundred", async () => {
  const begun = performance.now();
  const many = await open(`${world.address}/ui/trace/${MANY}`);
  await many.locator(".region .state", { hasText: "answered" }).nth(1).waitFor();
  await many.locator(".row").first().waitFor();
  console.log(`10,000 spans were there after ${Math.round(performance.now() - begun)} ms`);
  assert.equal(await many.getByRole("treegrid").getAttribute("aria-rowcount"), "10001");
  const few = await open(`${world.address}/ui/trace/${FEW}`);
  await few.locator(".region .state", { hasText: "answered" }).nth(1).waitFor();
  await few.locator(".row").first().waitFor();
  const [one, other] = [[], []];
  for (let turn = 0; turn < 3; turn++) {
    await few.bringToFront();
    one.push(await stride(few, 15));
    await many.bringToFront();
    other.push(await stride(many, 15));
  }
  const least = (turns) => Math.min(...turns.map(({ middle }) => middle));
  console.log(`two frames with 100 spans: ${least(one).toFixed(1)} ms, with 10,000: ${least(other).toFixed(1)} ms`);
  assert.ok(Math.max(...other.map(({ rows }) => rows)) <= ROWS_MAX, JSON.stringify(other));
  assert.ok(least(other) <= SLOWER_MAX * least(one), `${least(other)} ms against ${least(one)} ms`);
  await picture(many, "many");

  const grid = many.getByRole("treegrid");
  await grid.focus();
  await many.keyboard.press("End");
  assert.equal(await many.locator(".row.current").getAttribute("aria-rowindex"), "10001");
  await many.keyboard.press("e");
  assert.match(await many.locator(".row.current").getAttribute("class"), /error/);
  await many.keyboard.press("Home");
  await many.keyboard.press("ArrowLeft");
  assert.equal(await grid.getAttribute("aria-rowcount"), "2");
  await close(few);
  await close(many);
});
