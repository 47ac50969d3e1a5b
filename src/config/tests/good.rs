//! Files that are good, and what they mean.

use std::time::Duration;

use http::HeaderName;
use secrecy::ExposeSecret;

use super::*;
use crate::backend::settings::{Auth, KindSettings, LayerSettings, TempoSettings};
use crate::config::{Changes, DeadlineSettings, ListenError, RawEgress};
use crate::federation::settings::{Additions, DeclaredFacts, MetricsSettings, SearchSettings};
use crate::model::{Caller, Jurisdiction, RegionName};
use crate::policy::{RegionPlan, Rung};

fn region(name: &str) -> RegionName {
    RegionName::parse(name).unwrap()
}

fn tempo(settings: &Settings, nth: usize) -> &TempoSettings {
    match &settings.regions[nth].kind {
        KindSettings::Tempo(tempo) => tempo,
        KindSettings::Tutti(_) | KindSettings::Memory(_) => panic!("not a tempo"),
    }
}

#[test]
fn the_example_of_the_repository_loads_as_it_stands_and_means_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (settings, findings) = load(&root.join("regions.toml"), &[]).unwrap();
    assert_eq!(
        findings
            .iter()
            .map(line_of)
            .map(|line| line.split_once(' ').unwrap().0.to_owned())
            .collect::<Vec<_>>(),
        ["note"],
        "{findings:?}"
    );
    assert_eq!(settings.gateway.region, region("us-east"));
    assert_eq!(settings.gateway.jurisdiction, Jurisdiction::parse("US").unwrap());
    assert_eq!(settings.gateway.listen, "127.0.0.1:3200".parse().unwrap());
    assert_eq!(settings.federation.deadline, Duration::from_secs(25));
    assert_eq!(settings.federation.trace_bytes_max, 50_000_000);
    assert_eq!(settings.federation.additions, Additions::default());
    assert_eq!(settings.federation.search, SearchSettings::default());
    assert_eq!(settings.federation.metrics, MetricsSettings::default());
    assert_eq!(settings.identity.mode, crate::identity::Mode::Open);
    let names: Vec<&str> = settings.regions.iter().map(|region| region.name.as_str()).collect();
    assert_eq!(names, ["us-east", "us-west", "eu-central"]);
    assert_eq!(tempo(&settings, 2).url, "http://127.0.0.1:41203");
    assert_eq!(settings.regions[2].layers.deadline, Duration::from_secs(8));
    let plan = settings.policies.plan(&Caller::anonymous());
    let rung = |name: &str, class: &str| {
        let RegionPlan::Ruled(ruled) = plan.region(&region(name)) else { panic!("not ruled") };
        ruled.cell(ruled.classes().by_name(class).unwrap()).rung
    };
    assert_eq!(rung("us-east", "pii.email"), Rung::Raw);
    assert_eq!(rung("us-east", "secret.token"), Rung::Dropped);
    assert_eq!(rung("eu-central", "pii.email"), Rung::Masked);
    assert_eq!(rung("eu-central", "unknown"), Rung::Dropped);
    assert_eq!(rung("eu-central", "safe"), Rung::Raw);
    let to = Jurisdiction::parse("US").unwrap();
    let from = Jurisdiction::parse("EU").unwrap();
    assert_eq!(settings.raw_egress, [RawEgress { region: region("eu-central"), from, to, is_allowed: true }]);
}

