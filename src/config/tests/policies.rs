//! The folder of policies: what it means, and that nothing in it is silently passed over.

use super::*;
use crate::config::parse_keys;
use crate::model::{Caller, Jurisdiction, RegionName};
use crate::policy::{RegionPlan, Rung, Treatment};

fn declared() -> Vec<RegionName> {
    ["us-east", "us-west", "eu-central"].iter().map(|name| RegionName::parse(name).unwrap()).collect()
}

/// Faults of a `keys.toml`, one line each.
fn check(text: &str, expected: &[&str]) {
    let faults = parse_keys(text, &declared()).expect_err(text);
    assert_eq!(faults.iter().map(line_of).collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn rules_hold_for_the_regions_they_name_and_the_stricter_wins() {
    let text = r#"
        [[rule]]
        regions = "*"
        keys = ["user.email", "user.id"]
        treatment = "mask"
        [[rule]]
        regions = ["eu-central"]
        keys = ["user.email"]
        treatment = "drop"
    "#;
    let plan = parse_keys(text, &declared()).unwrap();
    let treatment = |region: &str, key: &str| match plan.region(&RegionName::parse(region).unwrap()) {
        RegionPlan::Keys(keys) => keys.treatment(key.as_bytes()),
        RegionPlan::AllowAll | RegionPlan::Ruled(_) => None,
    };
    assert_eq!(treatment("us-east", "user.email"), Some(Treatment::Mask));
    assert_eq!(treatment("eu-central", "user.email"), Some(Treatment::Drop));
    assert_eq!(treatment("eu-central", "user.id"), Some(Treatment::Mask));
    assert_eq!(treatment("eu-central", "http.route"), None);
}

#[test]
fn a_list_of_personal_keys_treats_them() {
    let text = include_str!("keys.toml");
    let plan = parse_keys(text, &declared()).unwrap();
    let RegionPlan::Keys(keys) = plan.region(&declared()[2]) else { panic!("shows all") };
    for key in ["user.email", "user.id", "enduser.id", "user.name", "user.full_name", "client.address"] {
        assert!(keys.treatment(key.as_bytes()).is_some(), "{key}");
    }
    for key in ["db.query.text", "url.query", "payment.card_number"] {
        assert!(keys.treatment(key.as_bytes()).is_some(), "{key}");
    }
}

#[test]
fn every_fault_of_a_rule_has_its_place() {
    check(
        "[[rule]]\nregions = [\"eu-centra\", \"mars\"]\nkeys = []\ntreatment = \"hide\"\nreason = 1\n[[rule]]\n",
        &[
            "2 rule[0].regions[0]: region `eu-centra` is not declared",
            "2 rule[0].regions[1]: region `mars` is not declared",
            "3 rule[0].keys: the list lists no key, so the rule hides nothing",
            "4 rule[0].treatment: `hide` is no treatment",
            "5 rule[0].reason: `reason` is no key of `rule[0]`",
            "6 rule[1].regions: `regions` is missing",
            "6 rule[1].keys: `keys` is missing",
            "6 rule[1].treatment: `treatment` is missing",
        ],
    );
}

#[test]
fn a_rule_that_would_match_nothing_is_a_fault() {
    let rule = |regions: &str, keys: &str| {
        format!("[[rule]]\nregions = {regions}\nkeys = {keys}\ntreatment = \"mask\"")
    };
    check(&rule("\"all\"", "[\"a\"]"), &["2 rule[0].regions: `all` is neither a list of regions nor \"*\""]);
    check(&rule("[]", "[\"a\"]"), &["2 rule[0].regions: the list names no region"]);
    check(&rule("[\"*\"]", "[\"a\"]"), &["2 rule[0].regions[0]: region `*` is not declared"]);
    check(
        &rule("\"*\"", "[\"user.*\"]"),
        &["3 rule[0].keys[0]: `user.*` is a pattern, and this version only compares whole keys"],
    );
    check(
        &rule("\"*\"", "[\" a\", \"\"]"),
        &["3 rule[0].keys[0]: ` a` is no attribute key", "3 rule[0].keys[1]: `` is no attribute key"],
    );
    check(&rule("\"*\"", "[\".a\"]"), &["3 rule[0].keys[0]: `.a` begins as in a query, not as a key"]);
    check(&rule("\"*\"", "[1]"), &["3 rule[0].keys[0]: a whole number stands here"]);
    check("rule = 1", &["1 rule: a whole number stands here"]);
    check("[rule]", &["1 rule: a table stands here"]);
}

#[test]
fn a_folder_that_is_missing_or_holds_what_cannot_be_read_refuses_everything() {
    let line = "policies = \"policies\"";
    let missing = Estate::of(&quiet_with(line, "policies = \"none\""));
    assert_eq!(missing.findings(), ["4 gateway.policies: folder `none` does not exist"]);
    let no_folder = Estate::of(&quiet_with(line, "policies = \"regions.toml\""));
    assert_eq!(no_folder.findings(), ["4 gateway.policies: folder `regions.toml` is no folder"]);
    let empty = Estate::of(&quiet_with(line, "policies = \"empty\"")).with_file("empty/README.md", "");
    assert_eq!(empty.findings(), ["4 gateway.policies: folder `empty` holds no policies"]);
    let others = Estate::of(QUIET)
        .with_file("policies/eu.rego", "")
        .with_file("policies/class.toml", "")
        .with_file("policies/plain/README.md", "")
        .with_file("policies/README.md", "")
        .with_file("policies/.hidden", "")
        .with_file("policies/keys.toml~", "");
    assert_eq!(
        others.findings(),
        [
            "4 gateway.policies: folder `plain` is no pack: it has no `pack.toml`",
            "4 gateway.policies: this version cannot read policy `class.toml`, and what it hides would be shown",
            "4 gateway.policies: this version cannot read policy `eu.rego`, and what it hides would be shown",
        ]
    );
}

#[test]
fn a_fault_in_the_rules_names_their_own_file() {
    let estate = Estate::of(QUIET).with_file("policies/keys.toml", "[[rule]]\nregions = [\"mars\"]");
    let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("accepted") };
    let first = faults.faults().next().unwrap();
    assert!(first.place.source.name.ends_with("keys.toml"), "{first}");
    assert_eq!(faults.faults().count(), 3);
}

#[test]
fn an_estate_whose_names_are_at_fault_does_not_fault_the_rules_for_it() {
    let config = quiet_with("name = \"us-west\"", "name = \"US West\"");
    let rules = RULES.replace("\"*\"", "[\"us-west\"]");
    assert_eq!(
        Estate::of(&config).with_file("policies/keys.toml", &rules).findings(),
        ["13 region[1].name: a region name is 1 to 63 of a-z, 0-9 and -, not `US West`"]
    );
}

/// A pack that is good, as files below a folder of policies.
const PACK: [(&str, &str); 5] = [
    ("pack.toml", "title = \"A pack\"\n"),
    (
        "classes.toml",
        "[[class]]\nname = \"pii.email\"\ntitle = \"E-mail\"\ngroup = \"pii.basic\"\nladder = [\"masked\"]\n",
    ),
    ("facts.toml", "[[jurisdiction]]\nname = \"US\"\n"),
    ("all.cedar", "@id(\"all\")\npermit (principal, action, resource);\n"),
    (
        "tests/all.toml",
        "[[case]]\nname = \"all\"\nclasses = [\"pii.email\"]\nstored = \"US\"\ndelivered = \"US\"\nrung = \"raw\"\n",
    ),
];

/// A quiet estate with the good pack as its baseline.
fn packed() -> Estate {
    PACK.iter().fold(Estate::of(QUIET), |estate, (name, text)| {
        estate.with_file(&format!("policies/baseline/{name}"), text)
    })
}

/// The rung of a class of a region for the anonymous caller.
fn rung(settings: &Settings, region: &str, class: &str) -> Rung {
    let plan = settings.policies.plan(&Caller::anonymous());
    let RegionPlan::Ruled(ruled) = plan.region(&RegionName::parse(region).unwrap()) else {
        panic!("not ruled")
    };
    ruled.cell(ruled.classes().by_name(class).unwrap()).rung
}

#[test]
fn the_baseline_is_in_force_where_the_folder_has_it_and_listed_keys_hold_besides() {
    let settings = packed().settings();
    assert_eq!(rung(&settings, "us-east", "pii.email"), Rung::Raw);
    let plan = settings.policies.plan(&Caller::anonymous());
    let RegionPlan::Ruled(ruled) = plan.region(&RegionName::parse("us-west").unwrap()) else { panic!() };
    assert_eq!(ruled.keys().treatment(b"user.email"), Some(Treatment::Mask));
    // Packs that are named replace the default, be they none.
    let none = quiet_with("policies = \"policies\"", "policies = \"policies\"\npacks = []");
    let settings = packed().with_file("regions.toml", &none).settings();
    let plan = settings.policies.plan(&Caller::anonymous());
    assert!(matches!(plan.region(&RegionName::parse("us-west").unwrap()), RegionPlan::Keys(_)));
}

#[test]
fn the_folders_own_policies_are_always_in_force() {
    let own = "@id(\"own\")\nforbid (principal, action, resource in Class::\"pii.email\")\n\
               when { context.stored.region == Region::\"us-west\" };\n";
    let case = "[[case]]\nname = \"own\"\nclasses = [\"pii.email\"]\nstored = \"us-west\"\ndelivered = \"US\"\n\
                rung = \"dropped\"\nrules = [\"own\"]\n";
    let estate = packed().with_file("policies/own.cedar", own).with_file("policies/tests/own.toml", case);
    let settings = estate.settings();
    assert_eq!(rung(&settings, "us-west", "pii.email"), Rung::Dropped);
    assert_eq!(rung(&settings, "us-east", "pii.email"), Rung::Raw);
}

/// What one file otherwise makes of a good folder: line of its file, key and what is wrong.
const BAD: [(&str, &str, &str); 32] = [
    ("all.cedar", "permit (principal, action, resource)", "1 : this is no Cedar: unexpected end of input"),
    ("all.cedar", "permit (principal, action, resource);", "1 : a policy has no `@id`"),
    (
        "all.cedar",
        "// A\n@id(\"a\") permit (principal, action, resource) when { context.store.region == Region::\"us-east\" };",
        "2 : attribute `store` in context",
    ),
    (
        "all.cedar",
        "@id(\"a\") permit (principal, action, resource in Class::\"pi\");",
        "1 : there is no `Class::\"pi\"`",
    ),
    (
        "all.cedar",
        "@id(\"a\") permit (principal, action, resource) when { context.stored.region == Region::\"us-eest\" };",
        "1 : there is no `Region::\"us-eest\"`",
    ),
    ("all.cedar", "", "4 gateway.policies: no policy is in force, so that nothing would be shown"),
    (
        "more.cedar",
        "@id(\"more\")\nforbid (principal, action, resource in Class::\"safe\");",
        "1 more: no case hits policy `more`, so that nobody knows what it does",
    ),
    (
        "more.cedar",
        "@id(\"all\")\nforbid (principal, action, resource);",
        "1 : `@id(\"all\")` is already that of another policy",
    ),
    ("classes.toml", "[[class]]\nname = \"pii email\"", "2 class[0].name: `pii email` is no name"),
    ("classes.toml", "[[class]]\nname = \"a\"\ntitle = \"A\"", "1 class[0].group: `group` is missing"),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\nkeys = [\"b\"]",
        "1 class[0]: there is no class `a` to add names to",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"g\"\nladder = [\"maskd\"]",
        "5 class[0].ladder[0]: `maskd` is no rung between raw and dropped",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"g\"\nladder = [\"generalised\"]",
        "5 class[0].ladder: the ladder has `generalised`, and nothing says how",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"g\"\nmask = \"emial\"",
        "5 class[0].mask: `emial` is no mask",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"g\"\nstructure = \"xml\"",
        "5 class[0].structure: `xml` is no structure",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"a.b\"",
        "1 class[0]: group `a.b` begins with the class that is in it",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"g\"\nkey = [\"b\"]",
        "5 class[0].key: `key` is no key of `class[0]`",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"g\"\ndetectors = [\"emial\"]",
        "1 class[0]: class `a` has the detector `emial`",
    ),
    (
        "classes.toml",
        "[[class]]\nname = \"a\"\ntitle = \"A\"\ngroup = \"g\"\nkeys = [\"k\"]\n[safe]\nkeys = [\"k\"]",
        "1 class[0]: `k` of `safe` is already listed under `a`",
    ),
    ("classes.toml", "[safe]\nkeys = [\" a\"]", "2 safe.keys[0]: ` a` is empty, or has space around it"),
    ("facts.toml", "[[jurisdiction]]\nname = \"U S\"", "2 jurisdiction[0].name: a jurisdiction is 1 to 32"),
    (
        "facts.toml",
        "[[care]]\nhome = \"balanced\"\nadequate = \"careful\"\nnone = \"allowlist\"",
        "3 care[0].adequate: `careful` is no mode of care",
    ),
    ("facts.toml", "[[care]]\nhome = \"balanced\"", "1 care[0].adequate: `adequate` is missing"),
    (
        "facts.toml",
        "[[care]]\nstored = [\"mars\"]\nhome = \"balanced\"\nadequate = \"balanced\"\nnone = \"balanced\"",
        "2 care[0].stored[0]: `mars` is no region or jurisdiction",
    ),
    ("facts.toml", "[tokens]\nepoch = -1", "2 tokens.epoch: this number does not fit"),
    (
        "purposes.toml",
        "[[purpose]]\nname = \"a\"\ntitle = \"A\"\nconcerns = [\"pii.basci\"]",
        "4 purpose[0].concerns[0]: `pii.basci` is no class or group",
    ),
    (
        "purposes.toml",
        "[[purpose]]\nname = \"a\"\ntitle = \"A\"",
        "1 purpose[0].concerns: `concerns` is missing",
    ),
    (
        "pack.toml",
        "title = \"A\"\nneeds = [\"gdpr\"]",
        "2 needs[0]: it builds on pack `gdpr`, which is not in force",
    ),
    (
        "tests/all.toml",
        "[[case]]\nname = \"all\"\nclasses = [\"pii.email\"]\nstored = \"US\"\ndelivered = \"US\"\nrung = \"masked\"",
        "1 case[0]: case `all`, pii.email: it is raw, not masked, by all",
    ),
    ("tests/all.toml", "[[case]]\nname = \"all\"", "1 case[0].classes: `classes` is missing"),
    (
        "golden/all.toml",
        "ways = [\"US > EU\"]\n[[caller]]\nname = \"a\"",
        "1 ways[0]: `US > EU` is no way between jurisdictions",
    ),
    ("golden/all.csv", "caller,class", "1 : nothing says whom this matrix is about"),
];

#[test]
fn what_is_wrong_in_a_folder_is_refused_with_file_and_place() {
    for (file, text, expected) in BAD {
        let estate = packed().with_file(&format!("policies/baseline/{file}"), text);
        let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("accepted: {file}\n{text}") };
        let lines: Vec<String> = faults.faults().map(line_of).collect();
        let found = faults.faults().find(|fault| line_of(fault).starts_with(expected));
        let fault = found.unwrap_or_else(|| panic!("{file}\n{text}\n{lines:#?}"));
        let name = if expected.contains("gateway.policies") { "regions.toml" } else { file };
        assert!(fault.place.source.name.ends_with(name), "{fault}");
        assert!(!fault.remedy.is_empty(), "{fault}");
    }
}

