//! Regular expressions as Tempo means them: Go's syntax, the whole value, `.` over line breaks.
//!
//! Go and Rust write nearly the same expressions, but mean other things by `\d`, `\s`, `\b`, `[[a]b]`,
//! `[a&&b]`, `{,3}` and more, so a pattern is not handed over but translated, piece by piece, and refused
//! where Go refuses it.

mod store;

use regex::bytes::Regex;
use regex_syntax::hir::literal::Extractor;
use std::collections::HashSet;
use store::PROGRAMS_BYTES_MAX;

pub use store::{PatternStore, Patterns};

/// Go's limit of a repetition, alone and multiplied through nested ones.
const REPEAT_MAX: u64 = 1000;
/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("missing argument to repetition operator `{0}`")]
    NothingToRepeat(char),
    #[error("invalid nested repetition operator `{0}`")]
    RepeatedRepeat(char),
    #[error("repetition counts go up to 1000, also when multiplied")]
    RepeatTooLarge,
    #[error("missing closing )")]
    OpenGroup,
    #[error("unexpected )")]
    UnopenedGroup,
    #[error("invalid or unsupported group `(?{0}`")]
    BadGroup(String),
    #[error("invalid character class: missing ]")]
    OpenClass,
    #[error("invalid character class range `{0}`")]
    BadRange(String),
    #[error("invalid escape sequence `\\{0}`")]
    BadEscape(String),
    #[error("trailing backslash")]
    TrailingBackslash,
    #[error("the pattern nests too deep or is too large")]
    TooLarge,
    #[error("the patterns of the query are over {} MiB together when compiled", PROGRAMS_BYTES_MAX >> 20)]
    TooLargeTogether,
}

/// Whether Go would take the pattern; cheaper than compiling.
pub fn check(pattern: &str) -> Result<(), PatternError> {
    translate(pattern).map(|_| ())
}

/// Every text that the pattern takes, where these are few; more than it takes where it looks at what stands around.
pub fn texts(pattern: &str, most: usize) -> Option<Vec<String>> {
    let translated = format!("(?s:{})", translate(pattern).ok()?);
    let hir = regex_syntax::parse(&translated).ok()?;
    let found = Extractor::new().limit_total(most).extract(&hir);
    let literals = found.literals().filter(|_| found.is_exact())?;
    literals.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok()).collect()
}

fn translate(pattern: &str) -> Result<String, PatternError> {
    let mut translator = Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        groups: vec![Group::default()],
        names: HashSet::new(),
        flags: None,
    };
    while !translator.rest.is_empty() {
        translator.piece()?;
    }
    translator.put_flags();
    if translator.groups.len() > 1 {
        return Err(PatternError::OpenGroup);
    }
    Ok(translator.out)
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    /// The open groups, outermost (the whole) first.
    groups: Vec<Group>,
    names: HashSet<&'p str>,
    /// A flag group such as `(?i)` that is not written yet: in Go, a repetition after it still repeats
    /// what stands before it.
    flags: Option<String>,
}

/// What a repetition operator needs to know of what stands before it.
#[derive(Clone, Copy)]
struct Group {
    /// Whether there is something to repeat.
    operand: bool,
    /// Whether the last piece was a repetition.
    repeated: bool,
    /// Product of the counts in the last piece, and the largest in the group.
    last: u64,
    worst: u64,
    /// Where the group begins in the output, and where its last piece does.
    start: usize,
    piece: usize,
}

impl Default for Group {
    fn default() -> Self {
        Self { operand: false, repeated: false, last: 1, worst: 1, start: 0, piece: 0 }
    }
}

