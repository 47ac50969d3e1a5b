//! What `tutti redact` reads and writes.

use super::*;

const EXPORT: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
"scopeSpans":[{"scope":{"name":"http"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
"name":"GET /users/jane.roe@example.com","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[
{"key":"user.email","value":{"stringValue":"jane.roe@example.com"}},
{"key":"client.address","value":{"stringValue":"203.0.113.9"}},
{"key":"http.request.header.authorization","value":{"stringValue":"Bearer abcdefgh"}},
{"key":"http.response.status_code","value":{"intValue":"200"}},
{"key":"cart.note","value":{"stringValue":"for my neighbour"}}],"status":{"code":1}}]}]}]}"#;

/// What is written of an input, and what is said beside it; no configuration, but the baseline.
fn redacted(stored: &str, delivered: &str, input: &str) -> Result<(String, String), String> {
    let folder = tempfile::tempdir().unwrap();
    let claims = folder.path().join("claims.json");
    std::fs::write(&claims, r#"{"sub": "alice", "roles": ["sre"], "purpose": "incident"}"#).unwrap();
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let config = Some(config(folder.path(), stored, delivered));
    let args = RedactArgs { claims, stored: "here".into(), delivered: "there".into(), config };
    run(&args, &mut input.as_bytes(), &mut out, &mut notes)?;
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap()))
}

/// A gateway of two regions that has the policies of this repository's baseline.
fn config(folder: &Path, stored: &str, delivered: &str) -> PathBuf {
    let baseline = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/baseline");
    let policies = folder.join("policies");
    copy(&baseline, &policies.join("baseline"));
    std::fs::write(folder.join("key"), "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")
        .unwrap();
    let text = format!(
        "[gateway]\nregion = \"there\"\npolicies = \"policies\"\n\n[keys]\nfile = \"key\"\n\n\
         [[region]]\nname = \"there\"\njurisdiction = \"{delivered}\"\nkind = \"memory\"\n\n\
         [[region]]\nname = \"here\"\njurisdiction = \"{stored}\"\nkind = \"memory\"\n"
    );
    let path = folder.join("regions.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn at_home_spans_are_as_they_were_but_for_secrets() {
    let (out, notes) = redacted("EU", "EU", EXPORT).unwrap();
    insta::assert_snapshot!(format!("{notes}{out}"));
}

#[test]
fn over_a_border_only_what_is_known_to_be_safe_is_seen() {
    let (out, notes) = redacted("EU", "US", EXPORT).unwrap();
    for gone in ["jane", "203.0.113.9", "abcdefgh", "neighbour"] {
        assert!(!out.contains(gone) && !notes.contains(gone), "{gone}: {out}");
    }
    insta::assert_snapshot!(format!("{notes}{out}"));
}

#[test]
fn a_list_and_a_line_each_are_read_as_well() {
    let whole = redacted("EU", "US", EXPORT).unwrap().0;
    let line = EXPORT.replace('\n', "");
    let list = line.strip_prefix(r#"{"resourceSpans":"#).unwrap().strip_suffix('}').unwrap();
    assert_eq!(redacted("EU", "US", list).unwrap().0, whole);
    let spans = |text: &str| text.matches("\"spanId\"").count();
    let twice = redacted("EU", "US", &format!("{line}\n\n{line}\n")).unwrap().0;
    assert_eq!(spans(&twice), 2 * spans(&whole));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let refused = |input: &str| redacted("EU", "US", input).unwrap_err();
    assert!(refused("  ").contains("standard input is empty"));
    assert!(refused("{\"resourceSpans\": 7}").starts_with("standard input: "));
    let line = EXPORT.replace('\n', "");
    let second = refused(&format!("{line}\n{{\"resourceSpans\": [{{\"scopeSpans\": 7}}]}}"));
    assert!(second.starts_with("standard input, line 2: ") && second.contains("scopeSpans"), "{second}");
    for (other, told) in [("{\"traces\": []}", "only `traces`"), ("7", "expected an object or a list")] {
        let refused = refused(other);
        assert!(refused.contains(told) && refused.lines().count() == 1, "{refused}");
    }
}

#[test]
fn an_answer_of_tempo_is_read_as_well() {
    let whole = redacted("EU", "US", EXPORT).unwrap().0;
    let tempos = EXPORT
        .replace("0af7651916cd43dd8448eb211c80319c", "CvdlGRbNQ92ESOshHIAxnA==")
        .replace("b7ad6b7169203331", "t61rcWkgMzE=")
        .replace("resourceSpans", "batches");
    assert_eq!(redacted("EU", "US", &tempos).unwrap().0, whole);
    let second = format!("{{\"trace\":{EXPORT},\"status\":\"COMPLETE\"}}");
    assert_eq!(redacted("EU", "US", &second).unwrap().0, whole);
}

#[test]
fn a_place_that_is_none_is_refused_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let claims = folder.path().join("claims.json");
    std::fs::write(&claims, "{}").unwrap();
    let config = Some(config(folder.path(), "EU", "US"));
    let args = RedactArgs { claims, stored: "elsewhere".into(), delivered: "there".into(), config };
    let refused = run(&args, &mut EXPORT.as_bytes(), &mut Vec::new(), &mut Vec::new()).unwrap_err();
    let known = "(EU, CH, GB, UK, US)";
    assert_eq!(
        refused,
        format!("--stored: `elsewhere` is no region (there, here) and no jurisdiction {known}")
    );
}

#[test]
fn a_jurisdiction_is_a_place_with_a_configuration_too() {
    let folder = tempfile::tempdir().unwrap();
    let claims = folder.path().join("claims.json");
    std::fs::write(&claims, r#"{"sub": "alice", "roles": ["sre"], "purpose": "incident"}"#).unwrap();
    let config = Some(config(folder.path(), "EU", "US"));
    let shown = |stored: &str, delivered: &str| {
        let (stored, delivered) = (stored.into(), delivered.into());
        let args = RedactArgs { claims: claims.clone(), stored, delivered, config: config.clone() };
        let mut out = Vec::new();
        run(&args, &mut EXPORT.as_bytes(), &mut out, &mut Vec::new()).unwrap();
        // Under another name of a region, tokens are others.
        String::from_utf8(out).unwrap().replace("\"somewhere\"", "\"here\"")
    };
    assert!(!shown("EU", "US").contains("jane.roe"));
    assert_eq!(shown("EU", "US"), shown("here", "there"));
    assert!(shown("EU", "EU").contains("jane.roe"));
}

#[test]
fn without_a_configuration_the_baseline_decides_over_jurisdictions() {
    let args = |stored: &str| RedactArgs {
        claims: PathBuf::new(),
        stored: stored.to_owned(),
        delivered: "US".to_owned(),
        config: None,
    };
    let rules = of_baseline(&args("EU")).unwrap();
    let plan =
        rules.policies.plan_for(&crate::model::Caller::anonymous(), std::slice::from_ref(&rules.delivered));
    assert!(plan.region(&rules.stored).withholds() && rules.redactor.keys().has(&rules.stored));
    for (none, told) in
        [("no place!", "a jurisdiction is"), ("eu", "did you mean `EU`?"), ("home", "(EU, CH,")]
    {
        let refused = of_baseline(&args(none)).err().unwrap();
        assert!(refused.starts_with("--stored: ") && refused.contains(told), "{refused}");
        assert!(
            refused.contains("`--stored EU --delivered US`") && refused.lines().count() == 1,
            "{refused}"
        );
    }
}

#[test]
fn a_number_of_an_account_under_a_safe_key_stays_behind_and_the_key_does_not() {
    let export = r#"{"resourceSpans":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"pay DE89370400440532013000"}},
        {"key":"k8s.pod.name","value":{"stringValue":"checkout-5f7d9"}}]},
        "scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
        "name":"pay","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;
    let (out, _) = redacted("EU", "US", export).unwrap();
    assert!(!out.contains("370400440532"), "{out}");
    assert!(out.contains("service.name") && out.contains("checkout-5f7d9"), "{out}");
}

