//! Values in order, found by how they begin. A text is passed over once, eight bytes at a time; where a value may
//! begin, the longest that stands there is looked up among those that begin alike.
//!
//! Each step is paid for, and a text may spend so much for each of its bytes: texts and values that were made for it
//! cannot make the search slower than that.

use std::collections::HashMap;

use super::{Kind, Unsearched};
use crate::model::ClassId;

/// Of a value longer than this, as much is enough to know it by: what goes on differently is taken away as far as it
/// agrees.
const HEAD_BYTES: usize = 256;
/// Bytes compared for the price of one step.
const BYTES_A_STEP: usize = 64;

/// A value to look for, in the form in which it is compared.
#[derive(Debug)]
pub(super) struct Value {
    bytes: Vec<u8>,
    kind: Kind,
    /// What was kept of it is not all of it.
    is_cut: bool,
    /// The longest other value that it begins with.
    up: Option<usize>,
}

/// Steps that are left for a text.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// A value in a text, from a given place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Here {
    pub length: usize,
    pub class: ClassId,
    value: usize,
}

/// Values of which each has at least `N` bytes.
#[derive(Debug)]
pub(super) struct Values<const N: usize> {
    all: Vec<Value>,
    /// By their first bytes, which of them begin with these.
    beginnings: HashMap<u64, (usize, usize), foldhash::fast::RandomState>,
    /// One bit for each beginning, by a hash of it.
    bits: Vec<u64>,
    shift: u32,
}

impl Value {
    pub fn new(bytes: Vec<u8>, kind: Kind) -> Self {
        Self { bytes, kind, is_cut: false, up: None }
    }

    #[must_use]
    pub fn cut(self, is_cut: bool) -> Self {
        Self { is_cut, ..self }
    }
}

impl Budget {
    /// What may be spent on a text of so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(bytes.saturating_mul(8).saturating_add(4096))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Unsearched> {
        self.0 = self.0.checked_sub(1 + bytes / BYTES_A_STEP).ok_or(Unsearched)?;
        Ok(())
    }

    #[cfg(test)]
    pub fn left(&self) -> usize {
        self.0
    }
}

impl<const N: usize> Values<N> {
    pub fn of(mut all: Vec<Value>) -> Self {
        debug_assert!(N <= 8, "a beginning fits into eight bytes");
        all.retain(|value| value.bytes.len() >= N);
        all.sort_unstable_by(|a, b| (&a.bytes, b.kind, b.is_cut).cmp(&(&b.bytes, a.kind, a.is_cut)));
        all.dedup_by(|later, kept| later.bytes == kept.bytes);
        let mut open: Vec<usize> = Vec::new();
        for nth in 0..all.len() {
            while let Some(last) = open.last()
                && !begins(&all, nth, *last)
            {
                open.pop();
            }
            let up = open.last().copied();
            if let Some(value) = all.get_mut(nth) {
                value.up = up;
            }
            open.push(nth);
        }
        let mut this = Self { all, beginnings: HashMap::default(), bits: Vec::new(), shift: 0 };
        this.index();
        this
    }

