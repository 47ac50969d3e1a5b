// What strangers write is text, whoever asks is shown to the gateway, and a link holds nothing but an id.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { close, end, open, picture, run, serve, span, text } from "./world.mjs";

after(end);

const TRACE = "5afe5afe5afe5afe5afe5afe5afe5afe";
const HOSTILE = [
  "<img src=x onerror=\"globalThis.owned=1\">",
  "\"><script>globalThis.owned=2</script>",
  "'-globalThis.owned-'",
  "javascript:globalThis.owned=3",
  "${globalThis.owned=4}{{owned}}<!--?lit$1$-->",
  "<svg onload=globalThis.owned=5><style>*{display:none}</style>",
  "</textarea></title><iframe srcdoc='<script>top.owned=6</script>'>",
];

function hostile() {
  const all = HOSTILE.flatMap((value, nth) => [text(`key ${nth} ${value}`, value), text("http.url", value)]);
  return HOSTILE.map((value, nth) => span(TRACE, nth + 1, nth, [nth, 100 - nth], {
    name: value,
    attributes: all,
    status: { code: 2, message: value },
    traceState: "a=b",
    events: [{ name: value, timeUnixNano: "0", attributes: all }],
    links: [{ traceId: TRACE, spanId: "00000000000000ff", attributes: all }],
  }));
}

test("hostile names, values and ids are shown as text and run nothing", async () => {
  const world = await serve(["north", "south"]);
  try {
    await world.send("north", HOSTILE[0], hostile());
    await world.send("south", HOSTILE[1], [span(TRACE, 90, 1, [5, 50], { name: HOSTILE[2], attributes: [text(HOSTILE[3], HOSTILE[4])] })]);
    const page = await open(`${world.address}/ui/trace/${TRACE}`);
    await page.locator(".row").nth(HOSTILE.length).waitFor();
    const names = await page.locator(".row .what").allTextContents();
    for (const value of HOSTILE) assert.ok(names.includes(value), `${value} is not in ${names}`);
    assert.equal((await page.title()).startsWith(HOSTILE[0]), true);
    await page.locator(".row").nth(0).click();
    const panel = await page.locator(".panel").textContent();
    for (const value of HOSTILE) assert.ok(panel.includes(value), value);
    await picture(page, "hostile");
    for (const row of await page.locator(".row").all()) await row.click();
    const made = await page.evaluate(() => document.querySelectorAll("main img, main script, main iframe, main style, main svg, [onerror], [onload]").length);
    assert.equal(made, 0);
    assert.equal(await page.evaluate(() => globalThis.owned), undefined);
    for (const link of await page.locator("main a").all()) assert.match(await link.getAttribute("href"), /^\/ui\/trace\/[0-9a-f]{32}$/);
    await close(page);

    const asked = await open("about:blank", { allows: ["/api/"] });
    for (const value of HOSTILE) {
      await asked.goto(`${world.address}/ui/trace/${encodeURIComponent(value)}`);
      await asked.locator(".banner.refused").waitFor();
      assert.equal(await asked.evaluate(() => globalThis.owned), undefined);
      await asked.goto(`${world.address}/ui#q=${encodeURIComponent(value)}`);
      await asked.locator(".results .refused, .found, .results .note").first().waitFor();
      assert.equal(await asked.evaluate(() => globalThis.owned), undefined);
    }
    await close(asked);

    const typed = await open(`${world.address}/ui`);
    await typed.keyboard.press("/");
    await typed.keyboard.type("{ resource.service.name = ");
    await typed.getByRole("option").filter({ hasText: "onerror" }).waitFor();
    assert.equal(await typed.evaluate(() => globalThis.owned), undefined);
    await close(typed);
  } finally {
    await world.stop();
  }
});

test("the policy of the page stops what a mistake of ours would let through", async () => {
  const world = await serve(["north"]);
  try {
    // Whatever it complains of here was provoked.
    const page = await open(`${world.address}/ui`, { allows: [""] });
    await page.locator(".card").waitFor();
    const refused = await page.evaluate(async () => {
      const tries = {
        markup: () => { document.body.innerHTML += "<p>"; },
        script: () => { document.body.append(Object.assign(document.createElement("script"), { text: "globalThis.owned = 1" })); },
        style: () => { document.body.setAttribute("style", "display: none"); return getComputedStyle(document.body).display === "none" ? null : Promise.reject(); },
        elsewhere: () => fetch("http://127.0.0.2:1/"),
      };
      const stopped = [];
      for (const [name, attempt] of Object.entries(tries)) {
        try {
          await attempt();
        } catch {
          stopped.push(name);
        }
      }
      return [stopped, globalThis.owned];
    });
    assert.deepEqual(refused, [["markup", "script", "style", "elsewhere"], undefined]);
    await close(page);
  } finally {
    await world.stop();
  }
});

