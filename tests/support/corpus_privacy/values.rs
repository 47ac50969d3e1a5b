//! Values of persons, machines and wallets, by class: how often each comes, and under which keys.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use sha3::Keccak256;

use super::national::{self, with_luhn};
use super::{ALNUM, CAPITALS, Dice, HEX, between, digits, letters, word};

/// One class of values.
pub struct Class {
    pub name: &'static str,
    /// The name of its detector, if a pattern can find it at all.
    pub detector: Option<&'static str>,
    pub weight: u64,
    pub keys: &'static [&'static str],
    pub make: fn(&mut Dice) -> String,
}

const fn class(
    name: &'static str,
    detector: &'static str,
    weight: u64,
    keys: &'static [&'static str],
    make: fn(&mut Dice) -> String,
) -> Class {
    Class { name, detector: Some(detector), weight, keys, make }
}

const fn unseen(
    name: &'static str,
    weight: u64,
    keys: &'static [&'static str],
    make: fn(&mut Dice) -> String,
) -> Class {
    Class { name, detector: None, weight, keys, make }
}

const CARD: &[&str] = &["payment.card.number", "card_number", "creditCard", "pan"];
const NATIONAL: &[&str] =
    &["user.national_id", "nationalId", "tax_id", "customer.tax.number", "person.id_number"];
const SECRET: &[&str] = &["api_key", "app.secret", "authToken", "client_secret", "credentials"];
const IP: &[&str] = &["client.address", "net.peer.ip", "http.client_ip", "source.address", "x_forwarded_for"];

