//! A text put to an address that is no region's, and the small text that comes back: checkpoints for a witness. Knows
//! nothing of what either says.

use http::{HeaderValue, Uri, header};
use secrecy::{ExposeSecret, SecretString};

use super::BuildError;
use super::body::{self, BodyError};
use super::tempo::plain_client;

/// Where to, and what is shown there.
#[derive(Debug, Clone)]
pub struct PostTo {
    pub url: Uri,
    /// Trusted besides the system's own certificates.
    pub ca_pem: Option<Vec<u8>>,
    /// Sent as a bearer token.
    pub secret: Option<SecretString>,
}

impl PartialEq for PostTo {
    fn eq(&self, other: &Self) -> bool {
        let secret = |of: &Self| of.secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        self.url == other.url && self.ca_pem == other.ca_pem && secret(self) == secret(other)
    }
}

impl Eq for PostTo {}

/// Puts texts to one address. Follows no redirect.
#[derive(Debug, Clone)]
pub struct Poster {
    client: reqwest::Client,
    url: String,
    authorization: Option<HeaderValue>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub status: u16,
    /// Of a body that is no text or too long, nothing.
    pub text: String,
}

impl Poster {
    /// Reads the certificates of the system, which are files.
    pub fn new(to: &PostTo) -> Result<Self, BuildError> {
        let bearer = |secret: &SecretString| {
            let value = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()));
            value.map_err(|_| BuildError::Credentials).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        };
        Ok(Self {
            client: plain_client(&to.url, to.ca_pem.as_deref())?,
            url: to.url.to_string().trim_end_matches('/').to_owned(),
            authorization: to.secret.as_ref().map(bearer).transpose()?,
        })
    }

    /// Below the address, at this path. How long it may take is the caller's to say. The error is for a log, and holds
    /// nothing of what was answered.
    pub async fn post(&self, path: &str, text: String, bytes_max: u64) -> Result<Posted, &'static str> {
        let mut request = self.client.post(format!("{}{path}", self.url));
        request = request.header(header::CONTENT_TYPE, "text/plain; charset=utf-8").body(text);
        if let Some(value) = &self.authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| match () {
            () if error.is_connect() => "no connection could be made",
            () => "it did not answer",
        })?;
        let status = response.status().as_u16();
        match body::collect(response, bytes_max).await {
            Ok(body) => Ok(Posted { status, text: String::from_utf8(body.into()).unwrap_or_default() }),
            Err(BodyError::TooLarge) => Ok(Posted { status, text: String::new() }),
            Err(BodyError::Broken(_)) => Err("its answer broke off"),
        }
    }
}
