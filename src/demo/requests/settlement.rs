//! The batch job: eu-central settles the day's charges and reports sums, not people, to us-east.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::demo::calls::{Http, Statement};
use crate::demo::journey::{Draft, Exception, Journey, SpanRef};
use crate::demo::shop::{ANALYTICS, LEDGER, SETTLEMENT};

/// A job of thousands of charges links to the first few.
const LINKS_MAX: usize = 5;

pub(super) fn settle(journey: &mut Journey, placed: &[SpanRef]) {
    let mut root = journey.open(&SETTLEMENT, None, SpanKind::Internal, "settle charges", Duration::ZERO);
    let charges = journey.number(40..400);
    root.set("k8s.cronjob.name", "settlement-quarter-hourly").set("shop.charges", charges);
    root.links.extend(placed.iter().rev().take(LINKS_MAX));
    let read = Http::get("/v1/entries", "/v1/entries").with_query("state=open&limit=500");
    let read = journey.call(&root, &LEDGER, &read, Duration::from_millis(2), |journey, span, at| {
        let iban = journey.person.iban;
        let select = Statement {
            system: "postgresql",
            operation: "SELECT",
            collection: "entries",
            text: format!(
                "SELECT charge, debtor, iban, cents FROM entries WHERE settled IS NULL AND iban <> '{iban}'"
            ),
            rows: charges,
            takes: 20_000..120_000,
        };
        journey.ask(span, select, at) + Duration::from_millis(3)
    });
    let mut at = read.at;
    for batch in 1..=journey.number(2..5) {
        at = journey.step(&root, "settle batch", at, 60_000..260_000, |step| {
            step.set("shop.batch", batch);
        });
    }
    if journey.happens(15) {
        at = deadlock(journey, &root, at);
    }
    let report = Http::post("/v1/revenue", "/v1/revenue");
    let reported = journey.call(&root, &ANALYTICS, &report, at, |journey, span, at| {
        span.http_status = 202;
        let insert = Statement {
            system: "postgresql",
            operation: "INSERT",
            collection: "revenue",
            text: "INSERT INTO revenue (quarter_hour, currency, cents) VALUES ($1, $2, $3)".into(),
            rows: 0,
            takes: 2_000..9_000,
        };
        journey.ask(span, insert, at)
    });
    journey.close(root, reported.at + Duration::from_millis(1));
}

/// A batch that loses a race in the database and is done again.
fn deadlock(journey: &mut Journey, root: &Draft, at: Duration) -> Duration {
    let person = journey.person;
    let mut attempt = journey.open(root.service, Some(root.id), SpanKind::Internal, "settle batch", at);
    let lost = at + journey.some(900_000..1_300_000);
    let exception = Exception {
        name: "org.postgresql.util.PSQLException",
        message: format!(
            "ERROR: deadlock detected. Detail: Key (iban)=({}) of {} is locked by another transaction",
            person.iban,
            person.name()
        ),
        frames: &["shop.settlement.Batch.run(Batch.java:59)", "shop.settlement.Job.main(Job.java:21)"],
    };
    attempt.throw(lost, &exception);
    journey.close(attempt, lost);
    journey.step(root, "settle batch", lost, 60_000..260_000, |step| {
        step.set("shop.is_retry", true);
    })
}
