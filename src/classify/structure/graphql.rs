//! Documents in GraphQL. Names of fields, types and variables stay; what stands as a value of an argument is a
//! piece, names of enums and truths too.

use super::read::{Pieces, Reader};

type Done = Result<(), &'static str>;

/// Braces, brackets and parentheses in one another.
const DEPTH_MAX: usize = 256;

struct Graphql<'a> {
    reader: Reader<'a>,
    /// The name that was read last, and the one before a colon: a value is of that.
    last: &'a str,
    key: &'a str,
    /// Parentheses that are open. Values stand only in these.
    arguments: usize,
    depth: usize,
    /// Whether a value comes: after a colon or an equals sign, and in a list of such.
    is_value: bool,
    /// Whether a type comes: after the colon of a variable.
    is_type: bool,
    /// What is open, by the byte that opened it.
    open: [u8; DEPTH_MAX],
}

pub(super) fn graphql<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let reader = Reader::new(text);
    let mut document = Graphql {
        reader,
        last: "",
        key: "",
        arguments: 0,
        depth: 0,
        is_value: false,
        is_type: false,
        open: [0; DEPTH_MAX],
    };
    let mut has_begun = false;
    loop {
        document.reader.take_while(|byte| byte.is_ascii_whitespace() || byte == b',');
        let Some(byte) = document.reader.peek() else { break };
        if !has_begun && byte != b'#' {
            has_begun = true;
            let mut ahead = document.reader;
            let ahead = ahead.take_while(is_name);
            if byte != b'{' && !matches!(ahead, "query" | "mutation" | "subscription" | "fragment") {
                return Err("it begins with no operation");
            }
        }
        document.token(byte, pieces)?;
    }
    if document.depth == 0 && has_begun { Ok(()) } else { Err("it is not closed") }
}

impl<'a> Graphql<'a> {
    fn token(&mut self, byte: u8, pieces: &mut Pieces<'_, 'a>) -> Done {
        match byte {
            b'#' => {
                self.reader.skip(1);
                let from = self.reader.at();
                self.reader.take_while(|byte| !matches!(byte, b'\n' | b'\r'));
                pieces.literal(from, self.reader.at());
            }
            b'"' => self.text(pieces)?,
            b'$' => {
                self.reader.skip(1);
                self.last = self.reader.take_while(is_name);
                // Before a colon it is declared, and a type follows.
                self.is_type = !self.is_value;
                self.is_value = self.is_value && self.in_list();
            }
            b'0'..=b'9' | b'-' => {
                let from = self.reader.at();
                self.reader.take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
                self.value(from, self.reader.at(), pieces);
            }
            _ if is_name(byte) => self.name(pieces),
            _ => self.sign(byte)?,
        }
        Ok(())
    }

    /// Whether the next value is one of a list of them.
    fn in_list(&self) -> bool {
        self.arguments > 0 && self.depth.checked_sub(1).and_then(|at| self.open.get(at)) == Some(&b'[')
    }

    fn name(&mut self, pieces: &mut Pieces<'_, 'a>) {
        let from = self.reader.at();
        let name = self.reader.take_while(is_name);
        if self.is_value && self.arguments > 0 {
            self.value(from, self.reader.at(), pieces);
        } else {
            pieces.name(from, name);
            self.last = name;
        }
    }

    fn value(&mut self, from: usize, to: usize, pieces: &mut Pieces<'_, 'a>) {
        if self.key.is_empty() {
            pieces.literal(from, to);
        } else {
            pieces.named(from, to, "graphql.variables", self.key);
        }
        self.is_value = self.in_list();
    }

    fn text(&mut self, pieces: &mut Pieces<'_, 'a>) -> Done {
        let is_block = self.reader.starts("\"\"\"");
        self.reader.skip(if is_block { 3 } else { 1 });
        let from = self.reader.at();
        loop {
            match self.reader.find(|byte| matches!(byte, b'"' | b'\\')) {
                None => return Err("a text is not closed"),
                Some(b'\\') if is_block => {
                    self.reader.skip(if self.reader.starts("\\\"\"\"") { 4 } else { 1 })
                }
                Some(b'\\') => self.reader.skip(2),
                Some(_) if is_block && !self.reader.starts("\"\"\"") => self.reader.skip(1),
                Some(_) => break,
            }
        }
        let to = self.reader.at();
        self.reader.skip(if is_block { 3 } else { 1 });
        self.value(from, to, pieces);
        Ok(())
    }

    fn sign(&mut self, byte: u8) -> Done {
        self.reader.skip(1);
        match byte {
            b'(' | b'{' | b'[' => {
                let Some(slot) = self.open.get_mut(self.depth) else { return Err("it is nested too deep") };
                *slot = byte;
                self.depth += 1;
                match byte {
                    b'(' => self.arguments += 1,
                    // Fields of an object have names of their own.
                    b'{' => self.is_value = false,
                    _ => {}
                }
            }
            b')' | b'}' | b']' => {
                self.depth = self.depth.checked_sub(1).ok_or("what is closed was not opened")?;
                let opened = self.open.get(self.depth).copied();
                if !matches!((opened, byte), (Some(b'('), b')') | (Some(b'{'), b'}') | (Some(b'['), b']')) {
                    return Err("what is closed was not opened");
                }
                if byte == b')' {
                    self.arguments = self.arguments.saturating_sub(1);
                }
                self.is_value = self.in_list();
                self.is_type = false;
            }
            b':' => {
                self.key = self.last;
                self.is_value = !self.is_type && self.arguments > 0;
                self.is_type = false;
            }
            b'=' => {
                self.is_value = true;
            }
            b'!' | b'.' | b'@' | b'|' | b'&' => {}
            _ => return Err("a character stands outside of quotes"),
        }
        Ok(())
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