impl<'p> Translator<'p> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.skip(c.len_utf8());
        Some(c)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn group(&mut self, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.last_mut() {
            change(group);
        }
    }

    fn put_flags(&mut self) {
        if let Some(flags) = self.flags.take() {
            self.out.push_str(&flags);
        }
    }

    /// Writes something that can be repeated.
    fn put(&mut self, piece: &str) {
        self.put_flags();
        let start = self.out.len();
        self.out.push_str(piece);
        self.wrote(start, 1);
    }

    /// Something that can be repeated was written from `piece` on.
    fn wrote(&mut self, piece: usize, counts: u64) {
        self.group(|group| {
            let worst = group.worst.max(counts);
            *group = Group { operand: true, repeated: false, last: counts, worst, piece, ..*group };
        });
    }

    fn literal(&mut self, c: char) {
        let mut piece = String::new();
        put_literal(&mut piece, c);
        self.put(&piece);
    }

    fn piece(&mut self) -> Result<(), PatternError> {
        if self.rest.starts_with("(?") {
            return self.special_group();
        }
        let Some(c) = self.take() else { return Ok(()) };
        match c {
            '(' => self.open(""),
            ')' => return self.close(),
            '|' => {
                self.put_flags();
                self.out.push('|');
                self.group(|group| *group = Group { operand: false, repeated: false, last: 1, ..*group });
            }
            '^' => self.put("^"),
            '$' => self.put("$"),
            '.' => self.put("."),
            '[' => return self.class(),
            '\\' => return self.escape(),
            '*' | '+' | '?' => return self.repeat(c, &c.to_string(), None),
            '{' => match counts(self.rest) {
                Some((min, max, length)) => {
                    let written = format!("{{{}", self.rest.get(..length).unwrap_or(""));
                    self.skip(length);
                    let largest = max.unwrap_or(min);
                    if min > REPEAT_MAX || largest > REPEAT_MAX || max.is_some_and(|max| max < min) {
                        return Err(PatternError::RepeatTooLarge);
                    }
                    return self.repeat('{', &written, Some(largest));
                }
                None => self.literal('{'),
            },
            other => self.literal(other),
        }
        Ok(())
    }

    fn repeat(&mut self, sign: char, written: &str, count: Option<u64>) -> Result<(), PatternError> {
        let group = self.groups.last().copied().unwrap_or_default();
        if group.repeated {
            return Err(PatternError::RepeatedRepeat(sign));
        }
        if !group.operand {
            return Err(PatternError::NothingToRepeat(sign));
        }
        if self.flags.is_some() {
            // `a+(?i)?` is `(?:a+)?`; written side by side it would say something else.
            self.out.insert_str(group.piece, "(?:");
            self.out.push(')');
        }
        self.out.push_str(written);
        if self.rest.starts_with('?') {
            self.skip(1);
            self.out.push('?');
        }
        let product = match count {
            Some(0) => 1,
            Some(count) => count * group.last,
            None => group.last,
        };
        if product > REPEAT_MAX {
            return Err(PatternError::RepeatTooLarge);
        }
        self.wrote(group.piece, product);
        self.group(|group| group.repeated = true);
        self.put_flags();
        Ok(())
    }

    fn open(&mut self, flags: &str) {
        // Nothing is ever captured, so no group needs to capture.
        self.put_flags();
        let start = self.out.len();
        self.out.push_str("(?");
        self.out.push_str(flags);
        self.out.push(':');
        self.groups.push(Group { start, ..Group::default() });
    }

    fn close(&mut self) -> Result<(), PatternError> {
        if self.groups.len() < 2 {
            return Err(PatternError::UnopenedGroup);
        }
        self.put_flags();
        let group = self.groups.pop().unwrap_or_default();
        self.out.push(')');
        self.wrote(group.start, group.worst);
        Ok(())
    }

    /// `(?:`, `(?i:`, `(?i)`, `(?P<name>`, `(?<name>`.
    fn special_group(&mut self) -> Result<(), PatternError> {
        let inside = self.rest.get(2..).unwrap_or("");
        let bad = || PatternError::BadGroup(inside.chars().take(10).collect());
        if let Some(named) = inside.strip_prefix("P<").or_else(|| inside.strip_prefix('<')) {
            let end = named.find('>').ok_or_else(bad)?;
            let name = named.get(..end).unwrap_or("");
            let valid = !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
            if !valid || !self.names.insert(name) {
                return Err(bad());
            }
            self.rest = named.get(end + 1..).unwrap_or("");
            self.open("");
            return Ok(());
        }
        let end = inside.find([':', ')']).ok_or_else(bad)?;
        let flags = inside.get(..end).unwrap_or("");
        let (on, off) = flags.split_once('-').map_or((flags, None), |(on, off)| (on, Some(off)));
        let known = |flags: &str| flags.bytes().all(|flag| b"imsU".contains(&flag));
        if !known(on) || !off.is_none_or(|off| known(off) && !off.is_empty()) {
            return Err(bad());
        }
        let flags = deduplicated(on, off.unwrap_or(""));
        let opens = inside.as_bytes().get(end) == Some(&b':');
        self.skip(2 + end + 1);
        if opens {
            self.open(&flags);
        } else {
            let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
            self.flags = Some(self.flags.take().unwrap_or_default() + &flags);
            self.group(|group| group.repeated = false);
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        if let Some(class) = self.rest.chars().next().and_then(perl_class) {
            self.skip(1);
            self.put(class);
            return Ok(());
        }
        if self.rest.starts_with(['p', 'P']) {
            let class = self.unicode_class()?;
            self.put(&class);
            return Ok(());
        }
        let assertion = match self.rest.chars().next() {
            Some('A') => r"\A",
            Some('z') => r"\z",
            Some('b') => r"(?-u:\b)",
            Some('B') => r"(?-u:\B)",
            Some('Q') => {
                self.skip(1);
                let (quoted, after) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
                quoted.chars().for_each(|c| self.literal(c));
                self.rest = after;
                return Ok(());
            }
            _ => {
                let c = self.escaped_char()?;
                self.literal(c);
                return Ok(());
            }
        };
        self.skip(1);
        self.put(assertion);
        Ok(())
    }

    /// The character after a backslash that stands for one.
    fn escaped_char(&mut self) -> Result<char, PatternError> {
        let c = self.take().ok_or(PatternError::TrailingBackslash)?;
        let bad = |said: String| Err(PatternError::BadEscape(said));
        match c {
            '1'..='7' if !self.rest.starts_with(|c: char| c.is_digit(8)) => bad(c.to_string()),
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.skip(1);
                }
                char::from_u32(code).ok_or_else(|| PatternError::BadEscape(c.to_string()))
            }
            'x' => {
                let (digits, length) = match self.rest.strip_prefix('{') {
                    Some(braced) => match braced.find('}') {
                        Some(end) => (braced.get(..end).unwrap_or(""), end + 2),
                        None => return bad("x{".to_owned()),
                    },
                    None => (self.rest.get(..2).unwrap_or(""), 2),
                };
                let hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let code = u32::from_str_radix(digits.trim_start_matches('0'), 16)
                    .or(if hex && digits.trim_matches('0').is_empty() { Ok(0) } else { Err(()) });
                match code.ok().filter(|_| hex).and_then(char::from_u32) {
                    Some(c) => {
                        self.skip(length);
                        Ok(c)
                    }
                    None => bad(format!("x{digits}")),
                }
            }
            'a' => Ok('\x07'),
            'f' => Ok('\x0c'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\x0b'),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
            c => bad(c.to_string()),
        }
    }

    /// `\pL`, `\p{Greek}`, `\P{^Greek}`; the backslash is taken.
    fn unicode_class(&mut self) -> Result<String, PatternError> {
        let mut negated = self.take() == Some('P');
        let name = match self.rest.strip_prefix('{') {
            Some(braced) => {
                let end = braced.find('}').ok_or_else(|| PatternError::BadRange(r"\p{".to_owned()))?;
                self.skip(end + 2);
                braced.get(..end).unwrap_or("")
            }
            None => {
                let length = self.rest.chars().next().map_or(0, char::len_utf8);
                let name = self.rest.get(..length).unwrap_or("");
                self.skip(length);
                name
            }
        };
        let name = name.strip_prefix('^').inspect(|_| negated = !negated).unwrap_or(name);
        let class = format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' });
        // The tables of the regex crate know which names there are; its other forms are not Go's.
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ".contains(&b));
        if !plain || name.is_empty() || Regex::new(&class).is_err() {
            return Err(PatternError::BadRange(class));
        }
        Ok(class)
    }

    /// `[...]`; the bracket is taken.
    fn class(&mut self) -> Result<(), PatternError> {
        let mut out = String::from("[");
        if self.rest.starts_with('^') {
            self.skip(1);
            out.push('^');
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if self.rest.is_empty() {
                return Err(PatternError::OpenClass);
            }
            self.class_item(&mut out)?;
        }
        self.skip(1);
        out.push(']');
        self.put(&out);
        Ok(())
    }

    fn class_item(&mut self, out: &mut String) -> Result<(), PatternError> {
        if let Some(end) = self.rest.strip_prefix("[:").and_then(|rest| rest.find(":]")) {
            let name = self.rest.get(..end + 4).unwrap_or("");
            if !is_posix_class(name) {
                return Err(PatternError::BadRange(name.to_owned()));
            }
            out.push_str(name);
            self.skip(end + 4);
            return Ok(());
        }
        if let Some(after) = self.rest.strip_prefix('\\') {
            if let Some(class) = after.chars().next().and_then(perl_class) {
                out.push_str(class);
                self.skip(2);
                return Ok(());
            }
            if after.starts_with(['p', 'P']) {
                self.skip(1);
                out.push_str(&self.unicode_class()?);
                return Ok(());
            }
        }
        let low = self.class_char()?;
        put_literal(out, low);
        let is_range = self.rest.len() >= 2 && self.rest.starts_with('-') && !self.rest.starts_with("-]");
        if is_range {
            self.skip(1);
            let high = self.class_char()?;
            if high < low {
                return Err(PatternError::BadRange(format!("{low}-{high}")));
            }
            out.push('-');
            put_literal(out, high);
        }
        Ok(())
    }

    fn class_char(&mut self) -> Result<char, PatternError> {
        match self.take() {
            Some('\\') => self.escaped_char(),
            Some(c) => Ok(c),
            None => Err(PatternError::OpenClass),
        }
    }
}

