//! What is found in one value, and what is left alone. The corpus under `tests/classify` has many more.

use super::*;

fn found(key: &str, text: &str, care: Care) -> Vec<(String, Detector)> {
    let mut scratch = Scratch::default();
    let hits = detect(text, Context::of_key(key), care, Detectors::ALL, &mut scratch);
    hits.iter().map(|hit| (text.get(hit.range.clone()).unwrap().to_owned(), hit.detector)).collect()
}

#[track_caller]
fn check(key: &str, text: &str, expected: &[(&str, Detector)]) {
    let expected: Vec<_> = expected.iter().map(|(text, detector)| ((*text).to_owned(), *detector)).collect();
    assert_eq!(found(key, text, Care::Balanced), expected, "{key} = {text}");
}

#[track_caller]
fn finds(text: &str, detector: Detector) {
    check("field", text, &[(text, detector)]);
}

#[test]
fn addresses_of_mail() {
    use Detector::Email;
    for mail in [
        "jane.roe@example.com",
        "o'neil+tag@mail.example.co.uk",
        "jürgen@müller.de",
        "用户@例子.公司",
        "a@b.cc",
        "x@xn--bcher-kva.example",
    ] {
        finds(mail, Email);
    }
    check("m", "mailto:jane@example.com?x=1", &[("jane@example.com", Email)]);
    check("m", "/u?email=jane%40example.com&a=b", &[("jane%40example.com", Email)]);
    check(
        "m",
        "to jane@example.com, joe@example.org.",
        &[("jane@example.com", Email), ("joe@example.org", Email)],
    );
    check("m", "'jane@example.com'", &[("jane@example.com", Email)]);
    check("m", "联系jane@example.com请", &[("jane@example.com", Email)]);
    check("m", r"to:\njane@example.com\n", &[("jane@example.com", Email)]);
}

#[test]
fn what_only_looks_like_mail() {
    for other in [
        "lodash@4.17.21",
        "git@github.com:org/repo.git",
        "rabbit@ip-10-0-0-1",
        "rabbit@ip-10-0-0-1.ec2.internal",
        "icon@2x.png",
        "@types/node",
        "@",
        "a@b",
        "ssh://git@github.com/org/repo",
        "com.example.Foo@1a2b3c",
        "user@1.2.3-beta.rc",
    ] {
        check("field", other, &[]);
    }
}

#[test]
fn cards() {
    use Detector::{Pan, Sad};
    for card in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "3782 822463 10005",
        "2223003122003222",
        "378282246310005",
    ] {
        finds(card, Pan);
    }
    check(
        "f",
        "4111 1111 1111 1111 5500 0000 0000 0004",
        &[("4111 1111 1111 1111", Pan), ("5500 0000 0000 0004", Pan)],
    );
    check("f", "card4111111111111111", &[("4111111111111111", Pan)]);
    check("f", "4111%201111%201111%201111", &[("4111%201111%201111%201111", Pan)]);
    check("f", "４１１１１１１１１１１１１１１１", &[("４１１１１１１１１１１１１１１１", Pan)]);
    check("f", "cvv: 123", &[("123", Sad)]);
    check("f", ";4111111111111111=25121011234567?", &[(";4111111111111111=25121011234567?", Sad)]);
    check(
        "f",
        "%B4111111111111111^ROE/JANE^25121010000?",
        &[("%B4111111111111111^ROE/JANE^25121010000?", Sad)],
    );
    check("card", "0000004111111111111111", &[("4111111111111111", Pan)]);
    for other in [
        "4111111111111112",
        "1234567812345670",
        "0.4111111111111111",
        "1732190000123456789",
        "00000000000000004111111111111111",
    ] {
        check("f", other, &[]);
    }
}

#[test]
fn accounts() {
    use Detector::Iban;
    for account in [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29NWBK60161331926819",
        "de89370400440532013000",
        "DE89-3704-0044-0532-0130-00",
    ] {
        finds(account, Iban);
    }
    check("f", "to DE89 3704 0044 0532 0130 00 today", &[("DE89 3704 0044 0532 0130 00", Iban)]);
    check("f", "DE89370400440532013001", &[]);
}

#[test]
fn addresses_of_machines() {
    use Detector::{Ipv4, Ipv6, Mac};
    finds("203.0.113.7", Ipv4);
    finds("2001:db8::1", Ipv6);
    finds("fe80::1", Ipv6);
    finds("2001:0db8:85a3:0000:0000:8a2e:0370:7334", Ipv6);
    finds("00:1a:2b:3c:4d:5e", Mac);
    finds("00-1A-2B-3C-4D-5E", Mac);
    finds("001a.2b3c.4d5e", Mac);
    check("f", "from 203.0.113.7:8080", &[("203.0.113.7", Ipv4)]);
    check("f", "peer:2001:db8::1", &[("2001:db8::1", Ipv6)]);
    check("f", "[2001:db8::1]:443", &[("2001:db8::1", Ipv6)]);
    check("f", "api.internal/10.2.3.4:80", &[("10.2.3.4", Ipv4)]);
    check("f", "http://10.2.3.4/x", &[("10.2.3.4", Ipv4)]);
    for other in [
        "dead::beef",
        "std::vec",
        "1.2.3.4.5",
        "Chrome/120.0.0.0",
        "lib-1.2.3.4",
        "1.2.3.4-beta",
        "12:30:45",
        "127.0.0.1",
        "::",
        "::1",
        "1.3.6.1.4.1.311",
        "2.5.4.3",
        "v1.2.3.4",
        "00:00:00:00:00:00",
        "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99",
        "version 1.2.3.4",
    ] {
        check("f", other, &[]);
    }
    check("os.version", "10.0.1.2", &[]);
}

