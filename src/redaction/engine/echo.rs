//! What was treated under one key is scrubbed wherever else its trace says it: the name in `user.full_name` also in
//! "hello Jane Roe". Values of classes that have `echo` are collected as they are treated, and then looked for in
//! every text of the region's part of the trace that is not safe by its key, in any case of letters and as a URL or
//! JSON would have it.
//!
//! The set is that of one region's part. What a region's spans may show is decided by that region's rules and what
//! it holds, before they meet another's; a value of one region is never looked for in another's spans, for that would
//! carry it over the border.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, Input, MatchKind};

use crate::classify::{Finding, Look};
use crate::model::ClassId;

/// Characters below which a value is too common to be looked for.
pub const ECHO_CHARS_MIN: usize = 5;
/// The same for a value of digits alone.
const DIGITS_MIN: usize = 6;
/// Up to so many characters, a value is looked for as a word of its own.
const WORD_CHARS_MAX: usize = 8;
/// A longer value is looked for by its beginning: it stands whole under its key, and what repeats it repeats that.
const VALUE_BYTES_MAX: usize = 256;
/// Values of one part, and their bytes: the automaton takes some hundred bytes for each. Where there are more, no
/// text that could repeat one is shown.
pub const ECHO_VALUES_MAX: usize = 4096;
pub const ECHO_BYTES_MAX: usize = 64 << 10;

/// What many values are and no one's: not looked for. In order.
const COMMON: &[&str] = &[
    "account",
    "accounts",
    "admin",
    "administrator",
    "anonymous",
    "backend",
    "client",
    "customer",
    "default",
    "deploy",
    "development",
    "empty",
    "example",
    "external",
    "false",
    "frontend",
    "gateway",
    "guest",
    "internal",
    "local",
    "localhost",
    "member",
    "nobody",
    "object",
    "owner",
    "postgres",
    "private",
    "production",
    "public",
    "redacted",
    "server",
    "service",
    "session",
    "staging",
    "string",
    "system",
    "tester",
    "undefined",
    "unknown",
    "users",
    "value",
    "viewer",
    "worker",
];

/// Values as they are found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In lower case.
    values: HashMap<String, ClassId>,
    bytes: usize,
    is_too_many: bool,
}

/// What to look for.
#[derive(Debug)]
pub(super) enum Echo {
    Search(Search),
    /// More than can be looked for.
    TooMany,
}

#[derive(Debug)]
pub(super) struct Search {
    /// Found anywhere.
    long: Option<Patterns>,
    /// Found as words.
    words: Option<Patterns>,
}

#[derive(Debug)]
struct Patterns {
    automaton: AhoCorasick,
    classes: Vec<ClassId>,
}

impl Found {
    /// Takes a value that is treated as of this class. Of two classes the stricter holds, whatever the order.
    pub fn add(&mut self, value: &str, class: ClassId, look: &Look) {
        let value = value.trim();
        let value = value.get(..value.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default();
        if !is_telling(value) || self.is_too_many {
            return;
        }
        let lower = value.to_ascii_lowercase();
        if let Some(known) = self.values.get_mut(&lower) {
            let rank = |class: ClassId| (look.strictness(class), std::cmp::Reverse(class));
            *known = std::cmp::max_by_key(*known, class, |class| rank(*class));
            return;
        }
        self.bytes += lower.len();
        self.is_too_many = self.values.len() >= ECHO_VALUES_MAX || self.bytes > ECHO_BYTES_MAX;
        self.values.insert(lower, class);
    }

    /// What to look for; none where nothing was found.
    pub fn search(self) -> Option<Echo> {
        if self.is_too_many {
            return Some(Echo::TooMany);
        }
        if self.values.is_empty() {
            return None;
        }
        let mut values: Vec<(String, ClassId)> = self.values.into_iter().collect();
        values.sort();
        let (words, long) = values.into_iter().partition(|(value, _)| value.chars().count() < WORD_CHARS_MAX);
        match (Patterns::of(long), Patterns::of(words)) {
            (Ok(long), Ok(words)) => Some(Echo::Search(Search { long, words })),
            _ => Some(Echo::TooMany),
        }
    }
}

fn is_telling(value: &str) -> bool {
    let least = if value.bytes().all(|byte| byte.is_ascii_digit()) { DIGITS_MIN } else { ECHO_CHARS_MIN };
    let is_long = value.chars().take(least).count() >= least;
    is_long && COMMON.binary_search(&value.to_ascii_lowercase().as_str()).is_err()
}

impl Patterns {
    fn of(values: Vec<(String, ClassId)>) -> Result<Option<Self>, aho_corasick::BuildError> {
        if values.is_empty() {
            return Ok(None);
        }
        let (mut patterns, mut classes) = (Vec::new(), Vec::new());
        for (value, class) in values {
            for form in forms(value) {
                patterns.push(form);
                classes.push(class);
            }
        }
        let automaton = AhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(patterns)?;
        Ok(Some(Self { automaton, classes }))
    }

    fn class(&self, found: &aho_corasick::Match) -> Option<ClassId> {
        self.classes.get(found.pattern().as_usize()).copied()
    }
}

/// A value as it is, as a URL has it, as a form has it, and as JSON in ASCII has it.
fn forms(value: String) -> Vec<String> {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    const URL: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let url = utf8_percent_encode(&value, URL).to_string();
    let form = url.replace("%20", "+");
    let mut json = String::new();
    for c in value.chars() {
        match c.is_ascii() {
            true => json.push(c),
            false => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| json.push_str(&format!("\\u{unit:04x}")))
            }
        }
    }
    let mut forms = vec![value];
    for other in [url, form, json] {
        if !forms.contains(&other) {
            forms.push(other);
        }
    }
    forms
}