#[test]
fn packs_that_are_not_there_are_named_with_those_that_are() {
    let config = quiet_with(
        "policies = \"policies\"",
        "policies = \"policies\"\npacks = [\"gdrp\", \"baseline\", \"baseline\"]",
    );
    let estate = packed().with_file("regions.toml", &config);
    assert_eq!(
        estate.findings(),
        [
            "5 gateway.packs[0]: there is no pack `gdrp`",
            "5 gateway.packs[2]: pack `baseline` stands there twice"
        ]
    );
    let config = quiet_with("policies = \"policies\"", "packs = [\"baseline\", \"gdpr\"]");
    assert_eq!(
        packed().with_file("regions.toml", &config).findings()[0],
        "4 gateway.packs: packs of no folder: `policies` is missing"
    );
}

#[test]
fn a_jurisdiction_that_no_fact_knows_is_warned_of() {
    let facts = "[[jurisdiction]]\nname = \"EU\"\n";
    let findings = packed().with_file("policies/baseline/facts.toml", facts).findings();
    assert_eq!(
        findings,
        [
            "warning 8 region[0].jurisdiction: no fact knows `US`, where `us-east` lies: no policy about a jurisdiction applies to it",
            "warning 14 region[1].jurisdiction: no fact knows `US`, where `us-west` lies: no policy about a jurisdiction applies to it",
        ]
    );
}

