//! Random queries over the keys and values of `random_traces`: every construct, mostly well typed.
//!
//! Knows the language as text only, so that the parser is not asked what it would like to be asked.

use crate::dice::Dice;
use crate::question::Question;
use crate::random_traces::{NAMES, SECONDS, SERVICES, TEXTS};

const COMPARISONS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];
const STRUCTURAL: [&str; 15] =
    [">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<", "&<<", "&~"];
const KEYS: [&str; 28] = [
    ".x",
    ".y",
    ".s",
    ".b",
    ".arr",
    ".z",
    "span.x",
    "span.y",
    "span.s",
    "span.b",
    "span.arr",
    "span.odd",
    "span.http.status_code",
    "span.\"a b\"",
    "resource.s",
    "resource.x",
    "resource.z",
    "resource.arr",
    "resource.service.name",
    "resource.k8s.pod.name",
    ".service.name",
    "event.k",
    "event.m",
    "event.x",
    "link.rel",
    "link.x",
    "instrumentation.lang",
    "instrumentation.x",
];
const NUMBERS: [&str; 9] = [
    "span.x",
    "span.y",
    ".x",
    ".y",
    "duration",
    "span:childCount",
    "resource.x",
    "span.http.status_code",
    ".z",
];

pub fn search(dice: &mut Dice) -> String {
    let mut query = match dice.below(12) {
        0..5 => filter(dice),
        5..8 => spansets(dice, 2),
        8 => format!("{} | {}", spansets(dice, 1), filter(dice)),
        9 => format!("({} | {}) {} ({})", filter(dice), stage(dice), spanset_operator(dice), filter(dice)),
        _ => filter(dice),
    };
    for _ in 0..dice.below(4).saturating_sub(1) {
        if query.starts_with('(') && query.ends_with(')') {
            break;
        }
        query = format!("{query} | {}", stage(dice));
    }
    query
}

pub fn metrics(dice: &mut Dice) -> Question {
    let query = match dice.below(10) {
        0 => format!("({}) {} ({})", series(dice), dice.of(&["+", "-", "*", "/"]), series(dice)),
        1 => {
            format!("({}) {} {}", series(dice), dice.of(&["+", "-", "*", "/"]), dice.of(&["2", "0.5", "100"]))
        }
        2 => format!("{} | {}({})", series(dice), dice.of(&["topk", "bottomk"]), 1 + dice.below(3)),
        3 => format!("{} {} {}", series(dice), dice.of(&COMPARISONS), dice.of(&["0", "1", "0.5", "1s"])),
        _ => series(dice),
    };
    let end = SECONDS as i64 + 5;
    if dice.percent(25) {
        return Question::Instant { query, start: dice.below(4) as i64 - 2, end };
    }
    Question::Range { query, start: dice.below(4) as i64 - 2, end, step: *dice.of(&[1, 2, 3, 5, 20]) }
}

fn series(dice: &mut Dice) -> String {
    let from = match dice.below(8) {
        0..3 => "{ }".to_owned(),
        3..6 => filter(dice),
        6 => spansets(dice, 1),
        _ => format!("{} | {}", filter(dice), filter(dice)),
    };
    let over = |dice: &mut Dice| *dice.of(&NUMBERS);
    let function = match dice.below(12) {
        0 | 1 => "rate()".to_owned(),
        2 | 3 => "count_over_time()".to_owned(),
        4 => format!("min_over_time({})", over(dice)),
        5 => format!("max_over_time({})", over(dice)),
        6 => format!("sum_over_time({})", over(dice)),
        7 => format!("avg_over_time({})", over(dice)),
        8 => format!("histogram_over_time({})", over(dice)),
        9 | 10 => {
            format!(
                "quantile_over_time({}, {})",
                over(dice),
                dice.of(&["0.5", ".9, .99", "0, 1", "0.25, 0.75"])
            )
        }
        _ => return format!("{from} | compare({}, {})", filter(dice), dice.of(&["10", "3", "1000"])),
    };
    let by: Vec<String> = (0..dice.below(4).saturating_sub(1)).map(|_| label(dice)).collect();
    if by.is_empty() {
        format!("{from} | {function}")
    } else {
        format!("{from} | {function} by ({})", by.join(", "))
    }
}

