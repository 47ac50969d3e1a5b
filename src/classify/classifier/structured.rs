//! The parts of a text with structure, by their own names. A part that may not be shown as it is becomes a finding;
//! what is left is covered by what the detectors found in the whole text.

use std::ops::Range;

use super::{Classifier, Finding, SAFE_DETECTORS};
use crate::classify::detect::Detector;
use crate::classify::keys::KeyClass;
use crate::classify::look::Look;
use crate::classify::structure::{Piece, PieceKind, Structure, Unparsable, is_template_word, parse};
use crate::model::ClassId;

/// What reading parts takes.
pub(super) struct Parts<'c> {
    pub classifier: &'c Classifier,
    pub look: &'c Look,
    /// Where the text begins in the value.
    pub base: usize,
    /// Structures that may still lie within this one.
    pub depth: usize,
}

/// What becomes of one part.
enum Part {
    /// All of it is of a class that is treated.
    Of(ClassId),
    /// It may stay, but for what the detectors find.
    Looked,
    /// It may stay, but for what may never be shown.
    Safe,
    Structured(Structure, ClassId),
}

impl Parts<'_> {
    /// Adds what may not be shown of `text`, which the detectors have looked at, to what they found. `class` is that
    /// of a part that nothing names.
    pub fn collect(
        &self,
        structure: Structure,
        class: ClassId,
        text: &str,
        out: &mut Vec<Finding>,
    ) -> Result<(), Unparsable> {
        let (mut found, mut safe) = (Vec::new(), Vec::new());
        self.read(structure, class, text, &mut found, &mut safe)?;
        if !safe.is_empty() {
            out.retain(|finding| {
                let after = safe.partition_point(|range: &Range<usize>| range.start <= finding.range.start);
                let around = after.checked_sub(1).and_then(|nth| safe.get(nth));
                around.is_none_or(|range| finding.range.end > range.end) || self.is_never_shown(finding)
            });
        }
        out.append(&mut found);
        Ok(())
    }

    fn read(
        &self,
        structure: Structure,
        class: ClassId,
        text: &str,
        out: &mut Vec<Finding>,
        safe: &mut Vec<Range<usize>>,
    ) -> Result<(), Unparsable> {
        let mut pieces = Vec::new();
        parse(structure, text, &mut pieces)?;
        for piece in pieces.iter().filter(|piece| !piece.range.is_empty()) {
            let range = self.base + piece.range.start..self.base + piece.range.end;
            match self.part(piece, structure, class, text) {
                Part::Looked => {}
                Part::Of(class) => out.push(Finding { range, class }),
                Part::Safe => safe.push(range),
                Part::Structured(within, class) => {
                    let inner = text.get(piece.range.clone()).unwrap_or_default();
                    if !self.inner((structure, within), class, inner, range.start, out, safe)
                        && self.look.treats(class)
                    {
                        out.push(Finding { range, class });
                    }
                }
            }
        }
        Ok(())
    }

    fn part(&self, piece: &Piece<'_>, structure: Structure, class: ClassId, text: &str) -> Part {
        let named = match &piece.what {
            // A name is what a program calls what it does.
            PieceKind::Message if structure == Structure::Name => return Part::Looked,
            PieceKind::Message => return self.classifier.free.map_or(Part::Looked, |free| self.of(free)),
            PieceKind::PathSegment { is_id: false } => {
                let segment = text.get(piece.range.clone()).unwrap_or_default();
                return if is_template_word(segment) { Part::Looked } else { self.untold(class) };
            }
            PieceKind::Literal | PieceKind::OddName | PieceKind::Fragment => KeyClass::Whole(class),
            PieceKind::PathSegment { is_id: true } => KeyClass::Whole(class),
            PieceKind::UserInfo => {
                let secret = self.classifier.bindings.class(Detector::Secret);
                KeyClass::Whole(secret.filter(|secret| self.look.treats(*secret)).unwrap_or(class))
            }
            PieceKind::HomeDirectory => self.classifier.dictionary.of("user.name"),
            PieceKind::Named { parent, key } => self.classifier.dictionary.of_within(parent, key),
        };
        match named {
            KeyClass::Safe => Part::Safe,
            KeyClass::Scan => Part::Looked,
            KeyClass::Structured(structure, class) => Part::Structured(structure, class),
            KeyClass::Whole(class) => self.of(class),
            // Nothing is known of the name, so the value is what its structure is; where that may be shown, it is
            // what no one told of.
            KeyClass::Unknown if self.look.treats(class) => Part::Of(class),
            KeyClass::Unknown => self.of(self.classifier.unknown),
        }
    }

    /// A class that may be shown is looked at for others.
    fn of(&self, class: ClassId) -> Part {
        if self.look.treats(class) { Part::Of(class) } else { Part::Looked }
    }

    /// What no one told of, and is withheld only where that is.
    fn untold(&self, class: ClassId) -> Part {
        match self.of(self.classifier.unknown) {
            Part::Of(_) if self.look.treats(class) => Part::Of(class),
            part => part,
        }
    }

    /// Reads a structure within another, and says whether it could. An escaped text is not taken apart: what it
    /// means lies a layer deeper.
    fn inner(
        &self,
        (outer, within): (Structure, Structure),
        class: ClassId,
        text: &str,
        base: usize,
        out: &mut Vec<Finding>,
        safe: &mut Vec<Range<usize>>,
    ) -> bool {
        let Some(depth) = self.depth.checked_sub(1) else { return false };
        if memchr::memchr(escape_of(outer), text.as_bytes()).is_some() {
            return false;
        }
        let inner = Self { classifier: self.classifier, look: self.look, base, depth };
        inner.read(within, class, text, out, safe).is_ok()
    }

    fn is_never_shown(&self, found: &Finding) -> bool {
        SAFE_DETECTORS.iter().any(|detector| self.classifier.bindings.class(*detector) == Some(found.class))
    }
}

/// What begins an escape in the parts of a structure.
fn escape_of(structure: Structure) -> u8 {
    match structure {
        Structure::Url
        | Structure::UrlPath
        | Structure::UrlQuery
        | Structure::Form
        | Structure::Cookie
        | Structure::SetCookie
        | Structure::Baggage => b'%',
        _ => b'\\',
    }
}
