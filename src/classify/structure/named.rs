//! Names of spans, which are what people make them: a method and a path, a statement, or words.

use super::PieceKind;
use super::document::is_method;
use super::kind::Dialect;
use super::read::{Pieces, part};
use super::{sql, url};

pub(super) fn name<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let mut begin = text.len() - text.trim_ascii_start().len();
    for _ in 0..2 {
        let rest = part(text, begin, text.len());
        let word = rest.split(' ').next().unwrap_or_default();
        if is_method(word) || matches!(word, "HTTP" | "HTTPS") {
            begin = (begin + word.len() + 1).min(text.len());
        }
    }
    let rest = part(text, begin, text.len());
    if rest.is_empty() {
        return;
    }
    let before = pieces.out.len();
    if rest.starts_with('/')
        || url::scheme(rest).is_some_and(|length| part(rest, length, length + 3) == "://")
    {
        if url::url(rest, &mut pieces.inside(begin)).is_ok() {
            return;
        }
        pieces.out.truncate(before);
    }
    let verb = rest.split(' ').next().unwrap_or_default();
    if sql::is_beginning(verb) && rest.contains(['\'', '=']) {
        if sql::sql(rest, Dialect::Any, &mut pieces.inside(begin)).is_ok() {
            return;
        }
        pieces.out.truncate(before);
    }
    pieces.put(begin, text.len(), PieceKind::Message);
}
