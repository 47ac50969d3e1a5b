//! How one trace differs from another: both looked up in every region at once, assembled as a trace by id is,
//! and compared whole.
//!
//! Of each only what a caller may see is compared, and nothing that the gateway would add. What is missing
//! of one would show as a difference that is none, so a trace that is not whole is never compared, whatever
//! the caller allows.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;

use super::assemble::{Assembly, assemble};
use super::by_id::Federation;
use super::fanout::merge;
use super::fanout::{LONG_WORK_BYTES, Landed, Treatment, ask_all};
use super::query::{Answered, DiffAsk};
use super::refusal::{Refusal, Why, in_words};
use super::settings::{Additions, FederationSettings};
use crate::backend::TraceCall;
use crate::model::{Answer, Coverage, DiffFormat, DiffSide, Mode, Outcome};
use crate::redaction::{Marks, Redacted};
use crate::task::{self, Deadline};
use crate::trace::{Assembled, diff};

/// One trace as it was found.
struct Side {
    trace: Redacted<Assembled>,
    coverage: Coverage,
    /// The size limit, where the trace is larger.
    exceeds: Option<u64>,
}

impl Federation {
    /// The document of the difference.
    pub async fn diff(self: &Arc<Self>, ask: DiffAsk) -> Answered<Bytes> {
        let deadline = ask.deadline.less(self.settings.reserve);
        let query = &ask.query;
        // What is compared is what regions hold, and nothing that is said of it.
        let estate = self.on_errand(None, true);
        let (base, compare) =
            futures::join!(estate.side(&query.base, deadline), estate.side(&query.compare, deadline));
        // Both are waited for, so that the same question has the same answer whoever is first.
        let base = base.map_err(|refusal| of_side("base", refusal))?;
        let compare = compare.map_err(|refusal| of_side("compare", refusal))?;
        let coverage = of_both(ask.mode, &base.coverage, &compare.coverage);
        let refusal =
            base.refusal("base", &query.base).or_else(|| compare.refusal("compare", &query.compare));
        let limit = self.settings.trace_bytes_max;
        if let Some(refusal) = refusal.or_else(|| together_too_large(&base.trace, &compare.trace, limit)) {
            return Err(Refusal { coverage: Some(coverage), ..refusal });
        }
        match compared(base.trace, compare.trace, query.format).await? {
            Ok(value) => Ok(Answer { value, coverage }),
            Err(too_large) => {
                let line = too_large.to_string();
                Err(Refusal { why: Why::TooMuch, line, coverage: Some(coverage) })
            }
        }
    }

    async fn side(&self, side: &DiffSide, deadline: Deadline) -> Result<Side, Refusal> {
        let call = TraceCall { query: side.query.clone(), deadline };
        let treatment = Treatment {
            id: side.query.id,
            plan: self.plan.clone(),
            redactor: self.redactor.clone(),
            marks: Marks::None,
        };
        let mut landed: Vec<Landed> = ask_all(&self.regions, &call, &treatment, &[]).collect().await;
        landed.sort_by_key(|landed| landed.rank);
        let assembly = Assembly {
            id: side.query.id,
            mode: Mode::BestEffort,
            adjusts_skew: false,
            settings: FederationSettings { additions: Additions::NONE, ..(*self.settings).clone() },
            plan_digest: self.plan.digest().to_owned(),
        };
        let (trace, coverage, exceeds) = assemble(assembly, landed).await?;
        Ok(Side { trace, coverage, exceeds })
    }
}

impl Side {
    /// Why this trace cannot be compared, in Tempo's words where it has some.
    fn refusal(&self, name: &str, asked: &DiffSide) -> Option<Refusal> {
        match self.coverage.outcome() {
            Outcome::Complete if self.trace.is_empty() => {
                Some(Refusal { why: Why::NoSuchTrace, line: "Not Found".to_owned(), coverage: None })
            }
            Outcome::Complete => None,
            Outcome::Partial => {
                let exceeds = self.exceeds.map(|limit| format!("it is over its limit of {limit} bytes"));
                let missing: Vec<String> =
                    exceeds.into_iter().chain(self.coverage.missing().map(in_words)).collect();
                let line = format!(
                    "fetch {name} trace: trace {}: partial traces cannot be diffed: {}",
                    asked.written,
                    missing.join("; ")
                );
                Some(Refusal { why: Why::NotWhole, line, coverage: None })
            }
            Outcome::Refused => {
                Refusal::of_query_coverage(&self.coverage).map(|refusal| of_side(name, refusal))
            }
        }
    }
}

fn of_side(name: &str, refusal: Refusal) -> Refusal {
    Refusal { line: format!("fetch {name} trace: {}", refusal.line), ..refusal }
}

/// The limit of one trace is that of both together, as in Tempo.
fn together_too_large(base: &Assembled, compare: &Assembled, limit: u64) -> Option<Refusal> {
    let bytes = base.protobuf_len() as u64 + compare.protobuf_len() as u64;
    let line = format!(
        "rpc error: code = ResourceExhausted desc = trace diff input too large: combined trace size {bytes} \
         bytes exceeds limit {limit} bytes"
    );
    let is_too_large = limit > 0 && bytes > limit;
    is_too_large.then_some(Refusal { why: Why::TogetherTooLarge, line, coverage: None })
}

/// One account of both lookups: what a region sent adds up, and it is whole if both its parts are.
fn of_both(mode: Mode, base: &Coverage, compare: &Coverage) -> Coverage {
    let mut both = base.clone();
    for (known, report) in both.regions.iter_mut().zip(&compare.regions) {
        merge(known, report.clone());
    }
    both.is_size_limited |= compare.is_size_limited;
    Coverage { mode, owed: Default::default(), ..both }
}

async fn compared(
    base: Redacted<Assembled>,
    compare: Redacted<Assembled>,
    format: DiffFormat,
) -> Result<Result<Redacted<Bytes>, diff::PatchTooLarge>, Refusal> {
    let bytes = base.protobuf_len() + compare.protobuf_len();
    let work = move || {
        let mut too_large = None;
        let document = Redacted::join(vec![base, compare]).map(|pair| {
            let [base, compare] = pair.as_slice() else { return Bytes::new() };
            match diff::document(base, compare, format) {
                Ok(document) => Bytes::from(document),
                Err(error) => {
                    too_large = Some(error);
                    Bytes::new()
                }
            }
        });
        too_large.map_or(Ok(document), Err)
    };
    if bytes as u64 >= LONG_WORK_BYTES {
        task::blocking(work).await.map_err(|_| Refusal::lost())
    } else {
        Ok(work())
    }
}
