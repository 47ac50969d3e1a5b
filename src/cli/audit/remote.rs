//! The log of a gateway over HTTP, for who may read it there and has no place on its machine: the same files, asked for
//! one by one. Writes nothing.

use std::fmt;
use std::io;
use std::path::Path;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::{Builder, Runtime};

use crate::audit::disk::{Disk, FILE_BYTES_MAX};
use crate::cli::gateway::{Gateway, first_line};
use crate::config::read_text;

/// Where the files of a log are, below the address of a gateway.
const BELOW: &str = "/api/tutti/v1/audit";

/// Headers show who asks; a token has a few kilobytes.
const HEADERS_BYTES_MAX: u64 = 64 << 10;

/// A log that is elsewhere.
pub struct Remote {
    gateway: Gateway,
    headers: HeaderMap,
    runtime: Runtime,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.gateway.shown).finish()
    }
}

impl Remote {
    /// The log of the gateway at this address. The file holds what shows who asks, one header a line.
    pub fn new(server: &str, headers: Option<&Path>) -> Result<Self, String> {
        let gateway = Gateway::new(server).map_err(|why| why.to_string())?;
        let text = headers.map(|file| read_text(file, HEADERS_BYTES_MAX)).transpose()?;
        let headers = parse(text.as_deref().unwrap_or_default())?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
        Ok(Self { gateway, headers, runtime })
    }

    async fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = format!("{BELOW}/{name}");
        let asked = self.gateway.ask(&path, self.headers.clone(), &[]).await;
        let mut answer = asked.map_err(|why| io::Error::other(why.to_string()))?;
        match answer.status().as_u16() {
            200 => {}
            404 => return Err(io::ErrorKind::NotFound.into()),
            status => {
                let line = first_line(&mut answer).await;
                return Err(io::Error::other(format!("{} answered {status}: {line}", self.gateway.shown)));
            }
        }
        let mut bytes = Vec::new();
        let broken = |why: &reqwest::Error| io::Error::other(self.gateway.broken(why).to_string());
        while let Some(piece) = answer.chunk().await.map_err(|why| broken(&why))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > FILE_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(bytes)
    }
}

/// `Authorization: Bearer ..`, a line each. Nothing of them stands in an error.
fn parse(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (nth, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        let wrong = || format!("line {} is no header; write it as `Authorization: Bearer TOKEN`", nth + 1);
        let (name, value) = header.ok_or_else(wrong)?;
        headers.append(name, value);
    }
    Ok(headers)
}

impl Disk for Remote {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        // What no checkpoint speaks of yet is not told.
        if name == crate::audit::read::UNSIGNED {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.runtime.block_on(self.get(name))
    }

    fn write(&self, _: &str, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn append(&self, _: &str, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn truncate(&self, _: &str, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_none_is_shown() {
        let headers = parse("Authorization: Bearer a.b.c\n\nX-Tutti-Source:  of a  \n").unwrap();
        assert_eq!(headers["authorization"], "Bearer a.b.c");
        assert_eq!(headers["x-tutti-source"], "of a");
        assert!(!format!("{headers:?}").contains("a.b.c"));
        for wrong in ["secret-token", "Authorization: a\u{7f}b", ": secret"] {
            let line = parse(wrong).unwrap_err();
            assert!(line.starts_with("line 1 is no header") && !line.contains("secret"), "{line}");
        }
    }
}
