//! What a region is asked, and how its good answers are read.

use secrecy::SecretString;
use tutti::model::LookupScope;

use super::fake_region::{Asked, FakeRegion, Reply, gzipped, protobuf, silent, text};
use super::*;

/// A region of before v2, which holds the trace.
fn older(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        V1 => {
            let mut trace = Vec::new();
            put_bytes_field(&mut trace, 1, b"");
            protobuf(&trace)
        }
        _ => text(404, NO_ROUTE),
    }
}

#[tokio::test]
async fn a_region_is_asked_on_v2_for_protobuf_and_told_not_to_prune() {
    let region = FakeRegion::start(|_| protobuf(&envelope(100))).await;
    let answer = ask(&backend(&region)).await.unwrap();
    assert_eq!(answer.bytes, envelope(100).len() as u64);
    assert_eq!(answer.inspected_bytes, 1234);
    assert_eq!((answer.http_status, answer.attempts, answer.is_partial), (Some(200), 1, false));
    assert!(answer.first_byte.is_some());

    let asked = region.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].path.as_str(), asked[0].query.as_str()), (V2, "span_pruning=false"));
    let names: Vec<&str> = asked[0].headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
    assert_eq!(asked[0].headers["accept"], "application/protobuf");
    // This one is on the same machine.
    assert_eq!(asked[0].headers["accept-encoding"], "identity");
    assert_eq!(asked[0].headers["user-agent"], format!("tutti/{}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn the_bounds_of_a_question_reach_the_region() {
    let region = FakeRegion::start(|_| protobuf(&envelope(1))).await;
    let block = "00000000-0000-0000-0000-0000000000ff".to_owned();
    let query = TraceQuery {
        start: Some(1_700_000_000),
        end: Some(1_700_003_600),
        scope: LookupScope::Blocks,
        block_start: Some(block.clone()),
        block_end: Some(block),
        ..query()
    };
    let call = TraceCall { query, deadline: Deadline::starting_now(PATIENCE) };
    backend(&region).trace_by_id(call).await.unwrap();
    assert_eq!(
        region.asked()[0].query,
        "start=1700000000&end=1700003600&mode=blocks&blockStart=00000000-0000-0000-0000-0000000000ff\
         &blockEnd=00000000-0000-0000-0000-0000000000ff&span_pruning=false"
    );
}

#[tokio::test]
async fn a_region_sees_its_own_tenant_credentials_and_fixed_headers() {
    let region = FakeRegion::start(|asked| {
        let is_known = asked.headers.get("x-scope-orgid").is_some_and(|tenant| tenant == "shop")
            && asked.headers.get("authorization").is_some_and(|auth| auth == "Bearer s3cret")
            && asked.headers.get("x-route").is_some_and(|route| route == "reads");
        if is_known { protobuf(&envelope(1)) } else { text(401, "no org id") }
    })
    .await;
    let known = TempoSettings {
        tenant: Some("shop".to_owned()),
        auth: Auth::Bearer(SecretString::from("s3cret")),
        headers: vec![("x-route".parse().unwrap(), SecretString::from("reads"))],
        ..settings(&region.url())
    };
    let known = TempoBackend::new(&known, CAP).unwrap();
    assert_eq!(status(ask(&known).await), RegionStatus::Ok);
    assert!(!format!("{known:?}").contains("s3cret"));

    let fault = ask(&backend(&region)).await.unwrap_err();
    assert_eq!((fault.status, fault.http_status), (RegionStatus::Rejected, Some(401)));
}

#[tokio::test]
async fn user_and_password_are_sent_as_basic_credentials() {
    let region = FakeRegion::start(|_| protobuf(&envelope(1))).await;
    let auth = Auth::Basic { user: "tutti".to_owned(), password: SecretString::from("pass word") };
    let backend = TempoBackend::new(&TempoSettings { auth, ..settings(&region.url()) }, CAP).unwrap();
    ask(&backend).await.unwrap();
    assert_eq!(region.asked()[0].headers["authorization"], "Basic dHV0dGk6cGFzcyB3b3Jk");
}

#[tokio::test]
async fn a_compressed_answer_counts_by_its_unpacked_bytes() {
    let body = envelope(500_000);
    let length = body.len() as u64;
    let region = FakeRegion::start(move |_| gzipped(&body)).await;
    assert_eq!(ask(&backend(&region)).await.unwrap().bytes, length);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken() {
    let body = envelope(900_000);
    let cap = body.len() as u64;
    let region = FakeRegion::start(move |_| protobuf(&body)).await;
    let settings = settings(&region.url());
    assert_eq!(ask(&TempoBackend::new(&settings, cap).unwrap()).await.unwrap().bytes, cap);
    let tighter = TempoBackend::new(&settings, cap - 1).unwrap();
    assert_eq!(status(ask(&tighter).await), RegionStatus::TooLarge);
}

#[tokio::test]
async fn a_region_that_says_it_is_partial_is_believed() {
    let mut body = envelope(10);
    put_varint_field(&mut body, 3, 1);
    let region = FakeRegion::start(move |_| protobuf(&body)).await;
    assert!(ask(&backend(&region)).await.unwrap().is_partial);
}

#[tokio::test]
async fn a_region_without_the_trace_holds_none() {
    for reply in [protobuf(b""), protobuf(b"\x0a\x00\x12\x00"), silent(404)] {
        let region = FakeRegion::start(move |_| reply.clone()).await;
        let answer = ask(&backend(&region)).await.unwrap();
        assert!(answer.bytes <= 4 && !answer.is_partial);
        assert_eq!(region.paths(), [V2], "v1 is not asked for what v2 has answered");
    }
}

#[tokio::test]
async fn an_older_region_is_asked_on_v1_and_that_is_remembered() {
    let region = FakeRegion::start(older).await;
    let backend = backend(&region);
    assert_eq!(ask(&backend).await.unwrap().bytes, 2);
    assert_eq!(ask(&backend).await.unwrap().bytes, 2);
    assert_eq!(region.paths(), [V2, V1, V1]);
    assert_eq!(region.asked()[1].query, "");
}

#[tokio::test]
async fn an_older_region_without_the_trace_holds_none_in_whatever_words() {
    for words in ["", "trace not found\n"] {
        let region = FakeRegion::start(move |asked| match asked.path.as_str() {
            V1 => text(404, words),
            _ => text(404, NO_ROUTE),
        })
        .await;
        let backend = backend(&region);
        assert_eq!(ask(&backend).await.unwrap().bytes, 0);
        ask(&backend).await.unwrap();
        assert_eq!(region.paths(), [V2, V1, V1]);
    }
}

#[tokio::test]
async fn an_older_region_with_too_large_a_trace_says_so() {
    let region = FakeRegion::start(|asked| match asked.path.as_str() {
        V1 => text(422, "trace exceeds max size (max bytes: 300)\n"),
        _ => text(404, NO_ROUTE),
    })
    .await;
    let backend = backend(&region);
    for _ in 0..2 {
        let fault = ask(&backend).await.unwrap_err();
        assert_eq!((fault.status, fault.http_status), (RegionStatus::TooLarge, Some(422)));
    }
    assert_eq!(region.paths(), [V2, V1, V1]);
}

#[tokio::test]
async fn a_region_of_another_version_is_asked_on_v2_again() {
    let version = std::sync::Arc::new(std::sync::Mutex::new("2.2.0"));
    let running = version.clone();
    let region = FakeRegion::start(move |asked| match (asked.path.as_str(), *running.lock().unwrap()) {
        (BUILD_INFO, version) => text(200, &format!(r#"{{"version":"{version}"}}"#)),
        (V2, "2.8.0") => protobuf(&envelope(1)),
        _ => older(asked),
    })
    .await;
    let backend = backend(&region);
    let probe = async || backend.probe(Deadline::starting_now(PATIENCE)).await.unwrap().version;
    assert_eq!(probe().await.as_deref(), Some("2.2.0"));
    ask(&backend).await.unwrap();
    probe().await;
    ask(&backend).await.unwrap();
    *version.lock().unwrap() = "2.8.0";
    assert_eq!(probe().await.as_deref(), Some("2.8.0"));
    ask(&backend).await.unwrap();
    assert_eq!(region.paths(), [BUILD_INFO, V2, V1, BUILD_INFO, V1, BUILD_INFO, V2]);
}

#[tokio::test]
async fn a_url_with_a_path_is_asked_below_it() {
    let region = FakeRegion::start(|_| protobuf(&envelope(1))).await;
    let settings = settings(&format!("{}/tempo/", region.url()));
    ask(&TempoBackend::new(&settings, CAP).unwrap()).await.unwrap();
    assert_eq!(region.paths(), [format!("/tempo{V2}")]);
}

#[tokio::test]
async fn a_region_is_alive_whatever_it_says_of_its_version() {
    for reply in [
        text(200, r#"{"version":"","revision":"ad33aa8"}"#),
        text(200, "<html>"),
        text(404, NO_ROUTE),
        text(403, "not for you"),
    ] {
        let region = FakeRegion::start(move |_| reply.clone()).await;
        let info = backend(&region).probe(Deadline::starting_now(PATIENCE)).await.unwrap();
        assert_eq!(info.version, None);
    }
    let ill = FakeRegion::start(|_| text(502, "bad gateway")).await;
    let fault = backend(&ill).probe(Deadline::starting_now(PATIENCE)).await.unwrap_err();
    assert_eq!(fault.status, RegionStatus::Error);
}

#[tokio::test]
async fn connections_are_used_again() {
    let region = FakeRegion::start(|_| protobuf(&envelope(1000))).await;
    let backend = backend(&region);
    for _ in 0..5 {
        ask(&backend).await.unwrap();
    }
    assert_eq!(region.connections(), 1);
}
