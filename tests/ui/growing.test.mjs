// A trace of the demo with a slow region and a dead one: what is there is seen at once, who is waited for and who is
// missing is named, and the rest arrives in the same page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, demo, end, open, picture } from "./world.mjs";

const SLOW_MS = 4000;

let world;
before(async () => {
  // The browser is there before anything is timed.
  await close(await open("about:blank"));
  world = await demo("--slow", `eu-central=${SLOW_MS}ms`, "--down", "us-west");
});
after(async () => {
  await end();
  await world.stop();
});

test("the first spans are seen before the slow region answers, and the rest arrives", async () => {
  const begun = performance.now();
  const page = await open(`${world.address}/ui/trace/${world.id}`);
  await page.locator(".row").first().waitFor();
  const seen = performance.now() - begun;
  assert.ok(seen < SLOW_MS, `the first span was seen after ${seen} ms`);
  const waiting = page.locator(".banner.waiting");
  assert.match(await waiting.textContent(), /eu-central ha(s|ve) not answered yet/);
  assert.match(await waiting.textContent(), /us-west/);
  const early = await page.locator(".row:not(.synthetic)").count();
  assert.equal(await page.locator(".row:not(.synthetic) .where", { hasText: "eu-central" }).count(), 0);
  await picture(page, "growing");

  await page.locator(".row:not(.synthetic) .where", { hasText: "eu-central" }).first().waitFor();
  assert.ok(performance.now() - begun >= SLOW_MS, "it answered too soon for a slow region");
  const whole = await page.locator(".row:not(.synthetic)").count();
  assert.ok(whole > early, `${early} spans, then ${whole}`);
  const banner = await page.locator(".banner.partial").textContent();
  assert.match(banner, /This trace is not whole/);
  assert.match(banner, /us-west/);
  assert.doesNotMatch(banner, /eu-central has not/);
  assert.match(await page.locator("#said").textContent(), /spans in/);
  await picture(page, "partial");
  await close(page);
});

test("what is shown of a trace: regions, errors, crossings, counts of what was redacted", async () => {
  const page = await open(`${world.address}/ui/trace/${world.id}`);
  await page.locator(".banner.partial").waitFor();
  const chips = await page.locator(".region").allTextContents();
  assert.equal(chips.length, 3);
  assert.match(chips.find((chip) => chip.includes("us-west")), /unreachable|failing/);
  await page.locator(".redaction summary").click();
  const classes = await page.locator(".redaction").textContent();
  assert.match(classes, /pii\.email \d+/);
  assert.doesNotMatch(classes, /@/);
  // The counts by class are those of the chips, and those of the report that the gateway gives anyone who asks so.
  const numbers = (texts) => texts.map((text) => Number(/(\d[\d,]*)/.exec(text)[1].replaceAll(",", "")));
  const sum = (all) => all.reduce((one, other) => one + other, 0);
  const byClass = await page.locator(".redaction .class").evaluateAll((all) => all.map((one) => one.lastChild.textContent));
  const byRegion = numbers(await page.locator(".region .treated", { hasText: "redacted" }).allTextContents());
  assert.ok(byRegion.length > 0);
  assert.equal(sum(numbers(byClass)), sum(byRegion));
  const { report } = await (await fetch(`${world.address}/api/tutti/v1/traces/${world.id}`, { headers: { accept: "application/json" } })).json();
  assert.equal(sum(byRegion), sum(report.regions.map(({ treated }) => treated ?? 0)));
  assert.ok(classes.includes(report.planDigest), "the policy that did it is not named");
  assert.ok((await page.locator(".crossing").count()) > 0);
  assert.ok((await page.locator(".critical").count()) > 3);
  // The first error is where it began, and leads to its span.
  await page.locator(".errors li button").first().click();
  const row = page.locator(".row.current");
  assert.match(await row.getAttribute("class"), /error/);
  assert.match(await page.locator(".panel").textContent(), /Error\./);
  await picture(page, "span");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".panel").count(), 0);
  await close(page);
});

test("a look again asks again, and a reader who leaves is not asked for", async () => {
  const page = await open(`${world.address}/ui/trace/${world.id}`);
  await page.locator(".banner.partial button").click();
  await page.locator(".banner.waiting").waitFor();
  // What was there stays there meanwhile.
  assert.ok((await page.locator(".row").count()) > 10);
  await close(page);
});

test("the estate says how each region is", async () => {
  const page = await open(`${world.address}/ui`);
  await page.locator(".card").nth(2).waitFor();
  const cards = await page.locator(".card").allTextContents();
  assert.match(cards.find((card) => card.includes("us-west")), /failing/);
  assert.match(cards.find((card) => card.includes("us-east")), /well/);
  // What the last hour was like stands there, in the gateway's sentences and in numbers.
  const told = await fetch(`${world.address}/api/tutti/v1/analytics?window=1h`);
  assert.equal(told.status, 200);
  await page.locator(".said", { hasText: (await told.json()).sentences[0].split(" ").at(-1) }).first().waitFor();
  assert.match(await page.locator(".facts-line").textContent(), /partial/);
  assert.match(await page.locator(".card", { hasText: "us-west" }).textContent(), /failing|unreachable/);
  await picture(page, "estate");
  await close(page);
});
