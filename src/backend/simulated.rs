//! A region at a distance, and in whatever state a test or a demo wants it.
//!
//! Wraps any backend. Its faults are those the network makes, from the same place, so nothing above can
//! tell them apart. All waiting is on tokio's clock: with paused time an estate of far regions answers at
//! once, and always in the same order for the same seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use super::call::{MetricsCall, SearchCall, TagValuesCall, TagsCall, TracesCall};
use super::{Backend, Fault, RegionAnswer, RegionInfo, RegionTrace, TraceCall, fault};
use crate::model::{MetricsAnswer, SearchAnswer, TagNames, TagValues, TraceId};
use crate::redaction::Raw;
use crate::task::Deadline;
use crate::wire::otlp::{resource_spans, scope_spans, span, trace};
use crate::wire::protobuf::{put_bytes_field, put_fixed64_field, put_message};

/// How far away a region is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distance {
    pub round_trip: Duration,
    /// Added to each round trip: anything from nothing to this.
    pub jitter: Duration,
    /// What the line carries; without limit when absent.
    pub bytes_per_second: Option<u64>,
}

/// The state a region is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    #[default]
    Well,
    /// Its connections are refused.
    Down,
    /// It takes the question and never answers.
    BlackHole,
    /// It answers this much later.
    Slow(Duration),
    /// Its answers end in the middle.
    CutOff,
    /// It lies: bytes that are no protobuf, in a good envelope.
    Garbage,
    /// It lies: the spans of another trace.
    OtherTrace,
    /// A login page answers in its place.
    Html,
    Throttled,
    ServerError,
    RejectsRequest,
    /// Its answers say of themselves that they are not whole.
    SaysPartial,
    TooLarge,
    TooFresh,
}

/// A backend at a distance.
#[derive(Debug)]
pub struct Simulated {
    inner: Arc<dyn Backend>,
    distance: Distance,
    behaviour: Mutex<Behaviour>,
    chance: Mutex<StdRng>,
}

impl Simulated {
    /// The seed decides the jitter.
    pub fn new(inner: Arc<dyn Backend>, distance: Distance, seed: u64) -> Self {
        let chance = Mutex::new(StdRng::seed_from_u64(seed));
        Self { inner, distance, behaviour: Mutex::default(), chance }
    }

    /// Holds for questions that are put from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *whole(&self.behaviour) = behaviour;
    }

    pub fn behaviour(&self) -> Behaviour {
        *whole(&self.behaviour)
    }

    async fn ask(&self, call: TraceCall) -> Result<RegionTrace, Fault> {
        let began = Instant::now();
        let behaviour = self.behaviour();
        self.travel(behaviour).await;
        let id = call.query.id;
        let mut answer = match refusal(behaviour) {
            Some(fault) => return Err(fault),
            None => self.inner.trace_by_id(call).await?,
        };
        distort(&mut answer, id, behaviour, began.elapsed());
        self.carry(answer.bytes).await;
        Ok(answer)
    }

    async fn ask_several(&self, call: TracesCall) -> Result<Vec<RegionTrace>, Fault> {
        let began = Instant::now();
        let behaviour = self.behaviour();
        self.travel(behaviour).await;
        let ids = call.query.clone();
        let mut answers = match refusal(behaviour) {
            Some(fault) => return Err(fault),
            None => self.inner.traces(call).await?,
        };
        for (answer, id) in answers.iter_mut().zip(ids) {
            distort(answer, id, behaviour, began.elapsed());
        }
        self.carry(answers.iter().map(|answer| answer.bytes).sum()).await;
        Ok(answers)
    }

    /// Another question than for a trace. Its answer has no bytes that could be exchanged or weighed, so
    /// bytes that are no protobuf are the fault that they would be.
    async fn ask_query<A>(
        &self,
        answer: BoxFuture<'_, Result<RegionAnswer<A>, Fault>>,
    ) -> Result<RegionAnswer<A>, Fault> {
        let began = Instant::now();
        let behaviour = self.behaviour();
        self.travel(behaviour).await;
        match refusal(behaviour) {
            Some(fault) => return Err(fault),
            None if behaviour == Behaviour::Garbage => return Err(fault::no_envelope()),
            None => {}
        }
        let mut answer = answer.await?;
        answer.first_byte = Some(began.elapsed());
        answer.is_partial |= behaviour == Behaviour::SaysPartial;
        Ok(answer)
    }

    async fn ask_who(&self, deadline: Deadline) -> Result<RegionInfo, Fault> {
        let behaviour = self.behaviour();
        self.travel(behaviour).await;
        // The others are about traces; the page about the version still answers.
        match (behaviour, refusal(behaviour)) {
            (Behaviour::Down | Behaviour::ServerError | Behaviour::Throttled, Some(fault)) => Err(fault),
            _ => self.inner.probe(deadline).await,
        }
    }

    /// The way there and back, with what the region adds to it.
    async fn travel(&self, behaviour: Behaviour) {
        let jitter = match self.distance.jitter {
            Duration::ZERO => Duration::ZERO,
            most => whole(&self.chance).random_range(Duration::ZERO..=most),
        };
        sleep(self.distance.round_trip + jitter).await;
        match behaviour {
            Behaviour::BlackHole => pending().await,
            Behaviour::Slow(by) => sleep(by).await,
            _ => {}
        }
    }

    /// The time the line takes for a body.
    async fn carry(&self, bytes: u64) {
        if let Some(per_second) = self.distance.bytes_per_second {
            sleep(Duration::from_secs_f64(bytes as f64 / per_second.max(1) as f64)).await;
        }
    }
}

