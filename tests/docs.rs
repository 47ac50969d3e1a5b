//! What the documents say and what the code has, held against each other: endpoints, headers, statuses,
//! attributes, metrics, configuration keys, commands. Names only; whether a sentence is true, a reader says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a document that cannot be read is a fault"
)]

#[path = "support/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::CommandFactory;
use source::{read, rust, without_tests};
use tutti::model::coverage::{
    Budget, Coverage, Exactness, Mode, Outcome, Owing, RegionReport, RegionStatus, Within,
};
use tutti::model::{Jurisdiction, RegionName};
use tutti::telemetry::Metrics;
use tutti::telemetry::metrics::cache::{
    CacheFamilies, Cause, Kept, Level, Prewarm, SharedOperation, SharedOutcome,
};
use tutti::telemetry::metrics::fast::{Remainder, Waited};
use tutti::telemetry::metrics::{Endpoint, KeysNumbers, WitnessNumbers};

type Names = BTreeSet<String>;

/// What stands between backticks outside of code blocks.
fn quoted(text: &str) -> Names {
    let mut is_prose = true;
    let mut found = Names::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_prose = !is_prose;
        } else if is_prose {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// What stands between backticks in the first cells of the tables below a heading.
fn first_cells(text: &str, heading: &str) -> Names {
    let below = text.split(&format!("{heading}\n")).nth(1).unwrap_or_else(|| panic!("no `{heading}`"));
    let part = below.split("\n#").next().unwrap();
    let cells =
        part.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|row| row.split('|').next());
    cells.flat_map(quoted).collect()
}

/// The texts that follow `start` in production code, up to the quote that ends them.
fn literals(folder: &str, start: &str) -> Names {
    let mut found = Names::new();
    for file in rust(folder).iter().filter(|file| !file.path.contains("/tests")) {
        let shown = without_tests(&file.code);
        for (at, _) in file.text.match_indices(start) {
            // Blank where it stands in a comment of its own line or in what only tests see.
            let begin = file.text[..at].rfind('\n').map_or(0, |line| line + 1);
            let is_comment = file.text[begin..at].trim_start().starts_with("//");
            let after = &file.text[at + start.len()..];
            let line_of_code = shown.lines().nth(source::line(&file.text, at) - 1).unwrap_or_default();
            if !is_comment && !line_of_code.trim().is_empty() {
                found.insert(after[..after.find('"').unwrap_or(after.len())].to_owned());
            }
        }
    }
    found
}

fn assert_same(what: &str, code: &Names, document: &Names) {
    let unsaid: Vec<_> = code.difference(document).collect();
    let unmade: Vec<_> = document.difference(code).collect();
    assert!(
        unsaid.is_empty() && unmade.is_empty(),
        "{what}: not documented {unsaid:?}, not there {unmade:?}"
    );
}

