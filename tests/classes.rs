//! The classes that are shipped: that their facts can be read, that none contradicts another, and that they know
//! every name of the semantic conventions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "facts that cannot be read are broken facts"
)]

use std::collections::{BTreeMap, BTreeSet};

use tutti::classify::keys::{Dictionary, DictionaryBuilder, KeyClass};
use tutti::classify::structure::Structure;
use tutti::model::ClassId;

const FACTS: &str = include_str!("../policies/baseline/classes.toml");
const SEMCONV: &str = include_str!("classes/semconv.txt");

const DETECTORS: [&str; 17] = [
    "geo",
    "ipv4",
    "ipv6",
    "mac",
    "vin",
    "imsi",
    "imei",
    "crypto",
    "phone",
    "email",
    "national_id",
    "ssn",
    "iban",
    "pan",
    "sad",
    "jwt",
    "secret",
];
const GROUPS: [&str; 7] =
    ["pii.basic", "pii.network", "pii.sensitive", "pci.pan", "pci.sad", "secret", "structured"];
const RUNGS: [&str; 3] = ["generalised", "pseudonymised", "masked"];
const MASKS: [&str; 6] = ["full", "email", "phone", "pan", "iban", "last4"];
const GENERALISATIONS: [&str; 6] = ["ip", "date", "year", "geo", "user_agent", "postal"];

struct Shipped {
    dictionary: Dictionary,
    names: Vec<String>,
}

