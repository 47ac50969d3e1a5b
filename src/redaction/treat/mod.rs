//! What becomes of a value of a class: a mark, a mask, a token or something coarser. There is no hash without a key
//! in here, and none can be configured.
//!
//! Every way falls back to a stricter one: what cannot be made coarser or given the shape of a mask becomes the
//! class's bare mark, and without a key a token becomes a mask.

mod agent;
mod date;
mod generalise;
mod mask;
mod normal;

use std::borrow::Cow;

use super::ring::TokenKeys;
use crate::model::ClassId;
use crate::policy::{Classes, Ruled, Rung};

/// What stands where a value was that has no class: bytes, or a text that is none.
pub const MARK_OF_BYTES: &str = "‹bytes›";
/// What stands where the rest of a text was withheld since it could not be searched for what was treated elsewhere.
pub const MARK_OF_ECHO: &str = "‹withheld›";

/// Years before the one given at which a person counts as ninety: one more than needed, so that a process that is a
/// year old is still right.
const NINETY: i32 = 89;

/// Treats values of one region's part for one caller.
#[derive(Debug)]
pub struct Treater<'a> {
    ruled: &'a Ruled,
    keys: Option<TokenKeys>,
    /// Born in this year or before is ninety or over.
    ninety: i32,
}

impl<'a> Treater<'a> {
    /// `keys` makes tokens; `year` is the present one.
    pub fn new(ruled: &'a Ruled, keys: Option<TokenKeys>, year: i32) -> Self {
        Self { ruled, keys, ninety: year - NINETY }
    }

    pub fn classes(&self) -> &'a Classes {
        self.ruled.classes()
    }

    pub fn rung(&self, class: ClassId) -> Rung {
        self.ruled.cell(class).rung
    }

    /// Writes what a caller sees of a value. For the rung `dropped` that is the class's mark: whoever can takes the
    /// key away with it.
    pub fn put(&mut self, class: ClassId, value: &str, out: &mut String) {
        let facts = self.ruled.classes().get(class);
        let cell = self.ruled.cell(class);
        match cell.rung {
            Rung::Raw => out.push_str(value),
            Rung::Generalised => {
                let value = unescaped(value);
                if !generalise::put(facts.generalise, &value, self.ninety, out) {
                    put_mark(&facts.name, out);
                }
            }
            Rung::Pseudonymised => {
                let Some(keys) = &mut self.keys else {
                    return mask::put(facts.mask, &facts.name, &unescaped(value), out);
                };
                let value = unescaped(value);
                let normal = normal::of(facts, &value);
                // Who may ask for what they have seen needs tokens that lead back where the values are stored.
                if cell.may_filter {
                    keys.put_reversible(&facts.name, &normal, out);
                } else {
                    keys.put_one_way(&facts.name, &normal, out);
                }
            }
            Rung::Masked => mask::put(facts.mask, &facts.name, &unescaped(value), out),
            Rung::Dropped => put_mark(&facts.name, out),
        }
    }

    /// Writes the class's bare mark.
    pub fn put_mark(&self, class: ClassId, out: &mut String) {
        put_mark(&self.ruled.classes().get(class).name, out);
    }
}

/// The mark of a class says the class and nothing of the value, its length neither.
fn put_mark(class: &str, out: &mut String) {
    out.push('‹');
    out.push_str(class);
    out.push('›');
}

/// The mark with what the shape of a mask leaves of the value.
fn put_mark_with(class: &str, rest: &[&str], out: &mut String) {
    out.push('‹');
    out.push_str(class);
    out.push(' ');
    rest.iter().for_each(|part| out.push_str(part));
    out.push('›');
}

/// A value as it would be read, without percent escapes: found in a URL or alone, it is the same.
fn unescaped(value: &str) -> Cow<'_, str> {
    let mut value = Cow::Borrowed(value.trim());
    // Twice, as a URL within a URL has it.
    for _ in 0..2 {
        if memchr::memchr(b'%', value.as_bytes()).is_none() {
            break;
        }
        let decoded = percent_encoding::percent_decode_str(&value).decode_utf8();
        let Some(decoded) = decoded.ok().map(Cow::into_owned) else { break };
        value = Cow::Owned(decoded);
    }
    value
}

#[cfg(test)]
mod tests;
