//! Addresses of machines: IPv4, IPv6, MAC.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::finder::{Claim, Finder};
use super::view::{HEX, Word};
use super::{Context, Detector};
use crate::classify::validate::national::Worth;

/// The longest text of an IPv6 address, with an IPv4 one inside.
const IPV6_BYTES_MAX: usize = 45;
/// The name of an interface.
const ZONE_BYTES_MAX: usize = 16;

/// `1.2.3.4`, where nothing says that it is a version.
pub fn ipv4(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let mut octets = [0; 4];
    for (place, octet) in octets.iter_mut().enumerate() {
        let Some(part) = view.word(index + place).filter(|part| part.is_number() && part.len() <= 3) else {
            return false;
        };
        if place > 0 && view.joined(index + place - 1, b'.').is_none() {
            return false;
        }
        let Ok(Ok(value)) = std::str::from_utf8(view.word_text(part)).map(u8::from_str) else { return false };
        *octet = value;
    }
    let end = view.word(index + 3).map_or(word.end(), Word::end);
    let address = Ipv4Addr::from(octets);
    let is_longer = view.byte(end) == b'.' && view.byte(end + 1).is_ascii_digit();
    if is_longer || address.is_loopback() || address.is_unspecified() || address.is_broadcast() {
        return false;
    }
    if is_release(finder, word.start(), end) || is_identifier(octets) {
        return false;
    }
    let said = finder.said(index);
    if said.meets(Context::VERSION) && !said.meets(Context::NETWORK) {
        return false;
    }
    // `::ffff:1.2.3.4` is one address.
    let lead = view.text(word.start().saturating_sub(7), word.start());
    let mapped = if lead.eq_ignore_ascii_case(b"::ffff:") { 7 } else { 0 };
    finder.strong(word.start() - mapped..end, Detector::Ipv4);
    true
}

/// `ip-203-0-113-7`, as clouds name machines by their addresses. Those that are of no use outside are no one's.
pub fn dashed(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    if view.byte(word.end()) != b'-' || !matches!(view.word_text(word), b"ip" | b"IP") {
        return false;
    }
    let mut octets = [0; 4];
    for (place, octet) in octets.iter_mut().enumerate() {
        let Some(part) = view.joined(index + place, b'-').filter(|part| part.is_number()) else {
            return false;
        };
        let Ok(Ok(value)) = std::str::from_utf8(view.word_text(part)).map(u8::from_str) else { return false };
        *octet = value;
    }
    let address = Ipv4Addr::from(octets);
    let (Some(first), Some(last)) = (view.word(index + 1), view.word(index + 4)) else { return false };
    let is_public = !address.is_private() && !address.is_loopback() && !address.is_link_local();
    if is_public && view.byte(last.end()) != b'-' {
        finder.strong(first.start()..last.end(), Detector::Ipv4);
    }
    is_public
}

/// Whether the four numbers are part of a release's name: `Chrome/1.2.3.4`, `lib-1.2.3.4`, `1.2.3.4-beta`.
fn is_release(finder: &Finder<'_>, start: usize, end: usize) -> bool {
    let view = finder.view;
    let before = start.checked_sub(2).map_or(0, |at| view.byte(at));
    let is_named = match view.before(start) {
        b'/' => {
            // Java writes `host/1.2.3.4:80`; a program is one word, and has no port.
            let is_host = view.byte(end) == b':' && view.byte(end + 1).is_ascii_digit();
            before.is_ascii_alphanumeric() && !is_host && !is_host_or_path(finder, start - 1)
        }
        // Few releases begin with more than a hundred, and those end with a zero.
        b'-' | b'_' | b'@' => before.is_ascii_alphanumeric() && !is_far(view.text(start, end)),
        b'.' => before.is_ascii_alphanumeric(),
        b'^' | b'~' => true,
        _ => false,
    };
    let is_tagged = matches!(view.byte(end), b'-' | b'+' | b'_')
        && view.byte(end + 1).is_ascii_alphabetic()
        && !is_far(view.text(start, end));
    is_named || is_tagged
}

/// Numbers that begin with three digits and do not end with a zero.
fn is_far(text: &[u8]) -> bool {
    matches!(text, [b'1'..=b'2', b'0'..=b'9', b'0'..=b'9', b'.', .., _]) && !text.ends_with(b".0")
}

/// Whether what ends here has a point or a hyphen in it, as hosts have and programs have not; or begins with
/// `/`, as a part of a path does.
fn is_host_or_path(finder: &Finder<'_>, end: usize) -> bool {
    let from = end.saturating_sub(32);
    let text = finder.view.text(from, end).iter().rev();
    let mut name = text.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/'));
    name.any(|byte| matches!(byte, b'.' | b'-' | b'/'))
}

