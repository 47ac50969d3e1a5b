//! Command lines and their arguments. Names of programs, flags and variables stay; what they are given is a piece.
//! An argument that nothing names is read as a path, since most are; what is neither word nor path is a literal.

use super::PieceKind;
use super::path;
use super::read::{Pieces, Reader, is_odd_name, part};
use super::{headers, url};

type Done = Result<(), &'static str>;

/// Flags with one dash and many letters that are whole words: those of Java, find, go and their like.
const WORDS: [&str; 36] = [
    "jar",
    "cp",
    "classpath",
    "server",
    "client",
    "version",
    "ea",
    "da",
    "esa",
    "dsa",
    "verbose",
    "agentlib",
    "agentpath",
    "javaagent",
    "name",
    "iname",
    "type",
    "exec",
    "print",
    "config",
    "file",
    "log",
    "race",
    "mod",
    "tags",
    "run",
    "test",
    "bench",
    "timeout",
    "count",
    "help",
    "debug",
    "quiet",
    "listen",
    "addr",
    "noverify",
];

/// What ends a command within a line.
const OPERATORS: [&str; 10] = ["|", "||", "&&", ";", "&", ">", ">>", "<", "2>&1", "|&"];

/// A word of the line: its place, without the quotes around it.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    from: usize,
    text: &'a str,
    is_quoted: bool,
}

pub(super) fn command<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut reader = Reader::new(text);
    let mut is_program = true;
    let mut flag = "";
    while let Some(word) = next_word(&mut reader)? {
        if !word.is_quoted && OPERATORS.contains(&word.text) {
            // After a redirection comes a file, after the others a program.
            is_program = !word.text.contains(['<', '>']);
            flag = "";
            continue;
        }
        if is_program && !is_assignment(word.text) {
            is_program = false;
            program(word, pieces);
            continue;
        }
        flag = given(word, flag, pieces);
    }
    Ok(())
}

/// One element of a list of arguments, by itself. What the element before it names is asked with [`flag_of`].
pub(super) fn argument<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) {
    given(Word { from: 0, text, is_quoted: true }, "", pieces);
}

/// The name that the next argument is the value of: `password` for `--password`. For lists of arguments, whose
/// elements do not know each other.
pub fn flag_of(argument: &str) -> Option<&str> {
    let name = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_whole = argument.starts_with("--") || name.len() == 1 || WORDS.contains(&name);
    (is_whole && !name.is_empty() && name.bytes().all(is_part) && !is_odd_name(name)).then_some(name)
}

/// The next word by the rules of a shell. Quotes within a word are of it; those around it are not.
fn next_word<'a>(reader: &mut Reader<'a>) -> Result<Option<Word<'a>>, &'static str> {
    reader.spaces();
    if reader.is_end() {
        return Ok(None);
    }
    let begin = reader.at();
    let mut quotes = 0;
    loop {
        match reader.find(|byte| byte.is_ascii_whitespace() || matches!(byte, b'\'' | b'"' | b'\\')) {
            Some(b'\\') => reader.skip(2),
            Some(quote @ (b'\'' | b'"')) => {
                quotes += 1;
                close_quote(reader, quote)?;
            }
            _ => break,
        }
    }
    let text = reader.slice(begin, reader.at());
    let inside = ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    Ok(Some(match inside.filter(|_| quotes == 1) {
        Some(inside) => Word { from: begin + 1, text: inside, is_quoted: true },
        None => Word { from: begin, text, is_quoted: false },
    }))
}

fn close_quote(reader: &mut Reader<'_>, quote: u8) -> Done {
    reader.skip(1);
    loop {
        match reader.find(|byte| byte == quote || (byte == b'\\' && quote == b'"')) {
            None => return Err("a quote is not closed"),
            Some(b'\\') => reader.skip(2),
            Some(_) => {
                reader.skip(1);
                return Ok(());
            }
        }
    }
}

/// `NAME=value` before a program.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_variable(name))
}

fn is_variable(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_part) && !is_odd_name(name)
}

