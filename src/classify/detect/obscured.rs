//! Addresses of e-mail as people write them to hide them: `jane (at) example.com`, `jane [at] example [dot] com`,
//! `jane AT example DOT com`.

use super::Detector;
use super::finder::Finder;
use super::view::{View, Word};

/// Signs between two words of an address.
const GAP_MAX: usize = 2;
/// Labels of a domain.
const LABELS_MAX: usize = 4;
/// Words of a name before the `at`: `jane.roe`.
const NAME_WORDS_MAX: usize = 4;

/// The address around a word that is `at`.
pub fn at(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    if !view.word_text(word).eq_ignore_ascii_case(b"at") {
        return false;
    }
    let is_capital = view.word_text(word) == b"AT";
    let is_framed = is_frame(view, word);
    let (Some(before), Some(first)) =
        (index.checked_sub(1).and_then(|at| view.word(at)), view.word(index + 1))
    else {
        return false;
    };
    let near = |from: usize, to: usize| to.saturating_sub(from) <= GAP_MAX;
    let is_near = near(before.end(), word.start()) && near(word.end(), first.start());
    if !is_near || !is_framed && !is_capital {
        return false;
    }
    let Some((end, has_dot_word)) = domain(view, index + 1, first) else { return false };
    if !is_framed && !has_dot_word {
        return false;
    }
    let start = name(view, index - 1, before);
    finder.strong(start..end, Detector::Email);
    true
}

/// Whether a word stands in brackets.
fn is_frame(view: View<'_>, word: Word) -> bool {
    let pair = (view.before(word.start()), view.byte(word.end()));
    matches!(pair, (b'(', b')') | (b'[', b']') | (b'{', b'}') | (b'<', b'>'))
}

/// Labels with points between, or with the word for one; where they end, and whether the word was there.
fn domain(view: View<'_>, index: usize, first: Word) -> Option<(usize, bool)> {
    let (mut place, mut last) = (index, first);
    let (mut has_word, mut labels) = (false, 1);
    for _ in 0..LABELS_MAX {
        let Some(next) = view.word(place + 1) else { break };
        if view.joined(place, b'.').is_some() || view.joined(place, b'-').is_some() {
            labels += usize::from(view.byte(last.end()) == b'.');
            (place, last) = (place + 1, next);
            continue;
        }
        let is_dot =
            view.word_text(next).eq_ignore_ascii_case(b"dot") && next.start() <= last.end() + GAP_MAX;
        let Some(after) =
            view.word(place + 2).filter(|after| is_dot && after.start() <= next.end() + GAP_MAX)
        else {
            break;
        };
        (has_word, labels) = (true, labels + 1);
        (place, last) = (place + 2, after);
    }
    let top = view.word_text(last);
    let is_top = (2..=24).contains(&top.len()) && top.iter().all(u8::is_ascii_alphabetic);
    (labels >= 2 && is_top).then_some((last.end(), has_word))
}

fn name(view: View<'_>, index: usize, word: Word) -> usize {
    let (mut place, mut start) = (index, word.start());
    for _ in 0..NAME_WORDS_MAX {
        let before = [b'.', b'_', b'-', b'+'].into_iter().find_map(|sign| view.joined_before(place, sign));
        let Some(before) = before else { break };
        (place, start) = (place - 1, before.start());
    }
    start
}
