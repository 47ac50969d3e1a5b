//! The words themselves: which say what, in a few languages, and a table that finds one in a few steps.

use super::Context;

/// Words by what they say. None stands twice.
pub const WORDS: &[(Context, &[&str])] = &[
    (
        Context(Context::CARD.0),
        &[
            "card",
            "cards",
            "cardnumber",
            "cardno",
            "cardnum",
            "pan",
            "cc",
            "ccn",
            "ccnum",
            "ccnumber",
            "creditcard",
            "credit",
            "debit",
            "visa",
            "mastercard",
            "amex",
            "maestro",
            "discover",
            "kreditkarte",
            "karte",
            "carte",
            "tarjeta",
            "payment",
        ],
    ),
    (
        Context(Context::SAD.0),
        &[
            "cvv",
            "cvv2",
            "cvc",
            "cvc2",
            "csc",
            "cav",
            "cav2",
            "cvn",
            "track",
            "track1",
            "track2",
            "trackdata",
            "magstripe",
            "securitycode",
        ],
    ),
    (Context(Context::BANK.0 | Context::KEY_KIND.0), &["account"]),
    (Context(Context::BANK.0), &["iban", "bank", "acct", "konto", "bic"]),
    (
        Context(Context::PHONE.0),
        &[
            "phone",
            "phones",
            "telephone",
            "tel",
            "telefon",
            "mobile",
            "mobil",
            "cell",
            "cellphone",
            "msisdn",
            "fax",
            "handy",
            "sms",
            "whatsapp",
            "caller",
            "callee",
            "dial",
            "dialed",
            "telefono",
            "telefone",
            "phonenumber",
            "phoneno",
            "tlf",
            "gsm",
            "landline",
            "ring",
            "movil",
            "portable",
            "numtel",
        ],
    ),
    (Context(Context::SSN.0 | Context::NATIONAL.0), &["ssn", "ssns", "itin", "socialsecurity", "taxpayer"]),
    (Context(Context::SSN.0 | Context::NATIONAL.0), &["tin"]),
    (Context(Context::SOCIAL.0), &["social"]),
    (Context(Context::SECURITY.0), &["security"]),
    (
        Context(Context::NATIONAL.0),
        &[
            "national",
            "nationalid",
            "nino",
            "nir",
            "insee",
            "bsn",
            "burgerservicenummer",
            "sofinummer",
            "dni",
            "nie",
            "nif",
            "codice",
            "fiscale",
            "codicefiscale",
            "personnummer",
            "pnr",
            "hetu",
            "henkilotunnus",
            "pps",
            "ppsn",
            "rodne",
            "cislo",
            "rodnecislo",
            "ahv",
            "avs",
            "rijksregister",
            "rrn",
            "nrn",
            "niss",
            "insz",
            "pesel",
            "cnp",
            "steuerid",
            "steuer",
            "steuernummer",
            "idnr",
            "tax",
            "taxid",
            "taxnumber",
            "oib",
            "isikukood",
            "asmens",
            "kodas",
            "kood",
            "egn",
            "svnr",
            "sozialversicherungsnummer",
            "amka",
            "fodselsnummer",
            "fnr",
            "nhs",
            "cpr",
            "npi",
            "dea",
            "mbi",
            "medicare",
            "medicaid",
            "sin",
            "cpf",
            "cnpj",
            "aadhaar",
            "aadhar",
            "tfn",
            "nric",
            "idcard",
            "identity",
            "idnumber",
            "citizen",
            "citizenid",
            "passport",
            "kimlik",
            "tckn",
            "resident",
            "insurance",
            "patient",
            "mrn",
            "curp",
            "kennitala",
            "emso",
            "personal",
            "person",
            "personid",
            "personalid",
            "nationalnumber",
            "govid",
            "government",
            "ident",
            "natid",
        ],
    ),
    (
        Context(Context::DEVICE.0),
        &[
            "device",
            "deviceid",
            "imei",
            "imsi",
            "imeisv",
            "mac",
            "macaddress",
            "hwaddr",
            "hardware",
            "udid",
            "idfa",
            "gaid",
            "aaid",
            "idfv",
            "adid",
            "advertising",
            "installation",
            "handset",
            "subscriber",
        ],
    ),
    (
        Context(Context::GEO.0),
        &[
            "geo",
            "lat",
            "latitude",
            "lon",
            "lng",
            "long",
            "longitude",
            "location",
            "coordinates",
            "coordinate",
            "coord",
            "coords",
            "position",
            "gps",
            "latlng",
            "latlon",
            "latlong",
            "lonlat",
            "loc",
            "geolocation",
            "geopoint",
            "pickup",
            "dropoff",
        ],
    ),
    (Context(Context::VEHICLE.0), &["vin", "vehicle", "chassis", "fahrgestell", "fahrgestellnummer"]),
    (
        Context(Context::NETWORK.0),
        &[
            "ip",
            "ips",
            "ipaddr",
            "ipaddress",
            "ipv4",
            "ipv6",
            "addr",
            "address",
            "peer",
            "remote",
            "client",
            "host",
            "dns",
            "xff",
            "forwarded",
            "cidr",
            "subnet",
        ],
    ),
    (
        Context(Context::SECRET.0),
        &[
            "secret",
            "secrets",
            "token",
            "apikey",
            "accesskey",
            "secretkey",
            "credential",
            "credentials",
            "auth",
            "authorization",
            "privatekey",
            "clientsecret",
            "secretaccesskey",
            "accountkey",
            "sharedkey",
            "masterkey",
            "encryptionkey",
            "signingkey",
            "jwt",
            "bearer",
        ],
    ),
    (
        Context(Context::SECRET.0 | Context::PASSWORD.0),
        &["password", "passwd", "pwd", "passphrase", "passwort", "pass", "passcode"],
    ),
    (Context(Context::KEY.0), &["key", "keys"]),
    (
        Context(Context::KEY_KIND.0),
        &["api", "access", "private", "encryption", "signing", "master", "shared"],
    ),
    (
        Context(Context::VERSION.0),
        &[
            "version",
            "versions",
            "ver",
            "release",
            "build",
            "oid",
            "agent",
            "useragent",
            "revision",
            "semver",
            "firmware",
            "snmp",
            "sdk",
            "kernel",
            "upgraded",
            "upgrade",
            "chrome",
            "edg",
            "driver",
        ],
    ),
    (
        Context(Context::MEASURE.0),
        &[
            "time",
            "timestamp",
            "ts",
            "date",
            "duration",
            "elapsed",
            "ms",
            "ns",
            "us",
            "epoch",
            "count",
            "size",
            "bytes",
            "length",
            "offset",
            "port",
            "pid",
            "tid",
            "thread",
            "latency",
            "ttl",
            "expires",
            "exp",
            "iat",
            "nbf",
            "millis",
            "micros",
            "nanos",
            "seq",
            "sequence",
            "line",
            "lineno",
            "index",
            "shard",
            "partition",
            "weight",
            "height",
            "width",
            "amount",
            "price",
            "total",
            "quantity",
            "trace",
            "traceid",
            "span",
            "spanid",
            "commit",
            "sha",
            "sha1",
            "sha256",
            "hash",
            "digest",
            "checksum",
            "etag",
            "seconds",
            "nanoseconds",
            "milliseconds",
            "microseconds",
            "unix",
            "snowflake",
            "counter",
            "rows",
            "lag",
            "uptime",
            "goroutine",
        ],
    ),
    (Context(Context::CODE.0), &["code"]),
    (Context(Context::PAGE.0), &["page", "next", "cursor", "continuation", "resume", "sync"]),
];

