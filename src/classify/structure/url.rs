//! URLs, their paths and queries, and forms. Scheme, host, port and the names of parameters stay; user and
//! password, path, values and fragment are pieces. Ranges are those of the text as it stands: nothing is decoded
//! but names.
//!
//! What a browser would mend is not mended here. A text whose authority cannot be told from its path is refused.

use super::PieceKind;
use super::read::{Pieces, is_odd_name, part, percent_decoded};

type Done = Result<(), &'static str>;

/// What the parameters of a URL stand in.
const QUERY: &str = "url.query";

/// A URL, or any reference that HTTP knows: `/path?query`, `//host/path`, `host:443`, `*`.
pub(super) fn url<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let scheme = scheme(text);
    let rest = scheme.map_or(0, |length| length + 1);
    let bytes = text.as_bytes();
    if let Some(begin) = authority_begin(bytes, rest) {
        let end = bytes
            .iter()
            .skip(begin)
            .position(|byte| b"/\\?#".contains(byte))
            .map_or(text.len(), |at| begin + at);
        authority(text, begin, end, pieces)?;
        path_on(text, end, pieces);
        return Ok(());
    }
    match scheme {
        None => path_on(text, 0, pieces),
        // jdbc:mysql://host/db and the like: a URL in a URL.
        Some(_) if self::scheme(part(text, rest, text.len())).is_some() && contains_authority(text, rest) => {
            return inner(text, rest, pieces);
        }
        Some(length) if is_port(part(text, rest, text.len())) && !part(text, 0, length).is_empty() => {
            let end = bytes.iter().position(|byte| b"/\\?#".contains(byte)).unwrap_or(text.len());
            authority(text, 0, end, pieces)?;
            path_on(text, end, pieces);
        }
        Some(_) => pieces.literal(rest, text.len()),
    }
    Ok(())
}

/// URLs that stand in the scheme of others, at most: `jdbc:p6spy:mysql://`.
const SCHEMES_MAX: usize = 4;

fn inner<'a>(text: &'a str, from: usize, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut from = from;
    for _ in 0..SCHEMES_MAX {
        let rest = part(text, from, text.len());
        let Some(length) = scheme(rest) else { break };
        if let Some(begin) = authority_begin(rest.as_bytes(), length + 1) {
            let end = rest
                .bytes()
                .skip(begin)
                .position(|byte| b"/\\?#;".contains(&byte))
                .map_or(rest.len(), |at| begin + at);
            let mut pieces = pieces.inside(from);
            authority(rest, begin, end, &mut pieces)?;
            // Parameters of a connection follow a semicolon, too: `;user=sa;password=x`.
            path_on(rest, end, &mut pieces);
            return Ok(());
        }
        from += length + 1;
    }
    pieces.literal(from, text.len());
    Ok(())
}

fn contains_authority(text: &str, from: usize) -> bool {
    part(text, from, text.len()).contains("://")
}

/// The length of a scheme, without its colon.
pub(super) fn scheme(text: &str) -> Option<usize> {
    let length = text.bytes().take(32).position(|byte| byte == b':')?;
    let mut name = part(text, 0, length).bytes();
    let is_scheme = name.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
    is_scheme.then_some(length)
}

fn authority_begin(bytes: &[u8], from: usize) -> Option<usize> {
    let slashes = bytes.get(from..from + 2)?;
    slashes.iter().all(|byte| matches!(byte, b'/' | b'\\')).then_some(from + 2)
}

fn is_port(rest: &str) -> bool {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (1..=5).contains(&digits) && rest.as_bytes().get(digits).is_none_or(|byte| b"/?#".contains(byte))
}

/// User and password end at the last `@`. A host that is none may be a password with a slash in it.
fn authority<'a>(text: &'a str, from: usize, to: usize, pieces: &mut Pieces<'_, 'a>) -> Done {
    let whole = part(text, from, to);
    let host_from = match whole.rfind('@') {
        Some(at) => {
            pieces.put(from, from + at, PieceKind::UserInfo);
            from + at + 1
        }
        None => from,
    };
    // Several hosts, as databases have them, are divided by commas.
    for host in part(text, host_from, to).split(',') {
        if !is_host(host) {
            return Err("the host is none");
        }
    }
    Ok(())
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rfind(']').and_then(|end| host.get(end + 1..)) {
        Some(after) => (host.get(..host.len() - after.len()).unwrap_or_default(), after),
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let is_part =
        |c: char| c.is_alphanumeric() || ".-_*{}$[]:".contains(c) || (!c.is_ascii() && !c.is_whitespace());
    name.chars().all(is_part) && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A path with the query and the fragment that may follow.
pub(super) fn path_on<'a>(text: &'a str, from: usize, pieces: &mut Pieces<'_, 'a>) {
    let end = text
        .as_bytes()
        .iter()
        .skip(from)
        .position(|byte| b"?#".contains(byte))
        .map_or(text.len(), |at| from + at);
    path(text, from, end, pieces);
    if text.as_bytes().get(end) == Some(&b'?') {
        query(text, end + 1, QUERY, pieces);
    } else if end < text.len() {
        pieces.put(end + 1, text.len(), PieceKind::Fragment);
    }
}

/// Segments, each with the parameters that follow a semicolon.
fn path<'a>(text: &'a str, from: usize, to: usize, pieces: &mut Pieces<'_, 'a>) {
    let mut at = from;
    for segment in part(text, from, to).split(['/', '\\']) {
        let mut inner = at;
        for (number, field) in segment.split(';').enumerate() {
            match (number, field.find('=')) {
                (0, _) if field.is_empty() => {}
                (0, _) => segment_piece(inner, field, pieces),
                (_, Some(_)) => parameter(field, inner, QUERY, pieces),
                (_, None) => pieces.literal(inner, inner + field.len()),
            }
            inner += field.len() + 1;
        }
        at += segment.len() + 1;
    }
}

/// One part of a path.
pub(super) fn segment_piece(at: usize, segment: &str, pieces: &mut Pieces<'_, '_>) {
    pieces.put(at, at + segment.len(), PieceKind::PathSegment { is_id: super::read::is_id(segment) });
}

/// Parameters up to the fragment. A value without a name is a literal, and so is what a semicolon divides: not
/// all who read queries agree that it does.
pub(super) fn query<'a>(text: &'a str, from: usize, parent: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let end =
        text.as_bytes().iter().skip(from).position(|byte| *byte == b'#').map_or(text.len(), |at| from + at);
    let mut at = from;
    for field in part(text, from, end).split(['&', ';']) {
        if !field.is_empty() {
            parameter(field, at, parent, pieces);
        }
        at += field.len() + 1;
    }
    if end < text.len() {
        pieces.put(end + 1, text.len(), PieceKind::Fragment);
    }
}

fn parameter<'a>(field: &'a str, at: usize, parent: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let Some(equals) = field.find('=') else {
        pieces.literal(at, at + field.len());
        return;
    };
    let name = part(field, 0, equals);
    let decoded = percent_decoded(name);
    if !name.is_empty() && is_odd_name(&decoded) {
        pieces.put(at, at + name.len(), PieceKind::OddName);
    }
    pieces.named(at + equals + 1, at + field.len(), parent, decoded);
}
