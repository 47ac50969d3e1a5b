//! Every way in which one region fails, and the one status it has.

use tokio::time::Instant;

use super::fake_region::*;
use super::*;

/// Asks a region that does only this, once.
async fn fault_of(reply: Reply) -> Fault {
    let region = FakeRegion::start(move |_| reply.clone()).await;
    ask(&backend(&region)).await.expect_err("a fault")
}

#[track_caller]
fn check(fault: &Fault, expected: RegionStatus, http_status: Option<u16>) {
    assert_eq!((fault.status, fault.http_status), (expected, http_status), "{fault:?}");
    let is_broken_connection = expected == RegionStatus::Unreachable;
    assert_eq!(fault.is_retryable, is_broken_connection, "{fault:?}");
}

#[tokio::test]
async fn a_region_that_is_too_slow_at_any_moment_and_one_that_never_answers_are_the_same() {
    let slow = Duration::from_millis(100);
    let mut faults = Vec::new();
    for reply in [
        black_hole(),
        after(Duration::from_secs(60), protobuf(&envelope(10))),
        announcing(1000),
        dripping(&envelope(100), slow),
    ] {
        let region = FakeRegion::start(move |_| reply.clone()).await;
        let began = Instant::now();
        let fault = ask_within(&backend(&region), 4 * slow).await.unwrap_err();
        let took = began.elapsed();
        assert!(took >= 4 * slow && took < 40 * slow, "{took:?}");
        faults.push(fault);
    }
    check(&faults[0], RegionStatus::Timeout, None);
    assert!(faults.iter().all(|fault| *fault == faults[0]), "{faults:?}");
}

#[tokio::test]
async fn a_region_where_nothing_listens_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fault = ask(&TempoBackend::new(&settings(&url), CAP).unwrap()).await.unwrap_err();
    check(&fault, RegionStatus::Unreachable, None);
    assert_eq!(fault.detail, "it refused the connection");
}

#[tokio::test]
async fn a_region_whose_name_does_not_resolve_is_unreachable() {
    // A label of more than 63 letters can't exist, so no resolver has to be asked.
    let url = format!("http://{}.invalid", "a".repeat(64));
    let fault = ask(&TempoBackend::new(&settings(&url), CAP).unwrap()).await.unwrap_err();
    assert_eq!((fault.status, fault.is_retryable), (RegionStatus::Unreachable, false));
    assert_eq!(fault.detail, "its name could not be resolved");
}

#[tokio::test]
async fn a_connection_that_breaks_before_headers_is_unreachable_and_may_be_tried_again() {
    check(&fault_of(hang_up()).await, RegionStatus::Unreachable, None);
    check(&fault_of(vec![Step::Reset]).await, RegionStatus::Unreachable, None);
    check(&fault_of(say(b"HTTP/1.1 200 OK\r\nContent-Ty")).await, RegionStatus::Unreachable, None);
}

#[tokio::test]
async fn an_answer_that_ends_in_mid_body_is_cut_off_and_never_an_answer() {
    let body = envelope(100_000);
    for reply in [
        cut_short(&body),
        cut_mid_chunk(&body),
        gzip_cut_short(&body),
        gzip_hung_up(&body),
        reset_within(&body),
    ] {
        check(&fault_of(reply).await, RegionStatus::CutOff, Some(200));
    }
}

#[tokio::test]
async fn a_login_page_is_no_trace() {
    let page = b"<html><form action=/login>jane@example.com</form></html>";
    let fault = fault_of(answer(200, "text/html; charset=utf-8", page)).await;
    check(&fault, RegionStatus::Malformed, Some(200));
    assert!(!fault.detail.contains("jane"));
    // Read as protobuf, a page without content would be a trace without spans.
    check(&fault_of(answer(200, "text/html", b"")).await, RegionStatus::Malformed, Some(200));
}

#[tokio::test]
async fn json_where_protobuf_was_asked_for_is_no_trace() {
    let fault = fault_of(answer(200, "application/json", b"{\"trace\":{},\"metrics\":{}}")).await;
    check(&fault, RegionStatus::Malformed, Some(200));
}

#[tokio::test]
async fn bytes_that_only_claim_to_be_protobuf_are_malformed() {
    check(&fault_of(protobuf(b"<html></html>")).await, RegionStatus::Malformed, Some(200));
    check(&fault_of(protobuf(b"\x0a\xff\x01short")).await, RegionStatus::Malformed, Some(200));
    let fault = fault_of(gzip_in_name_only(&envelope(100))).await;
    check(&fault, RegionStatus::Malformed, Some(200));
}

#[tokio::test]
async fn what_speaks_no_http_is_malformed() {
    check(&fault_of(say(b"SSH-2.0-OpenSSH_9.6\r\n")).await, RegionStatus::Malformed, None);
}

#[tokio::test]
async fn a_redirect_is_a_fault_and_not_followed() {
    let elsewhere = FakeRegion::start(|_| protobuf(&envelope(1))).await;
    let to = format!("{}{V2}", elsewhere.url());
    let fault = fault_of(redirect(&to)).await;
    check(&fault, RegionStatus::Rejected, Some(302));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_body_that_announces_more_than_the_limit_is_refused_before_it_comes() {
    let began = Instant::now();
    check(&fault_of(announcing(CAP as usize + 1)).await, RegionStatus::TooLarge, Some(200));
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_body_that_grows_over_the_limit_is_given_up() {
    let body = envelope(CAP as usize + 1);
    check(&fault_of(chunked(&body, &[])).await, RegionStatus::TooLarge, Some(200));
}

#[tokio::test]
async fn a_small_body_that_unpacks_into_a_large_one_is_given_up() {
    let bomb = gzipped(&vec![0; 64 << 20]);
    check(&fault_of(bomb).await, RegionStatus::TooLarge, Some(200));
}

#[tokio::test]
async fn each_status_has_its_own_cause() {
    let busy = fault_of(text(429, "rate limited: jane@example.com")).await;
    check(&busy, RegionStatus::Overloaded, Some(429));
    assert!(!busy.detail.contains("jane"));
    check(&fault_of(text(400, "invalid start")).await, RegionStatus::Rejected, Some(400));
    check(&fault_of(text(500, "boom")).await, RegionStatus::Error, Some(500));
    check(&fault_of(silent(503)).await, RegionStatus::Error, Some(503));
    let fresh = fault_of(text(500, "live store: cannot guarantee complete results\n")).await;
    check(&fresh, RegionStatus::TooFresh, Some(500));
    let large = fault_of(text(500, "trace exceeds max size (max bytes: 5000000)\n")).await;
    check(&large, RegionStatus::TooLarge, Some(500));
}

#[tokio::test]
async fn a_status_holds_though_its_text_never_ends() {
    let fault = fault_of(announcing_as(500, "text/plain", 100)).await;
    check(&fault, RegionStatus::Error, Some(500));
    let fault = fault_of(announcing_as(200, "text/html", 100)).await;
    check(&fault, RegionStatus::Malformed, Some(200));
}

#[tokio::test]
async fn a_404_that_is_not_tempos_is_not_taken_for_a_missing_trace() {
    let page = fault_of(answer(404, "text/html", b"<html>nothing here</html>")).await;
    check(&page, RegionStatus::Rejected, Some(404));
    // The url leads to a server that has neither version of the API.
    let region = FakeRegion::start(|_| text(404, NO_ROUTE)).await;
    let backend = backend(&region);
    for _ in 0..2 {
        check(&ask(&backend).await.unwrap_err(), RegionStatus::Rejected, Some(404));
    }
    assert_eq!(region.paths(), [V2, V1, V2, V1]);
}