test("who asks is shown to the gateway and kept in the tab alone", async () => {
  const issuer = (folder) => {
    writeFileSync(join(folder, "alice.json"), JSON.stringify({ sub: "alice", roles: ["sre"] }));
    return "[identity]\nmode = \"required\"\n[[identity.issuer]]\nissuer = \"tutti-development\"\naudience = \"tutti\"\njwks_file = \"dev.jwks.json\"\n";
  };
  const world = await serve(["north"], issuer, (folder) => run(["token", "--as", "alice.json"], folder));
  try {
    const token = world.before;
    await world.send("north", "shop", [span(TRACE, 1, 0, [0, 100], { name: "a secret step" })]);
    const page = await open(`${world.address}/ui/trace/${TRACE}`, { allows: ["/api/"] });
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    assert.doesNotMatch(await page.content(), /a secret step/);
    await picture(page, "who");
    await dialog.getByLabel("Token", { exact: true }).fill(token);
    await dialog.getByRole("button", { name: "Use in this tab" }).click();
    await page.locator(".row", { hasText: "a secret step" }).waitFor();
    const kept = await page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie, location.href]);
    assert.ok(kept[0].includes(token));
    for (const place of kept.slice(1)) assert.ok(!place.includes(token));
    assert.equal(kept[3], `${world.address}/ui/trace/${TRACE}`);

    // A colleague with the same link and nothing to show.
    const other = await open(page.url(), { allows: ["/api/"] });
    await other.getByRole("dialog").waitFor();
    assert.doesNotMatch(await other.content(), /a secret step/);
    await close(other);

    await page.getByRole("button", { name: "Token in use" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Forget" }).click();
    await page.getByRole("dialog").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.doesNotMatch(await page.content(), /a secret step/);
    await close(page);
  } finally {
    await world.stop();
  }
});

test("a link shows two callers two views of the same trace", async () => {
  const people = { alice: { sub: "alice", roles: ["sre"], home: "US" }, bob: { sub: "bob", roles: ["sre"], home: "EU" } };
  const mail = "mallory@shop.example";
  const issuer = (folder) => {
    for (const [name, claims] of Object.entries(people)) writeFileSync(join(folder, `${name}.json`), JSON.stringify(claims));
    return "[identity]\nmode = \"required\"\n[[identity.issuer]]\nissuer = \"tutti-development\"\naudience = \"tutti\"\njwks_file = \"dev.jwks.json\"\n";
  };
  const tokens = async (folder) => ({ alice: await run(["token", "--as", "alice.json"], folder), bob: await run(["token", "--as", "bob.json"], folder) });
  const world = await serve(["north"], issuer, tokens, ["baseline"]);
  try {
    await world.send("north", "shop", [span(TRACE, 1, 0, [0, 100], { name: "a step", attributes: [text("user.email", mail)] })]);
    const views = {};
    let link = `${world.address}/ui/trace/${TRACE}`;
    for (const name of Object.keys(people)) {
      const page = await open(link, { allows: ["/api/"] });
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Token", { exact: true }).fill(world.before[name]);
      await dialog.getByRole("button", { name: "Use in this tab" }).click();
      const row = page.locator(".row", { hasText: "a step" });
      await row.waitFor();
      await row.click();
      const panel = await page.locator(".panel").textContent();
      views[name] = { panel, all: await page.content(), redacted: await page.locator(".redaction").count() };
      await picture(page, `view-of-${name}`);
      // What the first copies is what the second opens.
      assert.equal(page.url(), link);
      link = page.url();
      await close(page);
    }
    // At home it is shown; where it would cross a border it is not, anywhere in the page, and that is said.
    assert.ok(views.alice.panel.includes(mail));
    assert.equal(views.alice.redacted, 0);
    assert.ok(!views.bob.all.includes(mail));
    assert.ok(views.bob.panel.includes("user.email"), views.bob.panel);
    assert.equal(views.bob.redacted, 1);
  } finally {
    await world.stop();
  }
});
