//! A JSON object in the making, by the rules of `jsonpb`: what is zero or empty is left out unless said.

use super::super::json::{put_int, put_string, put_uint};

/// Members are each written with a comma before them; at the end the first comma becomes the bracket. So no
/// writer has to know whether it is the first.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    mark: usize,
}

impl<'a> Object<'a> {
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        let mark = out.len();
        Self { out, mark }
    }

    /// A member whose value the caller writes, whatever it is. Names are ours and need no escape.
    pub fn member(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A member whose name anyone chose.
    pub fn named(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.push(b',');
        put_string(self.out, name.as_bytes());
        self.out.push(b':');
        self.out
    }

    pub fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            put_string(self.member(name), text.as_bytes());
        }
    }

    /// 32 bits or fewer: a number.
    pub fn number(&mut self, name: &str, value: u32) {
        if value != 0 {
            put_uint(self.member(name), u64::from(value));
        }
    }

    /// 64 bits: a number in quotes.
    pub fn quoted(&mut self, name: &str, value: u64) {
        if value != 0 {
            let out = self.member(name);
            out.push(b'"');
            put_uint(out, value);
            out.push(b'"');
        }
    }

    /// The same with a sign.
    pub fn quoted_signed(&mut self, name: &str, value: i64) {
        if value != 0 {
            let out = self.member(name);
            out.push(b'"');
            put_int(out, value);
            out.push(b'"');
        }
    }

    /// A list that is left out when there is nothing in it.
    pub fn list<T>(&mut self, name: &str, items: &[T], put: impl FnMut(&mut Vec<u8>, &T)) {
        if !items.is_empty() {
            self.list_always(name, items, put);
        }
    }

    /// A list that is `[]` when there is nothing in it.
    pub fn list_always<T>(&mut self, name: &str, items: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
        let out = self.member(name);
        let mark = out.len();
        for item in items {
            out.push(b',');
            put(out, item);
        }
        enclose(out, mark, b'[', b']');
    }

    pub fn close(self) {
        enclose(self.out, self.mark, b'{', b'}');
    }
}

/// The comma at `mark` becomes the opening bracket; where nothing was written, there is none yet.
fn enclose(out: &mut Vec<u8>, mark: usize, open: u8, end: u8) {
    match out.get_mut(mark) {
        Some(first) => *first = open,
        None => out.push(open),
    }
    out.push(end);
}