/// A second pack, which only takes away.
const REGIME: [(&str, &str); 3] = [
    ("pack.toml", "title = \"A regime\"\nneeds = [\"baseline\"]\n"),
    (
        "r.cedar",
        "@id(\"r\")\nforbid (principal, action, resource) when { context.stored.jurisdiction == Jurisdiction::\"EU\" };\n",
    ),
    (
        "tests/r.toml",
        "[[case]]\nname = \"r\"\nclasses = [\"pii.email\"]\nstored = \"EU\"\ndelivered = \"EU\"\nrung = \"dropped\"\n",
    ),
];

/// An estate with a region in this place, where a regime is in force that knows the EU and the US.
fn beside_a_regime(written: &str) -> (String, Estate) {
    let config =
        quiet_with("policies = \"policies\"", "policies = \"policies\"\npacks = [\"baseline\", \"r\"]");
    let config = config.replacen(
        "jurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"http://127.0.0.1:3202\"",
        &format!("jurisdiction = \"{written}\"\nkind = \"memory\""),
        1,
    );
    // Where data of one place may go is no fact about that place.
    let facts = "[[jurisdiction]]\nname = \"EU\"\nadequate = [\"CH\"]\n[[jurisdiction]]\nname = \"US\"\n";
    let mut estate =
        packed().with_file("regions.toml", &config).with_file("policies/baseline/facts.toml", facts);
    for (name, text) in REGIME {
        estate = estate.with_file(&format!("policies/r/{name}"), text);
    }
    (config, estate)
}

