//! Every parameter, and every way in which one can be wrong, in Tempo's words.

use insta::assert_snapshot;

use super::{MISSING, Picture, gateway};

/// Status and body of each, one line each; their headers are all the same.
async fn answers(prefix: &str, suffixes: &[String]) -> String {
    let gateway = gateway().await;
    let mut lines = String::new();
    let mut heads: Vec<(u16, Vec<String>)> = Vec::new();
    for suffix in suffixes {
        let answer = gateway.get(&format!("{prefix}{suffix}"), &[]).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!body.trim_end_matches('\n').contains(['\n', '\r', '\0']), "{suffix}: one line: {body:?}");
        lines.push_str(&format!("{}  {}  {body}\n", super::shortened(suffix), answer.code()));
        let names: Vec<String> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        if !heads.contains(&(answer.code(), names.clone())) {
            heads.push((answer.code(), names));
            lines.push_str(&format!("    {}\n", super::picture(&answer).trim().replace('\n', "\n    ")));
        }
    }
    lines
}

fn owned(suffixes: &[&str]) -> Vec<String> {
    suffixes.iter().map(|suffix| (*suffix).to_owned()).collect()
}

#[tokio::test]
async fn ids_in_every_form() {
    let mut ids = owned(&[
        "abc",
        "ABC",
        "%61bc",
        "0",
        "xyz",
        "0af7-651",
        "ab%20c",
        "ab+c",
        "ab%2Bc",
        "%27",
        "%22",
        "%3Cscript%3E",
        "%0a",
        "%00",
        "%ff",
        "a%C3%A9",
        "abc;x=1",
        "abc%3Fx",
    ]);
    ids.push("0".repeat(32));
    ids.push("0".repeat(33));
    ids.push("g".repeat(40));
    assert_snapshot!(answers("/api/traces/", &ids).await);
}

#[tokio::test]
async fn times_and_stores_and_blocks() {
    let uuid = "00000000-0000-0000-0000-000000000000";
    let mut queries = owned(&[
        "start=5&end=9",
        "start=+5&end=%2B9",
        "start=-5&end=3",
        "start=&end=",
        "start=9223372036854775807",
        "start=5&end=5",
        "start=9&end=5",
        "start=abc",
        "end=x",
        "start=1e3",
        "start=1.5",
        "start=0x10",
        "start=1_000",
        "start=%205",
        "start=9223372036854775808",
        "start=%22%27%09%00%7F%C2%A0%E2%80%A8",
        "start=%F0%9F%98%80%CC%81",
        "start=5&start=abc",
        "start=abc&start=5",
        "st%61rt=abc",
        "START=abc",
        "start=%zz",
        "start=abc%zz&end=x",
        "start=abc;end=3",
        "a;b&start=abc",
        "%=1&start=abc",
        "mode=all",
        "mode=blocks",
        "mode=external",
        "mode=",
        "mode=foo",
        "mode=foo+bar",
        "mode=%0Afoo",
        "mode=ingesters&start=abc&blockStart=x",
        "mode=foo&start=abc",
        "blockStart=abc",
        "blockEnd=abc",
        "blockStart=00000000000000000000000000000000",
        "blockStart=0000000000000000000000000000000g",
        "blockStart=000000000000000000000000000000000000",
        "blockEnd=x&start=abc",
        "adjust=skew",
        "adjust=other",
    ]);
    for block in [
        uuid.to_owned(),
        format!("%7B{uuid}%7D"),
        format!("[{uuid}]"),
        format!("urn:uuid:{uuid}"),
        format!("urx:uuid:{uuid}"),
    ] {
        queries.push(format!("blockStart={block}"));
    }
    assert_snapshot!(answers(&format!("/api/traces/{MISSING}?"), &queries).await);
}

/// Parameters of the filter that are wrong before the filter itself is read; without `q` none is looked at.
#[tokio::test]
async fn filter_parameters() {
    let queries = owned(&[
        "q=",
        "q=%20%09",
        "q=+&keep_hierarchy=xx",
        "keep_hierarchy=xx&match_depth=x&ancestor_depth=x",
        "q=%7B%7D&keep_hierarchy=xx",
        "q=%7B%7D&keep_hierarchy=yes&match_depth=x",
        "q=%7B%7D&match_depth=-2",
        "q=%7B%7D&match_depth=1.5",
        "q=%7B%7D&match_depth=99999999999999999999",
        "q=%7B%7D&keep_hierarchy=t&ancestor_depth=-2",
        "q=%7B%7D&keep_hierarchy=TRUE&ancestor_depth=x",
        "q=%7B%7D&match_depth=x&start=abc",
        "q=x%zz",
        "span_pruning=foo",
    ]);
    assert_snapshot!(answers(&format!("/api/v2/traces/{MISSING}?"), &queries).await);
}

#[tokio::test]
async fn the_mode_is_a_header_and_its_error_names_what_would_be_right() {
    let gateway = gateway().await;
    let mut picture = Picture::new();
    for mode in ["strict", "best_effort", "fast", "Strict", ""] {
        picture.ask(&gateway, "GET /api/v2/traces/ffff", &[&format!("Tutti-Mode: {mode}")]).await;
    }
    picture.ask(&gateway, "GET /api/v2/traces/xyz", &["Tutti-Mode: nonsense"]).await;
    assert_snapshot!(picture.0);
}
