//! A message that may lie in two pieces, and its repeated fields found again without a list of them.
//!
//! Knows nothing of OTLP: only that a message's fields may come in any order and any number of times.

use crate::wire::protobuf::{Field, Reader, Value, WireError};

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
        Fields { rest: self.body, extra: self.extra }
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
    rest: &'a [u8],
    extra: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The number and value of the next field.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            self.rest = std::mem::take(&mut self.extra);
        }
        match next_short(self.rest) {
            Some((tag, body, rest)) if tag & 7 == LENGTH_DELIMITED && tag > 7 => {
                self.rest = rest;
                Ok(Some((u32::from(tag >> 3), Value::Bytes(body))))
            }
            _ => Ok(self.next_of_any_kind()?.map(|field| (field.number, field.value))),
        }
    }

    /// The fields of a message whose first were read already: what `reader` has left of the body, then
    /// `extra`.
    #[inline]
    pub(super) fn after(reader: Reader<'a>, extra: &'a [u8]) -> Self {
        Self { rest: reader.rest(), extra }
    }

    /// Passes over a run of short fields with this number; how many there were.
    #[inline]
    fn pass_run(&mut self, number: u32) -> usize {
        let mut count = 0;
        while let Some((tag, _, rest)) = next_short(self.rest)
            && u32::from(tag) == tag_of(number)
        {
            self.rest = rest;
            count += 1;
        }
        count
    }

    /// Apart, so that the short case stays in registers: measured at a tenth of the whole.
    #[inline(never)]
    fn next_of_any_kind(&mut self) -> Result<Option<Field<'a>>, WireError> {
        let found = Reader::new(self.rest).next()?;
        self.rest = self.rest.get(found.map_or(0, |field| field.end)..).unwrap_or_default();
        Ok(found)
    }
}

/// The wire type of strings, bytes and messages.
const LENGTH_DELIMITED: u8 = 2;

/// A tag and a length of one byte each, the body, and what follows: nearly all that lies in a trace.
/// Whatever looks different is left to the [`Reader`].
#[inline]
fn next_short(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    match bytes {
        [tag @ ..=0x7f, length @ ..=0x7f, rest @ ..] => {
            let (body, rest) = rest.split_at_checked(usize::from(*length))?;
            Some((*tag, body, rest))
        }
        _ => None,
    }
}

/// The body of a message's only field, when it is length-delimited, short, and has the number `number`.
#[inline]
pub(super) fn only_field(message: &[u8], number: u32) -> Option<&[u8]> {
    let (tag, body, rest) = next_short(message)?;
    (u32::from(tag) == tag_of(number) && rest.is_empty()).then_some(body)
}

/// The bodies of a message's two fields, likewise.
#[inline]
pub(super) fn only_two_fields(message: &[u8], numbers: (u32, u32)) -> Option<(&[u8], &[u8])> {
    let (tag, first, rest) = next_short(message)?;
    let second = only_field(rest, numbers.1)?;
    (u32::from(tag) == tag_of(numbers.0)).then_some((first, second))
}

const fn tag_of(number: u32) -> u32 {
    (number << 3) | LENGTH_DELIMITED as u32
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

    /// Notes a field, which was read from the cursor `before`. Only a length-delimited one is taken.
    #[inline]
    pub(super) fn note(
        &mut self,
        before: Fields<'a>,
        number: u32,
        value: Value<'a>,
    ) -> Result<(), WireError> {
        value.bytes()?;
        if self.count == 0 {
            self.from = before;
            self.number = number;
        }
        self.count += 1;
        Ok(())
    }

    /// Notes a field and those of its number that follow it at once: `fields` is passed on over them.
    #[inline]
    pub(super) fn note_run(
        &mut self,
        before: Fields<'a>,
        number: u32,
        value: Value<'a>,
        fields: &mut Fields<'a>,
    ) -> Result<(), WireError> {
        self.note(before, number, value)?;
        self.count += fields.pass_run(number);
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
            let Some((number, value)) = fields.next()? else { break };
            if number == self.number {
                take(value.bytes()?)?;
                left -= 1;
            }
        }
        Ok(())
    }
}
