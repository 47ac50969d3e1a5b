//! Values as they would be read: escapes undone, look-alikes of digits and letters made plain, with the way
//! back to the original.
//!
//! What is percent-encoded twice is decoded twice; JSON's and Python's escapes, entities of HTML and
//! characters without a width are undone in the same pass. What results is bytes and not text: an escape may
//! say what is no UTF-8. Nothing is known here of what is searched for.

mod escape;
mod letters;

use std::ops::Range;

use escape::Undone;

/// Escapes in escapes: `%2540` needs two, `\u00252540` a third.
const ROUNDS_MAX: usize = 3;

/// The most bytes that one escape stands for: a letter of up to eighteen characters.
const UNDONE_BYTES_MAX: usize = 80;

/// A text as it would be read, and where each of its bytes came from.
#[derive(Debug, Default, Clone)]
pub struct Decoded {
    bytes: Vec<u8>,
    /// For each byte, where what it was made of begins in the original; and the original's end.
    origins: Vec<u32>,
}

/// Memory of two decoded texts, of which each round reads one and writes the other.
#[derive(Debug, Default)]
pub struct Decoder {
    current: Decoded,
    next: Decoded,
}

impl Decoder {
    /// The text without its escapes, or nothing where it has none.
    pub fn decode(&mut self, text: &[u8]) -> Option<&Decoded> {
        let first = first_escape(text, 0)?;
        self.current.write(Source { bytes: text, origins: None }, first);
        for _ in 1..ROUNDS_MAX {
            let Some(first) = first_escape(&self.current.bytes, 0) else { break };
            let source = Source { bytes: &self.current.bytes, origins: Some(&self.current.origins) };
            self.next.write(source, first);
            std::mem::swap(&mut self.current, &mut self.next);
        }
        Some(&self.current)
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        [&self.current, &self.next]
            .iter()
            .map(|text| text.bytes.capacity() + text.origins.capacity() * 4)
            .sum()
    }
}

impl Decoded {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a range of the decoded text was in the original: all of every escape it touches. Within a character
    /// that was none it may begin or end.
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        let at = |place: usize| self.origins.get(place).or(self.origins.last()).copied().unwrap_or(0);
        let start = at(range.start);
        let last = at(range.end.saturating_sub(1).max(range.start));
        // Bytes of one letter share their origin: the end is where another begins.
        let after = self.origins.iter().skip(range.end).take(UNDONE_BYTES_MAX).find(|origin| **origin > last);
        let end = after.copied().unwrap_or_else(|| at(usize::MAX));
        start as usize..end.max(start) as usize
    }

    fn write(&mut self, source: Source<'_>, first: Escape) {
        self.bytes.clear();
        self.origins.clear();
        let (mut from, mut next) = (0, Some(first));
        while let Some(Escape { at, undone }) = next {
            self.copy(&source, from..at);
            self.put(&undone, source.origin(at));
            // An escape is at least one byte long, so that this ends.
            from = at + undone.length.max(1);
            next = first_escape(source.bytes, from);
        }
        self.copy(&source, from..source.bytes.len());
        self.origins.push(source.origin(source.bytes.len()));
    }

    fn copy(&mut self, source: &Source<'_>, range: Range<usize>) {
        self.bytes.extend_from_slice(source.bytes.get(range.clone()).unwrap_or_default());
        match source.origins {
            Some(origins) => self.origins.extend_from_slice(origins.get(range).unwrap_or_default()),
            None => self.origins.extend(narrow(range.start)..narrow(range.end)),
        }
    }

    fn put(&mut self, undone: &Undone, origin: u32) {
        self.bytes.extend_from_slice(undone.bytes());
        self.origins.resize(self.bytes.len(), origin);
    }
}

/// What a round reads: the original, or the text of the round before.
struct Source<'a> {
    bytes: &'a [u8],
    origins: Option<&'a [u32]>,
}

impl Source<'_> {
    fn origin(&self, at: usize) -> u32 {
        match self.origins {
            Some(origins) => origins.get(at).copied().unwrap_or(u32::MAX),
            None => narrow(at),
        }
    }
}

/// Texts are shorter than 4 GiB: `detect` takes no longer ones.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// An escape, and where it begins.
struct Escape {
    at: usize,
    undone: Undone,
}

/// The next thing to undo.
fn first_escape(bytes: &[u8], from: usize) -> Option<Escape> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| matches!(byte, b'%' | b'\\' | b'&' | 0x80..))?;
        let here = bytes.get(at..).unwrap_or_default();
        if let Some(undone) = escape::undo(here) {
            return Some(Escape { at, undone });
        }
        // The rest of a letter that stays is no beginning of another.
        at += here.iter().skip(1).take(3).take_while(|byte| matches!(byte, 0x80..=0xbf)).count() + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &str) -> String {
        let mut decoder = Decoder::default();
        let bytes = decoder.decode(text.as_bytes()).map_or(text.as_bytes(), Decoded::bytes).to_vec();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn escapes_are_undone_in_their_escapes() {
        let cases = [
            ("jane%40example.com", "jane@example.com"),
            ("jane%2540example.com", "jane@example.com"),
            ("jane%252540example.com", "jane@example.com"),
            (r"jane\u0040example.com", "jane@example.com"),
            (r"jane\x40example.com", "jane@example.com"),
            ("jane&#64;example.com", "jane@example.com"),
            ("jane&#x40;example.com", "jane@example.com"),
            ("jane&commat;example&period;com", "jane@example.com"),
            ("ja\u{200b}ne@exam\u{ad}ple.com", "jane@example.com"),
            ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jane@example.com"),
            ("٤١١١", "4111"),
            ("4111\u{a0}1111\u{2011}1111", "4111 1111-1111"),
            (r"a\nb\t\u00e9\ud83d\ude00", "a\nb\té😀"),
            ("Müller 100% &co; C:\\Users", "Müller 100% &co; C:\\Users"),
            ("%zz%4", "%zz%4"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_covers_what_it_was_made_of() {
        let text = "to=jane%2540example.com&x";
        let mut decoder = Decoder::default();
        let read = decoder.decode(text.as_bytes()).unwrap();
        let at = |part: &str| {
            let start = String::from_utf8_lossy(read.bytes()).find(part).unwrap();
            read.original(start..start + part.len())
        };
        assert_eq!(text.get(at("jane@example.com")).unwrap(), "jane%2540example.com");
        assert_eq!(text.get(at("@")).unwrap(), "%2540");
        assert_eq!(text.get(at("&x")).unwrap(), "&x");
        assert_eq!(read.original(0..read.bytes().len()), 0..text.len());
    }

    proptest! {
        #[test]
        fn any_range_leads_back_into_the_original(
            text in "(%[0-9a-f]{2}|%25|\\\\u00[0-9a-f]{2}|&#64;|[a-zé１½ﬃ\u{200b}\\\\&%])*",
            start in 0usize..80,
            length in 0usize..80,
        ) {
            let mut decoder = Decoder::default();
            let Some(read) = decoder.decode(text.as_bytes()) else { return Ok(()) };
            let range = read.original(start..start + length);
            prop_assert!(range.start <= range.end && range.end <= text.len());
            prop_assert_eq!(read.original(0..read.bytes().len()).end, text.len());
        }
    }
}