fn label(dice: &mut Dice) -> String {
    if dice.percent(60) {
        return (*dice.of(&KEYS)).to_owned();
    }
    (*dice.of(&[
        "name",
        "status",
        "kind",
        "rootName",
        "rootServiceName",
        "span:childCount",
        "statusMessage",
        "event:name",
        "instrumentation:name",
        "span:duration",
    ]))
    .to_owned()
}

fn spanset_operator(dice: &mut Dice) -> &'static str {
    if dice.percent(35) { dice.of::<&str>(&["&&", "||"]) } else { dice.of::<&str>(&STRUCTURAL) }
}

fn spansets(dice: &mut Dice, depth: u32) -> String {
    if depth == 0 || dice.percent(20) {
        return filter(dice);
    }
    let (left, right) = (spansets(dice, depth - 1), spansets(dice, depth - 1));
    let operation = format!("{left} {} {right}", spanset_operator(dice));
    if dice.percent(50) { format!("({operation})") } else { operation }
}

fn stage(dice: &mut Dice) -> String {
    match dice.below(10) {
        0 | 1 => format!("count() {} {}", dice.of(&COMPARISONS), dice.below(5)),
        2 | 3 => {
            let function = dice.of(&["min", "max", "sum", "avg"]);
            let field = dice.of(&NUMBERS);
            let than = if *field == "duration" {
                *dice.of(&["1s", "0s", "1ns"])
            } else {
                *dice.of(&["0", "1", "2.5"])
            };
            format!("{function}({field}) {} {than}", dice.of(&COMPARISONS))
        }
        4 | 5 => format!("by({})", if dice.percent(80) { label(dice) } else { number(dice) }),
        6 => "coalesce()".to_owned(),
        7 => {
            let keys: Vec<String> = (0..1 + dice.below(3)).map(|_| label(dice)).collect();
            format!("select({})", keys.join(", "))
        }
        _ => filter(dice),
    }
}

pub fn filter(dice: &mut Dice) -> String {
    if dice.percent(8) {
        return "{ }".to_owned();
    }
    let depth = dice.below(3) as u32;
    format!("{{ {} }}", condition(dice, depth))
}

fn condition(dice: &mut Dice, depth: u32) -> String {
    if depth == 0 {
        return atom(dice);
    }
    match dice.below(10) {
        0 => format!("!({})", condition(dice, depth - 1)),
        1..4 => format!("{} || {}", side(dice, depth), side(dice, depth)),
        _ => format!("{} && {}", side(dice, depth), side(dice, depth)),
    }
}

fn side(dice: &mut Dice, depth: u32) -> String {
    let inner = condition(dice, depth - 1);
    if depth > 1 { format!("({inner})") } else { inner }
}

fn atom(dice: &mut Dice) -> String {
    match dice.below(20) {
        0..9 => attribute_atom(dice),
        9..15 => intrinsic_atom(dice),
        15 => format!("{} {} nil", dice.of(&KEYS), dice.of(&["=", "!="])),
        16 => format!("{} {} {}", number(dice), dice.of(&COMPARISONS), number(dice)),
        17 => format!("{} {} {}", dice.of(&KEYS), dice.of(&["=", "!=", ">"]), dice.of(&KEYS)),
        18 => format!("{} {} {}", literal(dice), dice.of(&COMPARISONS), dice.of(&KEYS)),
        _ => (*dice.of(&["true", "false", ".b", "!.b", "span.b", "1 = 1"])).to_owned(),
    }
}

fn attribute_atom(dice: &mut Dice) -> String {
    let key = *dice.of(&KEYS);
    match key.trim_start_matches(|c| c != '.') {
        ".x" | ".k" | ".y" | ".http.status_code" | ".z" if dice.percent(80) => {
            let value = *dice.of(&["0", "1", "2", "-1", "0.5", "2.5", "200", "1s"]);
            format!("{key} {} {value}", dice.of(&COMPARISONS))
        }
        ".b" if dice.percent(80) => {
            format!("{key} {} {}", dice.of(&["=", "!="]), dice.of(&["true", "false"]))
        }
        _ if dice.percent(25) => {
            let pattern = *dice.of(&["foo.*", "f.+", ".*", "a|b", "[pz].?", "", "nil", ".*ü"]);
            format!("{key} {} {pattern:?}", dice.of(&["=~", "!~"]))
        }
        _ if dice.percent(85) => {
            let operator = if dice.percent(80) { *dice.of(&["=", "!="]) } else { *dice.of(&COMPARISONS) };
            format!("{key} {operator} {:?}", word(dice))
        }
        _ => format!("{key} {} {}", dice.of(&COMPARISONS), literal(dice)),
    }
}