#[test]
fn what_the_example_shows_commented_out_is_good_too_once_its_files_and_variables_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("regions.toml")).unwrap();
    let is_key = |line: &&str| {
        line.strip_prefix("# ").is_some_and(|rest| rest.starts_with("[[") || rest.contains(" = "))
    };
    let shown: Vec<&str> = text.lines().filter(is_key).collect();
    assert!(shown.len() > 15, "{shown:?}");
    // `basic` stands there as the other way, and TLS needs https and real certificates.
    let without = |line: &&str| !line.contains("basic = ") && !line.contains("tls = ");
    let uncommented: String = text
        .lines()
        .filter(without)
        .map(|line| if is_key(&line) { line.trim_start_matches("# ") } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let shipped = format!("policies = {:?}", root.join("policies"));
    let estate = Estate::of(&uncommented.replace("policies = \"policies\"", &shipped))
        .with_variable("US_WEST_TOKEN", "t")
        .with_variable("US_WEST_KEY", "k");
    let settings = estate.settings();
    assert_eq!(settings.regions.len(), 4);
    // What is shown as a default is the default.
    let default = LayerSettings { deadline: Duration::from_secs(8), ..LayerSettings::default() };
    assert_eq!(settings.regions[2].layers, default);
    let unwritten = Estate::of(QUIET).settings();
    assert_eq!(tempo(&settings, 2).connect_timeout, tempo(&unwritten, 0).connect_timeout);
    assert_eq!(tempo(&settings, 2).idle_connections_max, tempo(&unwritten, 0).idle_connections_max);
}

#[test]
fn a_quiet_file_has_the_defaults_and_no_warning() {
    let estate = Estate::of(QUIET);
    let (settings, findings) = estate.load().unwrap();
    assert_eq!(findings, []);
    assert_eq!(settings.gateway.listen, "127.0.0.1:3200".parse().unwrap());
    assert_eq!(settings.deadlines, DeadlineSettings::default());
    assert_eq!(settings.regions[0].layers, LayerSettings::default());
    assert!(matches!(tempo(&settings, 0).auth, Auth::None));
}

#[test]
fn what_may_be_asked_is_bounded_as_written() {
    let lines = "
        [search]
        duration_max = \"90s\"
        limit_max = 10
        spss_default = 7
        spss_max = 0
        tags_bytes_max = \"2MB\"
        longest_trace = \"2h\"
        candidates_max = 100
        traces_max = 50
        bytes_max = \"3MB\"
        assembly_concurrent_max = 4
        [metrics]
        duration_max = \"2d\"
        intervals_max = 0
        exemplars_max = 0
        series_max = 500
    ";
    let federation = Estate::of(&format!("{QUIET}{lines}")).settings().federation;
    let search = SearchSettings {
        duration_max: Duration::from_secs(90),
        // No more than a request may ask for.
        limit_default: 10,
        limit_max: 10,
        spss_default: 7,
        spss_max: 0,
        tags_bytes_max: 2_000_000,
        longest_trace: Duration::from_hours(2),
        candidates_max: 100,
        traces_max: 50,
        bytes_max: 3_000_000,
        assembly_concurrent_max: 4,
    };
    assert_eq!(federation.search, search);
    let duration_max = Duration::from_hours(48);
    let metrics = MetricsSettings { duration_max, intervals_max: 0, exemplars_max: 0, series_max: 500 };
    assert_eq!(federation.metrics, metrics);
}

#[test]
fn secrets_come_from_the_environment_and_from_files_and_are_never_printed() {
    let lines = r#"
        auth = { bearer = { env = "TOKEN" } }
        headers = { X-Key = { file = "secrets/key" }, X-Team = { value = "tracing" } }
    "#;
    let estate = Estate::of(&format!("{QUIET}{lines}"))
        .with_file("secrets/key", "from-a-file\r\n")
        .with_variable("TOKEN", "from-the-environment");
    let settings = estate.settings();
    let tempo = tempo(&settings, 1);
    let Auth::Bearer(token) = &tempo.auth else { panic!("{:?}", tempo.auth) };
    assert_eq!(token.expose_secret(), "from-the-environment");
    let mut headers: Vec<(HeaderName, &str)> =
        tempo.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret())).collect();
    headers.sort_by_key(|(name, _)| name.to_string());
    let expected = [("x-key", "from-a-file"), ("x-team", "tracing")];
    assert_eq!(headers, expected.map(|(name, value)| (HeaderName::from_static(name), value)));
    let printed = format!("{settings:?}");
    assert!(!printed.contains("from-a-file") && !printed.contains("from-the-environment"), "{printed}");
}

