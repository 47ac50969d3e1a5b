// Gateways to look at and a browser to look with. Every page is watched: an error in its console, a script that fails
// or a violation of its security policy fails the test that opened it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const MODULES = process.env.UI_MODULES ?? "target/ui";
const PROGRAM = resolve(process.env.UI_PROGRAM ?? "target/debug/tutti");
const CHROMIUM = process.env.UI_CHROMIUM ?? "/usr/bin/chromium";
export const PICTURES = resolve("target/ui/pictures");
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
/** A machine that is busy with everything else is slow; what never comes still ends. */
const BEGINS_MS_MAX = 30_000;
const WAITS_MS_MAX = 60_000;

const require = createRequire(`${resolve(MODULES)}/`);
const { chromium } = require("playwright-core");
const axe = require("axe-core");

mkdirSync(PICTURES, { recursive: true });

let browser = null;

/** A page of its own, watched. `allows` are addresses that may answer with an error: there one is what is looked for. */
export async function open(address, { width = 1280, height = 860, scheme = "light", allows = [], ...more } = {}) {
  // Its profile is a new and empty folder, and goes with it.
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", ...more });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (message) => {
    const isAllowed = allows.some((part) => message.location().url.includes(part));
    if (message.type() === "error" && !isAllowed) page.faults.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => page.faults.push(error.stack));
  page.setDefaultTimeout(WAITS_MS_MAX);
  await page.goto(address);
  return page;
}

/** Ends a page; what it had to complain of fails the test. */
export async function close(page) {
  const { faults } = page;
  await page.context().close();
  assert.deepEqual(faults, [], "the page complained");
}

export async function end() {
  await browser?.close();
}

export const picture = (page, name, options = {}) => page.screenshot({ path: join(PICTURES, `${name}.png`), ...options });

/** What axe finds, as lines. */
export async function barriers(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)} ${node.any.map((any) => any.message).join(" ")}`));
}

/** A port that was free a moment ago. */
export function port() {
  return new Promise((resolved, failed) => {
    const server = createServer();
    server.on("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolved(port));
    });
  });
}

/** The program with these arguments, once it answers at `address`. */
async function begin(args, address) {
  const child = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (text) => { said += text; });
  child.stderr.on("data", (text) => { said += text; });
  const ended = new Promise((resolved) => child.on("exit", resolved));
  const until = Date.now() + BEGINS_MS_MAX;
  for (;;) {
    const isReady = await fetch(`${address}/ready`).then((answer) => answer.ok, () => false);
    if (isReady) break;
    assert.equal(child.exitCode, null, `it ended before it answered:\n${said}`);
    assert.ok(Date.now() < until, `it does not answer:\n${said}`);
    await pause(50);
  }
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(late);
  };
  return { address, said: () => said, stop };
}

export const pause = (ms) => new Promise((resolved) => setTimeout(resolved, ms));

/** `tutti demo`. Its best trace is `id`. */
export async function demo(...args) {
  const listen = `127.0.0.1:${await port()}`;
  const world = await begin(["demo", "--listen", listen, ...args], `http://${listen}`);
  while (!/trace [0-9a-f]{32}/.test(world.said())) await pause(20);
  return { ...world, id: /trace ([0-9a-f]{32})/.exec(world.said())[1] };
}

/** `tutti serve` over embedded regions, which are sent spans by `send`. Without policies everything is shown as it was sent. */
export async function serve(regions, more = () => "", first = async () => null, packs = []) {
  const folder = mkdtempSync(join(tmpdir(), "tutti-ui-"));
  const listen = await port();
  const doors = new Map();
  let config = `[gateway]\nregion = "${regions[0]}"\nlisten = "127.0.0.1:${listen}"\npacks = ${JSON.stringify(packs)}\n${more(folder)}\n`;
  for (const name of regions) {
    doors.set(name, await port());
    config += `[[region]]\nname = "${name}"\njurisdiction = "US"\nkind = "memory"\notlp = "127.0.0.1:${doors.get(name)}"\n`;
  }
  const path = join(folder, "regions.toml");
  writeFileSync(path, config);
  const before = await first(folder);
  const world = await begin(["serve", "--config", path], `http://127.0.0.1:${listen}`);
  const send = async (region, service, spans) => {
    const resource = { attributes: [text("service.name", service)] };
    const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "test" }, spans }] }] });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`http://127.0.0.1:${doors.get(region)}/v1/traces`, { method: "POST", headers, body });
    assert.equal(answer.status, 200, await answer.text());
  };
  const stop = async () => {
    await world.stop();
    rmSync(folder, { recursive: true });
  };
  return { ...world, before, send, stop };
}

/** Runs the program to its end and gives what it printed. */
export function run(args, folder) {
  return new Promise((resolved, failed) => {
    const child = spawn(PROGRAM, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (text) => { said += text; });
    child.on("exit", (code) => (code === 0 ? resolved(said.trim()) : failed(new Error(`tutti ${args[0]} ended with ${code}`))));
  });
}

export const text = (key, value) => ({ key, value: { stringValue: value } });
export const spanId = (number) => number.toString(16).padStart(16, "0");

/** A span of a trace that began a minute ago, times in milliseconds since then. */
export function span(trace, number, parent, [from, to], more = {}) {
  const begun = BigInt(Date.now() - 60_000) * 1_000_000n;
  const at = (ms) => String(begun + BigInt(Math.round(ms * 1e6)));
  return {
    traceId: trace, spanId: spanId(number), parentSpanId: parent ? spanId(parent) : "", name: `step ${number}`, kind: 1,
    startTimeUnixNano: at(from), endTimeUnixNano: at(to), attributes: [], status: {}, ...more,
  };
}
