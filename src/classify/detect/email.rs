//! Addresses of e-mail, from each `@` outwards.
//!
//! Neither side of one contains another `@`, so that no byte is looked at more than twice. What looks like an
//! address and is none: `pkg@1.2.3`, `git@host:path`, `rabbit@ip-10-0-0-1`, `icon@2x.png`.

use std::ops::Range;

use super::Detector;
use super::finder::Finder;

/// Mail servers take 64 bytes before the `@`; more is looked at, since what is too long says a name as well.
const LOCAL_BYTES_MAX: usize = 128;
const DOMAIN_BYTES_MAX: usize = 255;
/// Letters of the longest top-level domain, in its ASCII form.
const TOP_BYTES_MAX: usize = 24;

/// Endings of files, of which none is a domain.
const FILES: [&[u8]; 24] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"ico", b"js", b"mjs", b"css", b"html", b"json",
    b"xml", b"yaml", b"yml", b"txt", b"log", b"tmp", b"dll", b"exe", b"jar", b"class", b"java", b"tgz",
];

/// `urls` are the places of the finds that are names and passwords of URLs, in order: what stands behind one is a host.
pub fn scan(finder: &mut Finder<'_>, urls: Range<usize>) {
    let bytes = finder.view.bytes;
    for at in memchr::memchr_iter(b'@', bytes) {
        let known = finder.found.get(urls.clone()).unwrap_or_default();
        let next = known.partition_point(|url| url.range.end < at);
        if known.get(next).is_some_and(|url| url.range.end == at) {
            continue;
        }
        if let Some(range) = address(bytes, at) {
            finder.strong(range, Detector::Email);
        }
    }
}

/// The address around the `@` at a place.
fn address(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let from = at.saturating_sub(LOCAL_BYTES_MAX);
    let before = bytes.get(from..at)?;
    let start = from + local_start(before)?;
    let local = bytes.get(start..at)?;
    let rest = bytes.get(at + 1..)?;
    let after = rest.get(..DOMAIN_BYTES_MAX.min(rest.len()))?;
    let end = at + 1 + literal_length(after).or_else(|| domain_length(after))?;
    let domain = bytes.get(at + 1..end)?;
    let is_other = is_machine(domain) || is_release(domain) || is_repository(bytes, local, start, end);
    (!is_other).then_some(start..end)
}

const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'~')
}

/// Where the name before an `@` begins: as far back as its characters go, and not with a sign.
fn local_start(before: &[u8]) -> Option<usize> {
    if before.last() == Some(&b'"') {
        let inside = before.len() - 1;
        return before
            .get(..inside)?
            .iter()
            .rposition(|byte| *byte == b'"')
            .filter(|start| start + 1 < inside);
    }
    let mut start = before.len();
    while let Some(length) = last_of_local(before.get(..start)?, before.get(start..)?) {
        start -= length;
    }
    let name = before.get(start..)?;
    let signs = name.iter().take_while(|byte| matches!(byte, b'.' | b'+' | b'-' | b'~')).count();
    (signs < name.len()).then_some(start + signs)
}

/// The length of the last character, if it belongs to a name that goes on with `after`.
fn last_of_local(before: &[u8], after: &[u8]) -> Option<usize> {
    let last = *before.last()?;
    if is_local(last) {
        // A word of another script that stands right before is not part of it.
        return after.first().is_none_or(|next| is_latin_or_sign(after, *next)).then_some(1);
    }
    if last == b'\'' {
        let is_inside = before.iter().rev().nth(1).is_some_and(u8::is_ascii_alphabetic)
            && after.first().is_some_and(u8::is_ascii_alphabetic);
        return is_inside.then_some(1);
    }
    if last.is_ascii() {
        return None;
    }
    let length = before.iter().rev().take(4).position(|byte| byte & 0xc0 != 0x80)? + 1;
    let character = std::str::from_utf8(before.get(before.len() - length..)?).ok()?.chars().next()?;
    let goes_on = match after.first() {
        Some(next) if next.is_ascii_alphanumeric() => is_latin(character),
        _ => true,
    };
    (goes_on && is_letter(character)).then_some(length)
}

fn is_letter(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '\u{300}'..='\u{36f}')
}