#[test]
fn telephones() {
    use Detector::Phone;
    for phone in [
        "+49 30 1234567",
        "+14155552671",
        "+1 (415) 555-2671",
        "+44 (0)20 7946 0958",
        "(415) 555-2671",
        "+33 6 12 34 56 78",
    ] {
        finds(phone, Phone);
    }
    check("phone", "415-555-2671", &[("415-555-2671", Phone)]);
    check("phone", "0171 1234567", &[("0171 1234567", Phone)]);
    check("userPhone", "4155552671", &[("4155552671", Phone)]);
    check("f", "call 06 12 34 56 78", &[("06 12 34 56 78", Phone)]);
    check("f", "order 06 12 34 56 78", &[]);
    check("f", "phone 06 12 34 56 78", &[("06 12 34 56 78", Phone)]);
    assert_eq!(found("f", "06 12 34 56 78", Care::Paranoid).len(), 1);
    for other in ["order 415-555-2671", "01/02/2024", "2024-01-02", "+02:00", "GMT+0200", "1e+100000000"] {
        check("f", other, &[]);
    }
}

#[test]
fn numbers_of_persons() {
    use Detector::{NationalId, Ssn};
    finds("219-09-9999", Ssn);
    for person in [
        "12345678Z",
        "X1234567L",
        "RSSMRA85T10A562S",
        "131052-308T",
        "811218-9876",
        "AB123456C",
        "AB 12 34 56 C",
        "710319",
        "756.9217.0769.85",
        "85.07.30-033.28",
        "2 95 10 99 126 111 93",
        "295109912611193",
        "390.533.447-05",
        "710319/2745",
    ] {
        if person.len() > 6 {
            finds(person, NationalId);
        }
    }
    check("ssn", "219099999", &[("219099999", Ssn)]);
    check("f", "219099999", &[]);
    check("nhs_number", "9434765919", &[("9434765919", NationalId)]);
    check("f", "9434765919", &[]);
    assert_eq!(found("f", "9434765919", Care::Paranoid).len(), 1);
    for other in ["000-12-3456", "666-12-3456", "123-45-6789-0000", "1732190000", "1732190000123"] {
        check("f", other, &[]);
        assert_eq!(found("f", other, Care::Paranoid), [], "{other}");
    }
}

#[test]
fn secrets_and_tokens() {
    use Detector::{Crypto, Email, Jwt, Secret};
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    finds(jwt, Jwt);
    check("f", &format!("Bearer {jwt}"), &[(jwt, Jwt)]);
    for secret in [
        "AKIAIOSFODNN7EXAMPLE",
        "glpat-abcdefghij0123456789",
        "xoxb-123456789012-abcdefghijkl",
        "sk_live_abcdefghij0123456789ABCD",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "Basic dXNlcjpwYXNz",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    ] {
        finds(secret, Secret);
    }
    check("f", "postgres://app:s3cret@db.internal:5432/orders", &[("app:s3cret", Secret)]);
    check("f", "password=hunter2x", &[("hunter2x", Secret)]);
    check("f", r#"{"api_key":"Zx81kQ0pLm2Nv7Rt4Ys9"}"#, &[("Zx81kQ0pLm2Nv7Rt4Ys9", Secret)]);
    check(
        "aws.secret",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        &[("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Secret)],
    );
    finds("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Crypto);
    finds("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Crypto);
    finds("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", Crypto);
    // {"email":"jane@example.com"}
    finds("eyJlbWFpbCI6ImphbmVAZXhhbXBsZS5jb20ifQ==", Email);
    for other in [
        "eyJpZCI6MTIzfQ==",
        "Bearer token required",
        "Basic authentication",
        "password reset",
        "secret-santa",
        "token-bucket",
        "password=?",
        "password=***",
        "nextPageToken=CAUQAAabcdefghijklmnopq12",
        "https://host/path",
        "postgres://db.internal:5432/orders",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:MySecret-a1b2c3",
        "-----BEGIN CERTIFICATE-----",
        "3f2504e0-4f89-11d3-9a0c-030582330145",
        "0af7651916cd43dd8448eb211c80319c",
        "7d9f8b6c5d-x2x4z",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ] {
        check("f", other, &[]);
    }
    check(
        "aws.secretsmanager.secret.arn",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:MySecret-a1b2c3",
        &[],
    );
}

#[test]
fn devices_and_places() {
    use Detector::{DeviceId, Geo, Imei, Vin};
    check(
        "device.id",
        "3f2504e0-4f89-11d3-9a0c-030582330145",
        &[("3f2504e0-4f89-11d3-9a0c-030582330145", DeviceId)],
    );
    check("imei", "490154203237518", &[("490154203237518", Imei)]);
    finds("1M8GDM9AXKP042788", Vin);
    check("geo", "48.85837, 2.29448", &[("48.85837, 2.29448", Geo)]);
    check("geo.lat", "-48.858370", &[("-48.858370", Geo)]);
    check("f", "48.85837, 2.29448", &[("48.85837, 2.29448", Geo)]);
    check("f", "48.8583, 2.2944", &[]);
    assert_eq!(found("f", "48.8583,-2.2944", Care::Paranoid), [("48.8583,-2.2944".to_owned(), Geo)]);
}
