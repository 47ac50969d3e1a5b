//! The faults that every kind of region shares, each in our own words.
//!
//! A detail is shown to callers, so nothing here takes a text from a region: what a region sent is only
//! looked at, to tell one fault from another. Both the network and its simulation make their faults here,
//! so that a simulated failure reads exactly as the real one.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, StatusCode, header};

use super::Fault;
use crate::model::coverage::Within;
use crate::model::{Exactness, RegionStatus};
use crate::proof::statement::StatementFault;
use crate::task::clock::wall_nanos;

/// Tempo's words for a trace above its size limit, whatever status a version gives them.
const SAYS_TOO_LARGE: &[u8] = b"trace exceeds max size";

/// Tempo's words when its newest data lags behind.
const SAYS_TOO_FRESH: &[u8] = b"cannot guarantee complete results";

/// Slow and dead read the same: this text holds nothing of how far an answer got.
pub(super) fn timeout() -> Fault {
    Fault::new(RegionStatus::Timeout, "no answer by the deadline")
}

/// The deadline passed while the question waited for its turn.
pub(super) fn timeout_in_line(concurrent_max: usize) -> Fault {
    let detail = format!("not asked by the deadline: {concurrent_max} questions to it were under way");
    not_asked(RegionStatus::Timeout, detail)
}

/// Nobody more can wait for a place.
pub(super) fn line_is_full(concurrent_max: usize, waiting_max: usize) -> Fault {
    let detail = format!(
        "not asked: the region's limit of {concurrent_max} questions at one time is reached, and {waiting_max} wait"
    );
    not_asked(RegionStatus::Limited, detail)
}

/// What it sent does not fit beside everything else that is held.
pub(super) fn no_room() -> Fault {
    let detail =
        "its answer was not taken in: this gateway holds as many bytes as it may (limits.memory_max)";
    Fault { is_blameless: true, ..Fault::new(RegionStatus::Limited, detail) }
}

/// It said how long it wants to be left alone, and that is not over.
pub(super) fn resting(left: Duration) -> Fault {
    let seconds = left.as_secs_f64().ceil();
    let detail = format!("not asked: it asks to be left alone for another {seconds} s");
    not_asked(RegionStatus::Overloaded, detail)
}

/// The same with how long it wants to be left alone: whoever says that is well, and busy.
#[must_use]
pub(super) fn asking_for_rest(fault: Fault, headers: &HeaderMap) -> Fault {
    let is_of_load = matches!(fault.http_status, Some(429 | 503));
    let Some(rest) = retry_after(headers).filter(|_| is_of_load) else { return fault };
    if fault.status == RegionStatus::Error {
        let detail = "it answered that it is overloaded (503)";
        return Fault {
            retry_after: Some(rest),
            ..answered(RegionStatus::Overloaded, StatusCode::SERVICE_UNAVAILABLE, detail)
        };
    }
    Fault { retry_after: Some(rest), ..fault }
}

/// Nobody is left alone for longer: a clock that is wrong must not close a region off.
const REST_MAX: Duration = Duration::from_secs(30);

/// In seconds, as nearly all send it who limit what they are asked, or as a date, which is told by the clock here: where
/// the two disagree by more than a moment the rest is too long or too short, within its bounds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let rest = match said.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(said).ok()?.duration_since(UNIX_EPOCH).ok()?;
            until.saturating_sub(Duration::from_nanos(wall_nanos()))
        }
    };
    Some(rest.min(REST_MAX)).filter(|rest| !rest.is_zero())
}

/// No attempt was made, so it says nothing about the region.
pub(super) fn not_asked(status: RegionStatus, detail: impl Into<String>) -> Fault {
    Fault { attempts: 0, is_blameless: true, ..Fault::new(status, detail) }
}

/// A kind of region that can't answer such a question yet. It was not asked.
pub(super) fn not_answered_yet(what: &str) -> Fault {
    not_asked(RegionStatus::Rejected, format!("it does not answer a {what} yet"))
}

/// Evaluating the query failed on a span. The words are those of the query's own failure.
pub(super) fn of_query(failure: impl std::fmt::Display) -> Fault {
    let fault = Fault::new(RegionStatus::Rejected, failure.to_string());
    Fault { is_of_the_query: true, is_blameless: true, ..fault }
}

pub(super) fn refused() -> Fault {
    retryable("it refused the connection")
}

pub(super) fn broke_before_answer() -> Fault {
    retryable("the connection broke before an answer began")
}

pub(super) fn unreachable(detail: &str) -> Fault {
    Fault::new(RegionStatus::Unreachable, detail)
}

pub(super) fn cut_off() -> Fault {
    answered(RegionStatus::CutOff, StatusCode::OK, "its answer ended before it was whole")
}

pub(super) fn no_protobuf() -> Fault {
    answered(RegionStatus::Malformed, StatusCode::OK, "it answered with something that is no protobuf")
}

