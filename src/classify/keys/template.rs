//! Names with stars. They are found by what stands before their first star, up to its last dot, so that a key is
//! compared with the few templates it could fit.

use hashbrown::HashMap;

use super::KeyClass;

#[derive(Debug, Clone, Default)]
pub(super) struct Templates {
    /// By the hash of the part before the star that ends with a dot.
    by_start: HashMap<u64, Group, foldhash::fast::FixedState>,
    /// With a star before the first dot: every key is compared with these.
    anywhere: Vec<Template>,
    longest_start: usize,
}

#[derive(Debug, Clone, Default)]
struct Group {
    start: Box<[u8]>,
    templates: Vec<Template>,
}

/// `literals` stand around the stars, in lower case and without the start of the group: one more than there are
/// stars, the first and the last possibly empty.
#[derive(Debug, Clone)]
struct Template {
    literals: Box<[Box<[u8]>]>,
    length: usize,
    says: KeyClass,
}

/// FNV-1a: a byte at a time, as the key is read.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
}

impl Templates {
    pub(super) fn add(&mut self, template: &[u8], says: KeyClass) {
        let length = template.iter().filter(|byte| **byte != b'*').count();
        let star = memchr::memchr(b'*', template).unwrap_or(template.len());
        let before = template.get(..star).unwrap_or_default();
        let split = memchr::memrchr(b'.', before).map_or(0, |dot| dot + 1);
        let (start, rest) = template.split_at_checked(split).unwrap_or((&[], template));
        let literals = rest.split(|byte| *byte == b'*').map(Box::from).collect();
        let made = Template { literals, length, says };
        if start.is_empty() {
            return self.anywhere.push(made);
        }
        self.longest_start = self.longest_start.max(start.len());
        let hash = start.iter().fold(SEED, |hash, byte| step(hash, *byte));
        let group = self.by_start.entry(hash).or_default();
        group.start = start.into();
        group.templates.push(made);
    }

    /// Longest first, so that the first that fits is the answer.
    pub(super) fn settle(&mut self) {
        let groups = self.by_start.values_mut().map(|group| &mut group.templates);
        for list in groups.chain([&mut self.anywhere]) {
            list.sort_by_key(|template| std::cmp::Reverse(template.length));
        }
    }

    pub(super) fn of(&self, key: &[u8]) -> Option<KeyClass> {
        let first = |list: &[Template], rest: &[u8]| -> Option<(usize, KeyClass)> {
            let fits = list.iter().find(|template| template.fits(rest))?;
            Some((fits.length, fits.says))
        };
        let mut best = first(&self.anywhere, key);
        let mut hash = SEED;
        for (at, byte) in key.iter().take(self.longest_start).enumerate() {
            hash = step(hash, *byte);
            let group = if *byte == b'.' { self.by_start.get(&hash) } else { None };
            let Some((group, rest)) =
                group.and_then(|group| Some((group, without_prefix(key, &group.start)?)))
            else {
                continue;
            };
            debug_assert_eq!(rest.len() + at + 1, key.len());
            let found = first(&group.templates, rest);
            if found.is_some_and(|(length, _)| best.is_none_or(|(longest, _)| length >= longest)) {
                best = found;
            }
        }
        best.map(|(_, says)| says)
    }
}

impl Template {
    /// A star that is not at the end keeps within a part, so that the leftmost place of the literal after it
    /// is as good as any: nothing has to be tried twice.
    fn fits(&self, key: &[u8]) -> bool {
        let [first, between @ .., last] = &*self.literals else { return false };
        let Some(mut rest) = without_prefix(key, first) else { return false };
        for literal in between {
            let Some(at) = place_after_star(rest, literal) else { return false };
            rest = rest.get(at + literal.len()..).unwrap_or_default();
        }
        let Some(star) = rest.len().checked_sub(last.len()).and_then(|length| rest.split_at_checked(length))
        else {
            return false;
        };
        let (star, end) = star;
        !star.is_empty() && end.eq_ignore_ascii_case(last) && (last.is_empty() || !star.contains(&b'.'))
    }
}

fn without_prefix<'k>(key: &'k [u8], prefix: &[u8]) -> Option<&'k [u8]> {
    let (start, rest) = key.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Where the literal begins after at least one byte of the same part.
fn place_after_star(rest: &[u8], literal: &[u8]) -> Option<usize> {
    for at in 1..rest.len() {
        if rest.get(at - 1) == Some(&b'.') {
            return None;
        }
        if rest.get(at..at + literal.len()).is_some_and(|here| here.eq_ignore_ascii_case(literal)) {
            return Some(at);
        }
    }
    None
}
