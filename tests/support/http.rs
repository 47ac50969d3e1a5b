//! A client of HTTP/1.1 that sends a target to the letter and shows an answer as it came. The usual
//! clients tidy paths, unpack bodies and fold headers, and these are what is compared here.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any deadline of what is asked.
const PATIENCE: Duration = Duration::from_secs(30);

const TRIES_MAX: usize = 5;

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, unpacked if it is packed.
    pub fn unpacked(&self) -> Vec<u8> {
        match self.header("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(&self.body[..]).read_to_end(&mut plain).expect("a gzip body");
                plain
            }
            Some(other) => panic!("a content encoding nobody asked for: {other}"),
        }
    }
}

/// One request on a connection of its own.
pub struct Request<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    pub fn get(target: &'a str) -> Self {
        Self { method: "GET", target, headers: &[], body: &[] }
    }

    pub fn with(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }

    /// A server that answers before it has read a body may reset the connection under its own answer, so
    /// a request is sent again then. None of them changes anything.
    pub fn send(&self, to: SocketAddr) -> std::io::Result<Reply> {
        let mut sent = self.send_once(to);
        for _ in 1..TRIES_MAX {
            match &sent {
                Err(error) if error.kind() == ErrorKind::ConnectionReset => sent = self.send_once(to),
                _ => break,
            }
        }
        sent
    }

    fn send_once(&self, to: SocketAddr) -> std::io::Result<Reply> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n", self.method, self.target);
        for (name, value) in self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(self.body)?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        read(&all, self.method == "HEAD").ok_or_else(|| {
            let shown = String::from_utf8_lossy(&all).chars().take(200).collect::<String>();
            std::io::Error::other(format!("no HTTP answer to `{}`: `{shown}`", self.target))
        })
    }
}

/// None if it was cut off, which must not pass for a whole one.
fn read(all: &[u8], is_head: bool) -> Option<Reply> {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &all[end + 4..];
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked && !is_head { unchunked(rest)? } else { rest.to_vec() };
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.as_str());
    if length.is_some_and(|length| !is_head && length != body.len().to_string()) {
        return None;
    }
    Some(Reply { status, headers, body })
}

/// The body of a chunked answer.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