#[test]
fn certificates_are_read_for_a_region_that_asks_for_them() {
    let url = "url = \"http://127.0.0.1:3201\"";
    let tls = "tls = { ca_file = \"cert.pem\", cert_file = \"cert.pem\", key_file = \"key.pem\" }";
    let estate = Estate::of(&quiet_with(url, &format!("url = \"https://host\"\n{tls}")))
        .with_file("cert.pem", CERTIFICATE)
        .with_file("key.pem", KEY);
    assert_eq!(estate.findings(), [""; 0]);
    let settings = estate.settings();
    let tls = &tempo(&settings, 0).tls;
    assert_eq!(tls.ca_pem.as_deref(), Some(CERTIFICATE.as_bytes()));
    let client = tls.client_pem.as_ref().map(|pem| pem.expose_secret());
    assert_eq!(client, Some(format!("{CERTIFICATE}\n{KEY}").as_str()));
}

#[test]
fn a_gateway_shows_the_certificate_of_its_files_and_a_new_one_is_a_change() {
    let tls = "region = \"us-east\"\ntls = { cert_file = \"cert.pem\", key_file = \"key.pem\" }";
    let estate = Estate::of(&quiet_with("region = \"us-east\"", tls))
        .with_file("cert.pem", CERTIFICATE)
        .with_file("key.pem", KEY);
    assert_eq!(estate.findings(), [""; 0]);
    let before = estate.settings();
    assert_eq!(before.gateway.tls.as_ref().unwrap().key.cert.len(), 1);
    assert!(!format!("{before:?}").contains("PRIVATE KEY"));
    assert!(Changes::between(&before, &estate.settings()).is_empty());
    estate.write("cert.pem", &format!("{CERTIFICATE}{CERTIFICATE}"));
    let after = estate.settings();
    assert_eq!(Changes::between(&before, &after).taken, ["gateway.tls"]);
    let open = Estate::of(QUIET).settings();
    assert_eq!(Changes::between(&before, &open).needs_restart, ["gateway.tls"]);
}

#[test]
fn basic_authentication_takes_a_user_and_a_password() {
    let lines = r#"auth = { basic = { user = "tutti", password = { env = "PASSWORD" } } }"#;
    let estate = Estate::of(&format!("{QUIET}{lines}\n")).with_variable("PASSWORD", "p:w");
    let settings = estate.settings();
    let Auth::Basic { user, password } = &tempo(&settings, 1).auth else { panic!("no basic") };
    assert_eq!((user.as_str(), password.expose_secret()), ("tutti", "p:w"));
}

#[test]
fn a_region_gets_no_more_time_than_the_whole_answer() {
    let estate = Estate::of(&format!("{QUIET}deadline = \"1m\"\n[deadlines]\ncomplete = \"10s\"\n"));
    assert_eq!(
        estate.findings(),
        ["warning 17 region[1].deadline: this region may take 1m, but the whole answer only 10s"]
    );
    let settings = estate.settings();
    assert_eq!(settings.regions[1].layers.deadline, Duration::from_secs(10));
    assert_eq!(settings.regions[0].layers.deadline, Duration::from_secs(10));
    assert_eq!(settings.federation.deadline, Duration::from_secs(10));
}

#[test]
fn a_short_answer_keeps_a_shorter_reserve() {
    let settings = Estate::of(&format!("{QUIET}[deadlines]\ncomplete = \"400ms\"\n")).settings();
    assert_eq!(settings.deadlines.reserve, Duration::from_millis(200));
    assert_eq!(settings.federation.reserve, Duration::from_millis(200));
}

