//! One region: how it is asked and what it can answer. Each backend is one leaf behind `Backend`; the
//! layers around it (deadline, limits, retry, breaker) are built once per region in `client`.

mod asked;
mod body;
mod breaker;
mod call;
mod client;
mod deadline;
pub mod document;
mod exporter;
#[cfg(test)]
mod fake;
mod fault;
pub mod memory;
mod notice;
pub mod peer;
pub mod post;
mod retry;
pub mod settings;
mod simulated;
mod tempo;

use futures::FutureExt;
use futures::future::BoxFuture;

use std::sync::Arc;

use crate::model::coverage::Within;
use crate::model::{Asker, MetricsAnswer, RegionStatus, SearchAnswer, TagNames, TagValues};
use crate::task::Deadline;

pub use breaker::CircuitState;
pub use call::{
    Answering, Call, MetricsCall, RegionAnswer, RegionTrace, SearchCall, TagValuesCall, TagsCall, TraceCall,
    TracesCall,
};
pub use client::Region;
pub use exporter::{ExportSettings, Exporter};
pub use notice::{NotTaken, Notifier};
pub use peer::{Line, PeerBackend};
pub use simulated::{Behaviour, Distance, Simulated};
pub use tempo::TempoBackend;

/// A region, whatever kind it is. Dropping a returned future cancels its work.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// Every span the region holds of one trace.
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>>;

    /// Asks the region who it is. Runs off the request path: it also keeps connections warm and is what
    /// an open circuit waits for.
    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>>;

    /// Whether it answers searches, tags and metrics at all. Where one does not, nothing is asked of the
    /// others either: what they would say together is no answer.
    fn answers_queries(&self) -> bool {
        false
    }

    /// Whether it lies in this process: it holds what was sent to it as it was sent, and sends several traces at
    /// once. Others may have renumbered ids, and are asked for one trace at a time.
    fn is_embedded(&self) -> bool {
        false
    }

    /// Whether it is a gateway like this one: what it sends is already what the caller may see, decided there.
    fn is_peer(&self) -> bool {
        false
    }

    /// The name of the gateway that is asked, where it is one.
    fn gateway(&self) -> Option<&str> {
        None
    }

    /// Whether ids of spans may be others than those that were sent.
    fn renumbers(&self) -> bool {
        !self.is_embedded()
    }

    /// The same region as it is asked for somebody: nothing where it makes no difference who asks.
    fn on_behalf_of(&self, _: &Arc<Asker>) -> Option<Arc<dyn Backend>> {
        None
    }

    /// Every span the region holds of each of these traces, in their order. Where that is much, of as many of
    /// the first as it cares to send at once, and of one at least.
    fn traces(&self, _: TracesCall) -> BoxFuture<'_, Result<Vec<RegionTrace>, Fault>> {
        not_yet("question for several traces")
    }

    /// Traces that match, the newest first.
    fn search(&self, _: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        not_yet("search")
    }

    /// Names of attributes.
    fn tag_names(&self, _: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        not_yet("question for tags")
    }

    /// Values of one attribute.
    fn tag_values(&self, _: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        not_yet("question for the values of a tag")
    }

    /// Series over time.
    fn metrics(&self, _: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        not_yet("metrics query")
    }
}

fn not_yet<T: Send + 'static>(what: &'static str) -> BoxFuture<'static, Result<T, Fault>> {
    futures::future::ready(Err(fault::not_answered_yet(what))).boxed()
}

/// What a region says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegionInfo {
    /// Tempo's version, where it names one.
    pub version: Option<String>,
}

/// Why a region gave no answer. The text is our own and safe to show; what the region sent goes to the
/// log only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    pub status: RegionStatus,
    pub detail: String,
    pub http_status: Option<u16>,
    pub attempts: u32,
    /// Whether the same question, asked again at once, may be answered: true only where the region did
    /// no work for it (the connection broke before an answer began).
    pub is_retryable: bool,
    /// Whether it says nothing about the region: it was not asked, or had no fair time to answer. A
    /// circuit does not count such a fault.
    pub is_blameless: bool,
    /// Whether the query itself failed on a span, as it would in any region that holds such a one.
    pub is_of_the_query: bool,
    /// What a peer gateway said of its own regions.
    pub within: Option<Arc<Within>>,
}

/// Why a region can't be built from its settings. The texts are for the operator who wrote them; none
/// repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("an embedded region is made from its store, not from a url")]
    Embedded,
    #[error("the url of a region is `http` or `https` with a host and an optional path, not `{0}`")]
    Url(String),
    #[error("the url of a region holds no user, password, query or fragment; use its auth settings")]
    UrlHoldsMore,
    #[error("the tenant `{0}` can't be sent as a header")]
    Tenant(String),
    #[error("the value of the header `{0}` can't be sent")]
    Header(String),
    #[error("the credentials can't be sent as a header")]
    Credentials,
    #[error("the file of trusted certificates can't be used: {0}")]
    TrustedCertificates(String),
    #[error("the client certificate can't be used: {0}")]
    ClientCertificate(String),
    #[error("no certificate is trusted: the system has none and the region names none")]
    NothingTrusted,
    #[error("a peer gateway is asked by signed statements: [peer] key names the key")]
    NothingSigns,
    #[error("no http client can be made: {0}")]
    Client(String),
}

impl Fault {
    pub fn new(status: RegionStatus, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            http_status: None,
            attempts: 1,
            is_retryable: false,
            is_blameless: false,
            is_of_the_query: false,
            within: None,
        }
    }
}
