//! Characters that look like others: wide digits, spaces of all widths, hyphens of all lengths, and those that
//! have no width at all.
//!
//! What Unicode's compatibility (NFKC) makes of a character is taken where it makes ASCII of it; accents stay
//! as they are, since nothing here searches for them.

use std::iter::once;

use unicode_normalization::{Recompositions, UnicodeNormalization};

/// The zeros of scripts whose digits Unicode does not call compatible with ours. Nine more follow each.
const ZEROS: [u32; 10] = [0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xbe6, 0xe50, 0xed0];

/// How a character is to be read.
pub enum Letter {
    Same,
    /// It has no width.
    Nothing,
    Others(Others),
}

/// What a character is made of.
pub enum Others {
    One(Option<char>),
    Many(Recompositions<std::iter::Once<char>>),
}

impl Iterator for Others {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::One(one) => one.take(),
            Self::Many(many) => many.next(),
        }
    }
}

pub fn plain(character: char) -> Letter {
    let code = u32::from(character);
    match code {
        0..0x80 => Letter::Same,
        // No width: hyphens that may be, joiners, marks of direction, variations, the mark of byte order.
        0xad
        | 0x34f
        | 0x61c
        | 0x180e
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x206f
        | 0xfe00..=0xfe0f
        | 0xfeff
        | 0xe_0000..=0xe_0fff => Letter::Nothing,
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => Letter::Others(Others::One(Some('-'))),
        0xff01..=0xff5e => Letter::Others(Others::One(char::from_u32(code - 0xff01 + 0x21))),
        0x3002 => Letter::Others(Others::One(Some('.'))),
        _ if is_never_ascii(code) => digit(code),
        _ => compatible(character),
    }
}

/// Blocks of which nothing is compatible with ASCII: letters with accents, Greek, Cyrillic, Hebrew, Arabic, the
/// scripts of Asia. A test asks every character.
const fn is_never_ascii(code: u32) -> bool {
    matches!(code, 0xc0..0x132 | 0x180..0x1c4 | 0x200..0x2b0 | 0x300..0x340 | 0x370..0x37a | 0x390..0x1d00
        | 0x3400..0xa000 | 0xac00..0xd7a4)
}

fn digit(code: u32) -> Letter {
    if !(0x660..0xee0).contains(&code) {
        return Letter::Same;
    }
    let value = ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|value| *value < 10));
    match value.and_then(|value| char::from_digit(value, 10)) {
        Some(digit) => Letter::Others(Others::One(Some(digit))),
        None => Letter::Same,
    }
}

fn compatible(character: char) -> Letter {
    let made = || once(character).nfkc();
    if made().any(|part| part.is_ascii()) { Letter::Others(Others::Many(made())) } else { Letter::Same }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_passed_over_hold_nothing_compatible_with_ascii() {
        for code in (0x80..0x3_0000).filter(|code| is_never_ascii(*code)) {
            let Some(character) = char::from_u32(code) else { continue };
            let made: String = once(character).nfkc().collect();
            assert!(!made.chars().any(|part| part.is_ascii()), "{code:x} is compatible with {made}");
        }
    }

    #[test]
    fn look_alikes_are_read_as_what_they_look_like() {
        let read = |character: char| match plain(character) {
            Letter::Same => character.to_string(),
            Letter::Nothing => String::new(),
            Letter::Others(others) => others.collect(),
        };
        let cases = [
            ('４', "4"),
            ('＠', "@"),
            ('𝟒', "4"),
            ('①', "1"),
            ('\u{a0}', " "),
            ('\u{2003}', " "),
            ('–', "-"),
            ('ﬁ', "fi"),
            ('é', "é"),
            ('ж', "ж"),
            ('中', "中"),
            ('٣', "3"),
            ('४', "4"),
            ('\u{200d}', ""),
            ('a', "a"),
        ];
        for (character, expected) in cases {
            assert_eq!(read(character), expected, "{character}");
        }
    }
}