pub(super) fn no_envelope() -> Fault {
    answered(RegionStatus::Malformed, StatusCode::OK, "it answered with bytes that do not read as a trace")
}

pub(super) fn of_another_form() -> Fault {
    let detail = "it answered in another form than it was asked for";
    answered(RegionStatus::Malformed, StatusCode::OK, detail)
}

pub(super) fn no_answer_to_query() -> Fault {
    let detail = "it answered with bytes that do not read as an answer to the question";
    answered(RegionStatus::Malformed, StatusCode::OK, detail)
}

pub(super) fn no_such_query() -> Fault {
    let detail = "it knows no such question under the configured url (404)";
    answered(RegionStatus::Rejected, StatusCode::NOT_FOUND, detail)
}

/// It was to be asked by nothing else.
pub(super) fn no_streaming() -> Fault {
    let detail = "it has no streaming API at the configured url, and is set to be asked by it only";
    answered(RegionStatus::Rejected, StatusCode::NOT_FOUND, detail)
}

/// What answers is no gateway that could be a peer.
pub(super) fn no_gateway() -> Fault {
    let detail = "what answers at the configured url is no gateway that takes statements of others";
    answered(RegionStatus::Malformed, StatusCode::OK, detail)
}

pub(super) fn other_protocol(theirs: u32, ours: u32) -> Fault {
    let detail = format!(
        "it speaks version {theirs} of the protocol between gateways, and this one speaks version {ours}: bring \
         both to the same release"
    );
    Fault { is_blameless: false, ..Fault::new(RegionStatus::Rejected, detail) }
}

pub(super) fn no_account() -> Fault {
    let detail = "it answered without an account of its regions that can be read";
    answered(RegionStatus::Malformed, StatusCode::OK, detail)
}

pub(super) fn account_of_another() -> Fault {
    let detail = "its account is of another question, or of another gateway than the one configured";
    answered(RegionStatus::Malformed, StatusCode::OK, detail)
}

/// Whatever it answers, it is about no region: each is asked by this gateway itself, or by one before it.
pub(super) fn nothing_left_there(account: Within) -> Fault {
    let detail = "every region behind it is one that another gateway is asked about";
    // It answered with an error, over nothing; of what it would have to account for nothing is missing.
    let within = Some(std::sync::Arc::new(Within { exactness: Exactness::Exact, ..account }));
    Fault { within, is_blameless: true, ..Fault::new(RegionStatus::NotNeeded, detail) }
}

pub(super) fn left_out_there() -> Fault {
    let detail = "it leaves out a gateway that this one does not ask about the same";
    answered(RegionStatus::Malformed, StatusCode::OK, detail)
}

pub(super) fn not_answered_there() -> Fault {
    let detail = "it cannot answer this question over its own regions (501)";
    Fault { is_blameless: true, ..answered(RegionStatus::Rejected, StatusCode::NOT_IMPLEMENTED, detail) }
}

pub(super) fn credential_refused() -> Fault {
    let detail = "it does not accept this gateway: neither its credential nor its statement (401)";
    answered(RegionStatus::Rejected, StatusCode::UNAUTHORIZED, detail)
}

/// In our own words for each reason.
pub(super) fn statement_refused(why: StatementFault, status: StatusCode) -> Fault {
    use StatementFault as F;
    let detail = match why {
        F::Unreadable => "it cannot read this gateway's statements",
        F::UnknownGateway => "it does not know this gateway: its [[peer.trusts]] must name it",
        F::Signature => "it has another public key of this gateway than that of [peer] key",
        F::Audience => "it has another name than the one configured here (`gateway` of this region)",
        F::Expired => "the statement had expired on arrival: are the clocks of both gateways right?",
        F::Early => "the statement is of a later time there: are the clocks of both gateways right?",
        F::TooLong => "it takes no statement that holds so long",
        F::Claims => {
            "it reads fewer roles, groups and clearances of a caller, or a shorter purpose, than these"
        }
        F::OtherRequest => "the request was changed on the way to it: does a proxy rewrite it?",
        F::Replayed => "it has had this statement before",
        F::TooMany => "it is asked more often than it can remember statements",
        F::Loop => "it was asked before in this chain: gateways ask each other in a circle",
        F::TooDeep => "there are more gateways in this chain than there may be",
        F::Credential => "it does not accept the credential of this gateway",
        F::Delivery => "it does not let answers be taken to where they would go",
    };
    let kind = if why == F::TooMany { RegionStatus::Overloaded } else { RegionStatus::Rejected };
    answered(kind, status, detail)
}

pub(super) fn bad_encoding() -> Fault {
    answered(RegionStatus::Malformed, StatusCode::OK, "its answer could not be decompressed")
}

pub(super) fn over_cap(bytes_max: u64) -> Fault {
    let detail = format!("its answer is larger than the limit of {bytes_max} bytes for one region");
    answered(RegionStatus::TooLarge, StatusCode::OK, detail)
}

