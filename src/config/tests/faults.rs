//! Files that are refused or warned of: one check for each rule, and that none hides another.

use super::*;

/// What is found in a quiet file whose second region has this line more.
fn check(line: &str, expected: &[&str]) {
    assert_eq!(found_with(line), expected, "{line}");
}

/// What is found in a quiet file with one line changed.
fn check_changed(line: &str, instead: &str, expected: &[&str]) {
    assert_eq!(Estate::of(&quiet_with(line, instead)).findings(), expected, "{instead}");
}

const URL: &str = "url = \"http://127.0.0.1:3201\"";

#[test]
fn every_fault_is_reported_at_once() {
    let config = r#"
[gateway]
region = "us-eats"
lisen = "127.0.0.1:3200"
listen = 3200

[deadlines]
complete = "0s"

[[region]]
name = "us-east"
jurisdiction = "U S"
kind = "tmepo"
url = "tempo:3200"

[[region]]
name = "us-east"
kind = "tempo"
auth = { bearer = { env = "NOT_SET" } }
deadline = 5
"#;
    assert_eq!(
        Estate::of(config).findings(),
        [
            "3 gateway.region: region `us-eats` is not declared",
            "4 gateway.lisen: `lisen` is no key of `gateway`",
            "5 gateway.listen: a whole number stands here",
            "8 deadlines.complete: a duration of zero leaves no time at all",
            "12 region[0].jurisdiction: a jurisdiction is 1 to 32 of A-Z, a-z, 0-9 and -, not `U S`",
            "13 region[0].kind: `tmepo` is no kind of region",
            "14 region[0].url: `tempo:3200` is no URL that begins with http:// or https://",
            "16 region[1].jurisdiction: `jurisdiction` is missing",
            "16 region[1].url: `url` is missing",
            "17 region[1].name: a second region is named `us-east`",
            "19 region[1].auth.bearer.env: environment variable `NOT_SET` is not set",
            "20 region[1].deadline: a whole number stands here",
            "note 2 gateway.policies: no policies are named, so that the built-in `baseline` is in force",
        ]
    );
}

#[test]
fn a_file_without_regions_or_gateway_is_refused() {
    assert_eq!(
        Estate::of("").findings(),
        [
            "1 region: no region is declared, so there is nothing to ask",
            "1 gateway.region: `region` is missing",
            "note 1 gateway.policies: no policies are named, so that the built-in `baseline` is in force",
        ]
    );
}

#[test]
fn a_fault_of_syntax_is_shown_with_its_place_and_hides_no_wrong_value() {
    let config = "[gateway]\nregion = \"us-east\nlisten = \"localhost:3200\"\npoliciez = 1\n\n[[region]\n";
    let findings = Estate::of(config).findings();
    assert!(findings[0].starts_with("2 : this is no TOML: "), "{findings:?}");
    assert!(findings.iter().any(|line| line.starts_with("3 gateway.listen: ")), "{findings:?}");
    assert!(findings.iter().any(|line| line.starts_with("4 gateway.policiez: ")), "{findings:?}");
    assert!(findings.iter().any(|line| line.starts_with("6 : this is no TOML: ")), "{findings:?}");
    assert!(!findings.iter().any(|line| line.contains("missing")), "{findings:?}");
}

#[test]
fn a_key_that_stands_twice_is_a_fault() {
    check_changed(
        "region = \"us-east\"",
        "region = \"us-east\"\nregion = \"us-west\"",
        &["4 : this is no TOML: duplicate key"],
    );
}

#[test]
fn an_unknown_key_is_a_fault_with_the_one_that_was_meant() {
    let estate =
        Estate::of(&quiet_with("policies = \"policies\"", "policies = \"policies\"\ncolour = 1\nlistn = 2"));
    let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("accepted") };
    let remedies: Vec<&str> = faults.faults().map(|fault| fault.remedy.as_str()).collect();
    assert_eq!(
        remedies,
        [
            "known here: name, region, listen, tls, policies, packs, http_api_prefix, operators, drain",
            "did you mean `listen`?"
        ]
    );
}