    fn index(&mut self) {
        // Sixteen bits a value: one place in sixteen at most is looked up in vain.
        let wanted = (self.all.len() * 16).next_power_of_two().max(1024);
        self.shift = 64 - wanted.trailing_zeros();
        self.bits = vec![0; wanted / 64];
        for (nth, value) in self.all.iter().enumerate() {
            let Some(beginning) = first(&value.bytes, N) else { continue };
            self.beginnings.entry(beginning).or_insert((nth, nth)).1 = nth + 1;
            let bit = self.bit(beginning);
            if let Some(word) = self.bits.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether some value may begin with the first bytes of these eight.
    #[inline]
    pub fn may_begin(&self, eight: u64) -> bool {
        let bit = self.bit(eight & mask(N));
        self.bits.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 != 0)
    }

    #[inline]
    fn bit(&self, beginning: u64) -> usize {
        // Odd, and without a pattern in its bits: the golden ratio.
        usize::try_from(beginning.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift).unwrap_or(0)
    }

    /// The longest value that `rest` begins with.
    pub fn longest(&self, rest: &[u8], budget: &mut Budget) -> Result<Option<Here>, Unsearched> {
        budget.spend(0)?;
        let Some(range) = first(rest, N).and_then(|beginning| self.beginnings.get(&beginning)) else {
            return Ok(None);
        };
        let (mut low, mut high) = *range;
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(value) = self.all.get(middle) else { break };
            budget.spend(value.bytes.len().min(rest.len()))?;
            if *value.bytes <= *rest { low = middle + 1 } else { high = middle }
        }
        // The value before that place has all that `rest` begins with at its own beginning.
        let before = low.checked_sub(1).filter(|nth| *nth >= range.0);
        let after = Some(low).filter(|nth| *nth < range.1);
        let mut best = None;
        if let Some(nth) = before {
            let alike = self.alike(nth, rest, budget)?;
            best = self.up_to(nth, alike, budget)?;
            best = longer(best, self.head(nth, alike));
        }
        if let Some(nth) = after {
            let alike = self.alike(nth, rest, budget)?;
            best = longer(best, self.head(nth, alike));
        }
        let is_cut = |here: &Here| {
            let value = self.all.get(here.value);
            value.is_some_and(|value| value.is_cut && value.bytes.len() == here.length)
        };
        if let Some(here) = best.as_mut().filter(|here| is_cut(here)) {
            here.length = rest.len();
        }
        Ok(best)
    }

    /// The next shorter value that stands there too.
    pub fn shorter(&self, here: Here, budget: &mut Budget) -> Result<Option<Here>, Unsearched> {
        budget.spend(0)?;
        let up = self.all.get(here.value).and_then(|value| value.up);
        Ok(up.and_then(|nth| self.here(nth)))
    }

    fn here(&self, nth: usize) -> Option<Here> {
        let value = self.all.get(nth)?;
        Some(Here { length: value.bytes.len(), class: value.kind.class.0, value: nth })
    }

    /// How many first bytes the two share.
    fn alike(&self, nth: usize, rest: &[u8], budget: &mut Budget) -> Result<usize, Unsearched> {
        let value = self.all.get(nth).map_or(&[][..], |value| &value.bytes);
        let alike = value.iter().zip(rest).take_while(|(a, b)| a == b).count();
        budget.spend(alike * 4)?;
        Ok(alike)
    }

    /// Of a value and those that it begins with, the longest of so many bytes.
    fn up_to(&self, nth: usize, bytes: usize, budget: &mut Budget) -> Result<Option<Here>, Unsearched> {
        let mut at = Some(nth);
        while let Some(value) = at.and_then(|nth| self.all.get(nth)) {
            if value.bytes.len() <= bytes {
                return Ok(at.and_then(|nth| self.here(nth)));
            }
            budget.spend(0)?;
            at = value.up;
        }
        Ok(None)
    }

    /// A long value of which enough is there.
    fn head(&self, nth: usize, alike: usize) -> Option<Here> {
        let here = self.here(nth)?;
        (alike >= HEAD_BYTES && here.length > alike).then_some(Here { length: alike, ..here })
    }
}

fn longer(a: Option<Here>, b: Option<Here>) -> Option<Here> {
    a.into_iter().chain(b).max_by_key(|here| here.length)
}

fn begins(all: &[Value], nth: usize, with: usize) -> bool {
    match (all.get(nth), all.get(with)) {
        (Some(value), Some(with)) => value.bytes.starts_with(&with.bytes),
        _ => false,
    }
}

const fn mask(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (bytes * 8)) - 1 }
}

/// The first bytes as a number; none where there are not as many.
fn first(bytes: &[u8], count: usize) -> Option<u64> {
    let bytes = bytes.get(..count)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
