//! Reads and writes the protobuf wire format without decoding into objects.
//!
//! The format: <https://protobuf.dev/programming-guides/encoding/>. A reader is a cursor over a slice
//! that yields fields with their place, so that an index can keep ranges instead of values.

/// What is wrong with bytes that claim to be protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("a varint is longer than 64 bits")]
    VarintTooLong,
    #[error("the bytes end inside a field")]
    CutOff,
    #[error("field number 0 or wire type {0} does not exist")]
    BadTag(u8),
    #[error("a known field has the wrong wire type")]
    WrongType,
    #[error("a message is nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("a message is larger than this program can index")]
    TooLarge,
}

/// A field's value as it lies on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// One field: its number, its value, and where both lie in the message that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
    /// Offset of the tag.
    pub start: usize,
    /// Offset of the value's first byte (after the length prefix, where there is one).
    pub value_start: usize,
    /// Offset after the field.
    pub end: usize,
}

/// A cursor over one message.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// What is still to be read. It only shrinks, so a position is the length less what is left.
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }

    /// What is still to be read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub fn position(&self) -> usize {
        // Never negative: `rest` is a tail of what was given.
        self.len.wrapping_sub(self.rest.len())
    }

    /// The next field, or `None` at the end.
    #[inline(always)]
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would hide the first error")]
    pub fn next(&mut self) -> Result<Option<Field<'a>>, WireError> {
        let start = self.position();
        // The shape of nearly every field: a one-byte tag, bytes of a one-byte length. Read in place, so
        // that a scan over it stays in registers.
        if let [tag @ 0x08..=0x7f, length @ 0x00..=0x7f, tail @ ..] = self.rest
            && tag & 7 == 2
            && let Some((bytes, rest)) = tail.split_at_checked(usize::from(*length))
        {
            self.rest = rest;
            let (number, value) = (u32::from(*tag >> 3), Value::Bytes(bytes));
            return Ok(Some(Field { number, value, start, value_start: start + 2, end: self.position() }));
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.next_of_any_shape(start).map(Some)
    }

    /// Takes the next field if it is bytes of exactly this tag and a one-byte length. With the three below,
    /// a scan reads fields that come in the usual order without looking each one up by number; what comes
    /// otherwise is left to `next`.
    #[inline(always)]
    pub fn take_short(&mut self, tag: u8) -> Option<&'a [u8]> {
        let [found, length @ 0x00..=0x7f, tail @ ..] = self.rest else { return None };
        if *found != tag {
            return None;
        }
        let (bytes, rest) = tail.split_at_checked(usize::from(*length))?;
        self.rest = rest;
        Some(bytes)
    }

    /// Takes the next field if it is exactly `N` bytes under this tag.
    #[inline(always)]
    pub fn take_array<const N: usize>(&mut self, tag: u8) -> Option<[u8; N]> {
        let [found, length, tail @ ..] = self.rest else { return None };
        if *found != tag || usize::from(*length) != N {
            return None;
        }
        let (bytes, rest) = tail.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    /// Takes the next field if it is a one-byte varint under this tag.
    #[inline(always)]
    pub fn take_small(&mut self, tag: u8) -> Option<u8> {
        let [found, value @ 0x00..=0x7f, rest @ ..] = self.rest else { return None };
        if *found != tag {
            return None;
        }
        self.rest = rest;
        Some(*value)
    }

    /// Takes the next field if it is eight fixed bytes under this tag.
    #[inline(always)]
    pub fn take_fixed64(&mut self, tag: u8) -> Option<u64> {
        let [found, tail @ ..] = self.rest else { return None };
        if *found != tag {
            return None;
        }
        let (bytes, rest) = tail.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    #[inline(never)]
    fn next_of_any_shape(&mut self, start: usize) -> Result<Field<'a>, WireError> {
        let tag = self.varint()?;
        // Decoders take a tag for 32 bits, and refuse what is larger or read another number from it.
        let number = u32::try_from(tag).map_err(|_| WireError::BadTag(0))? >> 3;
        if number == 0 {
            return Err(WireError::BadTag(0));
        }
        let mut value_start = self.position();
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array::<8>()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| WireError::CutOff)?;
                value_start = self.position();
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(WireError::CutOff)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array::<4>()?)),
            // Groups (3, 4) are not used by OTLP or Tempo, and skipping them would mean recursion.
            other => return Err(WireError::BadTag(other as u8)),
        };
        Ok(Field { number, value, start, value_start, end: self.position() })
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::CutOff)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        if let [byte @ 0x00..=0x7f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for (count, byte) in self.rest.iter().take(10).enumerate() {
            // Of ten bytes the last holds one bit; decoders refuse more.
            if count == 9 && *byte > 1 {
                return Err(WireError::VarintTooLong);
            }
            value |= u64::from(byte & 0x7f) << (7 * count);
            if *byte < 0x80 {
                self.rest = self.rest.get(count + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { WireError::CutOff } else { WireError::VarintTooLong })
    }
}

impl<'a> Value<'a> {
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::WrongType),
        }
    }

    #[inline]
    pub fn varint(self) -> Result<u64, WireError> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(WireError::WrongType),
        }
    }

    #[inline]
    pub fn fixed64(self) -> Result<u64, WireError> {
        match self {
            Value::Fixed64(value) => Ok(value),
            _ => Err(WireError::WrongType),
        }
    }

    #[inline]
    pub fn fixed32(self) -> Result<u32, WireError> {
        match self {
            Value::Fixed32(value) => Ok(value),
            _ => Err(WireError::WrongType),
        }
    }
}

