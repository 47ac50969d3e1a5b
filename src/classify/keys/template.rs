//! Names with stars. They are found by the part before their first dot, so that a key is compared with the few
//! templates it could fit.

use hashbrown::HashMap;

use super::KeyClass;

#[derive(Debug, Clone, Default)]
pub(super) struct Templates {
    by_part: HashMap<Box<[u8]>, Vec<Template>, foldhash::fast::FixedState>,
    /// With a star before the first dot: every key is compared with these.
    anywhere: Vec<Template>,
    longest_part: usize,
}

/// `literals` stand around the stars, in lower case: one more than there are stars, the first and the last
/// possibly empty.
#[derive(Debug, Clone)]
struct Template {
    literals: Box<[Box<[u8]>]>,
    length: usize,
    says: KeyClass,
}

/// Longer first parts are compared as anything is.
const PART_BYTES_MAX: usize = 32;

impl Templates {
    pub(super) fn add(&mut self, template: &[u8], says: KeyClass) {
        let literals: Box<[Box<[u8]>]> = template.split(|byte| *byte == b'*').map(Box::from).collect();
        let length = literals.iter().map(|literal| literal.len()).sum();
        let part = literals.first().and_then(|first| first_part(first)).map(Box::<[u8]>::from);
        let made = Template { literals, length, says };
        match part.filter(|part| part.len() <= PART_BYTES_MAX) {
            Some(part) => {
                self.longest_part = self.longest_part.max(part.len());
                self.by_part.entry(part).or_default().push(made);
            }
            None => self.anywhere.push(made),
        }
    }

    /// Longest first, so that the first that fits is the answer.
    pub(super) fn settle(&mut self) {
        for list in self.by_part.values_mut().chain([&mut self.anywhere]) {
            list.sort_by_key(|template| std::cmp::Reverse(template.length));
        }
    }

    pub(super) fn of(&self, key: &[u8]) -> Option<KeyClass> {
        let fits = |list: &[Template]| -> Option<(usize, KeyClass)> {
            let first = list.iter().find(|template| template.fits(key))?;
            Some((first.length, first.says))
        };
        let near = self.candidates(key).and_then(fits);
        let far = fits(&self.anywhere);
        match (near, far) {
            (Some(near), Some(far)) => Some(if far.0 > near.0 { far.1 } else { near.1 }),
            (one, other) => one.or(other).map(|(_, says)| says),
        }
    }

    fn candidates(&self, key: &[u8]) -> Option<&[Template]> {
        let part = first_part(key.get(..=self.longest_part).unwrap_or(key))?;
        let mut buffer = [0; PART_BYTES_MAX];
        let lower = buffer.get_mut(..part.len())?;
        lower.copy_from_slice(part);
        lower.make_ascii_lowercase();
        self.by_part.get(&*lower).map(Vec::as_slice)
    }
}

fn first_part(key: &[u8]) -> Option<&[u8]> {
    key.get(..memchr::memchr(b'.', key)?)
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
