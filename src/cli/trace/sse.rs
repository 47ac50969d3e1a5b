//! Server-sent events out of a body that arrives in pieces.
//!
//! Knows the text format and nothing of what the events say. Cutting the body at other places never
//! changes the events, and no bytes make it fail but those over the limit.

/// One event: its name (`message` where none was given) and its data lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    pub name: String,
    pub data: String,
}

/// A line, or the data of one event, is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than {0} bytes")]
pub struct TooLong(pub usize);

#[derive(Debug)]
pub struct SseParser {
    /// Of one line, and of one event's data.
    bytes_max: usize,
    line: Vec<u8>,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    first_line: bool,
    name: String,
    data: Option<Vec<u8>>,
}

impl SseParser {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            after_cr: false,
            first_line: true,
            name: String::new(),
            data: None,
        }
    }

    /// Takes the next piece of the body and adds the events it completes to `events`. An event that the
    /// body ends in is not whole and never appears, as the format wants it.
    pub fn push(&mut self, piece: &[u8], events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        let mut rest = piece;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', rest);
            let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if self.line.len() + text.len() > self.bytes_max {
                return Err(TooLong(self.bytes_max));
            }
            self.line.extend_from_slice(text);
            let Some(end) = end else { break };
            self.after_cr = rest.get(end) == Some(&b'\r');
            rest = rest.get(end + 1..).unwrap_or_default();
            self.end_line(events)?;
        }
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.first_line) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            self.dispatch(events);
            return Ok(());
        }
        let colon = memchr::memchr(b':', &line);
        let field = line.get(..colon.unwrap_or(line.len())).unwrap_or_default();
        let mut value_at = colon.map_or(line.len(), |at| at + 1);
        if line.get(value_at) == Some(&b' ') {
            value_at += 1;
        }
        match field {
            b"event" => {
                self.name = String::from_utf8_lossy(line.get(value_at..).unwrap_or_default()).into_owned();
            }
            b"data" => self.add_data(line, value_at)?,
            // Comments (an empty field), `id`, `retry` and what is unknown mean nothing to us.
            _ => {}
        }
        Ok(())
    }

    /// The first line of data keeps the memory it arrived in: it may be a whole trace.
    fn add_data(&mut self, mut line: Vec<u8>, value_at: usize) -> Result<(), TooLong> {
        match &mut self.data {
            None => {
                line.drain(..value_at.min(line.len()));
                self.data = Some(line);
            }
            Some(data) => {
                let more = line.get(value_at..).unwrap_or_default();
                if data.len() + 1 + more.len() > self.bytes_max {
                    return Err(TooLong(self.bytes_max));
                }
                data.push(b'\n');
                data.extend_from_slice(more);
            }
        }
        Ok(())
    }

    fn dispatch(&mut self, events: &mut Vec<SseEvent>) {
        let name = std::mem::take(&mut self.name);
        let Some(data) = self.data.take() else { return };
        let data =
            String::from_utf8(data).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        events.push(SseEvent { name: if name.is_empty() { "message".to_owned() } else { name }, data });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
        bytes_max: usize,
    ) -> Result<Vec<SseEvent>, TooLong> {
        let mut parser = SseParser::new(bytes_max);
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece, &mut events)?;
        }
        Ok(events)
    }

    fn check(body: &str, expected: &[(&str, &str)]) {
        let events = parse([body.as_bytes()], 1000).unwrap();
        let events: Vec<_> = events.iter().map(|e| (e.name.as_str(), e.data.as_str())).collect();
        assert_eq!(events, expected, "{body:?}");
    }

    #[test]
    fn events_are_read_in_every_form_the_format_allows() {
        check("event: begin\ndata: {}\n\n", &[("begin", "{}")]);
        check("event:begin\r\ndata:{}\r\n\r\n", &[("begin", "{}")]);
        check("data: a\rdata:  b\r\r", &[("message", "a\n b")]);
        check("\u{feff}data: a\n\n", &[("message", "a")]);
        check(": alive\n\nid: 7\nretry: 3\ndata\n\n", &[("message", "")]);
        check("event: lost\n\ndata: a\n\n", &[("message", "a")]);
        check("data: whole\n\ndata: cut off\n", &[("message", "whole")]);
    }

    #[test]
    fn an_event_over_the_limit_is_a_fault() {
        assert_eq!(parse([b"data: 12345678".as_slice()], 10), Err(TooLong(10)));
        assert_eq!(
            parse([b"data: 12\ndata: 34\ndata: 56\ndata: 78\ndata: 90\n".as_slice()], 12),
            Err(TooLong(12))
        );
        assert!(parse([b"data: 12\n\ndata: 34\n\n".as_slice()], 10).is_ok());
    }

    /// Bytes that are likely to mean something to the parser, with anything between them.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            Just(b"event: region\n".to_vec()),
            Just(b"data: {\"a\":1}\r\n".to_vec()),
            Just(b"data:\r".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b":\r".to_vec()),
            Just("\u{feff}".as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..12),
        ];
        prop::collection::vec(word, 0..20).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn however_the_body_is_cut_the_events_are_the_same(
            body in body(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            bytes_max in prop_oneof![Just(20_usize), Just(10_000)],
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|w| &body[w[0]..w[1]]);
            prop_assert_eq!(parse(pieces, bytes_max), parse([body.as_slice()], bytes_max));
        }

        #[test]
        fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            let _ = parse(pieces.iter().map(Vec::as_slice), 64);
        }

        #[test]
        fn what_is_sent_is_what_arrives(sent in prop::collection::vec(("[a-z]{1,8}", "[^\r\n]{0,30}(\n[^\r\n]{0,9})?"), 0..5)) {
            let mut body = String::new();
            for (name, data) in &sent {
                body.push_str(&format!("event: {name}\n"));
                data.split('\n').for_each(|line| body.push_str(&format!("data: {line}\n")));
                body.push('\n');
            }
            let events = parse([body.as_bytes()], 10_000).unwrap();
            let events: Vec<_> = events.into_iter().map(|e| (e.name, e.data)).collect();
            prop_assert_eq!(events, sent);
        }
    }
}
