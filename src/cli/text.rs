//! Text for a terminal: made harmless, measured, cut to width; durations, times and sizes for people.
//!
//! Names and messages come from whoever can send a span. What a terminal would obey (escape sequences,
//! control characters) or lay out against our will (direction marks, invisible characters) is shown as
//! an escape instead.

use std::time::{Duration, SystemTime};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters looked at of any one text: more than the widest line shows, and a bound on characters that
/// take no room at all.
const CHARS_MAX: usize = 1000;

/// This text without anything a terminal would act on.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(CHARS_MAX));
    for c in text.chars().take(CHARS_MAX) {
        match c {
            '\n' => clean.push_str("\\n"),
            '\r' => clean.push_str("\\r"),
            '\t' => clean.push_str("\\t"),
            c if c.is_control() || misleads(c) => {
                clean.extend(c.escape_unicode());
            }
            c => clean.push(c),
        }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        clean.push('…');
    }
    clean
}

/// Direction marks, line and paragraph separators, invisible characters and tags.
pub fn misleads(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Columns this text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// At most `columns` of a clean text; what is cut off is said with an ellipsis.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut used = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or_default();
            used < columns
        })
        .collect();
    // A sequence may be wider than its characters.
    while width(&kept) >= columns && kept.pop().is_some() {}
    kept.push('…');
    kept
}

/// Exactly `columns`: cut, or filled with blanks on the right.
pub fn left(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&text))));
    text
}

/// Exactly `columns`: cut, or filled with blanks on the left.
pub fn right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let mut padded: String = std::iter::repeat_n(' ', columns.saturating_sub(width(&text))).collect();
    padded.push_str(&text);
    padded
}

/// Lines of at most `columns`, broken between words; a word that is wider is cut.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, columns)),
        }
    }
    lines
}

/// A span of time with three digits or so.
pub fn duration(nanos: u64) -> String {
    const US: u64 = 1_000;
    const MS: u64 = 1_000 * US;
    const S: u64 = 1_000 * MS;
    match nanos {
        0..US => format!("{nanos} ns"),
        US..MS => digits(nanos, US, "µs"),
        MS..S => digits(nanos, MS, "ms"),
        S.. => match nanos / S {
            0..60 => digits(nanos, S, "s"),
            s @ 60..3_600 => format!("{}m {:02}s", s / 60, s % 60),
            s @ 3_600..86_400 => format!("{}h {:02}m", s / 3_600, s / 60 % 60),
            s => format!("{}d {:02}h", s / 86_400, s / 3_600 % 24),
        },
    }
}

fn digits(nanos: u64, unit: u64, name: &str) -> String {
    let whole = nanos / unit;
    let hundredths = nanos % unit * 100 / unit;
    match whole {
        0..10 if unit == 1_000_000_000 => format!("{whole}.{hundredths:02} {name}"),
        0..100 => format!("{whole}.{} {name}", hundredths / 10),
        _ => format!("{whole} {name}"),
    }
}

/// Milliseconds as the server gives them.
pub fn millis(ms: f64) -> String {
    if ms.is_finite() && ms.abs() < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// A point in time, in UTC.
pub fn utc(nanos: u64) -> String {
    let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)) else {
        return format!("{nanos} ns after 1970");
    };
    let text = humantime::format_rfc3339_millis(time).to_string();
    format!("{} UTC", text.trim_end_matches('Z').replace('T', " "))
}

pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        1_000_000.. => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// `1 span`, `1,234 spans`.
pub fn count(of: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(of), if of == 1 { "" } else { "s" })
}

pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(clean("a\u{1b}[31mb\r\n\u{9b}2J\u{7f}"), "a\\u{1b}[31mb\\r\\n\\u{9b}2J\\u{7f}");
        assert_eq!(clean("exe\u{202e}gnp.doc\u{2028}"), "exe\\u{202e}gnp.doc\\u{2028}");
        assert_eq!(clean("größe 東京 👩‍👩‍👧"), "größe 東京 👩‍👩‍👧");
    }

    #[test]
    fn wide_characters_are_cut_whole() {
        assert_eq!(cut("東京都", 6), "東京都");
        assert_eq!(cut("東京都", 5), "東京…");
        assert_eq!(cut("東京都", 4), "東…");
        assert_eq!(left("東京", 6), "東京  ");
        assert_eq!(right("7", 3), "  7");
    }

    #[test]
    fn durations_and_sizes_are_short() {
        let shown: Vec<_> = [0, 999, 1_500, 999_999, 3_450_000, 98_000_000, 312_900_000, 1_239_000_000]
            .into_iter()
            .chain([59_999_000_000, 61_000_000_000, 3_660_000_000_000, u64::MAX])
            .map(duration)
            .collect();
        let expected = [
            "0 ns",
            "999 ns",
            "1.5 µs",
            "999 µs",
            "3.4 ms",
            "98.0 ms",
            "312 ms",
            "1.23 s",
            "59.9 s",
            "1m 01s",
            "1h 01m",
            "213503d 23h",
        ];
        assert_eq!(shown, expected);
        assert_eq!([bytes(999), bytes(12_345), bytes(7_800_000)], ["999 B", "12.3 kB", "7.8 MB"]);
        assert_eq!(count(100_000, "span"), "100,000 spans");
        assert_eq!(utc(1_763_708_400_123_000_000), "2025-11-21 07:00:00.123 UTC");
        assert!(utc(u64::MAX).starts_with("2554-"));
    }

    proptest! {
        #[test]
        fn a_clean_text_has_nothing_to_obey_and_fits(text in "\\PC{0,20}[\u{0}-\u{9f}]{0,4}\\PC{0,20}", columns in 0_usize..40) {
            let text = clean(&text);
            prop_assert!(!text.chars().any(|c| c.is_control() || misleads(c)));
            prop_assert!(width(&cut(&text, columns)) <= columns);
            prop_assert_eq!(width(&left(&text, columns)), columns);
            prop_assert_eq!(width(&right(&text, columns)), columns);
            prop_assert!(wrap(&text, columns).iter().all(|line| width(line) <= columns));
        }
    }
}
