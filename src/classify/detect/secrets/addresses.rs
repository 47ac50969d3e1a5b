//! Addresses with a password in them. The password and the name before it go; the host and the path say nothing of
//! it, and are looked at like everything else.

use super::super::finder::Finder;
use super::Detector;
use super::value::is_placeholder;

const AUTHORITY_BYTES_MAX: usize = 512;

/// What may follow a `#` within a password, and the host.
const PASSWORD_REST_MAX: usize = 64;

/// What stands before the host of an address that has no scheme.
const PROTOCOLS: [&[u8]; 3] = [b"@tcp(", b"@unix(", b"@udp("];

/// `scheme://user:password@host/...`.
pub fn with_scheme(finder: &mut Finder<'_>) {
    let view = finder.view;
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(view.rest(from), b"://").map(|at| from + at) {
        from = at + 3;
        let end = view.run_end(from, AUTHORITY_BYTES_MAX, |byte| {
            !matches!(byte, 0..=b' ' | b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`')
        });
        let authority = view.text(from, end);
        let last_colon = memchr::memrchr(b':', authority).map_or(authority.len(), |at| at + 1);
        let port = authority.get(last_colon..).unwrap_or_default();
        // A password may have had an escaped `#` in it; no port is a word.
        let is_cut = view.byte(end) == b'#' && !port.is_empty() && !port.iter().all(u8::is_ascii_digit);
        let end = if is_cut { view.run_end(end + 1, PASSWORD_REST_MAX, super::is_value) } else { end };
        let authority = view.text(from, end);
        let Some(sign) = memchr::memrchr(b'@', authority) else { continue };
        let person = authority.get(..sign).unwrap_or_default();
        let Some(colon) = memchr::memchr(b':', person) else { continue };
        let password = person.get(colon + 1..).unwrap_or_default();
        let is_blank = password.is_empty() || is_placeholder(password) || password.starts_with(b"{");
        if !is_blank {
            finder.strong(from..from + sign, Detector::Secret);
        }
        from += sign;
    }
}

/// `user:password@tcp(host)/db`, and `thin:user/password@host`.
pub fn without_scheme(finder: &mut Finder<'_>) {
    let bytes = finder.view.bytes;
    for at in memchr::memchr_iter(b'@', bytes) {
        let after = finder.view.rest(at);
        let is_protocol = PROTOCOLS.iter().any(|protocol| after.starts_with(protocol));
        let before = bytes.get(at.saturating_sub(96)..at).unwrap_or_default();
        let is_part = |byte: &&u8| !matches!(**byte, 0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b',' | b';');
        let length = before.iter().rev().take_while(is_part).count();
        let person = before.get(before.len() - length..).unwrap_or_default();
        let skip = memchr::memmem::find(person, b"thin:").map(|at| at + 5);
        let divide = if skip.is_some() { b'/' } else { b':' };
        if !is_protocol && skip.is_none() {
            continue;
        }
        let skip = skip.unwrap_or(0);
        let person = person.get(skip..).unwrap_or_default();
        let Some(sign) = memchr::memchr(divide, person) else { continue };
        let password = person.get(sign + 1..).unwrap_or_default();
        if !password.is_empty() && !is_placeholder(password) {
            finder.strong(at - person.len()..at, Detector::Secret);
        }
    }
}