#[test]
fn own_spans_need_an_address_that_is_not_this_process() {
    check("[telemetry]\nendpoint = \"x\"", &["18 telemetry.endpoint: `endpoint` is no key of `telemetry`"]);
    check("[telemetry]\notlp = {}", &["18 telemetry.otlp: own spans have nowhere to go"]);
}

#[test]
fn a_url_says_where_a_tempo_is_and_nothing_else() {
    let refused = [
        ("127.0.0.1:3200", "`127.0.0.1:3200` is no URL that begins with http:// or https://"),
        ("/tempo", "`/tempo` is no URL that begins with http:// or https://"),
        ("ftp://host", "`ftp://host` is no URL that begins with http:// or https://"),
        ("https://", "`https://` is no URL"),
        ("https://:3200", "`https://:3200` names no host"),
        ("http://host:", "`http://host:` names no port behind the colon"),
        ("http://host:99999", "`http://host:99999` names a port that is none"),
        ("http://host/?a=b", "a query or a fragment cannot be sent with a request"),
        ("http://host/#a", "a query or a fragment cannot be sent with a request"),
        ("http://me:secret@host", "user and password do not belong in a URL"),
        ("", "`` is no URL"),
    ];
    for (url, what) in refused {
        check_changed(URL, &format!("url = \"{url}\""), &[&format!("10 region[0].url: {what}")]);
    }
    for good in ["https://tempo.example", "http://[::1]:3200", "http://host:80/tempo"] {
        check_changed(URL, &format!("url = \"{good}\""), &[]);
    }
}

#[test]
fn a_key_of_another_kind_of_region_is_refused() {
    check_changed(URL, "", &["6 region[0].url: `url` is missing"]);
    check(
        "bytes_max = 1",
        &["17 region[1].bytes_max: `bytes_max` means nothing to a region of kind \"tempo\""],
    );
    check_changed(
        "kind = \"tempo\"",
        "kind = \"memory\"\ntenant = \"a\"",
        &[
            "10 region[0].tenant: `tenant` means nothing to a region of kind \"memory\"",
            "11 region[0].url: `url` means nothing to a region of kind \"memory\"",
        ],
    );
}

#[test]
fn an_inline_secret_is_refused() {
    let inline = "a secret stands in the file";
    check("auth = \"abc\"", &[&format!("17 region[1].auth: {inline}")]);
    check("auth = { bearer = \"abc\" }", &[&format!("17 region[1].auth.bearer: {inline}")]);
    check("auth.bearer.value = \"abc\"", &[&format!("17 region[1].auth.bearer.value: {inline}")]);
    check(
        "auth.basic = { user = \"a\", password = \"abc\" }",
        &[&format!("17 region[1].auth.basic.password: {inline}")],
    );
}

#[test]
fn a_secret_has_exactly_one_source_and_that_source_has_it() {
    check("auth.bearer = {}", &["17 region[1].auth.bearer: it is not said where the value comes from"]);
    check(
        "auth.bearer = { env = \"A\", file = \"b\" }",
        &["17 region[1].auth.bearer: more than one source of one value"],
    );
    check("auth = {}", &["17 region[1].auth: no way to authenticate is named"]);
    check(
        "auth = { bearer = { env = \"A\" }, basic = { user = \"a\", password = { env = \"B\" } } }",
        &["17 region[1].auth: `bearer` and `basic` exclude each other"],
    );
    check(
        "auth.basic = {}",
        &[
            "17 region[1].auth.basic.user: `user` is missing",
            "17 region[1].auth.basic.password: `password` is missing",
        ],
    );
    check("auth.bearer.env = \"A\"", &["17 region[1].auth.bearer.env: environment variable `A` is not set"]);
    check(
        "auth.bearer.env = \"$A\"",
        &["17 region[1].auth.bearer.env: `$A` is no name of an environment variable"],
    );
    check("auth.bearer.file = \"none\"", &["17 region[1].auth.bearer.file: file `none` does not exist"]);
    check("auth.bearer.file = \"policies\"", &["17 region[1].auth.bearer.file: file `policies` is a folder"]);
    let config = format!("{QUIET}auth.bearer.env = \"EMPTY\"\nheaders.X-A.env = \"LINES\"\n");
    assert_eq!(
        Estate::of(&config).with_variable("EMPTY", "").with_variable("LINES", "a\nb").findings(),
        [
            "17 region[1].auth.bearer.env: the value is empty",
            "18 region[1].headers.X-A.env: the value cannot be sent in a header",
        ]
    );
}

