// What may come next in a TraceQL query. The words of the language are known here; names and values are asked of the
// gateway, which says of them what the reader may see.

import { ask } from "./ask.js";

const INTRINSICS = [
  "name", "duration", "status", "statusMessage", "kind", "rootName", "rootServiceName", "traceDuration", "nestedSetParent",
  "span:id", "trace:id", "event:name", "instrumentation:name", "parent",
];
const SCOPES = ["resource.", "span.", "event.", "link.", "instrumentation."];
const WORDS = {
  status: ["error", "ok", "unset"],
  kind: ["client", "server", "producer", "consumer", "internal", "unspecified"],
};
const PIPES = [
  "count()", "avg(duration)", "max(duration)", "min(duration)", "sum(duration)", "by(resource.service.name)", "select()",
  "coalesce()",
];
const OPERATORS = ["=", "!=", "=~", "!~", ">", "<", ">=", "<="];
const BETWEEN = ["&&", "||"];
const SHOWN_MAX = 12;
const NAMES_MAX = 1000;
const VALUES_MAX = 200;
/** Values of one name are the same for a while. */
const KEPT_MS = 30_000;

const kept = new Map();

/** Where the caret stands: what is being typed, from where, and what kind of thing it is. */
export function place(text, caret) {
  const before = text.slice(0, caret);
  const quoted = (before.match(/(?<!\\)"/g) ?? []).length % 2 === 1;
  const value = /([A-Za-z_][\w.:\-/]*|\.[\w.\-/]+)\s*(?:=~|!~|!=|>=|<=|=|>|<)\s*("(?:[^"\\]|\\.)*|[\w.\-]*)$/.exec(before);
  if (value) return { kind: "value", name: value[1], word: value[2].replace(/^"/, ""), from: caret - value[2].length };
  if (quoted) return { kind: "none", word: "", from: caret };
  const isInside = before.lastIndexOf("{") > before.lastIndexOf("}");
  const word = /[\w.:\-/]*$/.exec(before)[0];
  const from = caret - word.length;
  const head = before.slice(0, from).trimEnd();
  if (!isInside) {
    if (head === "" && word === "") return { kind: "begin", word, from };
    return { kind: head.endsWith("|") ? "pipe" : "none", word, from };
  }
  if (/(?:\{|&&|\|\||\()$/.test(head)) return { kind: "name", word, from };
  if (/[\w.:\-/]$/.test(head) && /(?:^|[{(&|])\s*[\w.:\-/]+$/.test(head)) return { kind: "operator", word, from };
  return { kind: "between", word, from };
}

/** What may stand there, each with what it is: what the language says at once, what is asked for as it comes. */
export async function complete(text, caret, show) {
  const at = place(text, caret);
  const known = words(at);
  show(fitting(known, at));
  const asked = await told(at);
  if (asked.length > 0) show(fitting([...known, ...asked], at));
}

function fitting(all, { word, from }) {
  const wanted = word.toLowerCase();
  const fits = all.filter(({ text: choice }) => {
    const bare = choice.replace(/^"/, "").toLowerCase();
    return bare !== wanted && (bare.startsWith(wanted) || (wanted.length > 1 && bare.includes(wanted)));
  });
  fits.sort((one, other) => starts(other, wanted) - starts(one, wanted));
  return { from, choices: fits.slice(0, SHOWN_MAX) };
}

const starts = ({ text }, wanted) => Number(text.replace(/^"/, "").toLowerCase().startsWith(wanted));
const of = (texts, what) => texts.map((text) => ({ text, what }));

function words({ kind, name }) {
  switch (kind) {
    case "begin":
      return of(["{ status = error }", "{ duration > 1s }", "{ resource.service.name = \"\" }"], "query");
    case "name":
      return [...of(INTRINSICS, "intrinsic"), ...of(SCOPES, "scope")];
    case "operator":
      return of(OPERATORS, "operator");
    case "between":
      return of(BETWEEN, "and, or");
    case "pipe":
      return of(PIPES, "stage");
    case "value":
      return Object.hasOwn(WORDS, name) ? of(WORDS[name], name) : [];
    default:
      return [];
  }
}

function told({ kind, name }) {
  if (kind === "name") return names();
  return kind === "value" && !Object.hasOwn(WORDS, name) ? values(name) : [];
}

async function names() {
  const answer = await cached(`/api/v2/search/tags?limit=${NAMES_MAX}`);
  const scopes = (answer?.scopes ?? []).filter((scope) => scope.name !== "intrinsic");
  return scopes.flatMap(({ name, tags }) => (tags ?? []).map((tag) => ({ text: `${name}.${quotedName(tag)}`, what: name })));
}

async function values(name) {
  const answer = await cached(`/api/v2/search/tag/${encodeURIComponent(name)}/values?limit=${VALUES_MAX}`);
  return (answer?.tagValues ?? []).map(({ type, value }) => ({
    text: type === "string" ? JSON.stringify(value) : String(value),
    what: type,
  }));
}

/** A name with anything else than these is written in quotes. */
const quotedName = (tag) => (/^[\w.\-/]+$/.test(tag) ? tag : JSON.stringify(tag));

/** Asked once for all who type meanwhile: a slow region answers the next letter, too. */
function cached(path) {
  const known = kept.get(path);
  if (known && performance.now() - known.at < KEPT_MS) return known.answer;
  // Completion helps or is silent.
  const answer = ask(path).then((given) => given.json()).catch(() => null);
  kept.set(path, { answer, at: performance.now() });
  return answer;
}

/** Names are asked for when somebody begins to type, so that they are there when they are needed. */
export const prepare = () => void names();