/// Neither of Tempo's two ways to ask for a trace is known there.
pub(super) fn no_such_route() -> Fault {
    let detail = "it knows no trace lookup under the configured url (404)";
    answered(RegionStatus::Rejected, StatusCode::NOT_FOUND, detail)
}

/// As [`of_status`], of a question that is for no single trace: nothing it says is about one's size.
pub(super) fn of_query_status(status: StatusCode, text: &[u8]) -> Fault {
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        return answered(RegionStatus::Rejected, status, "it rejected the question (422)");
    }
    let fault = of_status(status, text);
    if fault.status == RegionStatus::Malformed {
        let detail = format!("it answered {} where an answer was due", status.as_u16());
        return answered(RegionStatus::Malformed, status, detail);
    }
    fault
}

/// The fault that a status other than 200 stands for. `text` is the beginning of the body.
pub(super) fn of_status(status: StatusCode, text: &[u8]) -> Fault {
    let says = |words: &[u8]| memchr::memmem::find(text, words).is_some();
    let code = status.as_u16();
    let (kind, detail) = match code {
        _ if code == 422 || says(SAYS_TOO_LARGE) => {
            (RegionStatus::TooLarge, format!("the trace is larger than its own limit ({code})"))
        }
        429 => (RegionStatus::Overloaded, "it is asked more than it allows (429)".to_owned()),
        500.. if says(SAYS_TOO_FRESH) => {
            (RegionStatus::TooFresh, "its newest spans are not all there yet".to_owned())
        }
        500.. => (RegionStatus::Error, format!("it answered with a server error ({code})")),
        401 | 403 => (RegionStatus::Rejected, format!("it does not accept who is asking ({code})")),
        400.. => (RegionStatus::Rejected, format!("it rejected the question ({code})")),
        300.. => {
            (RegionStatus::Rejected, format!("it answered with a redirect ({code}), which is not followed"))
        }
        _ => (RegionStatus::Malformed, format!("it answered {code} where a trace was due")),
    };
    answered(kind, status, detail)
}

fn retryable(detail: &str) -> Fault {
    Fault { is_retryable: true, ..Fault::new(RegionStatus::Unreachable, detail) }
}

fn answered(status: RegionStatus, http: StatusCode, detail: impl Into<String>) -> Fault {
    Fault { http_status: Some(http.as_u16()), ..Fault::new(status, detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u16, text: &str, expected: RegionStatus) {
        let fault = of_status(StatusCode::from_u16(code).unwrap(), text.as_bytes());
        assert_eq!(fault.status, expected, "{code} {text}");
        assert_eq!(fault.http_status, Some(code));
        assert!(!fault.is_retryable, "an answer is never asked for again: {code}");
    }

    #[test]
    fn a_status_stands_for_the_fault_it_names() {
        check(400, "invalid start", RegionStatus::Rejected);
        check(401, "no org id", RegionStatus::Rejected);
        check(302, "", RegionStatus::Rejected);
        check(429, "slow down", RegionStatus::Overloaded);
        check(500, "boom", RegionStatus::Error);
        check(503, "", RegionStatus::Error);
        check(204, "", RegionStatus::Malformed);
    }

    #[test]
    fn what_tempo_says_in_words_counts_more_than_its_status() {
        check(422, "anything", RegionStatus::TooLarge);
        check(500, "rpc error: trace exceeds max size (max bytes: 300)", RegionStatus::TooLarge);
        check(400, "trace exceeds max size", RegionStatus::TooLarge);
        check(500, "find trace: cannot guarantee complete results\n", RegionStatus::TooFresh);
        check(400, "cannot guarantee complete results", RegionStatus::Rejected);
    }

    #[test]
    fn a_detail_never_repeats_what_a_region_sent() {
        for code in [204, 302, 400, 403, 422, 429, 500] {
            let fault = of_status(StatusCode::from_u16(code).unwrap(), b"jane@example.com");
            assert!(!fault.detail.contains("jane"), "{}", fault.detail);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_to_leave_a_region_alone_is_said_in_seconds_or_by_a_date_within_bounds() {
        let now = Duration::from_nanos(wall_nanos());
        let rest =
            |said: &str| retry_after(&[(header::RETRY_AFTER, said.parse().unwrap())].into_iter().collect());
        let date = |seconds: u64| httpdate::fmt_http_date(UNIX_EPOCH + now + Duration::from_secs(seconds));
        assert_eq!(rest("7"), Some(Duration::from_secs(7)));
        // A date has no parts of a second.
        let until = rest(&date(10)).unwrap();
        assert!(until > Duration::from_secs(8) && until <= Duration::from_secs(10), "{until:?}");
        for far in ["3600", &date(3600), "Fri, 31 Dec 9999 23:59:59 GMT", "Fri Dec 31 23:59:59 9999"] {
            assert_eq!(rest(far), Some(REST_MAX), "{far}");
        }
        for nothing in
            ["0", "-1", "soon", "", "Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 1969 00:00:00 GMT"]
        {
            assert_eq!(rest(nothing), None, "{nothing}");
        }
    }
}