impl<'a> Field<'a> {
    #[inline]
    pub fn bytes(&self) -> Result<&'a [u8], WireError> {
        self.value.bytes()
    }

    #[inline]
    pub fn varint(&self) -> Result<u64, WireError> {
        self.value.varint()
    }

    #[inline]
    pub fn fixed64(&self) -> Result<u64, WireError> {
        self.value.fixed64()
    }

    #[inline]
    pub fn fixed32(&self) -> Result<u32, WireError> {
        self.value.fixed32()
    }
}

/// Bytes a varint takes.
#[inline]
pub fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes a length-delimited field takes with its tag, for field numbers below 16.
#[inline]
pub fn message_len(body: usize) -> usize {
    1 + varint_len(body as u64) + body
}

#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    put_varint(out, (u64::from(number) << 3) | u64::from(wire_type));
}

pub fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, 0);
    put_varint(out, value);
}

pub fn put_fixed64_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_bytes_field(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes a nested message whose body `fill` writes.
pub fn put_message(out: &mut Vec<u8>, number: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    put_bytes_field(out, number, &body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        put_varint_field(&mut out, 1, u64::MAX);
        put_fixed64_field(&mut out, 2, 7);
        put_bytes_field(&mut out, 300, b"abc");
        let mut reader = Reader::new(&out);
        assert_eq!(reader.next().unwrap().unwrap().varint(), Ok(u64::MAX));
        assert_eq!(reader.next().unwrap().unwrap().fixed64(), Ok(7));
        let last = reader.next().unwrap().unwrap();
        assert_eq!((last.number, last.bytes()), (300, Ok(&b"abc"[..])));
        assert_eq!(&out[last.value_start..last.end], b"abc");
        assert_eq!(reader.next(), Ok(None));
    }

    #[test]
    fn a_varint_takes_as_many_bytes_as_said() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(out.len(), varint_len(value), "{value}");
            }
        }
    }

    #[test]
    fn cut_and_absurd_bytes_are_errors() {
        let error = |bytes: &[u8]| Reader::new(bytes).next().unwrap_err();
        assert_eq!(error(&[0x0a, 0x05, 1]), WireError::CutOff);
        assert_eq!(error(&[0x80; 11]), WireError::VarintTooLong);
        assert_eq!(error(&[0x80]), WireError::CutOff);
        assert_eq!(error(&[0x00]), WireError::BadTag(0));
        assert_eq!(error(&[0x0b]), WireError::BadTag(3));
        assert_eq!(
            error(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            WireError::CutOff
        );
    }
}
