//! Spans on their way to the regions: OTLP/HTTP in protobuf.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Url, redirect};

use super::{Target, VultureError};
use crate::cli::text::clean;
use crate::model::RegionName;

/// What a region may take to take spans in.
const TAKE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(in crate::cli) struct Sender {
    http: reqwest::Client,
    targets: Vec<(RegionName, Url)>,
}

impl Sender {
    pub fn new(targets: &[Target], headers: HeaderMap) -> Result<Self, VultureError> {
        let urls = targets.iter().map(|target| Ok((target.region.clone(), url_of(&target.url)?)));
        let targets = urls.collect::<Result<Vec<_>, VultureError>>()?;
        // The provider of another part of this process is as good as ours.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tutti/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TAKE_MAX);
        if targets.iter().all(|(_, url)| url.scheme() == "http") {
            // Plain HTTP works where no certificates are installed, in the smallest of containers.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| VultureError::Usage(error.to_string()))?;
        Ok(Self { http, targets })
    }

    /// Sends one region's spans; or why they were not taken.
    pub async fn send(&self, region: &RegionName, export: Bytes) -> Result<(), String> {
        let Some((_, url)) = self.targets.iter().find(|(name, _)| name == region) else {
            return Err("nobody said where it takes spans".to_owned());
        };
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/x-protobuf").body(export);
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("HTTP {}", response.status().as_u16())),
            Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
            // The address itself may hold a password.
            Err(error) => Err(clean(&error.without_url().to_string())),
        }
    }
}

/// The place of traces, where only the server is named.
fn url_of(text: &str) -> Result<Url, VultureError> {
    let wrong =
        || VultureError::Usage("--region takes NAME=URL, as `us-east=http://127.0.0.1:4318`".to_owned());
    let mut url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong());
    }
    if matches!(url.path(), "" | "/") {
        url.set_path("/v1/traces");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_path_takes_traces_at_the_usual_one() {
        assert_eq!(url_of("http://a:4318").unwrap().as_str(), "http://a:4318/v1/traces");
        assert_eq!(url_of("https://a/otlp/v1/traces").unwrap().path(), "/otlp/v1/traces");
        for wrong in ["", "a:4318", "ftp://a", "http://"] {
            assert!(url_of(wrong).is_err(), "{wrong}");
        }
    }
}