/// Latin with its accents, which stands within words of ASCII.
const fn is_latin(character: char) -> bool {
    matches!(character, '\u{80}'..='\u{24f}' | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}')
}

fn is_latin_or_sign(after: &[u8], next: u8) -> bool {
    next.is_ascii() || first_character(after).is_none_or(is_latin)
}

fn first_character(text: &[u8]) -> Option<char> {
    let head = text.get(..4.min(text.len()))?;
    let valid = match std::str::from_utf8(head) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
    };
    valid.chars().next()
}

/// `[192.0.2.1]`, in place of a domain.
fn literal_length(after: &[u8]) -> Option<usize> {
    let inside = after.strip_prefix(b"[")?;
    let length =
        inside.iter().take(48).take_while(|byte| byte.is_ascii_hexdigit() || b".:IPv".contains(byte)).count();
    (length >= 7 && inside.get(length) == Some(&b']')).then_some(length + 2)
}

/// How long a domain is that `after` begins with: labels with points between, the last of which is a name.
fn domain_length(after: &[u8]) -> Option<usize> {
    let length = after
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || !byte.is_ascii());
    let mut rest = after.get(..length.count())?;
    let (mut at, mut best, mut labels) = (0, None, 0usize);
    loop {
        let label = rest.split(|byte| *byte == b'.').next()?;
        let top = if labels == 0 { None } else { top_length(label) };
        if let Some(top) = top {
            best = Some(at + top);
        }
        let is_whole =
            !label.is_empty() && label.first() != Some(&b'-') && top.is_none_or(|top| top == label.len());
        (labels, at) = (labels + 1, at + label.len() + 1);
        match rest.get(label.len() + 1..) {
            Some(more) if is_whole && !more.is_empty() => rest = more,
            _ => return best,
        }
    }
}

/// How much of a label may be a top-level domain: letters, two at least.
fn top_length(label: &[u8]) -> Option<usize> {
    let head = label.get(..4.min(label.len()))?;
    if head.eq_ignore_ascii_case(b"xn--") {
        return (label.len() > 6).then_some(label.len());
    }
    if label.first().is_some_and(|byte| !byte.is_ascii()) {
        let letters = std::str::from_utf8(label).ok()?.chars().take_while(|c| !c.is_ascii() && is_letter(*c));
        return Some(letters.map(char::len_utf8).sum()).filter(|length| *length >= 4);
    }
    let letters = label.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let is_top = (2..=TOP_BYTES_MAX).contains(&letters)
        && label.get(letters).is_none_or(|next| !next.is_ascii_alphanumeric());
    let is_file =
        || FILES.iter().any(|file| label.get(..letters).is_some_and(|top| top.eq_ignore_ascii_case(file)));
    (is_top && !is_file()).then_some(letters)
}

/// Nodes of a cluster: `rabbit@ip-10-0-0-1.ec2.internal`, `rabbit@mq-0.mq.default.svc.cluster.local`.
fn is_machine(domain: &[u8]) -> bool {
    let is_numbered =
        domain.strip_prefix(b"ip-").and_then(|rest| rest.first()).is_some_and(u8::is_ascii_digit);
    is_numbered || domain.ends_with(b".cluster.local") || domain.ends_with(b".svc")
}

/// `1.2.3-beta.rc` and `v1.2.x.dev`: the first two labels are numbers.
fn is_release(domain: &[u8]) -> bool {
    let mut labels = domain.split(|byte| *byte == b'.');
    let first = labels.next().unwrap_or_default();
    let first = first.strip_prefix(b"v").unwrap_or(first);
    let is_number = |label: &[u8]| !label.is_empty() && label.iter().all(u8::is_ascii_digit);
    let second = labels.next().unwrap_or_default();
    is_number(first) && second.first().is_some_and(u8::is_ascii_digit)
}

/// `git@host:path`, which everyone has.
fn is_repository(bytes: &[u8], local: &[u8], start: usize, end: usize) -> bool {
    let next = bytes.get(end).copied();
    let is_path = matches!(next, Some(b':' | b'/')) && bytes.get(end + 1).is_some_and(|byte| *byte != b' ');
    let has_scheme = bytes.get(start.saturating_sub(3)..start) == Some(b"://");
    matches!(local, b"git" | b"hg" | b"svn") && (is_path || has_scheme)
}
