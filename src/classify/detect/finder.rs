//! What the scanners have found so far in one value, and whether a weak find counts.

use std::ops::Range;

use super::overlap::Found;
use super::view::View;
use super::{Care, Context, Detector, Detectors, Strength};
use crate::classify::validate::national::Worth;

/// One value under scan.
pub struct Finder<'a> {
    pub view: View<'a>,
    /// What the key says.
    pub key: Context,
    pub care: Care,
    pub wanted: Detectors,
    /// Words that begin before this place belong to something that is decided.
    pub done: usize,
    /// The run of base64's letters that was measured last, so that none is measured twice.
    pub run: Range<usize>,
    /// Values that begin before this place are part of one that has been measured; and the same of objects.
    pub measured: usize,
    pub objects_end: usize,
    /// Tries left to read a JWT in that run.
    pub run_tries: u8,
    /// Whether words of other scripts may stand in it.
    pub has_foreign: bool,
    /// What stands before a word, and which it was.
    pub said: (Option<usize>, Context),
    pub found: &'a mut Vec<Found>,
}

impl Finder<'_> {
    pub fn wants(&self, detector: Detector) -> bool {
        self.wanted.contains(detector)
    }

    pub fn strong(&mut self, range: Range<usize>, detector: Detector) {
        self.done = self.done.max(range.end);
        self.push(range, detector, Strength::Strong);
    }

    fn push(&mut self, range: Range<usize>, detector: Detector, strength: Strength) {
        if self.wants(detector) && !range.is_empty() {
            self.found.push(Found { range, detector, strength });
        }
    }

    /// What the key and the words before the word at `index` say; asked again for the same word, it is known.
    pub fn said(&mut self, index: usize) -> Context {
        if self.said.0 != Some(index) {
            let mut said = self.view.said_before(index);
            if let Some(word) = self.view.word(index).filter(|_| self.has_foreign) {
                let start = word.start();
                said = said | Context::of_foreign(self.view.text(start.saturating_sub(48), start));
            }
            self.said = (Some(index), said);
        }
        self.key | self.said.1
    }

    /// A find whose worth depends on what is said before the word at `index`. Says whether it counts.
    pub fn weigh(&mut self, range: Range<usize>, index: usize, claim: Claim) -> bool {
        if claim.worth == Worth::Strong {
            self.strong(range, claim.detector);
            return true;
        }
        if !self.wants(claim.detector) {
            return false;
        }
        let said = self.said(index);
        let is_named = said.meets(claim.named_by);
        let is_about_things = said.meets(Context::MEASURE | Context::ORDER);
        let is_likely = claim.worth == Worth::Likely
            && !is_about_things
            && !(claim.detector == Detector::NationalId && said.meets(Context::PHONE));
        let is_feared = self.care == Care::Paranoid
            && matches!(claim.worth, Worth::Weak | Worth::Likely)
            && !said.meets(Context::MEASURE)
            && !(claim.detector == Detector::NationalId && said.meets(Context::PHONE));
        let counts = is_named || is_likely || is_feared;
        if counts {
            self.done = self.done.max(range.end);
            self.push(range, claim.detector, Strength::Weak);
        }
        counts
    }
}

/// What something may be, how sure that is, and the words that make it sure.
#[derive(Clone, Copy)]
pub struct Claim {
    pub detector: Detector,
    pub worth: Worth,
    pub named_by: Context,
}
