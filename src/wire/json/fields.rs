//! A message that may lie in two pieces, and its repeated fields found again without a list of them.
//!
//! Knows nothing of OTLP: only that a message's fields may come in any order and any number of times.

use crate::wire::protobuf::{Field, Reader, WireError};

/// A message's bytes, without tag and length: `extra` is read after `body`, as if the two were one.
///
/// The gateway adds attributes to a span by appending fields, and a singular message that arrives in two
/// pieces is the two pieces concatenated: both without copying.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Message<'a> {
    pub body: &'a [u8],
    pub extra: &'a [u8],
}

impl<'a> Message<'a> {
    pub fn new(body: &'a [u8], extra: &'a [u8]) -> Self {
        Self { body, extra }
    }

    #[inline]
    pub(super) fn fields(self) -> Fields<'a> {
        Fields { reader: Reader::new(self.body), extra: self.extra }
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(body: &'a [u8]) -> Self {
        Self { body, extra: &[] }
    }
}

/// A cursor over the fields of a [`Message`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    reader: Reader<'a>,
    extra: &'a [u8],
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if let Some(field) = self.reader.next()? {
            return Ok(Some(field));
        }
        if self.extra.is_empty() {
            return Ok(None);
        }
        self.reader = Reader::new(std::mem::take(&mut self.extra));
        self.reader.next()
    }
}

/// Where the fields of one number begin in a message, and how many there are.
///
/// Remembering the first place and walking again from there costs a tag per field, and no allocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeated<'a> {
    from: Fields<'a>,
    number: u32,
    count: usize,
}

impl<'a> Repeated<'a> {
    pub(super) fn none() -> Self {
        Self { from: Message::default().fields(), number: 0, count: 0 }
    }

    /// Notes `field`, which was read from the cursor `before`. Only a length-delimited field is taken.
    #[inline]
    pub(super) fn note(&mut self, before: Fields<'a>, field: &Field<'a>) -> Result<(), WireError> {
        field.bytes()?;
        if self.count == 0 {
            self.from = before;
            self.number = field.number;
        }
        self.count += 1;
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Hands each body to `take`, in the order of the wire.
    #[inline]
    pub(super) fn each(
        &self,
        mut take: impl FnMut(&'a [u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let mut fields = self.from;
        let mut left = self.count;
        while left > 0 {
            let Some(field) = fields.next()? else { break };
            if field.number == self.number {
                take(field.bytes()?)?;
                left -= 1;
            }
        }
        Ok(())
    }
}