impl Search {
    /// Whether a text says any of it.
    pub fn is_in(&self, text: &str) -> bool {
        let is_long = self.long.as_ref().is_some_and(|long| long.automaton.is_match(text));
        is_long || self.next_word(text, 0).is_some()
    }

    /// Where a text says which.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let mut out = Vec::new();
        if let Some(long) = &self.long {
            let found = long.automaton.find_iter(text);
            out.extend(found.filter_map(|at| Some(Finding { range: at.range(), class: long.class(&at)? })));
        }
        let mut from = 0;
        while let Some((range, class)) = self.next_word(text, from) {
            from = range.end;
            out.push(Finding { range, class });
        }
        // Where forms begin within a character of another text, there is no such text.
        out.retain(|finding| text.get(finding.range.clone()).is_some());
        out
    }

    /// The first word from a place on. Looked for again one byte later where it is but a part of a word: the values
    /// are short, so that the work stays linear.
    fn next_word(&self, text: &str, mut from: usize) -> Option<(Range<usize>, ClassId)> {
        let words = self.words.as_ref()?;
        while let Some(found) = words.automaton.find(Input::new(text).range(from..)) {
            if is_word(text, found.range()) {
                return words.class(&found).map(|class| (found.range(), class));
            }
            from = found.start() + 1;
        }
        None
    }
}

/// Whether no letter and no digit stands right before or after.
fn is_word(text: &str, range: Range<usize>) -> bool {
    let before = text.get(..range.start).and_then(|before| before.chars().next_back());
    let after = text.get(range.end..).and_then(|after| after.chars().next());
    ![before, after].into_iter().flatten().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Classifier;
    use crate::classify::classifier::Bindings;
    use crate::classify::detect::Care;
    use crate::classify::keys::Dictionary;

    fn look() -> Look {
        let class = ClassId::new(0);
        let classifier = Classifier::new(Dictionary::default(), Bindings::default(), class, class);
        classifier.look(|class| (u8::try_from(class.index()).unwrap(), Care::Balanced))
    }

    fn search(values: &[&str]) -> Option<Echo> {
        let mut found = Found::default();
        values.iter().for_each(|value| found.add(value, ClassId::new(1), &look()));
        found.search()
    }

    fn parts<'t>(values: &[&str], text: &'t str) -> Vec<&'t str> {
        let Some(Echo::Search(search)) = search(values) else { panic!("nothing to look for") };
        let found: Vec<&str> =
            search.find(text).into_iter().map(|finding| text.get(finding.range).unwrap()).collect();
        assert_eq!(search.is_in(text), !found.is_empty());
        found
    }

    #[test]
    fn a_value_is_found_however_it_is_written() {
        let found = |text| parts(&["Jane Roe", "José García"], text);
        assert_eq!(found("hello Jane Roe!"), ["Jane Roe"]);
        assert_eq!(found("JANE ROE and jane roe"), ["JANE ROE", "jane roe"]);
        assert_eq!(found("?name=Jane%20Roe&x=jane+roe"), ["Jane%20Roe", "jane+roe"]);
        assert_eq!(found("?name=Jos%C3%A9%20Garc%C3%ADa"), ["Jos%C3%A9%20Garc%C3%ADa"]);
        assert_eq!(found(r#"{"n":"Jos\u00e9 Garc\u00EDa"}"#), [r"Jos\u00e9 Garc\u00EDa"]);
        assert_eq!(found("Jane Doe"), [""; 0]);
    }

    #[test]
    fn a_short_value_is_found_as_a_word() {
        assert_eq!(parts(&["order"], "reorder orders order_7 order"), ["order", "order"]);
        assert_eq!(parts(&["roe77"], "xroe77 roe77"), ["roe77"]);
        assert_eq!(parts(&["u-1-2-3-4"], "xu-1-2-3-4x"), ["u-1-2-3-4"]);
    }

    #[test]
    fn the_longest_of_two_values_is_found() {
        assert_eq!(
            parts(&["jane.roe", "jane.roe@example.com"], "to jane.roe@example.com"),
            ["jane.roe@example.com"]
        );
    }

    #[test]
    fn what_is_common_or_short_is_not_looked_for() {
        assert!(search(&["Jane", "admin", "ADMIN", " root ", "12345", "", "unknown"]).is_none());
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn too_many_values_are_not_looked_for_in_part() {
        let values: Vec<String> = (0..=ECHO_VALUES_MAX).map(|nth| format!("user-{nth}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert!(matches!(search(&values), Some(Echo::TooMany)));
        assert!(matches!(search(&values[1..]), Some(Echo::Search(_))));
        assert!(matches!(search(&[&"x".repeat(300), "y".repeat(200).as_str()]), Some(Echo::Search(_))));
    }

    #[test]
    fn of_two_classes_the_stricter_holds() {
        for order in [[1, 2], [2, 1]] {
            let mut found = Found::default();
            order.into_iter().for_each(|class| found.add("Jane Roe", ClassId::new(class), &look()));
            let Some(Echo::Search(search)) = found.search() else { panic!("nothing to look for") };
            assert_eq!(search.find("Jane Roe")[0].class, ClassId::new(2));
        }
    }
}