#[test]
fn memory_regions_take_spans_on_ports_of_their_own() {
    let config = QUIET.replace(
        "kind = \"tempo\"\nurl = \"http://127.0.0.1:3202\"",
        "kind = \"memory\"\notlp = \"127.0.0.1:4318\"\nbytes_max = \"1MiB\"\nage_max = \"10m\"",
    );
    let estate = Estate::of(&config);
    assert_eq!(estate.findings(), [""; 0]);
    let settings = estate.settings();
    let KindSettings::Memory(memory) = &settings.regions[1].kind else { panic!("not in memory") };
    assert_eq!(memory.otlp, Some("127.0.0.1:4318".parse().unwrap()));
    assert_eq!((memory.bytes_max, memory.age_max), (1 << 20, Duration::from_secs(600)));
    assert_eq!(
        settings.clone().listening_on("127.0.0.1:4318".parse().unwrap()).unwrap_err(),
        ListenError::TakenByRegion("127.0.0.1:4318".parse().unwrap(), region("us-west"))
    );
    let elsewhere = settings.listening_on("[::1]:4000".parse().unwrap()).unwrap();
    assert_eq!(elsewhere.gateway.listen, "[::1]:4000".parse().unwrap());
    let open: std::net::SocketAddr = "0.0.0.0:4000".parse().unwrap();
    assert_eq!(elsewhere.listening_on(open).unwrap_err(), ListenError::OpenToOthers(open));
}

#[test]
fn a_change_is_named_by_its_key_and_a_secret_only_by_that_it_changed() {
    let auth = "auth = { bearer = { env = \"TOKEN\" } }";
    let old = Estate::of(&format!("{QUIET}{auth}\n")).with_variable("TOKEN", "one").settings();
    assert!(Changes::between(&old, &old).is_empty());
    let config = quiet_with("region = \"us-east\"", "region = \"us-east\"\nlisten = \"127.0.0.1:9999\"");
    let added =
        "[[region]]\nname = \"lab\"\njurisdiction = \"US\"\nkind = \"memory\"\notlp = \"127.0.0.1:4318\"";
    let new =
        Estate::of(&format!("{config}{auth}\ndeadline = \"1s\"\n{added}\n[limits]\nconnections_max = 7\n"))
            .with_variable("TOKEN", "two")
            .with_file("policies/keys.toml", &RULES.replace("mask", "drop"))
            .settings();
    let changes = Changes::between(&old, &new).to_string();
    // The folder of the policies differs too, because each estate has its own.
    assert_eq!(
        changes.replace("gateway.policies, ", ""),
        "policies, region.us-west.deadline, region.us-west.auth, region.lab added; \
         only after a restart: gateway.listen, limits.connections_max"
    );
}

#[test]
fn what_an_embedded_region_began_with_holds_until_a_restart_and_its_address_does_not() {
    let lab = |more: &str| {
        let lab = "[[region]]\nname = \"lab\"\njurisdiction = \"US\"\nkind = \"memory\"";
        Estate::of(&format!("{QUIET}\n{lab}\n{more}\n")).settings()
    };
    let old = lab("bytes_max = \"1MB\"");
    let changed = |more| Changes::between(&old, &lab(more)).to_string().replace("gateway.policies; ", "; ");
    let new = changed("bytes_max = \"2MB\"\nage_max = \"5m\"\notlp = \"127.0.0.1:4318\"");
    assert_eq!(
        new.replace("gateway.policies, ", ""),
        "region.lab.otlp; only after a restart: region.lab.bytes_max, region.lab.age_max"
    );
}

#[test]
fn declared_facts_are_read_and_a_change_of_them_is_named() {
    let lines = "services = [\"shop\", \"pay\"]\nretention = \"720h\"\n\
                 attributes.\"deployment.environment\" = [\"prod\"]\nattributes.team = [\"a\", \"b\"]\n";
    let settings = Estate::of(&format!("{QUIET}{lines}")).settings();
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let facts = DeclaredFacts {
        services: Some(set(&["pay", "shop"])),
        retention: Some(Duration::from_hours(720)),
        attributes: [
            ("deployment.environment".to_owned(), set(&["prod"])),
            ("team".to_owned(), set(&["a", "b"])),
        ]
        .into(),
    };
    assert_eq!(settings.federation.facts, [(region("us-west"), facts)].into());
    let quiet = Estate::of(QUIET).settings();
    assert!(quiet.federation.facts.is_empty());
    assert_eq!(
        Changes::between(&quiet, &settings).to_string().replace("gateway.policies, ", ""),
        "region.us-west.services, region.us-west.retention, region.us-west.attributes"
    );
    assert!(Estate::of(&format!("{QUIET}retention = \"90d\"\n")).findings().is_empty());
}