#[test]
fn of_a_place_that_is_no_known_one_a_regime_may_have_nothing_to_say_which_is_a_warning() {
    let (_, findings) = beside_a_regime("CH").1.load().unwrap();
    let found: Vec<_> = findings.iter().map(line_of).collect();
    let expected = "warning 15 region[1].jurisdiction: no fact knows `CH`, where `us-west` lies: no policy about a \
                    jurisdiction applies to it";
    assert!(found.iter().any(|line| line == expected), "{found:?}");
}

#[test]
fn beside_a_regime_another_word_for_a_known_place_is_a_fault_with_what_would_be_right() {
    for (written, meant) in [
        ("eu", "did you mean `EU`?"),
        ("DE", "did you mean `EU`? (its member states"),
        ("US-CA", "did you mean `US`?"),
    ] {
        let (config, estate) = beside_a_regime(written);
        let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("accepted: {written}") };
        let found: Vec<_> = faults.faults().collect();
        assert_eq!(
            found.iter().map(|fault| line_of(fault)).collect::<Vec<_>>(),
            [format!(
                "15 region[1].jurisdiction: no fact knows `{written}`, where `us-west` lies: nothing that pack `r` says of a jurisdiction would hold for it"
            )]
        );
        assert!(found[0].place.source.name.ends_with("regions.toml"));
        assert!(found[0].remedy.starts_with(meant), "{}", found[0].remedy);
        let good = config.replace(&format!("jurisdiction = \"{written}\""), "jurisdiction = \"EU\"");
        assert_eq!(
            rung(&estate.with_file("regions.toml", &good).settings(), "us-west", "pii.email"),
            Rung::Dropped
        );
    }
}

