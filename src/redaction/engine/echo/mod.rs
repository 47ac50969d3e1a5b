//! What was treated under one key is scrubbed wherever else its trace says it: the name in `user.full_name` also in
//! "hello Jane Roe". Values of classes that have `echo` are collected as they are treated, and then looked for in
//! every text of the region's part of the trace that is not safe by its key, however either is written: in any case
//! of letters, percent-encoded once or twice, as a form, JSON or HTML has it, in base64.
//!
//! The set is that of one region's part. What a region's spans may show is decided by that region's rules and what
//! it holds, before they meet another's; a value of one region is never looked for in another's spans, for that would
//! carry it over the border.

mod common;
mod forms;
mod search;
mod values;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::HashMap;

pub(super) use search::{Memory, Search};
use values::Value;

use crate::classify::Look;
use crate::classify::look::Strictness;
use crate::model::ClassId;

/// Characters below which a value is too common to be looked for.
pub const ECHO_CHARS_MIN: usize = 5;
/// The same for a value of digits alone; a number with fewer is never scrubbed.
pub const ECHO_DIGITS_MIN: usize = 6;
/// Up to so many characters, a value is looked for as a word of its own.
const WORD_CHARS_MAX: usize = 8;
/// So much of a longer value is looked for; what repeats as much of it is taken away to its end.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Values of one part, and their bytes: some hundred bytes are taken for each while they are looked for. Where there
/// are more, no text that could repeat one is shown.
pub const ECHO_VALUES_MAX: usize = 1 << 16;
pub const ECHO_BYTES_MAX: usize = 2 << 20;
/// Up to so many values, and up to so long ones, are looked for in base64 too: each is three more to look for.
pub const BASE64_VALUES_MAX: usize = 512;
const BASE64_BYTES_MAX: usize = 256;

/// Values as they are found.
#[derive(Debug, Default)]
pub(super) struct Found {
    values: HashMap<Box<str>, Kind, foldhash::fast::RandomState>,
    bytes: usize,
    is_too_many: bool,
}

/// Of which class a value was treated. Of two the greater holds, which is the stricter one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    strictness: Strictness,
    class: Reverse<ClassId>,
}

/// What to look for.
#[derive(Debug)]
pub(super) enum Echo {
    Search(Box<Search>),
    /// More than can be looked for.
    TooMany,
}

/// A text that would take longer to search than its length allows: whether it says anything is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsearched;

impl Found {
    /// Takes a value that is treated as of this class. Of two classes the stricter holds, whatever the order.
    pub fn add(&mut self, value: &str, class: ClassId, look: &Look) {
        let value = value.trim();
        if value.len() < ECHO_CHARS_MIN || self.is_too_many {
            return;
        }
        let value = value.get(..value.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default();
        let kind = Kind { strictness: look.strictness(class), class: Reverse(class) };
        if let Some(known) = self.values.get_mut(value) {
            *known = kind.max(*known);
            return;
        }
        self.bytes += value.len();
        self.is_too_many = self.values.len() >= ECHO_VALUES_MAX || self.bytes > ECHO_BYTES_MAX;
        self.values.insert(value.into(), kind);
    }

    /// What to look for; none where nothing was found.
    pub fn search(self) -> Option<Echo> {
        if self.is_too_many {
            return Some(Echo::TooMany);
        }
        let (mut long, mut words) = (Vec::new(), Vec::new());
        let has_base64 = self.values.len() <= BASE64_VALUES_MAX;
        let mut decoder = crate::classify::decode::Decoder::default();
        for (raw, kind) in &self.values {
            let is_cut = raw.len() + 4 > VALUE_BYTES_MAX;
            let forms = forms::of(raw, &mut decoder);
            let is_telling = !forms.is_empty();
            for form in forms {
                match forms::length(&form) {
                    0 => {}
                    chars if chars < WORD_CHARS_MAX => words.push(Value::new(form, *kind)),
                    _ => long.push(Value::new(form, *kind).cut(is_cut)),
                }
            }
            if is_telling && has_base64 && (WORD_CHARS_MAX..=BASE64_BYTES_MAX).contains(&raw.len()) {
                let forms = forms::base64(raw).into_iter();
                long.extend(forms.map(|form| Value::new(form, *kind)));
            }
        }
        let search = Search::new(long, words);
        (!search.is_empty()).then(|| Echo::Search(Box::new(search)))
    }
}
