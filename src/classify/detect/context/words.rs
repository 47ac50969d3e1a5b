//! A table of words that finds one in a few steps.

use super::Context;
use super::lists::WORDS;

/// Places of the table: four times as many as words, so that few share one.
const SLOTS: usize = 2048;

/// No word.
const FREE: u16 = u16::MAX;

/// For each place, which list and which of its words: the table is made when Tutti is compiled.
static TABLE: [u16; SLOTS] = table();

/// The most words in one list.
const LIST_MAX: usize = 128;

#[expect(clippy::indexing_slicing, reason = "each index is below the length that its loop asks for")]
const fn table() -> [u16; SLOTS] {
    let mut table = [FREE; SLOTS];
    let mut list = 0;
    while list < WORDS.len() {
        let words = WORDS[list].1;
        let mut word = 0;
        while word < words.len() {
            let mut place = place_of(words[word].as_bytes());
            while table[place] != FREE {
                place = (place + 1) % SLOTS;
            }
            table[place] = (list * LIST_MAX + word) as u16;
            word += 1;
        }
        list += 1;
    }
    table
}

/// Where a word is looked for first.
const fn place_of(word: &[u8]) -> usize {
    let (mut hash, mut rest) = (0x811c_9dc5u32, word);
    while let [first, others @ ..] = rest {
        hash = (hash ^ *first as u32).wrapping_mul(0x0100_0193);
        rest = others;
    }
    (hash ^ hash >> 15) as usize % SLOTS
}

/// What a word in small letters says.
pub fn meaning(word: &[u8]) -> Option<Context> {
    let mut place = place_of(word);
    loop {
        let entry = usize::from(*TABLE.get(place)?);
        // A free place has no list, and ends the search.
        let (context, words) = WORDS.get(entry / LIST_MAX)?;
        if words.get(entry % LIST_MAX)?.as_bytes() == word {
            return Some(*context);
        }
        place = (place + 1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_found_with_its_meaning_and_no_other_is() {
        let mut all = BTreeSet::new();
        for (context, words) in WORDS {
            assert!(words.len() <= LIST_MAX);
            for word in *words {
                assert!(all.insert(word), "{word} stands twice");
                assert_eq!(meaning(word.as_bytes()), Some(*context), "{word}");
            }
        }
        assert!(all.len() * 4 < SLOTS + SLOTS / 2 && WORDS.len() * LIST_MAX < usize::from(FREE));
        for other in ["", "xyzzy", "checkout", "phon", "phonee"] {
            assert_eq!(meaning(other.as_bytes()), None, "{other}");
        }
    }
}