fn names(list: impl IntoIterator<Item = &'static str>) -> Names {
    list.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_endpoint_is_described() {
    let paths = tutti::api::router::paths("").into_iter();
    let is_of_a_mode = |path: &str| ["/strict/", "/fast/"].iter().any(|mode| path.starts_with(mode));
    let mut routes: Names = paths.filter(|path| !is_of_a_mode(path)).collect();
    routes.extend(literals("src/api", "const PATH: &str = \""));
    routes.extend(
        tutti::ui::paths().into_iter().filter(|path| !path.starts_with("/ui/files/") && path != "/ui/"),
    );
    let described = first_cells(&read("docs/api.md"), "## Endpoints");
    let paths: Names =
        described.into_iter().map(|cell| cell.trim_start_matches("POST ").to_owned()).collect();
    assert_same("endpoints", &routes, &paths);
}

#[test]
fn every_parameter_is_described() {
    let mut read_by_code = literals("src/api", "params.get(\"");
    read_by_code.extend(literals("src/api", "seconds(params, \""));
    read_by_code.extend(literals("src/api", "block(params, \""));
    read_by_code.extend(literals("src/api", "depth(params, \""));
    read_by_code.extend(literals("src/api", "number(params, \""));
    read_by_code.extend(literals("src/api", "number_if_any(params, \""));
    assert_same("parameters", &read_by_code, &first_cells(&read("docs/api.md"), "### Parameters"));
}

#[test]
fn every_header_is_described() {
    let mut headers = literals("src/api", "HeaderName::from_static(\"");
    headers.extend(literals("src/backend/peer", "HeaderName::from_static(\""));
    headers.extend(literals("src/api", "headers.get(\""));
    headers.extend(literals("src/api", "headers.contains_key(\""));
    // Those that every program knows are named by constants.
    for (constant, name) in [
        ("header::AUTHORIZATION", "authorization"),
        ("header::CACHE_CONTROL", "cache-control"),
        ("header::VARY", "vary"),
        ("header::WWW_AUTHENTICATE", "www-authenticate"),
    ] {
        if rust("src/api").iter().any(|file| file.code.contains(constant)) {
            headers.insert(name.to_owned());
        }
    }
    let described = first_cells(&read("docs/api.md"), "## Headers");
    assert_same("headers", &headers, &described.iter().map(|name| name.to_lowercase()).collect());
}

#[test]
fn every_word_of_the_report_is_described() {
    let api = read("docs/api.md");
    let statuses = names(RegionStatus::ALL.map(RegionStatus::as_str));
    assert_same("statuses", &statuses, &first_cells(&api, "### Statuses of a region"));
    let outcomes = names([Outcome::Complete, Outcome::Partial, Outcome::Refused].map(Outcome::as_str));
    assert_same("outcomes", &outcomes, &first_cells(&api, "### Outcomes"));
    let all = [
        Exactness::Exact,
        Exactness::RegionMissing,
        Exactness::RegionWithheld,
        Exactness::RegionPartial,
        Exactness::SizeLimit,
    ];
    let mut all = names(all.map(Exactness::as_str));
    all.extend(names(Budget::ALL.map(Budget::as_str)));
    assert_same("exactness", &all, &first_cells(&api, "### Exactness"));
}

#[test]
fn every_key_of_the_report_is_described() {
    let within = Within {
        gateway: "tutti-us".to_owned(),
        is_open: true,
        exactness: Exactness::Exact,
        elsewhere: vec!["tutti-eu".to_owned()],
        is_abridged: true,
        regions: Vec::new(),
    };
    let region = RegionName::parse("us-east").unwrap();
    let report = RegionReport {
        hedged: 1,
        again: Some(Duration::ZERO),
        treated_by_class: vec![("pii.email".to_owned(), 1)],
        within: Some(std::sync::Arc::new(within)),
        is_raw_egress: true,
        ..RegionReport::new(region, Jurisdiction::parse("US").unwrap(), RegionStatus::Pending)
    };
    let coverage = Coverage {
        mode: Mode::BestEffort,
        regions: vec![report],
        owed: Owing::default(),
        is_size_limited: false,
        budget: None,
        plan_digest: String::new(),
    };
    let id = tutti::model::TraceId::parse("1").unwrap();
    let json = tutti::api::report::to_json(&id, &coverage, 0.0);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Names>();
    let api = read("docs/api.md");
    assert_same("keys of a report", &keys(&json), &first_cells(&api, "### The report"));
    let regions = first_cells(&api, "### A region in the report");
    assert_same("keys of a region", &keys(&json["regions"][0]), &regions);
}

#[test]
fn every_attribute_the_gateway_adds_is_described() {
    let written = ["src/model", "src/trace", "src/redaction"].map(|folder| literals(folder, "\"tutti."));
    // The prefix alone is no attribute.
    let named = written.into_iter().flatten().filter(|rest| !rest.is_empty());
    let written: Names = named.map(|rest| format!("tutti.{rest}")).collect();
    assert_same("attributes", &written, &first_cells(&read("docs/api.md"), "## Attributes"));
}

/// The families that the code registers, by their names without a prefix and without what a counter's samples end in.
fn registered() -> Names {
    let mut found = Names::new();
    for file in rust("src/telemetry/metrics") {
        for (at, _) in file.text.match_indices(" r.register") {
            let call = file.text[at..].trim_start();
            let name = call.split('"').nth(1).unwrap();
            let unit = call.starts_with("r.register_with_unit(").then(|| {
                let unit = call.split("Unit::").nth(1).unwrap();
                unit[..unit.find(|c: char| !c.is_alphanumeric()).unwrap()].to_lowercase()
            });
            found.insert(unit.map_or(name.to_owned(), |unit| format!("{name}_{unit}")));
        }
    }
    found
}

#[test]
fn every_metric_is_described() {
    let bare = |name: &str| name.trim_start_matches("tutti_").trim_end_matches("_total").to_owned();
    let described = first_cells(&read("docs/api.md"), "## Metrics");
    assert_same("metrics", &registered(), &described.iter().map(|name| bare(name)).collect());
    // Those that have samples at once show how the others are written, too.
    let metrics = Metrics::default();
    drop(metrics.begin(Endpoint::TraceV1, Mode::Strict));
    metrics.limits().shed("by_id", "no_place");
    metrics.reloaded(true, Duration::ZERO);
    metrics.grant(true);
    count_memory(metrics.cache());
    metrics.fast().waited(Waited::Whole);
    metrics.fast().remainder(Remainder::Landed);
    metrics.audit_witness(&WitnessNumbers {
        name: "us-west".to_owned(),
        standing: "well",
        is_alarm: false,
        size: 0,
        lag: std::time::Duration::ZERO,
    });
    metrics.keys_fetched(true);
    metrics.nobody_known("nobody");
    let keys = KeysNumbers { issuer: String::new(), keys: 1, age: Some(std::time::Duration::ZERO) };
    metrics.keys_of_issuers(&[keys]);
    let text = metrics.render();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families: Names = types.filter_map(|line| line.split_once(' ')).map(sample).collect();
    assert!(families.len() > 15, "{families:?}");
    let unsaid: Vec<_> = families.difference(&described).collect();
    assert!(unsaid.is_empty(), "metrics whose samples have other names than docs/api.md gives: {unsaid:?}");
}

/// Families with labels have no sample before one was counted.
fn count_memory(counts: &CacheFamilies) {
    counts.looked(Level::Memory, Kept::Trace, true);
    counts.evicted(Cause::Size);
    counts.refused(Cause::Partial);
    counts.shared(SharedOperation::Get, SharedOutcome::Done, Some(std::time::Duration::ZERO));
    counts.prewarmed(Prewarm::Asked);
}

/// A family by the name its samples have.
fn sample((family, kind): (&str, &str)) -> String {
    if kind == "counter" { format!("{family}_total") } else { family.to_owned() }
}

#[test]
fn every_key_of_the_configuration_is_described() {
    let mut keys = Names::new();
    for call in ["parsed", "text", "texts", "duration", "size", "whole", "flag", "ratio", "table", "tables"] {
        keys.extend(literals("src/config", &format!(".{call}(\"")));
    }
    keys.extend(
        ["auth, \"", "basic, \""]
            .into_iter()
            .flat_map(|of| literals("src/config", &format!("secret(&mut {of}"))),
    );
    keys.extend(literals("src/config", "secret(&mut shared, \""));
    keys.extend(literals("src/config", "secret(&mut table, \""));
    keys.extend(literals("src/config", ".wholes(\""));
    keys.extend(literals("src/config", "several(&mut table, \""));
    let document = read("docs/configuration.md");
    // Files of policies are configuration too.
    let both = format!("{document}\n{}", read("docs/policy.md"));
    let is_word = |c: char| !c.is_alphanumeric() && c != '_';
    let words: BTreeSet<&str> = both.split(is_word).collect();
    let unsaid: Vec<_> = keys.iter().filter(|key| !words.contains(key.as_str())).collect();
    assert!(unsaid.is_empty(), "keys that docs/configuration.md does not name: {unsaid:?}");
    // Every table that has a part of its own, and every one that the code reads from the file itself.
    let is_table = |line: &&str| line.starts_with("## `[") || line.starts_with("### `[");
    let headings: Vec<&str> = document.lines().filter(is_table).collect();
    assert!(headings.len() >= 21, "{headings:?}");
    for heading in &headings {
        let unmade: Vec<_> = first_cells(&document, heading).difference(&keys).cloned().collect();
        assert!(unmade.is_empty(), "{heading} has keys that the code does not read: {unmade:?}");
    }
    let file = read("src/config/file.rs");
    let mut tables = Names::new();
    for start in ["optional(&mut root, \"", "optional(root, \"", "root.table(\"", "root.tables(\""] {
        tables.extend(file.split(start).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    assert!(tables.contains("gateway") && tables.contains("peer") && tables.len() >= 16, "{tables:?}");
    for table in tables {
        let has_part = |heading: &&str| {
            [format!("## `[{table}]`"), format!("## `[[{table}]]`")].iter().any(|of| of == heading)
        };
        assert!(headings.iter().any(has_part), "docs/configuration.md has no part for `[{table}]`");
    }
}

#[test]
fn every_command_is_in_the_readme() {
    let readme = read("README.md");
    for command in tutti::cli::Cli::command().get_subcommands() {
        let forms = [format!("-- {}", command.get_name()), format!("tutti {}", command.get_name())];
        assert!(forms.iter().any(|form| readme.contains(form)), "README.md has no `{}`", forms[0]);
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = source::files("").into_iter().filter(|path| path.ends_with(".md"));
    for path in documents {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = read(&path);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(source::root().join(folder).join(target).exists(), "{path} links to `{link}`");
            }
        }
    }
}