#[test]
fn the_secrets_of_a_region_whose_kind_is_wrong_are_checked_too() {
    check_changed(
        "kind = \"tempo\"",
        "kind = \"jaeger\"\nauth.bearer.env = \"A\"",
        &[
            "9 region[0].kind: `jaeger` is no kind of region",
            "10 region[0].auth.bearer.env: environment variable `A` is not set",
        ],
    );
}

#[test]
fn headers_that_belong_to_the_gateway_cannot_be_set() {
    check("headers.Host.value = \"a\"", &["17 region[1].headers.Host: `Host` cannot be set here"]);
    check("headers.\"a b\".value = \"a\"", &["17 region[1].headers.\"a b\": `a b` is no name of a header"]);
    check("headers.X-A = \"a\"", &["17 region[1].headers.X-A: it is not said whether this is a secret"]);
    check(
        "headers = { X-A.value = \"a\", x-a.value = \"b\" }",
        &["17 region[1].headers.x-a: header `x-a` stands here twice"],
    );
    check(
        "headers.X-Api-Key.value = \"a\"",
        &[
            "warning 17 region[1].headers.X-Api-Key.value: header `x-api-key` is probably a secret, and stands in the file",
        ],
    );
}

#[test]
fn certificates_are_read_and_work_only_with_https() {
    check(
        "tls.ca_file = \"ca.pem\"",
        &[
            "17 region[1].tls: `tls` does nothing for an http URL",
            "17 region[1].tls.ca_file: file `ca.pem` does not exist",
        ],
    );
    let config =
        quiet_with(URL, "url = \"https://host\"\ntls.ca_file = \"ca.pem\"\ntls.cert_file = \"ca.pem\"");
    assert_eq!(
        Estate::of(&config).with_file("ca.pem", "no").findings(),
        [
            "11 region[0].tls: `cert_file` and `key_file` only work together",
            "11 region[0].tls.ca_file: file `ca.pem` holds no certificate in PEM",
            "12 region[0].tls.cert_file: file `ca.pem` holds no certificate in PEM",
        ]
    );
}

#[test]
fn a_key_belongs_to_its_certificate() {
    let config =
        quiet_with(URL, "url = \"https://host\"\ntls = { cert_file = \"cert.pem\", key_file = \"key.pem\" }");
    let estate = Estate::of(&config).with_file("cert.pem", CERTIFICATE).with_file("key.pem", OTHER_KEY);
    assert_eq!(
        estate.findings(),
        ["11 region[0].tls.key_file: the key in `key.pem` is not that of the first certificate"]
    );
    estate.write("key.pem", "no key");
    assert_eq!(estate.findings(), ["11 region[0].tls.key_file: file `key.pem` holds no private key in PEM"]);
    estate.write("key.pem", KEY);
    estate.write("cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_eq!(
        estate.findings(),
        ["11 region[0].tls.cert_file: file `cert.pem` holds a certificate that is damaged"]
    );
}

#[test]
fn a_gateway_behind_tls_needs_a_certificate_and_its_key() {
    let region = "region = \"us-east\"";
    check_changed(
        region,
        "region = \"us-east\"\ntls.cert_file = \"cert.pem\"\ntls.ca_file = \"ca.pem\"",
        &[
            "4 gateway.tls.key_file: `key_file` is missing",
            "4 gateway.tls.cert_file: file `cert.pem` does not exist",
            "5 gateway.tls.ca_file: `ca_file` is no key of `gateway.tls`",
        ],
    );
    let tls = "region = \"us-east\"\ntls = { cert_file = \"cert.pem\", key_file = \"key.pem\" }";
    let estate = Estate::of(&quiet_with(region, tls))
        .with_file("cert.pem", CERTIFICATE)
        .with_file("key.pem", OTHER_KEY);
    assert_eq!(
        estate.findings(),
        ["4 gateway.tls.key_file: the key in `key.pem` is not that of the first certificate"]
    );
    check_changed(
        region,
        "region = \"us-east\"\nlisten = \"0.0.0.0:3200\"\ntls = {}",
        &[
            "4 gateway.listen: `0.0.0.0:3200` can be reached from other machines, and identity is open: anyone could read every trace",
            "5 gateway.tls.cert_file: `cert_file` is missing",
            "5 gateway.tls.key_file: `key_file` is missing",
        ],
    );
}

