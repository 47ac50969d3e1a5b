//! Accounts on their way: whole, packed, cut, and changed.

use super::*;

fn report(name: &str, status: RegionStatus) -> RegionReport {
    RegionReport {
        region: RegionName::parse(name).unwrap(),
        jurisdiction: Jurisdiction::parse("EU").unwrap(),
        status,
        detail: None,
        http_status: Some(200),
        took: Duration::from_millis(12),
        first_byte: None,
        bytes: 5,
        spans: 2,
        attempts: 1,
        hedged: 0,
        treated: 3,
        treated_by_class: vec![("pii.email".to_owned(), 3)],
        within: None,
        again: None,
        is_raw_egress: false,
    }
}

fn account(regions: Vec<RegionReport>) -> Account {
    let within = Within {
        gateway: "eu-1".to_owned(),
        is_open: true,
        exactness: Exactness::RegionMissing,
        elsewhere: vec!["us-1".to_owned()],
        is_abridged: false,
        regions,
    };
    Account { to: "0a".to_owned(), is_as_sent: true, within }
}

#[test]
fn an_account_survives_its_way() {
    let inner = Within {
        gateway: "eu-2".to_owned(),
        is_open: false,
        exactness: Exactness::Exact,
        elsewhere: Vec::new(),
        is_abridged: true,
        regions: vec![report("eu-south", RegionStatus::Ok)],
    };
    let mut withheld = report("eu-west", RegionStatus::Withheld);
    withheld.detail =
        Some("`.n\u{e4}me` may not be asked for: you lack the right filterOn on pii.email".to_owned());
    let mut nested = report("eu-central", RegionStatus::Timeout);
    nested.within = Some(std::sync::Arc::new(inner));
    nested.is_raw_egress = true;
    let account = account(vec![nested, withheld]);
    let text = account.to_text();
    assert!(text.is_ascii() && !text.contains(char::is_control));
    assert_eq!(Account::read(text.as_bytes()), Ok(account));
}

#[test]
fn a_text_that_is_no_reason_is_not_carried_on() {
    let mut lying = report("eu-west", RegionStatus::Withheld);
    for text in ["jane@example.com", "`x`: you lack the right read on jane@example.com", ""] {
        lying.detail = Some(text.to_owned());
        let read = Account::read(account(vec![lying.clone()]).to_text().as_bytes()).unwrap();
        assert_eq!(read.within.regions[0].detail, None, "{text}");
    }
}

#[test]
fn a_hundred_regions_of_long_names_fit_and_keep_how_they_fared() {
    let regions = (0..100).map(|nth| report(&format!("r-{nth}"), RegionStatus::CircuitOpen)).collect();
    let text = account(regions).to_text();
    assert!(text.len() <= ACCOUNT_BYTES_MAX, "{}", text.len());
    let read = Account::read(text.as_bytes()).unwrap();
    assert!(read.within.regions.iter().all(|report| report.status == RegionStatus::CircuitOpen));
    assert_eq!(read.within.regions.len(), 100);
}

#[test]
fn what_is_no_account_is_refused() {
    let good = account(vec![report("eu", RegionStatus::Ok)]).to_text();
    for (from, to) in [
        ("\"ok\"", "\"splendid\""),
        ("region_missing", "certain"),
        ("\"eu-1\"", "\"eu 1\""),
        ("\"region\":\"eu\"", "\"region\":\"EU!\""),
        ("pii.email", "jane@example.com"),
        ("{\"to\"", "{\"more\":1,\"to\""),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from}");
        assert_eq!(Account::read(bad.as_bytes()), Err(AccountError), "{to}");
    }
    let mut deep = report("eu", RegionStatus::Ok);
    for _ in 0..WITHIN_DEPTH_MAX + 2 {
        let within = Within {
            gateway: "g".to_owned(),
            is_open: true,
            exactness: Exactness::Exact,
            elsewhere: Vec::new(),
            is_abridged: false,
            regions: vec![deep.clone()],
        };
        deep.within = Some(std::sync::Arc::new(within));
    }
    let text = account(vec![deep]).to_text();
    let read = Account::read(text.as_bytes()).expect("what is too deep is not written");
    let mut within = &read.within;
    while let Some(deeper) = within.regions[0].within.as_deref() {
        within = deeper;
    }
    assert!(within.is_abridged, "and that is said where it is left out");
    for text in ["", "{}", "null", "[[[[[[[[["] {
        assert_eq!(Account::read(text.as_bytes()), Err(AccountError), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = Account::read(&bytes);
    }
}

/// What is said of a region by a gateway over many of them, none like the other.
fn busy(nth: u64, name: String) -> RegionReport {
    let mut noise = nth.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut next = |max: u64| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 33) % max
    };
    RegionReport {
        took: Duration::from_millis(next(20_000)),
        bytes: next(1 << 30),
        spans: next(100_000),
        treated: next(100_000),
        treated_by_class: vec![("pii.email".to_owned(), next(50_000)), ("pii.ip".to_owned(), next(50_000))],
        ..report(&name, RegionStatus::ALL[usize::try_from(nth).unwrap() % RegionStatus::ALL.len()])
    }
}

#[test]
fn all_that_is_said_of_a_hundred_regions_fits_in_one_header() {
    let regions = (0..100).map(|nth| busy(nth, format!("europe-{nth}"))).collect();
    let account = account(regions);
    let text = account.to_text();
    assert!(text.len() <= ACCOUNT_BYTES_MAX, "{}", text.len());
    assert!(text.is_ascii() && !text.starts_with('{'), "it is packed");
    assert_eq!(Account::read(text.as_bytes()), Ok(account));
}

#[test]
fn what_does_not_fit_is_left_out_and_that_is_said() {
    let behind = |nth: u64| Within {
        gateway: format!("gateway-{nth}"),
        is_open: true,
        exactness: Exactness::RegionMissing,
        elsewhere: Vec::new(),
        is_abridged: false,
        regions: (0..100).map(|inner| busy(nth * 100 + inner, format!("r-{nth}-{inner}"))).collect(),
    };
    let regions = (0..100).map(|nth| {
        let mut there = busy(nth, format!("{nth:x}").repeat(20));
        there.within = Some(std::sync::Arc::new(behind(nth)));
        there
    });
    let account = account(regions.collect());
    let text = account.to_text();
    assert!(text.len() <= ACCOUNT_BYTES_MAX, "{}", text.len());
    let read = Account::read(text.as_bytes()).unwrap();
    assert!(read.within.is_abridged && !account.within.is_abridged);
    assert_eq!((&read.to, read.within.exactness), (&account.to, account.within.exactness));
    let fared = |account: &Account| {
        let regions = account.within.regions.iter();
        regions.map(|report| (report.region.clone(), report.status)).collect::<Vec<_>>()
    };
    assert_eq!(fared(&read), fared(&account), "how each fared always stands there");
}

#[test]
fn a_header_that_unpacks_without_end_is_no_account() {
    let bomb = text::written_anyway(&" ".repeat(256 << 10));
    assert!(bomb.len() < ACCOUNT_BYTES_MAX && text::read(bomb.as_bytes()).is_some());
    use base64::Engine;
    use std::io::Write;
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(packer.finish().unwrap());
    assert_eq!(Account::read(bomb.as_bytes()), Err(AccountError));
    for text in ["", "????", "AAAA", "{"] {
        assert_eq!(Account::read(text.as_bytes()), Err(AccountError), "{text}");
    }
}
