//! One escape: what stands for one character, or for less, or for none.

use super::letters::{self, Letter};

/// What an escape says, and how many bytes it takes.
#[derive(Debug, Default)]
pub struct Undone {
    text: [u8; 32],
    text_len: usize,
    pub length: usize,
}

impl Undone {
    fn byte(byte: u8, length: usize) -> Self {
        let mut undone = Self { length, ..Self::default() };
        undone.push(&[byte]);
        undone
    }

    /// A character, made plain if it is a look-alike.
    fn character(character: char, length: usize) -> Self {
        Self::letter(character, letters::plain(character), length)
    }

    fn letter(character: char, read_as: Letter, length: usize) -> Self {
        let mut undone = Self { length, ..Self::default() };
        match read_as {
            Letter::Same => undone.push(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Letter::Nothing => {}
            Letter::Others(others) => {
                others.for_each(|other| undone.push(other.encode_utf8(&mut [0; 4]).as_bytes()));
            }
        }
        undone
    }

    /// What does not fit is left out: it would be the end of a phrase that is one character.
    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.text.get_mut(self.text_len..self.text_len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.text_len += bytes.len();
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.text.get(..self.text_len).unwrap_or_default()
    }
}

/// The escape that `rest` begins with.
pub fn undo(rest: &[u8]) -> Option<Undone> {
    match rest {
        [b'%', b'u' | b'U', hex @ ..] => {
            let character = char::from_u32(hexadecimal(hex.get(..4)?)?)?;
            Some(Undone::character(character, 6))
        }
        [b'%', ..] => bytes(rest, b"%"),
        [b'\\', b'x', ..] => bytes(rest, b"\\x"),
        [b'\\', kind, after @ ..] => backslash(*kind, after),
        [b'&', after @ ..] => entity(after),
        [first, ..] if !first.is_ascii() => letter(rest),
        _ => None,
    }
}

/// Bytes written as two digits each behind `sign`: one of ASCII, or all of a longer character. Anything else is
/// none, such as the `%B4` that a track of a card begins with.
fn bytes(rest: &[u8], sign: &[u8]) -> Option<Undone> {
    let width = sign.len() + 2;
    let at = |place: usize| {
        let digits = rest.get(place * width..)?.strip_prefix(sign)?;
        pair(*digits.first()?, *digits.get(1)?)
    };
    let first = at(0)?;
    if first.is_ascii() {
        return Some(Undone::byte(first, width));
    }
    let mut text = [first, 0, 0, 0];
    let length = utf8_length(first)?;
    for (place, byte) in text.iter_mut().enumerate().take(length).skip(1) {
        *byte = at(place)?;
    }
    let character = std::str::from_utf8(text.get(..length)?).ok()?.chars().next()?;
    Some(Undone::character(character, width * length))
}

const fn utf8_length(first: u8) -> Option<usize> {
    match first {
        0xc2..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xf4 => Some(4),
        _ => None,
    }
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn pair(high: u8, low: u8) -> Option<u8> {
    Some(nibble(high)? << 4 | nibble(low)?)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let all = digits.iter().try_fold(0, |number, digit| Some(number << 4 | u32::from(nibble(*digit)?)));
    all.filter(|_| !digits.is_empty() && digits.len() <= 6)
}

fn backslash(kind: u8, after: &[u8]) -> Option<Undone> {
    let plain = match kind {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'"' | b'\'' | b'/' | b'\\' => kind,
        b'u' => return unicode(after),
        b'U' => {
            let digits = after.get(..8)?.strip_prefix(b"00")?;
            return Some(Undone::character(char::from_u32(hexadecimal(digits)?)?, 10));
        }
        _ => return None,
    };
    Some(Undone::byte(plain, 2))
}

/// `\u0040`, in two halves beyond the first plane, and Rust's `\u{40}`.
fn unicode(after: &[u8]) -> Option<Undone> {
    if let [b'{', inside @ ..] = after {
        let length = inside.iter().take(7).position(|byte| *byte == b'}')?;
        let character = char::from_u32(hexadecimal(inside.get(..length)?)?)?;
        return Some(Undone::character(character, length + 4));
    }
    let first = hexadecimal(after.get(..4)?)?;
    if let 0xd800..0xdc00 = first {
        let second = hexadecimal(after.get(4..)?.strip_prefix(b"\\u")?.get(..4)?)?;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        return Some(Undone::character(char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?, 12));
    }
    Some(Undone::character(char::from_u32(first)?, 6))
}

/// Entities whose characters matter to what is searched for.
const ENTITIES: &[(&[u8], u8)] = &[
    (b"commat", b'@'),
    (b"period", b'.'),
    (b"colon", b':'),
    (b"plus", b'+'),
    (b"sol", b'/'),
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"nbsp", b' '),
    (b"percnt", b'%'),
    (b"hyphen", b'-'),
    (b"dash", b'-'),
    (b"lowbar", b'_'),
    (b"equals", b'='),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"num", b'#'),
    (b"Tab", b'\t'),
    (b"NewLine", b'\n'),
];

/// The longest that is read: `&#1114111;` has ten.
const ENTITY_BYTES_MAX: usize = 9;

fn entity(after: &[u8]) -> Option<Undone> {
    let length = after.iter().take(ENTITY_BYTES_MAX).position(|byte| *byte == b';')?;
    let name = after.get(..length)?;
    match name {
        [b'#', b'x' | b'X', digits @ ..] => {
            Some(Undone::character(char::from_u32(hexadecimal(digits)?)?, length + 2))
        }
        [b'#', digits @ ..] => {
            let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
            Some(Undone::character(char::from_u32(number)?, length + 2))
        }
        _ => {
            let (_, byte) = ENTITIES.iter().find(|(known, _)| *known == name)?;
            Some(Undone::byte(*byte, length + 2))
        }
    }
}

/// A character that is not ASCII, if it is to be read as another. What is no UTF-8 stays.
fn letter(rest: &[u8]) -> Option<Undone> {
    let length = utf8_length(*rest.first()?)?;
    let character = std::str::from_utf8(rest.get(..length)?).ok()?.chars().next()?;
    match letters::plain(character) {
        Letter::Same => None,
        other => Some(Undone::letter(character, other, length)),
    }
}
