//! `tutti token`: tokens for development, by a key that it makes itself. For trying policies as different people
//! before there is an issuer, and for tests; whoever has the key is anyone.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::complain;
use crate::config::{development_key, read_claims};
use crate::model::Caller;
use crate::proof::{self, SigningKey};
use crate::task::clock::wall_nanos;

/// A token that lies about shall not be good for long.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);

/// For development only: whoever has the key can be anyone.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The claims of the caller: sub, roles, groups, clearances, home, purpose (JSON).
    #[arg(long = "as", value_name = "FILE")]
    pub claims: PathBuf,
    /// The private key (Ed25519, PEM). Made where there is none, with its public half beside it as FILE.jwks.json.
    #[arg(long, value_name = "FILE", default_value = "dev.pem")]
    pub key: PathBuf,
    /// Who makes it, as `issuer` of an `[[identity.issuer]]` says it.
    #[arg(long, value_name = "NAME", default_value = "tutti-development")]
    pub issuer: String,
    /// For whom, as `audience` there says it.
    #[arg(long, value_name = "NAME", default_value = "tutti")]
    pub audience: String,
    /// How long it is good, a day at most.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = life)]
    pub life: Duration,
}

fn life(text: &str) -> Result<Duration, String> {
    let life = humantime::parse_duration(text).map_err(|_| format!("`{text}` is no duration; `1h` is"))?;
    if life > LIFE_MAX || life.is_zero() {
        return Err("a token for development is good for a day at most, and for a moment at least".to_owned());
    }
    Ok(life)
}

pub fn main(args: &TokenArgs) -> ExitCode {
    match run(args) {
        // A reader that is gone took what it wanted.
        Ok(token) => match writeln!(anstream::stdout(), "{token}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(why) => {
            complain(&format!("error: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &TokenArgs) -> Result<String, String> {
    let caller = read_claims(&args.claims).map_err(|error| error.to_string())?;
    let made = development_key(&args.key)?;
    if made.is_new {
        let (key, published) = (args.key.display(), made.published.display());
        complain(&format!(
            "made key `{key}` for development: in the configuration write [[identity.issuer]] with issuer = \
             {:?}, audience = {:?}, jwks_file = \"{published}\"",
            args.issuer, args.audience
        ));
    }
    mint(&made.key, &caller, args, Duration::from_nanos(wall_nanos()))
}

fn mint(key: &SigningKey, caller: &Caller, args: &TokenArgs, now: Duration) -> Result<String, String> {
    proof::ready();
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.kid = Some(key.public().name());
    let mut claims = claims(caller);
    let expires = now.saturating_add(args.life);
    for (name, value) in [
        ("iss", json!(args.issuer)),
        ("aud", json!(args.audience)),
        ("iat", json!(now.as_secs())),
        ("exp", json!(expires.as_secs())),
    ] {
        claims.insert(name.to_owned(), value);
    }
    let token = jsonwebtoken::encode(&header, &claims, &key.encoding());
    token.map_err(|error| format!("no token can be made: {error}"))
}

/// As a token carries them.
fn claims(caller: &Caller) -> Map<String, Value> {
    let Caller { subject, roles, groups, clearances, home, purpose } = caller;
    let mut claims = Map::from_iter([("sub".to_owned(), json!(subject))]);
    for (name, values) in [("roles", roles), ("groups", groups), ("clearances", clearances)] {
        if !values.is_empty() {
            claims.insert(name.to_owned(), json!(values));
        }
    }
    if let Some(home) = home {
        claims.insert("home".to_owned(), json!(home.as_str()));
    }
    if let Some(purpose) = purpose {
        claims.insert("purpose".to_owned(), json!(purpose));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use http::{HeaderMap, HeaderName};

    use crate::identity::{
        ClaimPaths, FetchKeys, FetchedKeys, IdentitySettings, IssuerSettings, KeySet, KeysFrom, KeysUrl,
        Mode, Once, Reception, Shown, SignedBy,
    };

    #[derive(Debug)]
    struct Nobody;

    impl FetchKeys for Nobody {
        fn fetch<'a>(&'a self, _: &'a KeysUrl) -> BoxFuture<'a, Result<FetchedKeys, String>> {
            async { Err("nobody is asked".to_owned()) }.boxed()
        }
    }

    #[tokio::test]
    async fn a_token_is_whom_the_claims_say_to_a_gateway_that_names_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = r#"{"sub":"alice","roles":["sre"],"groups":["a"],"clearances":["pci"],"home":"EU","purpose":"incident"}"#;
        std::fs::write(path("alice.json"), text).unwrap();
        let args = TokenArgs {
            claims: path("alice.json"),
            key: path("dev.pem"),
            issuer: "me".to_owned(),
            audience: "tutti".to_owned(),
            life: Duration::from_secs(60),
        };
        let token = run(&args).unwrap();
        let keys = KeySet::parse(&std::fs::read(path("dev.jwks.json")).unwrap()).unwrap();
        let issuer = IssuerSettings {
            issuer: "me".to_owned(),
            audience: "tutti".to_owned(),
            algorithms: SignedBy::DEFAULT.to_vec(),
            keys: KeysFrom::Set(Arc::new(keys)),
            claims: ClaimPaths::default(),
            grants: Vec::new(),
        };
        let settings =
            IdentitySettings { mode: Mode::Required, issuers: vec![issuer], ..IdentitySettings::default() };
        let nobody: Arc<dyn FetchKeys> = Arc::new(Nobody);
        let reception = Reception::new(Arc::new(settings), &nobody, None);
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        let shown = Shown {
            authorization: Once::of(&headers, &HeaderName::from_static("authorization")),
            grafana_id: Once::Absent,
            statement: Once::Absent,
            purpose: Once::Absent,
            headers: &headers,
            certificate: None,
        };
        let now = Duration::from_nanos(wall_nanos());
        let known = reception.who(&shown, now).await.unwrap();
        assert_eq!(*known.caller, read_claims(&args.claims).unwrap());
        assert!(reception.who(&shown, now + Duration::from_secs(100)).await.is_err());
    }

    #[test]
    fn a_token_is_good_for_a_day_at_most() {
        assert!(life("24h").is_ok() && life("1ms").is_ok());
        assert!(life("25h").is_err() && life("0s").is_err() && life("long").is_err());
    }
}
