// Asks the gateway's public routes as whoever reads this page. Knows the identity that was given to this tab, and
// nothing of what the answers mean.

const KEPT_AS = "tutti.caller";
const FIELDS = ["token", "purpose", "grant"];

/** Kept for this tab alone, and gone with it. */
export const identity = {
  read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "{}");
      return Object.fromEntries(FIELDS.filter((field) => typeof kept[field] === "string").map((field) => [field, kept[field]]));
    } catch {
      return {};
    }
  },
  keep(given) {
    const filled = FIELDS.map((field) => [field, (given[field] ?? "").trim()]).filter(([, text]) => text !== "");
    if (filled.length === 0) return identity.forget();
    sessionStorage.setItem(KEPT_AS, JSON.stringify(Object.fromEntries(filled)));
  },
  forget() {
    sessionStorage.removeItem(KEPT_AS);
  },
};

/** An answer that is none, in the gateway's own words. */
export class Refused extends Error {
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

/** Lines of errors are short; of what stands before a gateway they need not be. */
const LINE_MAX = 600;

const prefix = document.body.dataset.api ?? "";

export async function ask(path, { signal, accept = "application/json" } = {}) {
  const { token, purpose, grant } = identity.read();
  const headers = { accept };
  if (token) headers.authorization = `Bearer ${token}`;
  if (purpose) headers["tutti-purpose"] = purpose;
  if (grant) headers["tutti-grant"] = grant;
  let answer;
  try {
    const address = path.startsWith("/api/") ? prefix + path : path;
    answer = await fetch(address, { headers, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the gateway could not be reached from this browser");
  }
  if (answer.ok) return answer;
  const line = (await answer.text().catch(() => "")).trim().slice(0, LINE_MAX);
  if (answer.status === 401) dispatchEvent(new CustomEvent("tutti:stranger", { detail: line }));
  throw new Refused(answer.status, line || `the gateway answered ${answer.status}`);
}

/** Server-sent events, read by hand, since an EventSource cannot say who asks. */
export async function* events(path, signal) {
  const answer = await ask(path, { signal, accept: "text/event-stream" });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let [text, looked] = ["", 0];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      for (let end; (end = text.indexOf("\n\n", looked)) >= 0; looked = 0) {
        yield eventOf(text.slice(0, end));
        text = text.slice(end + 2);
      }
      // A line feed may be the first of two.
      looked = Math.max(0, text.length - 1);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function eventOf(text) {
  const event = { name: "message", data: null };
  for (const line of text.split("\n")) {
    if (line.startsWith("event: ")) event.name = line.slice(7);
    if (line.startsWith("data: ")) event.data = JSON.parse(line.slice(6));
  }
  return event;
}

/** What the headers of an answer say of its regions. */
export function coverage(headers) {
  const regions = (headers.get("tutti-regions") ?? "").split(", ").filter(Boolean).map((entry) => {
    const [name, ...rest] = entry.split(";");
    return { name, ...Object.fromEntries(rest.map((pair) => pair.split("="))) };
  });
  return { outcome: headers.get("tutti-outcome") ?? "", exactness: headers.get("tutti-exactness") ?? "", regions };
}