/// Places of the table: four times as many as words, so that few share one.
const SLOTS: usize = 2048;

/// No word.
const FREE: u16 = u16::MAX;

/// For each place, which list and which of its words: the table is made when Tutti is compiled.
static TABLE: [u16; SLOTS] = table();

/// The most words in one list.
const LIST_MAX: usize = 128;

#[expect(clippy::indexing_slicing, reason = "each index is below the length that its loop asks for")]
const fn table() -> [u16; SLOTS] {
    let mut table = [FREE; SLOTS];
    let mut list = 0;
    while list < WORDS.len() {
        let words = WORDS[list].1;
        let mut word = 0;
        while word < words.len() {
            let mut place = place_of(words[word].as_bytes());
            while table[place] != FREE {
                place = (place + 1) % SLOTS;
            }
            table[place] = (list * LIST_MAX + word) as u16;
            word += 1;
        }
        list += 1;
    }
    table
}

/// Where a word is looked for first.
const fn place_of(word: &[u8]) -> usize {
    let (mut hash, mut rest) = (0x811c_9dc5u32, word);
    while let [first, others @ ..] = rest {
        hash = (hash ^ *first as u32).wrapping_mul(0x0100_0193);
        rest = others;
    }
    (hash ^ hash >> 15) as usize % SLOTS
}

/// What a word in small letters says.
pub fn meaning(word: &[u8]) -> Option<Context> {
    let mut place = place_of(word);
    loop {
        let entry = usize::from(*TABLE.get(place)?);
        // A free place has no list, and ends the search.
        let (context, words) = WORDS.get(entry / LIST_MAX)?;
        if words.get(entry % LIST_MAX)?.as_bytes() == word {
            return Some(*context);
        }
        place = (place + 1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_found_with_its_meaning_and_no_other_is() {
        let mut all = BTreeSet::new();
        for (context, words) in WORDS {
            assert!(words.len() <= LIST_MAX);
            for word in *words {
                assert!(all.insert(word), "{word} stands twice");
                assert_eq!(meaning(word.as_bytes()), Some(*context), "{word}");
            }
        }
        assert!(all.len() * 4 < SLOTS + SLOTS / 2 && WORDS.len() * LIST_MAX < usize::from(FREE));
        for other in ["", "xyzzy", "checkout", "phon", "phonee"] {
            assert_eq!(meaning(other.as_bytes()), None, "{other}");
        }
    }
}