fn word(dice: &mut Dice) -> &'static str {
    match dice.below(4) {
        0 => dice.of::<&str>(&SERVICES),
        1 => dice.of::<&str>(&["p", "q", "z", "go", "u"]),
        _ => dice.of::<&str>(&TEXTS),
    }
}

fn literal(dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => format!("{:?}", word(dice)),
        1 => "true".to_owned(),
        2 => "0.5".to_owned(),
        3 => "1s".to_owned(),
        _ => dice.below(3).to_string(),
    }
}

fn number(dice: &mut Dice) -> String {
    let left = *dice.of(&NUMBERS);
    match dice.below(6) {
        0 => format!("-{left}"),
        1 => left.to_owned(),
        _ => format!(
            "{left} {} {}",
            dice.of(&["+", "-", "*", "/", "%", "^"]),
            dice.of(&["1", "2", "0.5", "span.x"])
        ),
    }
}

fn intrinsic_atom(dice: &mut Dice) -> String {
    let equality = *dice.of(&["=", "!="]);
    let comparison = *dice.of(&COMPARISONS);
    match dice.below(19) {
        0 | 1 => format!("name {equality} {:?}", dice.of(&NAMES)),
        2 => format!("name {} {:?}", dice.of(&["=~", "!~"]), dice.of(&["A|B", "G.*", ""])),
        3 | 4 => format!("duration {comparison} {}", dice.of(&["0s", "1ns", "1s", "1.5s", "100000000000"])),
        5 => format!("status {equality} {}", dice.of(&["ok", "error", "unset"])),
        6 => format!(
            "kind {equality} {}",
            dice.of(&["client", "server", "internal", "unspecified", "consumer"])
        ),
        7 => format!("statusMessage {equality} {:?}", dice.of(&["", "boom"])),
        8 => format!("rootName {equality} {:?}", dice.of(&NAMES)),
        9 => format!("rootServiceName {equality} {:?}", dice.of(&SERVICES)),
        10 => format!("traceDuration {comparison} {}", dice.of(&["1s", "5s", "8s"])),
        11 => format!("span:childCount {comparison} {}", dice.below(4)),
        12 => format!("event:name {equality} {:?}", dice.of(&["e0", "e1", ""])),
        13 => format!("event:timeSinceStart {comparison} {}", dice.of(&["0s", "1ms", "2ms"])),
        14 => format!(
            "link:traceID {equality} {:?}",
            dice.of(&["f1", "f2", "000000000000000000000000000000f1"])
        ),
        15 => {
            format!("link:spanID {equality} {:?}", dice.of(&["e100000000000000", "e100000000000001", "zz"]))
        }
        16 => format!("instrumentation:name {equality} {:?}", dice.of(&["l1", "l2", ""])),
        17 => match dice.below(4) {
            0 => format!("instrumentation:version {equality} {:?}", dice.of(&["1", "2.0", ""])),
            1 => format!(
                "span:id {equality} {:?}",
                dice.of(&["a10000000000a100", "a10000000000a110", "a110", ""])
            ),
            2 => format!(
                "span:parentID {equality} {:?}",
                dice.of(&["a10000000000a100", "", "0000000000000001"])
            ),
            _ => {
                format!("trace:id {equality} {:?}", dice.of(&["c0ffee00", "c0ffee01", "00abc0ffee02", "xyz"]))
            }
        },
        _ => {
            let intrinsic = *dice.of(&["nestedSetParent", "nestedSetLeft", "nestedSetRight"]);
            format!("{intrinsic} {comparison} {}", dice.of(&["0", "1", "-1", "3"]))
        }
    }
}