#[test]
fn the_files_that_ship_and_the_regions_of_the_example_know_each_other() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("regions.toml")).unwrap();
    let packs = "policies = \"policies\"\npacks = [\"baseline\", \"gdpr\", \"pci\", \"hipaa\"]\n#";
    let text = text.replacen("policies = \"policies\"", packs, 1);
    let policies = format!("policies = {:?}", root.join("policies").display().to_string());
    let text = text.replacen("policies = \"policies\"", &policies, 1);
    let estate = Estate::of(&text);
    let faults: Vec<String> = match estate.load() {
        Ok(_) => Vec::new(),
        Err(error) => vec![error.to_string()],
    };
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn without_a_folder_the_built_in_baseline_is_in_force_unless_someone_says_otherwise() {
    let line = "policies = \"policies\"\n";
    let built_in = Estate::of(&quiet_with(line, ""));
    assert_eq!(
        built_in.findings(),
        ["note 2 gateway.policies: no policies are named, so that the built-in `baseline` is in force"]
    );
    let settings = built_in.settings();
    assert_eq!(rung(&settings, "us-east", "secret.password"), Rung::Dropped);
    assert_eq!(rung(&settings, "us-east", "pii.email"), Rung::Raw);
    assert!(settings.gateway.policies.is_none());
    let named = Estate::of(&quiet_with(line, "packs = [\"baseline\"]\n"));
    assert_eq!(named.findings(), [""; 0]);
    assert_eq!(named.settings().policies.digest(), settings.policies.digest());
    let none = Estate::of(&quiet_with(line, "packs = []\n"));
    assert_eq!(
        none.findings(),
        [
            "warning 4 gateway.packs: no policies: every attribute of every region is shown to everyone, as it is stored"
        ]
    );
    assert!(none.settings().policies.book().is_none());
    let far = quiet_with(line, "").replacen(
        "jurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"http://127.0.0.1:3202\"",
        "jurisdiction = \"us\"\nkind = \"memory\"",
        1,
    );
    let found = Estate::of(&far).findings();
    assert!(
        found.iter().any(|line| line.starts_with("warning 13 region[1].jurisdiction: no fact knows `us`")),
        "{found:?}"
    );
}

