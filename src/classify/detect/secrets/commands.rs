//! Passwords as programs are given them: `curl -u name:password`, `mysql -ppassword`, `sshpass -p password`.

use super::super::finder::Finder;
use super::super::view::{View, Word};
use super::value::{Bound, Told, end_of, is_placeholder, take};
use super::{Detector, PASSWORD_BYTES_MAX};

/// Words before a flag among which the program may stand.
const PROGRAM_WORDS: usize = 8;

/// Whether the program before is one of these. Words of names count each: `redis-cli` is two.
fn is_of(view: View<'_>, index: usize, programs: &[&[u8]]) -> bool {
    let first = index.saturating_sub(PROGRAM_WORDS);
    let before = view.words.get(first..index).unwrap_or_default();
    before.iter().any(|word| programs.contains(&view.word_text(*word)))
}

/// A flag of one letter, and what it is given behind a space; or `--user name:password`.
pub(super) fn flag(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    if view.before(word.start()) != b'-' {
        return false;
    }
    let start = word.end() + 1 + usize::from(matches!(view.byte(word.end() + 1), b'"' | b'\''));
    match view.word_text(word) {
        b"u" | b"user" => pair(finder, start),
        b"p" if is_of(view, index, &[b"sshpass", b"login"]) => {
            take(finder, start, Told::Password, Bound::Tightly)
        }
        b"a" if is_of(view, index, &[b"redis"]) => take(finder, start, Told::Password, Bound::Tightly),
        b"w" if is_of(view, index, &[b"ldapsearch"]) => take(finder, start, Told::Password, Bound::Tightly),
        _ => false,
    }
}

/// `name:password`; two numbers are a user and a group.
fn pair(finder: &mut Finder<'_>, start: usize) -> bool {
    let view = finder.view;
    let end = end_of(finder, start, PASSWORD_BYTES_MAX);
    let Some(colon) = memchr::memchr(b':', view.text(start, end)).map(|at| start + at) else { return false };
    let password = view.text(colon + 1, end);
    let is_number = password.iter().all(u8::is_ascii_digit);
    let is_it =
        password.len() >= 3 && !is_number && !is_placeholder(password) && !password.starts_with(b"//");
    if is_it {
        finder.strong(colon + 1..end, Detector::Secret);
    }
    is_it
}

/// Whether a word may be a flag with its value.
pub(super) const fn is_glued(first: u8) -> bool {
    first == b'p'
}

/// `-ppassword`, as clients of MySQL take it.
pub(super) fn glued(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let is_flag = view.text(word.start().saturating_sub(2), word.start()) == b" -";
    let programs: [&[u8]; 4] = [b"mysql", b"mysqldump", b"mysqladmin", b"mariadb"];
    is_flag
        && word.len() >= 5
        && is_of(view, index, &programs)
        && take(finder, word.start() + 1, Told::Password, Bound::Tightly)
}