pub const CLASSES: &[Class] = &[
    class(
        "email",
        "email",
        902,
        &["user.email", "email", "usr.email", "contactEmail", "enduser.email"],
        email,
    ),
    class("pan_visa", "pan", 220, CARD, |dice| card(dice, "4", 16)),
    class("pan_visa_19", "pan", 15, CARD, |dice| card(dice, "4", 19)),
    class("pan_mastercard", "pan", 180, CARD, |dice| {
        let lead = between(dice, 51, 55).to_string();
        card(dice, &lead, 16)
    }),
    class("pan_mastercard_2", "pan", 60, CARD, |dice| {
        let lead = between(dice, 2221, 2720).to_string();
        card(dice, &lead, 16)
    }),
    class("pan_amex", "pan", 70, CARD, amex),
    class("pan_discover", "pan", 30, CARD, |dice| card(dice, "6011", 16)),
    class("pan_unionpay", "pan", 30, CARD, |dice| card(dice, "62", 16)),
    class("pan_maestro", "pan", 21, CARD, |dice| {
        let length = between(dice, 18, 19) as usize;
        card(dice, "6759", length)
    }),
    class("track", "sad", 25, &["card.track2", "magstripe"], track),
    class("iban", "iban", 430, &["iban", "bank.account.iban", "accountIban", "debtor_iban"], iban),
    class("ipv4", "ipv4", 820, IP, ipv4),
    class("ipv6", "ipv6", 351, IP, ipv6),
    class("phone_e164", "phone", 480, &["user.phone", "phoneNumber", "msisdn", "contact_mobile"], phone),
    class(
        "phone_national",
        "phone",
        256,
        &["user.phone", "phoneNumber", "tel", "contact_mobile"],
        phone_at_home,
    ),
    class("ssn", "ssn", 250, &["user.ssn", "ssn", "socialSecurityNumber"], ssn),
    class("itin", "ssn", 60, &["itin", "taxpayer_id"], itin),
    class("fr_nir", "national_id", 45, NATIONAL, national::france),
    class("es_dni", "national_id", 45, NATIONAL, national::spain),
    class("es_nie", "national_id", 30, NATIONAL, national::spain_foreign),
    class("it_cf", "national_id", 50, &["codice_fiscale", "tax_id"], national::italy),
    class("se_pnr", "national_id", 45, &["personnummer", "national_id"], national::sweden),
    class("fi_hetu", "national_id", 40, &["hetu", "national_id"], national::finland),
    class("uk_nino", "national_id", 45, &["nino", "national_insurance"], national::britain_insurance),
    class("ie_pps", "national_id", 35, &["ppsn", "national_id"], national::ireland),
    class("cz_rc", "national_id", 40, &["rodne_cislo", "national_id"], national::czechia),
    class("ch_ahv", "national_id", 40, &["ahv", "avs_number"], national::switzerland),
    class("be_nn", "national_id", 45, &["rijksregister", "niss"], national::belgium),
    class("nl_bsn", "national_id", 50, &["bsn", "national_id"], national::netherlands),
    class("pt_nif", "national_id", 45, &["nif", "tax_id"], national::portugal),
    class("pl_pesel", "national_id", 55, &["pesel", "national_id"], national::poland),
    class("ro_cnp", "national_id", 45, &["cnp", "national_id"], national::romania),
    class("de_idnr", "national_id", 55, &["steuer_id", "taxId"], national::germany),
    class("hr_oib", "national_id", 40, &["oib", "national_id"], national::croatia),
    class("ee_ik", "national_id", 40, &["isikukood", "national_id"], national::estonia),
    class("lv_pk", "national_id", 35, &["personal_code", "national_id"], national::latvia),
    class("bg_egn", "national_id", 40, &["egn", "national_id"], national::bulgaria),
    class("at_svnr", "national_id", 40, &["svnr", "insurance_number"], national::austria),
    class("gr_amka", "national_id", 40, &["amka", "national_id"], national::greece),
    class("no_fnr", "national_id", 45, &["fodselsnummer", "national_id"], national::norway),
    class("uk_nhs", "national_id", 50, &["nhs_number", "patient.nhs"], national::britain_health),
    class("dk_cpr", "national_id", 40, &["cpr", "national_id"], national::denmark),
    class("si_emso", "national_id", 25, &["emso", "national_id"], national::slovenia),
    class("br_cpf", "national_id", 30, &["cpf", "tax_id"], national::brazil),
    class("jwt", "jwt", 259, &["http.request.header.x-token", "id_token", "session.jwt"], jwt),
    class("aws_key", "secret", 40, SECRET, |dice| {
        format!("AKIA{}", letters(dice, 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
    }),
    class("aws_secret", "secret", 24, &["aws.secret_access_key", "secretAccessKey"], |dice| {
        letters(dice, 40, &format!("{ALNUM}/+"))
    }),
    class("github", "secret", 50, SECRET, |dice| {
        let prefix = *dice.of(&["ghp_", "gho_", "ghs_"]);
        with_crc(dice, prefix)
    }),
    class("npm", "secret", 25, SECRET, |dice| with_crc(dice, "npm_")),
    class("gitlab", "secret", 30, SECRET, |dice| format!("glpat-{}", letters(dice, 20, ALNUM))),
    class("slack", "secret", 30, SECRET, |dice| {
        format!("xoxb-{}-{}-{}", digits(dice, 12), digits(dice, 13), letters(dice, 24, ALNUM))
    }),
    class("stripe", "secret", 35, SECRET, |dice| format!("sk_live_{}", letters(dice, 24, ALNUM))),
    class("google", "secret", 30, SECRET, |dice| format!("AIza{}", letters(dice, 35, ALNUM))),
    class("sendgrid", "secret", 20, SECRET, |dice| {
        format!("SG.{}.{}", letters(dice, 22, ALNUM), letters(dice, 43, ALNUM))
    }),
    class("basic", "secret", 35, &["http.request.header.authorization"], |dice| {
        let (name, word) = (user_name(dice), password(dice));
        format!("Basic {}", STANDARD.encode(format!("{name}:{word}")))
    }),
    class("bearer", "secret", 30, &["http.request.header.authorization"], |dice| {
        format!("Bearer {}", letters(dice, 40, HEX))
    }),
    class("url_credentials", "secret", 45, &["db.connection_string", "amqp.url"], |dice| {
        let scheme = *dice.of(&["postgres", "amqp", "mongodb+srv", "https", "redis"]);
        let (name, word) = (user_name(dice), password(dice));
        format!("{scheme}://{name}:{word}@{}:5432/orders", host(dice))
    }),
    class("pem", "secret", 15, &["tls.key", "private_key"], |dice| {
        let body = letters(dice, 128, &format!("{ALNUM}/+"));
        format!("-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----", &body[..64], &body[64..])
    }),
    class("account_key", "secret", 15, &["storage.connection"], |dice| {
        format!("AccountKey={}==", letters(dice, 86, &format!("{ALNUM}/+")))
    }),
    class("btc", "crypto", 90, &["wallet.address", "btc_address"], bitcoin),
    class("bech32", "crypto", 80, &["wallet.address", "btc_address"], segwit),
    class("eth", "crypto", 89, &["wallet.address", "eth_address"], ethereum),
    class("geo", "geo", 195, &["geo.location", "user.coordinates", "gps.position"], geo),
    class("mac", "mac", 89, &["host.mac", "device.mac", "hw.network.physical_address"], mac),
    class("imei", "imei", 30, &["device.imei", "imei"], imei),
    class("vin", "vin", 30, &["vehicle.vin", "vin"], national::vehicle),
    unseen("name", 360, &["user.full_name", "customer.name"], name),
    unseen("street", 220, &["customer.address.street", "shipping_address"], street),
    unseen("birthday", 180, &["user.birth_date", "dob"], |dice| {
        format!("{}-{:02}-{:02}", between(dice, 1940, 2005), between(dice, 1, 12), between(dice, 1, 28))
    }),
    unseen("user_name", 244, &["user.name", "enduser.id"], user_name),
    unseen("user_id", 180, &["user.id", "customer.id"], |dice| format!("u-{}", digits(dice, 6))),
];

const FIRST: [&str; 16] = [
    "jane", "noor", "piotr", "anna", "luis", "mia", "kwame", "sofia", "ivan", "elif", "tom", "yuki", "lena",
    "omar", "jürgen", "zoë",
];
const LAST: [&str; 16] = [
    "roe", "ivers", "kowalska", "costa", "meier", "okafor", "silva", "novak", "yilmaz", "sato", "jensen",
    "rossi", "dubois", "hansen", "o'neil", "garcía",
];

fn name(dice: &mut Dice) -> String {
    let capital = |word: &str| {
        let mut signs = word.chars();
        signs.next().map_or_else(String::new, |first| first.to_uppercase().chain(signs).collect::<String>())
    };
    format!("{} {}", capital(word(dice, &FIRST)), capital(word(dice, &LAST)))
}

fn street(dice: &mut Dice) -> String {
    let (number, road) = (
        between(dice, 1, 199),
        *dice.of(&["Oak Street", "Mill Lane", "Rue Haute", "Hauptstraße", "Via Roma"]),
    );
    format!("{number} {road}, {}", dice.of(&["Leeds", "Lyon", "Graz", "Turin", "Ghent"]))
}

pub fn user_name(dice: &mut Dice) -> String {
    let plain = |word: &str| word.replace('\'', "").replace('ü', "ue").replace(['ë', 'í'], "e");
    let (first, last) = (plain(word(dice, &FIRST)), plain(word(dice, &LAST)));
    format!("{first}{}{last}", word(dice, &[".", "_", ""]))
}

fn password(dice: &mut Dice) -> String {
    let length = between(dice, 8, 16) as usize;
    letters(dice, length, ALNUM)
}

pub fn host(dice: &mut Dice) -> String {
    let label = *dice.of(&["db", "orders", "mail", "api", "cache-1", "eu"]);
    format!("{label}.{}", dice.of(&["example.com", "example.org", "corp.example", "internal.example.net"]))
}

fn email(dice: &mut Dice) -> String {
    let domain = *dice.of(&[
        "example.com",
        "mail.example.org",
        "example.co.uk",
        "corp.example",
        "xn--bcher-kva.example",
    ]);
    match dice.below(20) {
        0 => format!("{}@bücher.example", user_name(dice)),
        1 => format!("{}.{}@{domain}", dice.of(&FIRST), dice.of(&LAST)),
        2 => format!("{}@почта.рф", dice.of(&["иван", "анна"])),
        3 | 4 => format!("{}+{}@{domain}", user_name(dice), letters(dice, 5, HEX)),
        5 => format!("{}@{domain}", user_name(dice).to_uppercase()),
        6 => format!("{}{}@{domain}", user_name(dice), digits(dice, 4)),
        _ => format!("{}@{domain}", user_name(dice)),
    }
}

fn card(dice: &mut Dice, lead: &str, length: usize) -> String {
    let number = with_luhn(&format!("{lead}{}", digits(dice, length - lead.len() - 1)));
    let sign = *dice.of(&["", "", "", " ", " ", "-"]);
    if length != 16 || sign.is_empty() {
        return number;
    }
    [&number[..4], &number[4..8], &number[8..12], &number[12..]].join(sign)
}

fn amex(dice: &mut Dice) -> String {
    let lead = *dice.of(&["34", "37"]);
    let number = with_luhn(&format!("{lead}{}", digits(dice, 12)));
    match dice.below(3) {
        0 => [&number[..4], &number[4..10], &number[10..]].join(" "),
        _ => number,
    }
}

fn track(dice: &mut Dice) -> String {
    let number = with_luhn(&format!("4{}", digits(dice, 14)));
    format!(";{number}={}{:02}101{}?", between(dice, 26, 32), between(dice, 1, 12), digits(dice, 8))
}

/// Countries, and what their accounts are made of: digits, capitals, or both.
const BANKS: [(&str, &str); 12] = [
    ("DE", "dddddddddddddddddd"),
    ("FR", "ddddddddddaaaaaaaaaaadd"),
    ("GB", "ccccdddddddddddddd"),
    ("ES", "dddddddddddddddddddd"),
    ("NL", "ccccdddddddddd"),
    ("IT", "cddddddddddaaaaaaaaaaaa"),
    ("BE", "dddddddddddd"),
    ("NO", "ddddddddddd"),
    ("PL", "dddddddddddddddddddddddd"),
    ("CH", "dddddaaaaaaaaaaaa"),
    ("MT", "ccccdddddaaaaaaaaaaaaaaaaaa"),
    ("SE", "dddddddddddddddddddd"),
];

fn iban(dice: &mut Dice) -> String {
    let (country, pattern) = *dice.of(&BANKS);
    let body: String = pattern
        .chars()
        .map(|kind| match kind {
            'd' => digits(dice, 1),
            'c' => letters(dice, 1, CAPITALS),
            _ => letters(dice, 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
        })
        .collect();
    // Letters become two digits, the country goes to the end with two zeros; the rest of 97 is missing to 98.
    let long: String =
        format!("{body}{country}00").chars().map(|sign| sign.to_digit(36).unwrap().to_string()).collect();
    let rest = long.bytes().fold(0u32, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97);
    let number = format!("{country}{:02}{body}", 98 - rest);
    match dice.below(10) {
        0..=3 => number
            .as_bytes()
            .chunks(4)
            .map(|part| std::str::from_utf8(part).unwrap())
            .collect::<Vec<_>>()
            .join(" "),
        4 => number.to_lowercase(),
        _ => number,
    }
}

fn ipv4(dice: &mut Dice) -> String {
    let first = *dice.of(&[10, 52, 81, 172, 192, 203, 8, 95, 185]);
    format!("{first}.{}.{}.{}", dice.below(256), dice.below(256), between(dice, 1, 254))
}

fn ipv6(dice: &mut Dice) -> String {
    let lead = *dice.of(&["2001:db8", "2a02:26f0", "2606:4700", "fd12:3456", "fe80:0"]);
    let group = |dice: &mut Dice| format!("{:x}", between(dice, 1, 0xffff));
    match dice.below(3) {
        0 => format!("{lead}::{}", group(dice)),
        1 => format!("{lead}:{}::{}:{}", group(dice), group(dice), group(dice)),
        _ => {
            let rest: Vec<String> = (0..6).map(|_| group(dice)).collect();
            format!("{lead}:{}", rest.join(":"))
        }
    }
}

fn phone(dice: &mut Dice) -> String {
    let area = between(dice, 201, 989);
    let exchange = between(dice, 220, 989);
    match dice.below(8) {
        0 => format!("+1{}{exchange}{}", area.max(212), digits(dice, 4)),
        1 => format!("+1 ({}) {exchange}-{}", area.max(212), digits(dice, 4)),
        2 => format!("+49 30 {}", digits(dice, 7)),
        3 => format!("+4917{}", digits(dice, 8)),
        4 => format!("+33 6 {} {} {} {}", digits(dice, 2), digits(dice, 2), digits(dice, 2), digits(dice, 2)),
        5 => format!("+44 20 {} {}", digits(dice, 4), digits(dice, 4)),
        6 => format!("+3467{}", digits(dice, 7)),
        _ => format!("+8190{}", digits(dice, 8)),
    }
}

fn phone_at_home(dice: &mut Dice) -> String {
    let exchange = between(dice, 220, 989);
    match dice.below(7) {
        0 => format!("(415) {exchange}-{}", digits(dice, 4)),
        1 => format!("212-{exchange}-{}", digits(dice, 4)),
        2 => format!("312.{exchange}.{}", digits(dice, 4)),
        3 => format!("0171 {}", digits(dice, 7)),
        4 => format!("06 {} {} {} {}", digits(dice, 2), digits(dice, 2), digits(dice, 2), digits(dice, 2)),
        5 => format!("020 {} {}", digits(dice, 4), digits(dice, 4)),
        _ => format!("030/{}", digits(dice, 7)),
    }
}

fn ssn(dice: &mut Dice) -> String {
    let area = *dice.of(&[219, 457, 78, 531, 12, 640, 772]);
    let sign = *dice.of(&["-", "-", "-", "-", " ", ""]);
    format!("{area:03}{sign}{:02}{sign}{:04}", between(dice, 1, 99), between(dice, 1, 9999))
}

fn itin(dice: &mut Dice) -> String {
    format!("9{:02}-{}-{:04}", dice.below(100), between(dice, 70, 88), dice.below(10_000))
}

pub fn jwt(dice: &mut Dice) -> String {
    let header = *dice.of(&[
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"RS256","kid":"k1"}"#,
        r#"{"typ":"JWT","alg":"ES256"}"#,
    ]);
    let payload = format!(r#"{{"sub":"{}","iat":17{}}}"#, user_name(dice), digits(dice, 8));
    format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload),
        letters(dice, 43, &format!("{ALNUM}-_"))
    )
}

/// Thirty random characters and their CRC-32 as six digits of base 62.
fn with_crc(dice: &mut Dice, prefix: &str) -> String {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = letters(dice, 30, ALNUM);
    // Bit by bit, as the polynomial is published.
    let mut check = u32::MAX;
    for byte in body.bytes() {
        check ^= u32::from(byte);
        for _ in 0..8 {
            check = if check & 1 == 1 { check >> 1 ^ 0xedb8_8320 } else { check >> 1 };
        }
    }
    check = !check;
    let signs: Vec<u8> =
        (0..6).rev().map(|place| DIGITS.as_bytes()[(check / 62u32.pow(place) % 62) as usize]).collect();
    format!("{prefix}{body}{}", String::from_utf8(signs).unwrap())
}

fn bytes(dice: &mut Dice, count: usize) -> Vec<u8> {
    (0..count).map(|_| dice.below(256) as u8).collect()
}

fn bitcoin(dice: &mut Dice) -> String {
    let mut address = vec![*dice.of(&[0u8, 5])];
    address.extend(bytes(dice, 20));
    let check = Sha256::digest(Sha256::digest(&address));
    address.extend(&check[..4]);
    base58(&address)
}

/// The bytes as one number, in digits of 58; a leading zero is a `1`.
fn base58(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = bytes.to_vec();
    let mut text = Vec::new();
    while number.iter().any(|byte| *byte > 0) {
        let mut rest = 0;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            (*byte, rest) = ((value / 58) as u8, value % 58);
        }
        text.push(DIGITS[rest as usize]);
    }
    text.extend(bytes.iter().take_while(|byte| **byte == 0).map(|_| b'1'));
    text.reverse();
    String::from_utf8(text).unwrap()
}

