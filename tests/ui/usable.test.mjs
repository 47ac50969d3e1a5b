// For everyone: by keys alone, heard instead of seen, in the dark, on a phone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { barriers, close, demo, end, open, picture, serve, span } from "./world.mjs";

const TRACE = "c0ffeec0ffeec0ffeec0ffeec0ffee00";

let world;
before(async () => {
  world = await demo();
});
after(async () => {
  await end();
  await world.stop();
});

const whole = async (page) => page.locator(".region .state", { hasText: "answered" }).nth(2).waitFor();

test("a trace is read by keys alone", async () => {
  const page = await open(`${world.address}/ui`, { allows: ["/api/tutti/v1/analytics"] });
  await page.keyboard.press("/");
  await page.keyboard.type(world.id);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/ui/trace/${world.id}`);
  await whole(page);
  const current = () => page.locator(".row.current");
  const grid = page.getByRole("treegrid");
  await grid.focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await current().getAttribute("aria-level"), "1");
  assert.equal(await grid.getAttribute("aria-activedescendant"), await current().getAttribute("id"));
  const all = Number(await grid.getAttribute("aria-rowcount"));
  assert.equal(await current().getAttribute("aria-expanded"), "true");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await current().getAttribute("aria-expanded"), "false");
  assert.equal(Number(await grid.getAttribute("aria-rowcount")), 2);
  await page.keyboard.press("ArrowRight");
  assert.equal(Number(await grid.getAttribute("aria-rowcount")), all);
  await page.keyboard.press("ArrowRight");
  assert.equal(await current().getAttribute("aria-level"), "2");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("*");
  await page.keyboard.press("e");
  assert.match(await current().getAttribute("class"), /error/);
  await page.keyboard.press("Enter");
  await page.locator(".panel").waitFor();
  await page.keyboard.press("End");
  assert.equal(Number(await current().getAttribute("aria-rowindex")), all);
  await page.keyboard.press("z");
  await page.keyboard.press("0");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".panel").count(), 0);
  assert.equal(await grid.evaluate((node) => node === document.activeElement), true);
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await close(page);
});

for (const scheme of ["light", "dark"]) {
  test(`nothing bars anyone from the page when it is ${scheme}`, async () => {
    const page = await open(`${world.address}/ui/trace/${world.id}`, { scheme });
    await whole(page);
    await page.locator(".errors li button").first().click();
    for (const fold of await page.locator("details.fold summary").all()) await fold.click();
    assert.deepEqual(await barriers(page), []);
    await picture(page, `whole-${scheme}`);
    await page.keyboard.press("?");
    assert.deepEqual(await barriers(page), []);
    await close(page);

    const estate = await open(`${world.address}/ui#q=${encodeURIComponent("{ status = error }")}`, { scheme, allows: ["/api/tutti/v1/analytics"] });
    await estate.locator(".found tbody tr").first().waitFor();
    assert.deepEqual(await barriers(estate), []);
    await picture(estate, `found-${scheme}`);
    await close(estate);
  });
}

test("light and dark are chosen, and stay so", async () => {
  const page = await open(`${world.address}/ui`, { scheme: "light", allows: ["/api/tutti/v1/analytics"] });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: "Light or dark" }).click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await ground(), dark);
  await page.getByRole("button", { name: "Light or dark" }).click();
  assert.equal(await ground(), light);
  await close(page);
});

test("on a phone nothing has to be pushed sideways", async () => {
  const page = await open(`${world.address}/ui/trace/${world.id}`, { width: 390, height: 844, hasTouch: true, isMobile: true });
  await whole(page);
  const sideways = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(await sideways(), 0);
  assert.deepEqual(await barriers(page), []);
  await picture(page, "phone");
  await page.locator(".waterfall").scrollIntoViewIfNeeded();
  await picture(page, "phone-waterfall");
  await page.locator(".row").nth(3).tap();
  await page.locator(".panel").waitFor();
  assert.equal(await sideways(), 0);
  await picture(page, "phone-span");
  await close(page);
});

test("a query is completed by words, names and values, and what it finds is opened", async () => {
  const few = await serve(["north", "south"]);
  await few.send("north", "payments", [span(TRACE, 1, 0, [0, 90], { status: { code: 2 } })]);
  await few.send("south", "orders", [span(TRACE, 2, 1, [10, 50])]);
  const page = await open(`${few.address}/ui`, { allows: ["/api/tutti/v1/analytics"] });
  const box = page.getByRole("combobox", { name: "Trace id or TraceQL" });
  const option = (text) => page.getByRole("option").filter({ hasText: text }).first();
  await page.keyboard.press("/");
  await page.keyboard.type("{ resource.service.na");
  await option("resource.service.name").waitFor();
  await picture(page, "completion");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await box.inputValue(), "{ resource.service.name ");
  await page.keyboard.type("= \"paym");
  await option("payments").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  assert.equal(await box.inputValue(), "{ resource.service.name = \"payments\" ");
  await page.keyboard.type("&& stat");
  await option("status").click();
  await page.keyboard.type("= ");
  await option("error").click();
  await page.keyboard.type("}");
  assert.equal(await box.inputValue(), "{ resource.service.name = \"payments\" && status = error }");
  await page.keyboard.press("Enter");
  await page.locator(".found tbody tr").first().waitFor();
  // Behind the #, where it is sent to nobody.
  assert.equal(new URL(page.url()).search, "");
  await page.locator(".found tbody a").first().click();
  await page.waitForURL("**/ui/trace/*");
  await page.locator(".row").first().waitFor();
  await close(page);
  await few.stop();
});

test("what is no query is refused in the gateway's words", async () => {
  const page = await open(`${world.address}/ui#q=${encodeURIComponent("{ nonsense")}`, { allows: ["/api/tutti/v1/"] });
  await page.locator(".results .refused").waitFor();
  assert.match(await page.locator(".results .refused").textContent(), /line 1/);
  await close(page);
});