fn texts(table: &toml::Table, key: &str) -> Vec<String> {
    let Some(list) = table.get(key) else { return Vec::new() };
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn facts() -> toml::Table {
    FACTS.parse().unwrap()
}

fn classes() -> Vec<toml::Table> {
    facts()["class"].as_array().unwrap().iter().map(|class| class.as_table().unwrap().clone()).collect()
}

fn shipped() -> Shipped {
    let mut made = DictionaryBuilder::new();
    let mut names = Vec::new();
    let list = |made: &mut DictionaryBuilder, owner: &str, table: &toml::Table, says: KeyClass| {
        for key in texts(table, "keys") {
            made.key(owner, &key, says).unwrap_or_else(|error| panic!("{error}"));
        }
        for template in texts(table, "templates") {
            made.template(owner, &template, says).unwrap_or_else(|error| panic!("{error}"));
        }
        for words in texts(table, "words") {
            made.words(owner, &words, says).unwrap_or_else(|error| panic!("{error}"));
        }
    };
    for (nth, class) in classes().iter().enumerate() {
        let name = class["name"].as_str().unwrap();
        let id = ClassId::new(u8::try_from(nth).unwrap());
        let says = match class.get("structure") {
            Some(structure) => {
                let structure = structure.as_str().unwrap();
                KeyClass::Structured(Structure::parse(structure).expect(structure), id)
            }
            None => KeyClass::Whole(id),
        };
        list(&mut made, name, class, says);
        names.push(name.to_owned());
    }
    let facts = facts();
    list(&mut made, "safe", facts["safe"].as_table().unwrap(), KeyClass::Safe);
    list(&mut made, "scan", facts["scan"].as_table().unwrap(), KeyClass::Scan);
    for word in texts(facts["skip"].as_table().unwrap(), "words") {
        made.skip("skip", &word).unwrap_or_else(|error| panic!("{error}"));
    }
    Shipped { dictionary: made.build(), names }
}

impl Shipped {
    /// What a key says, as a word: the name of a class, `safe`, `scan` or `unknown`.
    fn says(&self, says: KeyClass) -> &str {
        match says {
            KeyClass::Safe => "safe",
            KeyClass::Scan => "scan",
            KeyClass::Unknown => "unknown",
            KeyClass::Whole(class) | KeyClass::Structured(_, class) => &self.names[class.index()],
        }
    }
}

#[test]
fn the_facts_are_read_and_no_entry_stands_twice() {
    let shipped = shipped();
    assert!(shipped.names.len() > 30);
    let names: BTreeSet<&String> = shipped.names.iter().collect();
    assert_eq!(names.len(), shipped.names.len(), "a class stands twice");
}

#[test]
fn every_word_of_the_facts_is_one_that_is_known() {
    let known = |class: &toml::Table, key: &str, known: &[&str]| {
        let Some(value) = class.get(key) else { return };
        let given = match value {
            toml::Value::String(text) => vec![text.clone()],
            _ => texts(class, key),
        };
        for word in given {
            assert!(known.contains(&word.as_str()), "{}: {key} `{word}`", class["name"]);
        }
    };
    let keys = [
        "name",
        "title",
        "group",
        "detectors",
        "keys",
        "templates",
        "words",
        "structure",
        "ladder",
        "mask",
        "generalise",
        "echo",
    ];
    for class in classes() {
        known(&class, "group", &GROUPS);
        known(&class, "detectors", &DETECTORS);
        known(&class, "ladder", &RUNGS);
        known(&class, "mask", &MASKS);
        known(&class, "generalise", &GENERALISATIONS);
        assert!(class.keys().all(|key| keys.contains(&key.as_str())), "{:?}", class["name"]);
        assert!(!class["title"].as_str().unwrap().is_empty());
        let has_generalised = texts(&class, "ladder").contains(&"generalised".to_owned());
        assert_eq!(has_generalised, class.contains_key("generalise"), "{}", class["name"]);
    }
}

#[test]
fn each_detector_is_of_one_class() {
    let mut found = BTreeMap::new();
    for class in classes() {
        for detector in texts(&class, "detectors") {
            let twice = found.insert(detector.clone(), class["name"].clone());
            assert_eq!(twice, None, "{detector}");
        }
    }
    assert_eq!(found.len(), DETECTORS.len(), "{:?}", found.keys());
}

#[test]
fn no_name_of_the_semantic_conventions_is_unknown() {
    let shipped = shipped();
    let names: Vec<&str> = SEMCONV.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(names.len() > 900);
    let unknown = |name: &&&str| {
        let key = name.replace('*', "something");
        shipped.dictionary.of(&key) == KeyClass::Unknown
    };
    let unknown: Vec<&&str> = names.iter().filter(unknown).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn what_is_looked_up_to_link_stays() {
    let shipped = shipped();
    for key in [
        "service.name",
        "service.namespace",
        "service.version",
        "cluster",
        "namespace",
        "pod",
        "container",
        "job",
        "k8s.pod.name",
        "k8s.namespace.name",
        "k8s.cluster.name",
        "k8s.node.name",
        "k8s.pod.uid",
        "k8s.container.name",
        "k8s.deployment.name",
        "deployment.environment",
        "deployment.environment.name",
        "http.method",
        "http.request.method",
        "http.status_code",
        "http.response.status_code",
        "db.system",
        "db.system.name",
        "rpc.system",
        "rpc.grpc.status_code",
        "span.kind",
        "telemetry.sdk.language",
        "url.scheme",
        "messaging.system",
        "otel.scope.name",
        "otel.status_code",
        "peer.service",
        "cloud.region",
        "tutti.region",
        "tutti.network.latency",
        "container.image.name",
        "faas.name",
        "process.pid",
        "url.query.page",
        "traceId",
    ] {
        assert_eq!(shipped.says(shipped.dictionary.of(key)), "safe", "{key}");
    }
}

/// Words that a program chose stay, but for what any detector finds in them.
#[test]
fn what_programs_name_is_looked_at_and_stays() {
    let shipped = shipped();
    for key in [
        "thread.name",
        "error.type",
        "http.route",
        "code.function.name",
        "db.collection.name",
        "db.name",
        "db.namespace",
        "db.operation.name",
        "exception.type",
        "rpc.method",
        "rpc.service",
        "graphql.operation.name",
        "url.template",
    ] {
        assert_eq!(shipped.says(shipped.dictionary.of(key)), "scan", "{key}");
    }
}

#[test]
fn what_tells_of_a_person_has_its_class() {
    let shipped = shipped();
    for (key, class) in [
        ("user.email", "pii.email"),
        ("usr.email", "pii.email"),
        ("customerEmail", "pii.email"),
        ("ctx.contact_e-mail", "pii.email"),
        ("user.id", "pii.user_id"),
        ("enduser.id", "pii.user_id"),
        ("app.customer_id", "pii.user_id"),
        ("billing.firstName", "pii.name"),
        ("user.phone", "pii.phone"),
        ("shipping.phone_number", "pii.phone"),
        ("client.address", "pii.ip"),
        ("net.sock.peer.addr", "pii.ip"),
        ("http.request.header.x-forwarded-for", "pii.ip"),
        ("http.request.header.X-Edge-Client-IP", "pii.ip"),
        ("session.id", "pii.session"),
        ("payment.cardNumber", "pci.pan"),
        ("cvv", "pci.sad"),
        ("db.password", "secret.password"),
        ("http.request.header.Authorization", "secret.token"),
        ("http.request.header.x-amz-security-token", "secret.token"),
        ("oauth.access_token", "secret.token"),
        ("stripe.apiKey", "secret.key"),
        ("patient.dateOfBirth", "pii.birth_date"),
        ("employee.maritalStatus", "pii.demographic"),
        ("applicant.ssn", "pii.national_id"),
        ("geo.location.lat", "pii.geo"),
        ("user_agent.original", "pii.user_agent"),
        ("http.url", "text.url"),
        ("db.statement", "text.statement"),
        ("db.query.parameter.0", "text.parameter"),
        ("exception.stacktrace", "text.stack"),
        ("process.environment_variable.HOME", "text.environment"),
        ("baggage.user", "text.propagated"),
        ("http.request.header.cookie", "text.cookie"),
    ] {
        assert_eq!(shipped.says(shipped.dictionary.of(key)), class, "{key}");
    }
}

#[test]
fn what_only_sounds_like_a_person_is_not_taken_for_one() {
    let shipped = shipped();
    for key in [
        "email.count",
        "email_template_id",
        "has_email",
        "is_phone_verified",
        "phone.type",
        "gen_ai.usage.input_tokens",
        "llm.max_tokens",
        "token.type",
        "http.request.header.accept",
        "cache.key",
        "order.id",
        "cart.items",
        "password.length",
        "ip.version",
        "address_count",
        "app.feature",
        "message.id",
        "sessions.active",
        "card.type",
        "session_id_count",
        "zip_size",
        "latency_ms",
        "queue.depth",
        "customer.tier",
        "items",
    ] {
        let says = shipped.dictionary.of(key);
        assert!(
            matches!(says, KeyClass::Safe | KeyClass::Scan | KeyClass::Unknown),
            "{key}: {}",
            shipped.says(says)
        );
    }
}

#[test]
fn names_within_a_structure_have_the_class_of_their_place() {
    let shipped = shipped();
    for (parent, key, class) in [
        ("http.request.header", "Cookie", "text.cookie"),
        ("http.request.header", "Accept", "scan"),
        ("http.request.header", "X-Whatever", "scan"),
        ("url.query", "email", "pii.email"),
        ("url.query", "page", "safe"),
        ("url.query", "q", "scan"),
        ("url.query", "access_token", "secret.token"),
        ("user", "name", "pii.name"),
        ("customer", "id", "pii.user_id"),
        ("card", "number", "pci.pan"),
        ("baggage", "user.id", "text.propagated"),
        ("", "first_name", "pii.name"),
        ("item", "colour", "unknown"),
    ] {
        assert_eq!(shipped.says(shipped.dictionary.of_within(parent, key)), class, "{parent} {key}");
    }
}
