//! A small document from an address that is no region's: the keys that an issuer publishes. Knows nothing of what it
//! says, only how much of it is read and how long its sender says that it holds.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Uri, header};

use super::body::{self, BodyError};
use super::tempo::plain_client;
use crate::task::{self, Ledger};

/// A document, and for how long it holds by its sender's word.
#[derive(Debug, Clone)]
pub struct Document {
    pub body: Bytes,
    pub max_age: Option<Duration>,
}

/// Asks for a document, and takes nothing but it: no redirect, and no more bytes than these. How long that may take is
/// the caller's to say. The error is for a log, and holds nothing of what was answered.
pub async fn fetch(url: &Uri, ca_pem: Option<&[u8]>, bytes_max: u64) -> Result<Document, String> {
    let (to, trusted) = (url.clone(), ca_pem.map(<[u8]>::to_vec));
    // The certificates of the system are read from files.
    let client = task::blocking(move || plain_client(&to, trusted.as_deref())).await;
    let client = client.map_err(|lost| lost.to_string())?.map_err(|error| error.to_string())?;
    let request = client.get(url.to_string()).header(header::ACCEPT, "application/json");
    let response = request.send().await.map_err(|error| why(&error).to_owned())?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("it answered with status {status}"));
    }
    let max_age = max_age(response.headers());
    match body::collect(response, bytes_max, &Ledger::unlimited()).await {
        Ok(body) => Ok(Document { body, max_age }),
        Err(BodyError::NoRoom) => Err("there is no room for its answer".to_owned()),
        Err(BodyError::TooLarge) => Err(format!("it answered with more than {bytes_max} bytes")),
        Err(BodyError::Broken(_)) => Err("its answer broke off".to_owned()),
    }
}

fn why(error: &reqwest::Error) -> &'static str {
    match () {
        () if error.is_timeout() => "there was no connection in time",
        () if error.is_connect() => "no connection could be made",
        () => "it did not answer",
    }
}

/// What is not to be kept at all is kept for no time.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = values.flat_map(|value| value.split(',')).map(|one| one.trim().to_ascii_lowercase());
    directives.find_map(|directive| match directive.as_str() {
        "no-store" | "no-cache" => Some(Duration::ZERO),
        one => one.strip_prefix("max-age=")?.parse().ok().map(Duration::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_document_holds_is_read_of_its_headers() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, text.parse().unwrap());
            max_age(&headers).map(|age| age.as_secs())
        };
        assert_eq!(of("public, max-age=3600"), Some(3600));
        assert_eq!(of("Max-Age=5"), Some(5));
        assert_eq!(of("no-store"), Some(0));
        for none in ["public", "max-age=", "max-age=-1", ""] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