#[test]
fn an_open_gateway_stays_on_loopback() {
    let line = "region = \"us-east\"";
    check_changed(
        line,
        "region = \"us-east\"\nlisten = \"0.0.0.0:3200\"",
        &[
            "4 gateway.listen: `0.0.0.0:3200` can be reached from other machines, and identity is open: anyone could read every trace",
        ],
    );
    check_changed(
        line,
        "region = \"us-east\"\nlisten = \"localhost:3200\"",
        &["4 gateway.listen: `localhost:3200` is no address to listen on"],
    );
    check_changed(line, "region = \"us-east\"\nlisten = \"[::1]:3200\"", &[]);
    check_changed(
        line,
        "region = \"us-east\"\nlisten = \"127.0.0.1:0\"",
        &["warning 4 gateway.listen: a free port is taken at every start"],
    );
    check_changed(
        line,
        "region = \"us-east\"\nhttp_api_prefix = \"tempo/\"",
        &["4 gateway.http_api_prefix: `tempo/` is no path prefix"],
    );
}

#[test]
fn every_listener_has_a_port_of_its_own() {
    let memory = |name: &str, otlp: &str| {
        format!(
            "[[region]]\nname = \"{name}\"\njurisdiction = \"US\"\nkind = \"memory\"\notlp = \"{otlp}\"\n"
        )
    };
    let two = memory("a", "127.0.0.1:4318") + &memory("b", "127.0.0.1:4318");
    check(&two, &["26 region[3].otlp: another region takes spans on this address"]);
    check(&memory("a", "127.0.0.1:3200"), &["21 region[2].otlp: the gateway listens on this address itself"]);
    check(
        &memory("a", "0.0.0.0:4318"),
        &[
            "21 region[2].otlp: `0.0.0.0:4318` can be reached from other machines, and nobody is asked there who they are: anyone could send spans",
        ],
    );
}

#[test]
fn durations_and_sizes_have_bounds() {
    check("deadline = \"soon\"", &["17 region[1].deadline: `soon` is no duration"]);
    check("body_bytes_max = 0", &["17 region[1].body_bytes_max: 0 is less than the least that works, 1"]);
    check("retry_budget_percent = 101", &["17 region[1].retry_budget_percent: this number does not fit"]);
    check("concurrent_max = -1", &["17 region[1].concurrent_max: this number does not fit"]);
    check(
        "breaker = { pause = \"1m\", pause_max = \"1s\" }",
        &["17 region[1].breaker.pause_max: `pause_max` is shorter than `pause`"],
    );
    check(
        "[search]\nlimit_default = 30\nlimit_max = 20",
        &["18 search.limit_default: 30 is more than any request may ask for, 20"],
    );
    check("[search]\nspss_default = 0", &["18 search.spss_default: this number does not fit"]);
    check(
        "[metrics]\nmax_duration = \"1d\"",
        &["18 metrics.max_duration: `max_duration` is no key of `metrics`"],
    );
    check(
        "[limits]\ntrace_bytes_max = 0",
        &[
            "warning 18 limits.trace_bytes_max: 0 is no limit: one huge trace may take all the memory there is",
        ],
    );
    check(
        "[deadlines]\ncomplete = \"30s\"",
        &[
            "warning 18 deadlines.complete: Grafana gives up after 30s by default, so it may never see what arrives later",
        ],
    );
    check(
        "[deadlines]\ncomplete = \"1s\"\nreserve = \"1s\"",
        &["19 deadlines.reserve: `reserve` leaves nothing of `complete`, which is 1s"],
    );
    check(
        "[deadlines]\ncomplete = \"1s\"\nfast = \"1s\"",
        &["19 deadlines.fast: `fast` leaves nothing of `complete`, which is 1s"],
    );
}

