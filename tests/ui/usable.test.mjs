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
  const page = await open(`${world.address}/ui`);
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

const search = (page, q, since) => page.evaluate((asked) => { location.hash = new URLSearchParams(asked); }, { q, since });
/** Where the rows of a search lead, in their order. */
const paths = (page) => page.locator(".found tbody a").evaluateAll((links) => links.map((link) => link.pathname));

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

    const estate = await open(`${world.address}/ui#q=${encodeURIComponent("{ status = error }")}`, { scheme });
    await estate.locator(".found tbody tr").first().waitFor();
    assert.deepEqual(await barriers(estate), []);
    await picture(estate, `found-${scheme}`);
    await close(estate);
  });
}

test("light and dark are chosen, and stay so", async () => {
  const page = await open(`${world.address}/ui`, { scheme: "light" });
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
  const page = await open(`${few.address}/ui`);
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

test("the newest rows are there before the rest is, and all stand in one order", async () => {
  const many = await serve(["north", "south"]);
  try {
    for (let nth = 1; nth <= 60; nth++) {
      const trace = nth.toString(16).padStart(32, "0");
      await many.send(nth % 2 ? "north" : "south", "orders", [span(trace, nth, 0, [nth * 10, nth * 10 + 5])]);
    }
    const page = await open(`${many.address}/ui`);
    const asked = [];
    let letGo;
    const held = new Promise((resolve) => { letGo = resolve; });
    await page.route("**/api/tutti/v1/search?*", async (route) => {
      asked.push(new URL(route.request().url()).searchParams);
      // The first page passes; what comes after it waits.
      if (asked.length > 1) await held;
      await route.continue();
    });
    await search(page, "{ resource.service.name = \"orders\" }", "1h");
    const rows = page.locator(".found tbody tr");
    const ids = async () => (await paths(page)).map((path) => Number.parseInt(path.split("/").at(-1), 16));
    await rows.nth(9).waitFor();
    const early = await ids();
    assert.deepEqual(early, [60, 59, 58, 57, 56, 55, 54, 53, 52, 51]);
    assert.match(await page.locator(".results h2").textContent(), /10 traces so far, searching/);
    assert.equal(await page.locator(".results").getAttribute("aria-busy"), "true");
    letGo();
    await rows.nth(49).waitFor();
    assert.deepEqual((await ids()).slice(0, 10), early);
    assert.equal(new Set(await ids()).size, 50);
    assert.deepEqual(asked.map((one) => [one.get("limit"), one.has("cursor")]), [["10", false], ["40", true]]);
    await page.getByRole("button", { name: "More" }).click();
    await rows.nth(59).waitFor();
    assert.deepEqual(await ids(), Array.from({ length: 60 }, (_, nth) => 60 - nth));
    assert.equal(await page.getByRole("button", { name: "More" }).count(), 0);
    await close(page);
  } finally {
    await many.stop();
  }
});

test("of a search that lacks a region the first rows are there, and then all that can be had", async () => {
  const lacking = await demo("--down", "us-west");
  try {
    const page = await open(`${lacking.address}/ui`);
    const limits = [];
    page.on("request", (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === "/api/tutti/v1/search") limits.push(searchParams.get("limit"));
    });
    // As far back as may be searched.
    await search(page, "{ }", "168h");
    await page.locator(".results[aria-busy=false] .found").waitFor();
    // A page that lacks something leads nowhere: it is asked for again at its full length, and nothing stands twice.
    assert.deepEqual(limits, ["10", "50"]);
    const found = await paths(page);
    assert.ok(found.length > 10 && found.length <= 50, `${found.length}`);
    assert.equal(new Set(found).size, found.length);
    assert.match(await page.locator(".results .banner").textContent(), /More may match.*us-west/s);
    await close(page);
  } finally {
    await lacking.stop();
  }
});

test("what is no query is refused in the gateway's words", async () => {
  const page = await open(`${world.address}/ui#q=${encodeURIComponent("{ nonsense")}`, { allows: ["/api/tutti/v1/search"] });
  await page.locator(".results .refused").waitFor();
  assert.match(await page.locator(".results .refused").textContent(), /line 1/);
  await close(page);
});