/// Four parts of an object identifier, as certificates have them: `2.5.4.3`, `2.5.29.17`.
const fn is_identifier(octets: [u8; 4]) -> bool {
    matches!(octets, [2, 5, 4 | 8 | 29, _] | [1, 3, 6, 1])
}

/// `2001:db8::1` and the like, from a word that begins a chain of colons.
pub fn ipv6(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let mut start = word.start();
    let lead = view.text(start.saturating_sub(2), start);
    if lead == b"::" {
        start -= 2;
    }
    if lead.last() == Some(&b':') && is_in_chain(finder, index) {
        return false;
    }
    let mut end = view
        .run_end(start, IPV6_BYTES_MAX + 2, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    while end > start && matches!(view.byte(end - 1), b'.' | b':') && !view.text(start, end).ends_with(b"::")
    {
        end -= 1;
    }
    let text = view.text(start, end);
    if text.len() > IPV6_BYTES_MAX || view.byte(end).is_ascii_alphanumeric() {
        return false;
    }
    let colons = text.iter().filter(|byte| **byte == b':').count();
    if colons < 2 || colons < 7 && memchr::memmem::find(text, b"::").is_none() {
        return false;
    }
    let Some(address) = std::str::from_utf8(text).ok().and_then(|text| Ipv6Addr::from_str(text).ok()) else {
        return false;
    };
    if !is_likely(address, text) {
        return false;
    }
    finder.strong(start..with_zone(finder, end), Detector::Ipv6);
    true
}

/// `%eth0`: the interface that an address is reached by is part of it.
fn with_zone(finder: &Finder<'_>, end: usize) -> usize {
    let view = finder.view;
    let zone = view.run_end(end + 1, ZONE_BYTES_MAX, |byte| byte.is_ascii_alphanumeric());
    if view.byte(end) == b'%' && zone > end + 1 { zone } else { end }
}

/// Whether the word before is another group of the same chain, which has been looked at from its beginning.
fn is_in_chain(finder: &Finder<'_>, index: usize) -> bool {
    let view = finder.view;
    let Some((before, word)) = index.checked_sub(1).and_then(|at| view.word(at)).zip(view.word(index)) else {
        return false;
    };
    let gap = view.text(before.end(), word.start());
    before.is_hex() && before.len() <= 4 && matches!(gap, b":" | b"::")
}

/// `dead::beef` is two words of code; three groups, or a beginning that addresses have, is an address.
fn is_likely(address: Ipv6Addr, text: &[u8]) -> bool {
    let [first, second, ..] = address.segments();
    let groups = text.split(|byte| *byte == b':').filter(|group| !group.is_empty()).count();
    let is_known = matches!(first, 0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..=0xff0f)
        || (first, second) == (0x64, 0xff9b);
    !address.is_loopback() && !address.is_unspecified() && (groups >= 3 || is_known && groups >= 2)
}

/// `00:1a:2b:3c:4d:5e`, with hyphens, or in three groups with points; eight groups of it are a longer one.
pub fn mac(finder: &mut Finder<'_>, index: usize, word: Word) -> bool {
    let view = finder.view;
    let sign = view.byte(word.end());
    let (length, parts) = match (word.len(), sign) {
        (2, b':' | b'-') => (2, 6),
        (4, b'.') => (4, 3),
        _ => return false,
    };
    if view.joined_before(index, sign).is_some_and(|before| before.is_hex() && before.len() == length) {
        return false;
    }
    let is_part = |at: usize| view.joined(at, sign).is_some_and(|next| next.is_hex() && next.len() == length);
    let more = (0..8).take_while(|more| is_part(index + more)).count();
    let count = if more == 7 && length == 2 { 8 } else { parts };
    let Some(last) = (more + 1 == count).then(|| view.word(index + count - 1)).flatten() else {
        return false;
    };
    let words = view.words.get(index..index + count).unwrap_or_default();
    let has_letter = words.iter().any(|word| word.has(HEX));
    let text = view.text(word.start(), last.end());
    let is_blank = text.iter().all(|byte| *byte == sign || Some(byte) == text.first());
    if is_blank || view.joined(index + count - 1, sign).is_some() {
        return false;
    }
    let worth = if has_letter || sign == b':' { Worth::Strong } else { Worth::Named };
    let claim = Claim { detector: Detector::Mac, worth, named_by: Context::DEVICE };
    finder.weigh(word.start()..last.end(), index, claim)
}
