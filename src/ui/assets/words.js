// Numbers, times and states in words, and what stands for a region: one place for how things are said.

/** 1_234_567 ns as a person reads it. */
export function duration(ns) {
  if (!Number.isFinite(ns)) return "–";
  const sign = ns < 0 ? "-" : "";
  const size = Math.abs(ns);
  const in_ = (unit, name) => `${sign}${trimmed(size / unit)} ${name}`;
  if (size < 1e3) return in_(1, "ns");
  if (size < 1e6) return in_(1e3, "µs");
  if (size < 1e9) return in_(1e6, "ms");
  if (size < 60e9) return in_(1e9, "s");
  const seconds = Math.round(size / 1e9);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  if (hours > 0) return `${sign}${hours} h ${minutes} min`;
  return `${sign}${minutes} min ${seconds % 60} s`;
}

const trimmed = (number) => {
  const digits = number < 10 ? 2 : number < 100 ? 1 : 0;
  return String(Number(number.toFixed(digits)));
};

export const ms = (number) => (Number.isFinite(number) ? duration(number * 1e6) : "–");

export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export const percent = (share) => {
  if (!Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.001) return "< 0.1 %";
  // All but a few is not all.
  if (share > 0.99 && share < 1) return `${Math.min(99.9, Math.floor(share * 1000) / 10)} %`;
  return `${Number((share * 100).toFixed(share < 0.1 ? 1 : 0))} %`;
};

/** "a, b and c" */
export const listed = (words) =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

export function at(date) {
  if (Number.isNaN(date.getTime())) return "at no time";
  const options = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return `${date.toLocaleString("en", options)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function ago(date) {
  const seconds = Math.round((Date.now() - date.getTime()) / 1000);
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 0) return "in the future by this machine's clock";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/**
 * What each status of a region means: a word for the chip, a sentence that begins with the region's name, and when it
 * is worth looking again.
 */
const STATUSES = {
  ok: ["answered", "answered in full", ""],
  not_needed: ["not needed", "was not asked, since nothing there can match", ""],
  partial: ["in part", "answered in part", "Look again in a minute."],
  timeout: ["timed out", "did not answer in time", "Look again now: a slow region may be quicker the second time."],
  pending: ["waiting", "has not answered yet", "It is still being asked."],
  unreachable: ["unreachable", "could not be reached", "Look again in half a minute."],
  circuit_open: ["failing", "was not asked, since it has been failing", "It is tried again by itself: look again in half a minute."],
  overloaded: ["overloaded", "is overloaded", "Look again in a few seconds."],
  limited: ["limited", "was left out, since a limit of this gateway was reached", "Look again in a few seconds."],
  withheld: ["withheld", "was not asked, since the policy does not permit it", "Looking again changes nothing: the right has to be granted."],
  error: ["error", "answered with an error", "Look again in half a minute."],
  too_fresh: ["too fresh", "cannot vouch for data this fresh yet", "Look again in a minute."],
  rejected: ["rejected", "rejected the request", "Looking again changes nothing: whoever runs the gateway has to look at its settings."],
  malformed: ["malformed", "answered with something that is no such trace", "Looking again changes nothing: whoever runs the gateway has to look at where it points."],
  cut_off: ["cut off", "broke off in mid-answer", "Look again now."],
  too_large: ["too large", "holds more of the trace than may be fetched", "Looking again changes nothing: its limit is body_bytes_max."],
  truncated: ["left out", "was left out, since the trace has reached its size limit", "Looking again changes nothing: the limit is trace_bytes_max."],
};

export function status(name) {
  const [word, sentence, again] = STATUSES[name] ?? [name, `has the status ${name}`, "Look again in a minute."];
  const isWhole = name === "ok" || name === "not_needed";
  return { word, sentence, again, isWhole, isWaiting: name === "pending" };
}

/** Why an answer of which every region has sent its part is not whole all the same. */
export const limitWords = (exactness) =>
  exactness === "size_limit" ? "It is larger than one answer may be." : "";

/**
 * One line of what an answer is, for who hears it. Without a report it is not known yet what it will be, and only a
 * report says that it is complete: every region may have answered, and the trace still be cut.
 */
export function inWords(model, regions, report = null) {
  const missing = regions.filter((region) => !status(region.status).isWhole).map((region) => `${region.name} ${status(region.status).sentence}`);
  const errors = model.errors.length ? `, ${count(model.errors.length, "error")}` : "";
  const size = `${count(model.count, "span")} in ${duration(model.duration)}${errors}`;
  if (report?.outcome === "complete" && missing.length === 0) return `${size}, complete.`;
  const why = [missing.length > 0 ? `${listed(missing)}.` : "", limitWords(report?.exactness)].filter(Boolean);
  return [report ? `${size}, not whole.` : `${size} so far.`, ...why].join(" ");
}

/** Colours and shapes there are for regions; more regions than that share them, and are told apart by name. */
const LANES = 8;

/** Which colour and shape stand for a region: by its place among the declared ones. */
export class Lanes {
  constructor(names = []) {
    this.names = [...names];
  }

  of(name) {
    if (!name) return "own";
    if (!this.names.includes(name)) this.names.push(name);
    return `l${this.names.indexOf(name) % LANES}`;
  }
}