/// Files that are no texts of policies at all, and a matrix that is not what comes out.
#[test]
fn what_cannot_be_read_or_is_stale_is_refused_with_file_and_place() {
    let faults_of = |estate: &Estate| {
        let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("accepted") };
        faults
            .faults()
            .map(|fault| {
                format!("{} {}", fault.place.source.name.rsplit('/').next().unwrap(), line_of(fault))
            })
            .collect::<Vec<_>>()
    };
    let odd = packed();
    std::fs::write(odd.path("policies/baseline/all.cedar"), b"@id(\"all\")\n\xff").unwrap();
    assert_eq!(faults_of(&odd)[0], "regions.toml 4 gateway.policies: file `all.cedar` is no text in UTF-8");
    let huge = packed().with_file("policies/baseline/classes.toml", &"# more\n".repeat(1 << 20));
    assert_eq!(
        faults_of(&huge)[0],
        "regions.toml 4 gateway.policies: file `classes.toml` is too large to be what it should be"
    );
    let matrix = "ways = [\"US to US\"]\n[[caller]]\nname = \"anyone\"\n";
    let stale = packed()
        .with_file("policies/baseline/golden/all.toml", matrix)
        .with_file("policies/baseline/golden/all.csv", "caller,class,US to US\nanyone,pii.email,masked\n");
    let found = faults_of(&stale);
    assert!(found.iter().any(|line| line.starts_with("all.csv 2 ")), "{found:?}");
    #[cfg(unix)]
    {
        let circle = packed();
        std::os::unix::fs::symlink("more.cedar", circle.path("policies/baseline/more.cedar")).unwrap();
        let found = faults_of(&circle);
        assert!(
            found[0].starts_with("regions.toml 4 gateway.policies: file `more.cedar` cannot be read ("),
            "{found:?}"
        );
        let folders = packed();
        std::os::unix::fs::symlink(".", folders.path("policies/again")).unwrap();
        assert_eq!(
            faults_of(&folders),
            ["regions.toml 4 gateway.policies: folder `again` is no pack: it has no `pack.toml`"]
        );
    }
}

#[test]
fn a_rung_that_needs_a_key_is_masked_without_one_and_a_bad_key_is_refused() {
    let settings = packed().settings();
    assert!(!settings.redactor.keys().has(&declared()[0]));
    for (key, what) in [
        ("no key!", "the key is neither base64 nor hex"),
        ("0011", "the key has 2 bytes"),
        (
            "00000000000000000000000000000000000000000000000000000000000000000000",
            "the key is one byte over and over",
        ),
    ] {
        let config = format!("{QUIET}[keys]\nfile = \"root\"\n");
        let estate = packed().with_file("regions.toml", &config).with_file("root", key);
        let found = estate.findings();
        assert!(
            found.len() == 1 && found[0].starts_with("17 keys: ") && found[0].contains(what),
            "{found:?}"
        );
        assert!(!found[0].contains(key), "{found:?}");
    }
}

#[test]
fn a_change_of_any_file_of_a_pack_is_a_change_of_the_set() {
    let estate = packed();
    let before = estate.settings();
    for file in ["all.cedar", "classes.toml", "facts.toml"] {
        let path = format!("policies/baseline/{file}");
        let text = std::fs::read_to_string(estate.path(&path)).unwrap();
        let more = if file == "all.cedar" { "// More.\n".to_owned() } else { "title = \"T\"\n".to_owned() };
        let more = if file == "classes.toml" { "keys = [\"user.email\"]\n".to_owned() } else { more };
        estate.write(&path, &format!("{text}{more}"));
        assert_ne!(estate.settings().policies.digest(), before.policies.digest(), "{file}");
        estate.write(&path, &text);
        assert_eq!(estate.settings().policies.digest(), before.policies.digest(), "{file}");
    }
    let watched: Vec<String> = before.sources.files().map(|path| path.display().to_string()).collect();
    assert!(watched.iter().any(|path| path.ends_with("policies/baseline/tests/all.toml")), "{watched:?}");
}

#[test]
fn what_ships_can_be_loaded_without_a_file() {
    let place = |name: &str| Jurisdiction::parse(name).unwrap();
    let regions = [(declared()[0].clone(), place("US")), (declared()[2].clone(), place("EU"))];
    let policies = crate::config::policies::shipped(&regions, place("US")).unwrap();
    assert!(policies.book().unwrap().rules().len() > 5);
    assert!(policies.classes().by_name("pii.email").is_some());
}
