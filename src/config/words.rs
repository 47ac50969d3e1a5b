//! The words and texts of the schema, each parsed into its type: names, addresses, URLs, headers. Pure,
//! and without places: `table` knows those.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue, Uri};

use super::fault::quoted;
use super::file::KindWord;
use super::quantity::{Wrong, closest};
use crate::backend::settings::Streaming;
use crate::identity::Mode;
use crate::model::{Jurisdiction, RegionName};

/// Keys that are often written one level too high.
pub(super) const REGION_KEYS_MISPLACED: [(&str, &str, &str); 3] = [
    ("bearer", "`bearer` belongs into `auth`", "write `auth = { bearer = { env = \"NAME\" } }`"),
    (
        "basic",
        "`basic` belongs into `auth`",
        "write `auth = { basic = { user = \"..\", password = { env = \"NAME\" } } }`",
    ),
    (
        "replicas",
        "this version does not know replicas of a region",
        "take `replicas` away, and let `url` point to a load balancer before them",
    ),
];

/// Keys behind which a secret may stand, if someone has put it there or has mistyped the key.
pub(super) const CREDENTIAL_KEYS: [&str; 9] =
    ["auth", "bearer", "basic", "user", "password", "value", "env", "file", "headers"];

/// Headers the gateway writes itself: those of a connection, of a body, and those with keys of their own.
const HEADERS_TAKEN: [(&str, &str); 8] = [
    ("x-scope-orgid", "use `tenant`"),
    ("host", "it follows from `url`"),
    ("accept", "the gateway writes it"),
    ("accept-encoding", "the gateway writes it"),
    ("connection", "it belongs to the connection"),
    ("content-length", "the gateway writes it"),
    ("content-type", "the gateway writes it"),
    ("transfer-encoding", "the gateway writes it"),
];

pub(super) fn region_name(text: &str) -> Result<RegionName, Wrong> {
    let remedy = "write it as in \"eu-central\"";
    RegionName::parse(text).map_err(|_| {
        Wrong::new(format!("a region name is 1 to 63 of a-z, 0-9 and -, not {}", quoted(text)), remedy)
    })
}

pub(super) fn jurisdiction(text: &str) -> Result<Jurisdiction, Wrong> {
    let what = || format!("a jurisdiction is 1 to 32 of A-Z, a-z, 0-9 and -, not {}", quoted(text));
    Jurisdiction::parse(text).map_err(|_| Wrong::new(what(), "write it as in \"EU\""))
}

pub(super) fn kind(text: &str) -> Result<KindWord, Wrong> {
    match text {
        "tempo" => Ok(KindWord::Tempo),
        "memory" => Ok(KindWord::Memory),
        "tutti" => Ok(KindWord::Tutti),
        other => {
            let meant = closest(other, ["tempo", "tutti", "memory"]);
            let remedy = meant.map_or("write \"tempo\", \"tutti\" or \"memory\"".to_owned(), |word| {
                format!("did you mean \"{word}\"?")
            });
            Err(Wrong::new(format!("{} is no kind of region", quoted(other)), remedy))
        }
    }
}

/// What a gateway calls itself; it stands in statements and in reports.
pub(super) fn gateway_name(text: &str) -> Result<String, Wrong> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if (1..=100).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    let what =
        format!("the name of a gateway is 1 to 100 of A-Z, a-z, 0-9, -, . and _, not {}", quoted(text));
    Err(Wrong::new(what, "write it as in \"tutti-eu\""))
}

pub(super) fn streaming(text: &str) -> Result<Streaming, Wrong> {
    match text {
        "auto" => Ok(Streaming::Auto),
        "always" => Ok(Streaming::Always),
        "never" => Ok(Streaming::Never),
        other => {
            let remedy = closest(other, ["auto", "always", "never"])
                .map_or("write \"auto\", \"always\" or \"never\"".to_owned(), |word| {
                    format!("did you mean \"{word}\"?")
                });
            Err(Wrong::new(
                format!("{} does not say when a region is asked by streams", quoted(other)),
                remedy,
            ))
        }
    }
}

pub(super) fn identity_mode(text: &str) -> Result<Mode, Wrong> {
    match text {
        "open" => Ok(Mode::Open),
        "required" => Ok(Mode::Required),
        other => {
            let what = format!("{} is no mode of identity", quoted(other));
            Err(Wrong::new(what, "write \"open\" or \"required\""))
        }
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        let remedy = match text.strip_prefix("localhost:") {
            Some(port) if port.parse::<u16>().is_ok() => format!("write \"127.0.0.1:{port}\""),
            _ => "write an IP address and a port, as in \"127.0.0.1:3200\" or \"[::1]:3200\"".to_owned(),
        };
        Wrong::new(format!("{} is no address to listen on", quoted(text)), remedy)
    })
}

