//! The OTLP port of a region, as an exporter and as a web page see it.

use std::io::Write;

use axum::body::Body;
use flate2::write::GzEncoder;
use futures::stream;
use http::header::ORIGIN;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tower::ServiceExt;

use super::*;
use crate::backend::settings::MemorySettings;
use crate::model::TraceId;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn region() -> Arc<MemoryBackend> {
    Arc::new(MemoryBackend::new(MemorySettings::default()))
}

async fn answer(region: &Arc<MemoryBackend>, request: Request<Body>) -> Answer {
    let response = router(region.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

fn request(headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post(PATH);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

fn json(trace_ids: &[&str]) -> String {
    let spans: Vec<_> =
        trace_ids.iter().map(|id| format!(r#"{{"traceId":"{id}","spanId":"b7ad6b7169203331"}}"#)).collect();
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

fn protobuf(trace_ids: &[&str]) -> Vec<u8> {
    protobuf_of_json(json(trace_ids).as_bytes()).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn spans_are_taken_in_both_encodings_plain_and_packed() {
    for packed in [false, true] {
        for (content_type, body) in [(PROTOBUF, protobuf(&[TRACE])), (JSON, json(&[TRACE]).into_bytes())] {
            let region = region();
            let body = if packed { gzip(&body) } else { body };
            let encoding = if packed { "gzip" } else { "identity" };
            let headers = [("content-type", content_type), ("content-encoding", encoding)];
            let answer = answer(&region, request(&headers, body)).await;
            assert_eq!(answer.status, StatusCode::OK, "{content_type} {encoding}");
            assert_eq!(answer.headers[CONTENT_TYPE], content_type);
            assert_eq!(answer.text(), if content_type == JSON { "{}" } else { "" });
            assert_eq!(region.newest(9), [TraceId::parse(TRACE).unwrap()]);
        }
    }
}

#[tokio::test]
async fn a_charset_after_the_content_type_is_no_hindrance() {
    let headers = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(answer(&region(), request(&headers, "{}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn spans_that_were_left_out_are_said_in_the_senders_encoding() {
    let ids = [TRACE, "00000000000000000000000000000000", "abcd"];
    let why = "spans rejected: 2 without a trace id of 16 bytes that are not all zero";
    let taken = answer(&region(), request(&[("content-type", PROTOBUF)], protobuf(&ids))).await;
    let partial = ExportTraceServiceResponse::decode(taken.body).unwrap().partial_success.unwrap();
    assert_eq!((taken.status, partial.rejected_spans), (StatusCode::OK, 2));
    assert_eq!(partial.error_message, why);
    let taken = answer(&region(), request(&[("content-type", JSON)], json(&ids))).await;
    let expected = format!(r#"{{"partialSuccess":{{"rejectedSpans":"2","errorMessage":"{why}"}}}}"#);
    assert_eq!(taken.text(), expected);
}

#[tokio::test]
async fn a_bad_request_is_a_400_with_a_status_in_the_senders_encoding() {
    let region = region();
    let refused = answer(&region, request(&[("content-type", PROTOBUF)], vec![0x0a, 0x05])).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.headers[CONTENT_TYPE], PROTOBUF);
    let why = "not a valid OTLP trace export: the request: the bytes end inside a field";
    assert_eq!(refused.body, [&[0x08, 3, 0x12, why.len() as u8], why.as_bytes()].concat());
    let refused = answer(&region, request(&[("content-type", JSON)], r#"{"resourceSpans":7}"#)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.text(), r#"{"code":3,"message":"resourceSpans: expected a list, found `7`"}"#);
    let headers = [("content-type", JSON), ("content-encoding", "gzip")];
    let refused = answer(&region, request(&headers, "{}")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.text(), r#"{"code":3,"message":"the body is not valid gzip"}"#);
    assert!(region.is_empty());
}

#[tokio::test]
async fn a_body_over_the_cap_is_a_413_packed_or_not() {
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    for (encoding, body) in [("identity", large.clone()), ("gzip", gzip(&large))] {
        let headers = [("content-type", JSON), ("content-encoding", encoding)];
        let refused = answer(&region(), request(&headers, body)).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{encoding}");
        assert_eq!(
            refused.text(),
            r#"{"code":8,"message":"the body is larger than 16777216 bytes, send smaller batches"}"#
        );
    }
}

#[tokio::test]
async fn what_is_not_otlp_over_http_gets_one_helpful_line() {
    let region = region();
    let line = "send OTLP as `content-type: application/x-protobuf` or `application/json`\n";
    for headers in [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/grpc")]] {
        let refused = answer(&region, request(headers, "{}")).await;
        assert_eq!((refused.status, refused.text()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, line));
    }
    let headers = [("content-type", JSON), ("content-encoding", "zstd")];
    let refused = answer(&region, request(&headers, "{}")).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(refused.text(), "send the body as it is, or with `content-encoding: gzip`\n");
    let refused = answer(&region, Request::get(PATH).body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers[ALLOW], "POST, OPTIONS");
    assert_eq!(refused.text(), "`GET` is not for this address: send traces with `POST /v1/traces`\n");
    let refused = answer(&region, Request::post("/v1/logs").body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert_eq!(refused.text(), "this region keeps only traces: send traces with `POST /v1/traces`\n");
}

#[tokio::test]
async fn a_page_of_this_machine_may_send_and_any_other_may_not() {
    let region = region();
    let asking = |origin: &str| {
        Request::options(PATH)
            .header(ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .body(Body::empty())
            .unwrap()
    };
    let leave = answer(&region, asking("http://localhost:3000")).await;
    assert_eq!(leave.status, StatusCode::NO_CONTENT);
    assert_eq!(leave.headers["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(leave.headers["access-control-allow-methods"], "POST");
    assert_eq!(leave.headers["access-control-allow-headers"], "content-type, content-encoding");
    let denied = answer(&region, asking("https://shop.example")).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    assert!(denied.headers.get("access-control-allow-origin").is_none());
    let sending = |origin| request(&[("content-type", JSON), ("origin", origin)], json(&[TRACE]));
    assert_eq!(answer(&region, sending("https://shop.example")).await.status, StatusCode::FORBIDDEN);
    assert!(region.is_empty());
    let taken = answer(&region, sending("http://127.0.0.1:5173")).await;
    assert_eq!(taken.status, StatusCode::OK);
    assert_eq!(taken.headers["access-control-allow-origin"], "http://127.0.0.1:5173");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let refused = answer(&region(), request(&[("content-type", JSON)], endless)).await;
    assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(refused.text(), r#"{"code":4,"message":"the body did not arrive within 30 s"}"#);
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_refused() {
    let pieces = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(stream::iter(pieces));
    let refused = answer(&region(), request(&[("content-type", JSON)], body)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.text(), r#"{"code":3,"message":"the body ended before it was whole"}"#);
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_fit_are_told_to_come_again() {
    let router = router(region());
    let stuck = || {
        let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        router.clone().oneshot(request(&[("content-type", JSON)], endless))
    };
    let group = task::Group::new();
    for _ in 0..CONCURRENT_MAX {
        let stuck = stuck();
        group.spawn(async move { drop(stuck.await) });
    }
    tokio::task::yield_now().await;
    let refused = router.clone().oneshot(request(&[("content-type", JSON)], "{}")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[RETRY_AFTER], "1");
    // Those who leave make room.
    group.stop().await;
    let taken = router.clone().oneshot(request(&[("content-type", JSON)], "{}")).await.unwrap();
    assert_eq!(taken.status(), StatusCode::OK);
}
