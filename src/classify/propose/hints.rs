//! What the words of a key may mean where no rule of the dictionary speaks of them: weaker words than those of
//! `classes.toml`, good enough to propose something and not to decide it.

use crate::classify::keys::words_of;

/// Words, and the classes that they speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The word of the key that spoke.
    pub word: &'static str,
    /// Names of classes, the best first; those that a table does not have are passed over.
    pub classes: &'static [&'static str],
}

const EMAIL: &[&str] = &["pii.email"];
const PHONE: &[&str] = &["pii.phone"];
const ADDRESS: &[&str] = &["pii.address"];
const IP: &[&str] = &["pii.ip"];
const PERSON: &[&str] = &["pii.user_id"];
const NAME: &[&str] = &["pii.name"];
const SECRET: &[&str] = &["secret.token", "secret.password"];
const CARD: &[&str] = &["pci.pan"];
const BANK: &[&str] = &["pii.financial", "pii.iban"];
const SESSION: &[&str] = &["pii.session"];
const DEVICE: &[&str] = &["pii.device"];
const PLACE: &[&str] = &["pii.geo"];
const BIRTH: &[&str] = &["pii.birth_date"];
const HEALTH: &[&str] = &["pii.health"];

/// The most telling words first: of a key with several the first of this list speaks.
pub const HINTS: &[Hint] = &[
    Hint { word: "secret", classes: SECRET },
    Hint { word: "credential", classes: SECRET },
    Hint { word: "token", classes: SECRET },
    Hint { word: "bearer", classes: SECRET },
    Hint { word: "auth", classes: SECRET },
    Hint { word: "email", classes: EMAIL },
    Hint { word: "mail", classes: EMAIL },
    Hint { word: "phone", classes: PHONE },
    Hint { word: "mobile", classes: PHONE },
    Hint { word: "tel", classes: PHONE },
    Hint { word: "sms", classes: PHONE },
    Hint { word: "card", classes: CARD },
    Hint { word: "iban", classes: BANK },
    Hint { word: "bank", classes: BANK },
    Hint { word: "birth", classes: BIRTH },
    Hint { word: "birthday", classes: BIRTH },
    Hint { word: "diagnosis", classes: HEALTH },
    Hint { word: "patient", classes: HEALTH },
    Hint { word: "medical", classes: HEALTH },
    Hint { word: "firstname", classes: NAME },
    Hint { word: "lastname", classes: NAME },
    Hint { word: "surname", classes: NAME },
    Hint { word: "nickname", classes: NAME },
    Hint { word: "recipient", classes: NAME },
    Hint { word: "address", classes: ADDRESS },
    Hint { word: "street", classes: ADDRESS },
    Hint { word: "city", classes: ADDRESS },
    Hint { word: "zip", classes: ADDRESS },
    Hint { word: "ip", classes: IP },
    Hint { word: "session", classes: SESSION },
    Hint { word: "cookie", classes: SESSION },
    Hint { word: "device", classes: DEVICE },
    Hint { word: "latitude", classes: PLACE },
    Hint { word: "longitude", classes: PLACE },
    Hint { word: "lat", classes: PLACE },
    Hint { word: "lon", classes: PLACE },
    Hint { word: "lng", classes: PLACE },
    Hint { word: "user", classes: PERSON },
    Hint { word: "customer", classes: PERSON },
    Hint { word: "person", classes: PERSON },
    Hint { word: "member", classes: PERSON },
    Hint { word: "employee", classes: PERSON },
    Hint { word: "subscriber", classes: PERSON },
    Hint { word: "guest", classes: PERSON },
    Hint { word: "buyer", classes: PERSON },
    Hint { word: "seller", classes: PERSON },
    Hint { word: "driver", classes: PERSON },
    Hint { word: "passenger", classes: PERSON },
    Hint { word: "owner", classes: PERSON },
    Hint { word: "author", classes: PERSON },
    Hint { word: "account", classes: PERSON },
    Hint { word: "login", classes: PERSON },
    Hint { word: "principal", classes: PERSON },
];

/// Last words of keys that count or time a thing and are not it.
const ABOUT: [&str; 18] = [
    "count", "total", "size", "bytes", "ms", "seconds", "duration", "latency", "length", "type", "kind",
    "status", "state", "enabled", "version", "ttl", "limit", "index",
];

/// Addresses in `ipAddress` are not where somebody lives.
const WITH_ADDRESS: [(&str, &[&str]); 5] =
    [("ip", IP), ("mac", &["pii.mac"]), ("email", EMAIL), ("mail", EMAIL), ("wallet", &["pii.crypto"])];

/// The hint that the words of a key give, however they are written: `buyerMail`, `buyer_mail`, `X-Buyer-Mail`.
pub fn hint(key: &str) -> Option<Hint> {
    let words = words_of(key);
    let has = |word: &str| {
        words.iter().any(|own| own == word || own.strip_suffix('s').is_some_and(|own| own == word))
    };
    if words.last().is_some_and(|last| ABOUT.contains(&last.as_str())) {
        return None;
    }
    let hint = HINTS.iter().copied().find(|hint| has(hint.word))?;
    let other = WITH_ADDRESS.iter().find(|(word, _)| hint.word == "address" && has(word));
    match other {
        Some((word, classes)) => Some(Hint { word, classes }),
        // `user_name` and its like are somebody's name, whatever stands before it.
        None if hint.classes == PERSON && has("name") => Some(Hint { word: "name", classes: NAME }),
        None => Some(hint),
    }
}
