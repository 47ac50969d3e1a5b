//! An account as the value of a header: JSON as it is where that is short, else packed. Knows nothing of what stands in
//! it.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// What is packed and unpacked at most: a hundred regions with all that is said of each, and several hundred behind
/// them. A header that unpacks to more is none of ours.
const UNPACKED_BYTES_MAX: usize = 256 << 10;

/// The value of a header of at most so many bytes, if it can be one.
pub(super) fn written(json: &str, bytes_max: usize) -> Option<String> {
    let plain = in_ascii(json);
    if plain.len() <= bytes_max {
        return Some(plain);
    }
    Some(packed(json)?).filter(|packed| packed.len() <= bytes_max)
}

/// The same, however long it is.
pub(super) fn written_anyway(json: &str) -> String {
    packed(json).unwrap_or_else(|| in_ascii(json))
}

/// The JSON that stands in a header, if any can.
pub(super) fn read(value: &[u8]) -> Option<Vec<u8>> {
    if value.first() == Some(&b'{') {
        return Some(value.to_vec());
    }
    let packed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let mut json = Vec::new();
    // One byte beyond tells that there is more.
    DeflateDecoder::new(&*packed).take(UNPACKED_BYTES_MAX as u64 + 1).read_to_end(&mut json).ok()?;
    (json.len() <= UNPACKED_BYTES_MAX).then_some(json)
}

fn packed(json: &str) -> Option<String> {
    if json.len() > UNPACKED_BYTES_MAX {
        return None;
    }
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
    packer.write_all(json.as_bytes()).ok()?;
    Some(URL_SAFE_NO_PAD.encode(packer.finish().ok()?))
}

/// JSON in which every other character is escaped: a header has no others.
fn in_ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            out.push(character);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}