/// Bech32 with the remainder of its polynomial written out.
fn segwit(dice: &mut Dice) -> String {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let mut data = vec![0u8];
    data.extend((0..32).map(|_| dice.below(32) as u8));
    let mut values: Vec<u32> = vec![3, 3, 0, 2, 3];
    values.extend(data.iter().map(|value| u32::from(*value)));
    values.extend([0; 6]);
    let mut rest: u32 = 1;
    for value in values {
        let top = rest >> 25;
        rest = (rest & 0x1ff_ffff) << 5 ^ value;
        for (bit, part) in [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].iter().enumerate() {
            if top >> bit & 1 == 1 {
                rest ^= part;
            }
        }
    }
    rest ^= 1;
    data.extend((0..6).map(|place| (rest >> (5 * (5 - place)) & 31) as u8));
    format!("bc1{}", data.iter().map(|value| char::from(LETTERS[usize::from(*value)])).collect::<String>())
}

fn ethereum(dice: &mut Dice) -> String {
    let small = letters(dice, 40, HEX);
    if dice.percent(30) {
        return format!("0x{small}");
    }
    let hash: String = Keccak256::digest(small.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let mixed = small.chars().zip(hash.chars());
    let mixed: String =
        mixed.map(|(sign, by)| if by >= '8' { sign.to_ascii_uppercase() } else { sign }).collect();
    format!("0x{mixed}")
}

fn geo(dice: &mut Dice) -> String {
    let precision = between(dice, 4, 7) as usize;
    let sign = *dice.of(&["", "", "-"]);
    let gap = *dice.of(&[",", ", "]);
    format!(
        "{}.{}{gap}{sign}{}.{}",
        between(dice, 30, 70),
        digits(dice, precision),
        between(dice, 0, 170),
        digits(dice, precision)
    )
}

fn mac(dice: &mut Dice) -> String {
    let sign = *dice.of(&[":", ":", "-"]);
    let parts: Vec<String> = bytes(dice, 6).iter().map(|byte| format!("{byte:02x}")).collect();
    if parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        return mac(dice);
    }
    parts.join(sign)
}

fn imei(dice: &mut Dice) -> String {
    with_luhn(&format!("35{}", digits(dice, 12)))
}