/// The program: its name stays, the path to it is read as a path.
fn program<'a>(word: Word<'a>, pieces: &mut Pieces<'_, 'a>) {
    let is_plain = word.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/\\._-+:~".contains(&byte));
    if is_plain {
        path::homes(word.text, 0, word.text.len(), &mut pieces.inside(word.from));
    } else {
        pieces.literal(word.from, word.from + word.text.len());
    }
}

/// One argument; what comes back is the name of the flag that the next one is of.
fn given<'a>(word: Word<'a>, flag: &'a str, pieces: &mut Pieces<'_, 'a>) -> &'a str {
    let (from, to) = (word.from, word.from + word.text.len());
    if word.text.starts_with('-') && word.text.len() > 1 && !is_negative_number(word.text) {
        return flag_piece(word, pieces);
    }
    if let Some(name) = headers::header_name(word.text)
        && part(word.text, name.len(), name.len() + 2) == ": "
    {
        pieces.named(from + name.len() + 2, to, headers::PARENT, name);
    } else if is_assignment(word.text) {
        let name = word.text.split('=').next().unwrap_or_default();
        value(word, name.len() + 1, name, pieces);
    } else if !flag.is_empty() {
        value(word, 0, flag, pieces);
    } else {
        positional(word, pieces);
    }
    ""
}

fn is_negative_number(text: &str) -> bool {
    text.bytes().skip(1).all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The value of a flag or a variable, without quotes of its own.
fn value<'a>(word: Word<'a>, begin: usize, name: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let text = part(word.text, begin, word.text.len());
    let inside = ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    let quote = usize::from(inside.is_some());
    let from = word.from + begin + quote;
    pieces.named(from, from + inside.unwrap_or(text).len(), "", name);
}

/// `--name=value`, `--name`, `-Dname=value`, `-pVALUE`, `-la`.
fn flag_piece<'a>(word: Word<'a>, pieces: &mut Pieces<'_, 'a>) -> &'a str {
    let text = word.text;
    let dashes = if text.starts_with("--") { 2 } else { 1 };
    let body = part(text, dashes, text.len());
    if dashes == 1
        && let Some(definition) = body.strip_prefix('D')
        && let Some((name, _)) = definition.split_once('=')
        && !is_odd_name(name)
    {
        value(word, text.len() - definition.len() + name.len() + 1, name, pieces);
        return "";
    }
    let name_end = body.find(['=', ':']).unwrap_or(body.len());
    let name = part(body, 0, name_end);
    let is_known = flag_of(part(text, 0, dashes + name_end)).is_some();
    if is_known && name_end < body.len() {
        value(word, dashes + name_end + 1, name, pieces);
        return "";
    }
    if is_known {
        return name;
    }
    if dashes == 1 && is_switches(body) {
        return "";
    }
    // One letter with its value, or nothing that is known.
    let letter = part(body, 0, 1);
    let (begin, key) = match letter {
        _ if dashes == 2 || letter.is_empty() => (dashes, ""),
        "p" => (2, "password"),
        "u" => (2, "user"),
        _ => (2, letter),
    };
    pieces.named(word.from + begin, word.from + text.len(), "", key);
    ""
}

/// Letters of switches side by side. Three say little; `-p` and `-u` are given values.
fn is_switches(body: &str) -> bool {
    body.len() <= 3
        && !body.starts_with(['p', 'u', 'P', 'U'])
        && body.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn positional<'a>(word: Word<'a>, pieces: &mut Pieces<'_, 'a>) {
    let (from, to) = (word.from, word.from + word.text.len());
    if word.text.contains("://") {
        let before = pieces.out.len();
        if url::url(word.text, &mut pieces.inside(from)).is_ok() {
            return;
        }
        pieces.out.truncate(before);
        return pieces.literal(from, to);
    }
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/\\._-+~:".contains(&byte);
    if word.text.bytes().all(is_path) {
        path::path(word.text, 0, word.text.len(), &mut pieces.inside(from));
    } else {
        pieces.put(from, to, PieceKind::Literal);
    }
}