impl Backend for Simulated {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.ask(call).boxed()
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.ask_who(deadline).boxed()
    }

    fn answers_queries(&self) -> bool {
        self.inner.answers_queries()
    }

    fn is_embedded(&self) -> bool {
        self.inner.is_embedded()
    }

    fn renumbers(&self) -> bool {
        self.inner.renumbers()
    }

    fn traces(&self, call: TracesCall) -> BoxFuture<'_, Result<Vec<RegionTrace>, Fault>> {
        self.ask_several(call).boxed()
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        self.ask_query(self.inner.search(call)).boxed()
    }

    fn tag_names(&self, call: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        self.ask_query(self.inner.tag_names(call)).boxed()
    }

    fn tag_values(&self, call: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        self.ask_query(self.inner.tag_values(call)).boxed()
    }

    fn metrics(&self, call: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        self.ask_query(self.inner.metrics(call)).boxed()
    }
}

/// The fault that is a region's whole answer, where it is one.
fn refusal(behaviour: Behaviour) -> Option<Fault> {
    let of_status = |status, text: &str| Some(fault::of_status(status, text.as_bytes()));
    match behaviour {
        Behaviour::Down => Some(fault::refused()),
        Behaviour::CutOff => Some(fault::cut_off()),
        Behaviour::Html => Some(fault::no_protobuf()),
        Behaviour::Throttled => of_status(StatusCode::TOO_MANY_REQUESTS, ""),
        Behaviour::ServerError => of_status(StatusCode::INTERNAL_SERVER_ERROR, ""),
        Behaviour::RejectsRequest => of_status(StatusCode::BAD_REQUEST, ""),
        Behaviour::TooLarge => of_status(StatusCode::UNPROCESSABLE_ENTITY, ""),
        Behaviour::TooFresh => {
            of_status(StatusCode::INTERNAL_SERVER_ERROR, "cannot guarantee complete results")
        }
        Behaviour::Well
        | Behaviour::BlackHole
        | Behaviour::Slow(_)
        | Behaviour::Garbage
        | Behaviour::OtherTrace
        | Behaviour::SaysPartial => None,
    }
}

/// What a region that lies makes of its answer.
fn distort(answer: &mut RegionTrace, id: TraceId, behaviour: Behaviour, took: Duration) {
    answer.first_byte = Some(took);
    match behaviour {
        Behaviour::Garbage => seal(answer, Bytes::from_static(b"\xffthis is no protobuf")),
        Behaviour::OtherTrace => seal(answer, trace_other_than(id)),
        Behaviour::SaysPartial => answer.is_partial = true,
        _ => {}
    }
}

fn seal(answer: &mut RegionTrace, bytes: Bytes) {
    answer.bytes = bytes.len() as u64;
    answer.trace = Raw::seal(bytes);
}

/// One well-formed span of a trace that nobody asked for.
fn trace_other_than(id: TraceId) -> Bytes {
    let other = id.as_bytes().map(|byte| !byte);
    let mut out = Vec::new();
    put_message(&mut out, trace::RESOURCE_SPANS, |out| {
        put_message(out, resource_spans::RESOURCE, |_| {});
        put_message(out, resource_spans::SCOPE_SPANS, |out| {
            put_message(out, scope_spans::SPANS, |out| {
                put_bytes_field(out, span::TRACE_ID, &other);
                put_bytes_field(out, span::SPAN_ID, &[7; 8]);
                put_bytes_field(out, span::NAME, b"of another trace");
                put_fixed64_field(out, span::START_TIME, 1);
                put_fixed64_field(out, span::END_TIME, 2);
            });
        });
    });
    out.into()
}

fn whole<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
