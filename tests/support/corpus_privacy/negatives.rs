//! What looks like personal data and is none, in kinds; ids and times apart, which must stay as they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::national::with_luhn;
use super::values::host;
use super::{Attribute, Dice, HEX, Kind, Place, between, digits, letters};

/// One kind: whether it is an id or a time, the keys it comes under, and how it is made.
pub struct Lure {
    name: &'static str,
    is_id: bool,
    keys: &'static [&'static str],
    make: fn(&mut Dice) -> String,
}

const fn id(name: &'static str, keys: &'static [&'static str], make: fn(&mut Dice) -> String) -> Lure {
    Lure { name, is_id: true, keys, make }
}

const fn lure(name: &'static str, keys: &'static [&'static str], make: fn(&mut Dice) -> String) -> Lure {
    Lure { name, is_id: false, keys, make }
}

const ANY: &[&str] = &["field1", "value", "message", "app.tag.x", "arg0", "content"];

pub const KINDS: &[Lure] = &[
    id("uuid", &["request.id", "value", "app.tag.x"], uuid),
    id("uuid_of_digits", &["request.id", "value"], |dice| {
        format!(
            "{}-{}-4{}-8{}-{}",
            digits(dice, 8),
            digits(dice, 4),
            digits(dice, 3),
            digits(dice, 3),
            digits(dice, 12)
        )
    }),
    id("trace_id", &["trace_id", "value", "message"], |dice| letters(dice, 32, HEX)),
    id("trace_id_of_digits", &["otelTraceId", "value"], |dice| digits(dice, 32)),
    id("span_id", &["span_id", "parent", "value"], |dice| letters(dice, 16, HEX)),
    id("traceparent", &["traceparent", "value"], |dice| {
        format!("00-{}-{}-01", letters(dice, 32, HEX), letters(dice, 16, HEX))
    }),
    id("git_hash", &["vcs.ref.head.revision", "value"], |dice| letters(dice, 40, HEX)),
    id("digest", &["container.image.id", "value"], |dice| format!("sha256:{}", letters(dice, 64, HEX))),
    id("pod", &["k8s.pod.name", "value", "message"], |dice| {
        format!(
            "checkout-{}-{}",
            letters(dice, 10, "bcdf2456789"),
            letters(dice, 5, "bcdfghjklmnpqrstvwxz2456789")
        )
    }),
    id("epoch_s", &["value", "created_at", "field1"], |dice| format!("17{}", digits(dice, 8))),
    id("epoch_ms", &["value", "event.timestamp", "field1"], |dice| format!("17{}", digits(dice, 11))),
    id("epoch_us", &["value", "ts", "field1"], |dice| format!("17{}", digits(dice, 14))),
    id("epoch_ns", &["value", "start_time", "field1"], |dice| format!("17{}", digits(dice, 17))),
    id("iso_time", ANY, |dice| {
        format!(
            "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{}+02:00",
            between(dice, 1, 12),
            between(dice, 1, 28),
            dice.below(24),
            dice.below(60),
            dice.below(60),
            digits(dice, 6)
        )
    }),
    id("snowflake", &["value", "message.id", "field1"], |dice| format!("1{}", digits(dice, 18))),
    lure("version", &["service.version", "os.version", "driver.version", "browser.version"], |dice| {
        format!("{}.{}.{}.{}", dice.below(30), dice.below(20), dice.below(250), dice.below(250))
    }),
    lure("user_agent", &["user_agent.original", "http.user_agent"], |dice| {
        format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.{} Safari/537.36",
            between(dice, 90, 140),
            digits(dice, 4),
            dice.below(200)
        )
    }),
    lure("oid", ANY, |dice| {
        format!("1.3.6.1.4.1.{}.{}.{}", between(dice, 1, 50_000), dice.below(30), dice.below(30))
    }),
    lure("luhn_failing", ANY, |dice| {
        let good = with_luhn(&format!("4{}", digits(dice, 14)));
        let last = (good.as_bytes()[15] - b'0' + 1 + dice.below(8) as u8) % 10;
        format!("{}{last}", &good[..15])
    }),
    lure("luhn_passing", ANY, |dice| {
        let lead = *dice.of(&["10", "12", "17", "19", "70", "77", "90", "99", "00"]);
        with_luhn(&format!("{lead}{}", digits(dice, 13)))
    }),
    lure("number", &["order.id", "value", "invoice", "field1", "count"], |dice| {
        let length = between(dice, 8, 13) as usize;
        format!("{}{}", between(dice, 1, 9), digits(dice, length - 1))
    }),
    lure("iban_failing", ANY, |dice| format!("DE00{}", digits(dice, 18))),
    lure("package", ANY, |dice| {
        format!(
            "{}@{}.{}.{}",
            dice.of(&["lodash", "react", "@types/node", "left-pad"]),
            dice.below(30),
            dice.below(20),
            dice.below(20)
        )
    }),
    lure("repository", ANY, |dice| {
        format!("git@github.com:acme/{}.git", dice.of(&["shop", "infra", "web-app"]))
    }),
    lure("node", ANY, |dice| {
        format!("rabbit@ip-10-{}-{}-{}", dice.below(256), dice.below(256), dice.below(256))
    }),
    lure("code", ANY, |dice| {
        (*dice.of(&[
            "std::vec",
            "dead::beef",
            "std::sync::Arc",
            "a::b::c",
            "Foo::Bar::baz",
            "core::fmt::Display",
            "ace::fade",
        ]))
        .to_owned()
    }),
    lure("arn", &["aws.secretsmanager.secret.arn", "cloud.resource_id", "value"], |dice| {
        format!(
            "arn:aws:{}:eu-west-1:{}:function/{}",
            dice.of(&["lambda", "sqs", "secretsmanager"]),
            digits(dice, 12),
            letters(dice, 8, HEX)
        )
    }),
    lure("cursor", &["page.cursor", "next_page_token", "value"], |dice| {
        STANDARD.encode(format!(r#"{{"id":{},"o":{}}}"#, digits(dice, 6), digits(dice, 2)))
    }),
    lure("base58", ANY, |dice| {
        format!("1{}", letters(dice, 33, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"))
    }),
    lure("address_of_memory", ANY, |dice| format!("0x{}", letters(dice, 12, HEX))),
    lure("sql", &["db.statement", "db.query.text"], |dice| {
        format!(
            "SELECT a, b FROM t{} WHERE id = $1 AND kind = ? AND n > :n LIMIT {}",
            dice.below(9),
            between(dice, 1, 500)
        )
    }),
    lure("url", &["url.full", "http.url", "http.target"], |dice| {
        format!(
            "https://{}/v{}/items?page={}&sort=asc%2Cname",
            host(dice),
            between(dice, 1, 3),
            dice.below(100)
        )
    }),
    lure("decimals", &["ratio", "value", "quantiles"], |dice| {
        let (one, other) = (between(dice, 1, 3) as usize, between(dice, 5, 8) as usize);
        format!("{}.{}, {}.{}", dice.below(100), digits(dice, one), dice.below(100), digits(dice, other))
    }),
    lure("double", &["value", "score", "field1"], |dice| format!("0.{}", digits(dice, 16))),
    lure("dashed", ANY, |dice| {
        let parts: Vec<String> = [2, 3, 5].iter().map(|length| digits(dice, *length)).collect();
        parts.join("-")
    }),
    lure("secret_word", &["feature", "value", "message", "k8s.secret.name"], |dice| {
        (*dice.of(&[
            "secret-santa-2026",
            "token-bucket-limiter",
            "password reset requested",
            "passwordless login",
            "tokenizer.v2",
            "basic authentication failed",
            "Bearer token missing",
            "api key rotation",
            "db-credentials-prod-v2",
            "invalid password",
            "password: required",
        ]))
        .to_owned()
    }),
    lure("service", &["service.name", "value", "peer.service"], |dice| {
        (*dice.of(&["jane-service", "maria-db", "jenkins", "victoria-metrics", "casey.worker", "frank-api"]))
            .to_owned()
    }),
    lure("fingerprint", ANY, |dice| {
        let parts: Vec<String> = (0..16).map(|_| letters(dice, 2, HEX)).collect();
        parts.join(":")
    }),
    lure("image", ANY, |dice| format!("icon@{}x.png", between(dice, 2, 3))),
];

fn uuid(dice: &mut Dice) -> String {
    format!(
        "{}-{}-4{}-a{}-{}",
        letters(dice, 8, HEX),
        letters(dice, 4, HEX),
        letters(dice, 3, HEX),
        letters(dice, 3, HEX),
        letters(dice, 12, HEX)
    )
}

/// One of the kind; one in five stands in a sentence.
pub fn negative(dice: &mut Dice, kind: &Lure) -> Attribute {
    let made = (kind.make)(dice);
    let value = if dice.percent(20) && kind.name != "sql" {
        (*dice.of(&["processed {} in 12 ms", "see {} for details", "[{}] done", "unknown reference {}"]))
            .replace("{}", &made)
    } else {
        made
    };
    Attribute {
        key: (*dice.of(kind.keys)).to_owned(),
        value,
        place: Place::Clean,
        labels: Vec::new(),
        kind: if kind.is_id { Kind::Id(kind.name) } else { Kind::Lure(kind.name) },
    }
}