#[test]
fn a_region_that_its_own_gateway_decides_is_refused_and_its_jurisdiction_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let claims = folder.path().join("claims.json");
    std::fs::write(&claims, r#"{"sub": "alice", "roles": ["sre"], "purpose": "incident"}"#).unwrap();
    let config = config(folder.path(), "EU", "US");
    let key = crate::proof::SigningKey::generate().unwrap().to_pem().to_string();
    std::fs::write(folder.path().join("peer.pem"), key).unwrap();
    std::fs::write(folder.path().join("bearer"), "s3cret").unwrap();
    let peer = "\n[peer]\nkey = { file = \"peer.pem\" }\n\n\
        [[region]]\nname = \"far\"\njurisdiction = \"EU\"\nkind = \"tutti\"\n\
        url = \"https://tutti.eu.example\"\nauth = { bearer = { file = \"bearer\" } }\n";
    let text = std::fs::read_to_string(&config).unwrap() + peer;
    std::fs::write(&config, text).unwrap();
    let run_at = |stored: &str| {
        let (stored, delivered) = (stored.into(), "there".into());
        let args = RedactArgs { claims: claims.clone(), stored, delivered, config: Some(config.clone()) };
        let mut out = Vec::new();
        let ran = run(&args, &mut EXPORT.as_bytes(), &mut out, &mut Vec::new());
        (ran, String::from_utf8(out).unwrap())
    };
    let line = "--stored: `far` is decided by its own gateway: run this there, or name its jurisdiction";
    assert_eq!(run_at("far"), (Err(line.to_owned()), String::new()));
    let (ran, out) = run_at("EU");
    assert_eq!(ran, Ok(()));
    assert!(!out.is_empty() && !out.contains("jane.roe"), "{out}");
}