#[test]
fn raw_spans_over_a_border_are_never_unsaid() {
    let eu = QUIET.replacen("jurisdiction = \"US\"", "jurisdiction = \"us\"", 1);
    assert_eq!(
        Estate::of(&eu).findings(),
        [
            "14 region[1].jurisdiction: raw spans of US would cross into us before any rule is applied",
            "warning 14 region[1].jurisdiction: `US` and `us` are two jurisdictions",
        ]
    );
    let eu = QUIET.replacen("jurisdiction = \"US\"", "jurisdiction = \"EU\"", 1);
    assert_eq!(
        Estate::of(&format!("{eu}allow_raw_egress = true")).findings(),
        ["note 17 region[1].allow_raw_egress: raw spans of US cross into EU, as allowed here",]
    );
    check(
        "allow_raw_egress = true",
        &[
            "note 17 region[1].allow_raw_egress: nothing leaves its jurisdiction here, so `allow_raw_egress` does nothing",
        ],
    );
}

#[test]
fn what_is_legal_but_unwise_is_warned_of() {
    let one = QUIET.split("[[region]]").take(2).collect::<Vec<_>>().join("[[region]]");
    assert_eq!(
        Estate::of(&one).findings(),
        ["warning 6 region[0]: only one region is declared: there is nothing to put together"]
    );
    check_changed(
        "url = \"http://127.0.0.1:3202\"",
        URL,
        &[
            "warning 16 region[1].url: another region has this URL and tenant: the same spans are asked for twice",
        ],
    );
    let config = quiet_with(URL, "url = \"http://tempo.example\"\nauth.bearer.env = \"A\"");
    assert_eq!(
        Estate::of(&config).with_variable("A", "a").findings(),
        ["warning 10 region[0].url: credentials are sent in the clear to another machine"]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_no_fault_of_the_file() {
    let estate = Estate::of(QUIET);
    let missing = load(&estate.path("none.toml"), &[]).unwrap_err();
    assert!(matches!(&missing, LoadError::Unreadable { why, .. } if why == "does not exist"), "{missing}");
    std::fs::write(estate.path("regions.toml"), [0xff, 0xfe]).unwrap();
    assert!(matches!(estate.load(), Err(LoadError::Unreadable { .. })));
    std::fs::write(estate.path("regions.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(matches!(estate.load(), Err(LoadError::Unreadable { .. })));
}

#[test]
fn declared_facts_that_cannot_be_true_are_faults() {
    check(
        "services = []",
        &["17 region[1].services: a region without any service has nothing to be asked for"],
    );
    check(
        "services = [\"shop\", \"\", 1]",
        &[
            "17 region[1].services[1]: a service without a name",
            "17 region[1].services[2]: a whole number stands here",
        ],
    );
    check("retention = \"720\"", &["17 region[1].retention: `720` is no duration"]);
    check("retention = \"20y\"", &["17 region[1].retention: `20y` is more than ten years"]);
    check("attributes = [\"env\"]", &["17 region[1].attributes: a list stands here"]);
    check(
        "attributes.deployment.environment = [\"prod\"]",
        &["17 region[1].attributes.deployment: `deployment` is read as a table, since a dot in a key is one"],
    );
    check(
        "attributes.\"tutti.region\" = [\"us-west\"]",
        &[
            "17 region[1].attributes.\"tutti.region\": the gateway says this attribute itself, so it cannot be declared",
        ],
    );
    check("attributes.env = \"prod\"", &["17 region[1].attributes.env: a text stands here"]);
    check(
        "attributes.env = [\"\"]",
        &["17 region[1].attributes.env[0]: an empty text is no value to look for"],
    );
}

#[test]
fn two_regions_cannot_each_have_a_value_alone() {
    let both = "attributes.env = [\"prod\"]";
    let config = format!("{}{both}\n", quiet_with(URL, &format!("{URL}\n{both}")));
    assert_eq!(
        Estate::of(&config).findings(),
        ["18 region[1].attributes.env[0]: `prod` is declared as a value that `us-east` alone has",]
    );
    let alone = "attributes.\"service.name\" = [\"shop\"]";
    let config = format!("{}services = [\"shop\"]\n", quiet_with(URL, &format!("{URL}\n{alone}")));
    assert_eq!(
        Estate::of(&config).findings(),
        ["18 region[1].services[0]: `shop` is declared as a service that `us-east` alone has",]
    );
}
