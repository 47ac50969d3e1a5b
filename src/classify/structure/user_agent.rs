//! User agents: products and their major versions stay, and the platforms that everybody has. The rest of a
//! version, and what else a comment says (a model, a build, an address), are literals.

use super::read::{Pieces, Reader};

/// Bytes of a product's name.
const PRODUCT_BYTES_MAX: usize = 32;

/// Words of platforms that say nothing of one device.
const PLATFORMS: [&str; 36] = [
    "windows",
    "nt",
    "macintosh",
    "intel",
    "mac",
    "os",
    "x",
    "x11",
    "linux",
    "x86_64",
    "i686",
    "aarch64",
    "arm64",
    "android",
    "iphone",
    "ipad",
    "cpu",
    "like",
    "gecko",
    "khtml",
    "compatible",
    "mobile",
    "wow64",
    "win64",
    "x64",
    "u",
    "ubuntu",
    "fedora",
    "cros",
    "amd64",
    "tablet",
    "k",
    "darwin",
    "go",
    "java",
    "unix",
];

pub(super) fn user_agent<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) {
    let mut reader = Reader::new(text);
    loop {
        reader.spaces();
        match reader.peek() {
            None => return,
            Some(b'(') => comment(&mut reader, pieces),
            Some(_) => product(&mut reader, pieces),
        }
    }
}

/// `Chrome/120.0.6099.71`: the name and the major version stay.
fn product<'a>(reader: &mut Reader<'a>, pieces: &mut Pieces<'_, 'a>) {
    let from = reader.at();
    let word = reader.take_while(|byte| !byte.is_ascii_whitespace() && byte != b'(');
    let (name, version) = word.split_once('/').unwrap_or((word, ""));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if name.len() > PRODUCT_BYTES_MAX || digits > 2 || name.is_empty() || !name.bytes().all(is_name) {
        // A parenthesis that nothing opened, and anything else that is no product.
        reader.go((from + 1).max(reader.at()));
        return pieces.literal(from, reader.at());
    }
    rest_of_version(version, from + name.len() + 1, reader.at(), pieces);
}

/// What follows the first number of a version.
fn rest_of_version(version: &str, from: usize, to: usize, pieces: &mut Pieces<'_, '_>) {
    let major = version.bytes().take_while(u8::is_ascii_digit).count();
    let kept = if major <= 4 { major } else { 0 };
    if kept < version.len() {
        pieces.literal(from + kept, to);
    }
}

/// `(Windows NT 10.0; Win64; x64)`, with comments in it.
fn comment<'a>(reader: &mut Reader<'a>, pieces: &mut Pieces<'_, 'a>) {
    let mut depth = 0_usize;
    loop {
        match reader.peek() {
            None => return,
            Some(b'(') => depth += 1,
            Some(b')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    reader.skip(1);
                    return;
                }
            }
            Some(b';' | b',' | b' ') => {}
            Some(_) => {
                item(reader, pieces);
                continue;
            }
        }
        reader.skip(1);
    }
}

/// One word of a comment; a version keeps its first number.
fn item<'a>(reader: &mut Reader<'a>, pieces: &mut Pieces<'_, 'a>) {
    let from = reader.at();
    let word = reader.take_while(|byte| !matches!(byte, b';' | b',' | b' ' | b'(' | b')'));
    if PLATFORMS.iter().any(|known| known.eq_ignore_ascii_case(word)) {
        return;
    }
    let is_version = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
    if word.bytes().all(is_version) {
        return rest_of_version(word, from, reader.at(), pieces);
    }
    pieces.literal(from, reader.at());
}