/// Tempo's own `http_api_prefix`: a path that begins with a slash and does not end with one.
pub(super) fn path_prefix(text: &str) -> Result<String, Wrong> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    let has_steps = text.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."));
    if text.starts_with('/') && text.bytes().all(is_plain) && !has_steps {
        return Ok(text.to_owned());
    }
    let remedy = "write a path as in \"/tempo\", or take the line away for none";
    Err(Wrong::new(format!("{} is no path prefix", quoted(text)), remedy))
}

/// Scheme, host and an optional path. `credentials` has refused what may be secret in it.
pub(super) fn url(text: &str) -> Result<Uri, Wrong> {
    let remedy = "write scheme, host and port, as in \"https://tempo.eu.example:3200\"";
    let wrong = |what: &str| Err(Wrong::new(format!("{} {what}", quoted(text)), remedy));
    // So that a path can be put behind it.
    let text = match text.trim_end_matches('/') {
        "http:" | "https:" => text,
        trimmed => trimmed,
    };
    let Ok(uri) = text.parse::<Uri>() else { return wrong("is no URL") };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return wrong("is no URL that begins with http:// or https://");
    }
    match uri.authority() {
        Some(authority) if authority.host().is_empty() => wrong("names no host"),
        Some(authority) if authority.as_str().ends_with(':') => wrong("names no port behind the colon"),
        Some(authority) if authority.port_u16() == Some(0) => wrong("names port 0"),
        Some(authority) if has_bad_port(authority) => wrong("names a port that is none"),
        Some(_) => Ok(uri),
        None => wrong("names no host"),
    }
}

/// Where an issuer publishes its keys. Whoever could change them on the way could make tokens.
pub(super) fn keys_url(text: &str) -> Result<Uri, Wrong> {
    let remedy = "write it as in \"https://idp.example/keys\"; http is for loopback alone";
    let wrong = |what: &str| Err(Wrong::new(what.to_owned(), remedy));
    let Ok(uri) = text.parse::<Uri>() else { return wrong("this is no URL") };
    let Some(authority) = uri.authority() else { return wrong("this URL names no host") };
    if authority.as_str().contains('@') {
        return wrong("user and password do not belong in a URL");
    }
    if authority.host().is_empty() || has_bad_port(authority) {
        return wrong("this URL names no host, or a port that is none");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback => Ok(uri),
        _ => wrong("keys are asked for over https"),
    }
}

pub(super) fn header_name(text: &str) -> Result<HeaderName, Wrong> {
    let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
        return Err(Wrong::new(
            format!("{} is no name of a header", quoted(text)),
            "write it as in \"X-Team\"",
        ));
    };
    match HEADERS_TAKEN.iter().find(|(taken, _)| *taken == name.as_str()) {
        Some((_, remedy)) => Err(Wrong::new(format!("{} cannot be set here", quoted(text)), *remedy)),
        None => Ok(name),
    }
}

/// What can be sent as the value of a header.
pub(super) fn header_text(text: &str) -> Result<String, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new("an empty text says nothing", "write a value, or take the line away"));
    }
    match is_header_value(text) {
        true => Ok(text.to_owned()),
        false => Err(Wrong::new("this cannot be sent in a header", "use printable ASCII characters only")),
    }
}

/// The user of basic authentication; a colon would end it.
pub(super) fn basic_user(text: &str) -> Result<String, Wrong> {
    if text.contains(':') || text.contains(char::is_control) {
        return Err(Wrong::new("a user has no colon and no control character", "write the user alone"));
    }
    header_text(text)
}

pub(super) fn environment_name(text: &str) -> Result<String, Wrong> {
    let is_name = !text.is_empty() && !text.starts_with('$') && !text.contains(['=', '\0']);
    match is_name {
        true => Ok(text.to_owned()),
        false => {
            let what = format!("{} is no name of an environment variable", quoted(text));
            Err(Wrong::new(what, "write the name alone, as in \"TEMPO_TOKEN\""))
        }
    }
}

pub(super) fn is_header_value(text: &str) -> bool {
    text.is_ascii() && HeaderValue::from_str(text).is_ok()
}

/// A port that does not fit 16 bits is none to `Uri`, which would then take the scheme's own.
fn has_bad_port(authority: &http::uri::Authority) -> bool {
    let behind_host = authority.as_str().rsplit(']').next().unwrap_or_default();
    behind_host.contains(':') && authority.port_u16().is_none()
}