/// Go lets flags be said twice, and the last word counts.
fn deduplicated(on: &str, off: &str) -> String {
    let pick = |flags: &str, unless: &str| -> String {
        "imsU".chars().filter(|flag| flags.contains(*flag) && !unless.contains(*flag)).collect()
    };
    let (on, off) = (pick(on, off), pick(off, ""));
    if off.is_empty() { on } else { format!("{on}-{off}") }
}

/// A character that means itself, in a class or out of it.
fn put_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!(r"\x{:02x}", c as u32));
    }
}

/// Go's classes are ASCII, and its `\s` has no vertical tab.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0c\r\x20]",
        'S' => r"[^\t\n\x0c\r\x20]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

fn is_posix_class(text: &str) -> bool {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
        "upper", "word", "xdigit",
    ];
    let name = text.strip_prefix("[:").and_then(|text| text.strip_suffix(":]")).unwrap_or("");
    NAMES.contains(&name.strip_prefix('^').unwrap_or(name))
}

/// `n}`, `n,}` or `n,m}` after a brace: least, most (none for no end) and how long it is. What is no
/// such thing is literal text to Go.
fn counts(text: &str) -> Option<(u64, Option<u64>, usize)> {
    let end = text.find('}')?;
    let inside = text.get(..end)?;
    let number = |digits: &str| -> Option<u64> {
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        let valid = !digits.is_empty() && !leading_zero && digits.bytes().all(|b| b.is_ascii_digit());
        // A number too long to read is too large a count, not literal text.
        valid.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let (min, max) = match inside.split_once(',') {
        None => {
            let count = number(inside)?;
            (count, Some(count))
        }
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((min, max, end + 1))
}

#[cfg(test)]
mod tests;
