//! Exceptions with their frames, of Java, Python, Go, JavaScript, .NET, Ruby, Rust and PHP. A frame stays, but for
//! the names of users in its paths, the queries of its URLs and the arguments of its calls; a line that is no frame is
//! a message. Nothing is refused: what is not recognised is free text.

mod frame;

use super::PieceKind;
use super::read::{Pieces, part};

pub(super) fn stack<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let mut at = 0;
    for whole in text.split('\n') {
        let line = whole.strip_suffix('\r').unwrap_or(whole);
        let begin = at + line.len() - line.trim_ascii_start().len();
        let inside = line.trim_ascii();
        if !inside.is_empty() && !is_fixed(inside) && !frame::frame(inside, &mut pieces.inside(begin)) {
            message(inside, begin, pieces);
        }
        at += whole.len() + 1;
    }
}

/// Lines that are the same in every program.
const FIXED: [&str; 14] = [
    "Traceback (most recent call last):",
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
    "--- End of stack trace from previous location ---",
    "--- End of stack trace from previous location where exception was thrown ---",
    "--- End of inner exception stack trace ---",
    "stack backtrace:",
    "Stack trace:",
    "[stacktrace]",
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    "note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.",
    "...additional frames elided...",
    "at <anonymous>",
    "at [native code]",
];

fn is_fixed(line: &str) -> bool {
    let is_marker = || line.bytes().all(|byte| matches!(byte, b'^' | b'~' | b' ' | b'-'));
    let is_more = || {
        let count = line.strip_prefix("... ").and_then(|rest| rest.split_once(' '));
        count.is_some_and(|(count, what)| {
            count.len() <= 6
                && count.bytes().all(|byte| byte.is_ascii_digit())
                && matches!(what, "more" | "common frames omitted")
        })
    };
    FIXED.contains(&line) || is_marker() || is_more()
}

/// What precedes the class of an exception.
const LEADS: [&str; 9] = [
    "Caused by: ",
    "Suppressed: ",
    "Wrapped by: ",
    "---> ",
    "PHP Fatal error:  Uncaught ",
    "Fatal error: Uncaught ",
    "Uncaught ",
    "Unhandled exception. ",
    "Next ",
];

/// Bytes of the class of an exception.
const CLASS_BYTES_MAX: usize = 160;

/// The class of the exception stays, what it says does not.
fn message(line: &str, at: usize, pieces: &mut Pieces<'_, '_>) {
    let lead = LEADS.iter().find(|lead| line.starts_with(**lead)).map_or(0, |lead| lead.len());
    let rest = part(line, lead, line.len());
    let class =
        rest.find(": ").filter(|length| is_class(part(rest, 0, *length))).map(|length| lead + length + 2);
    let ends_at_class = is_class(rest.trim_end_matches(':'));
    let from = if ends_at_class { line.len() } else { class.unwrap_or(lead) };
    if from < line.len() {
        pieces.put(at + from, at + line.len(), PieceKind::Message);
    }
}

/// A name with parts, or one that says that it is an error.
fn is_class(name: &str) -> bool {
    let is_part = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'`'))
    };
    let last = name.rsplit(['.', ':', '\\']).next().unwrap_or_default();
    let is_error =
        ["Error", "Exception", "Throwable", "Warning", "Failure", "Fault", "Interrupt", "Exit", "panic"]
            .iter()
            .any(|end| last.ends_with(end));
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() <= CLASS_BYTES_MAX
        && is_error
        && digits <= 4
        && name
            .split(['.', '\\'])
            .all(|dotted| dotted.split("::").all(|word| word.is_empty() || is_part(word)))
}
