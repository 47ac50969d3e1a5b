//! An estate of regions behind the real router, and a client that takes no time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::ServiceExt;
use tutti::api::{ApiSettings, ApiState, router};
use tutti::backend::settings::LayerSettings;
use tutti::backend::{Backend, Region};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Plan;
use tutti::redaction::Redactor;
use tutti::telemetry::Metrics;

/// How an estate is set up; the defaults are those of the gateway.
#[derive(Debug, Clone)]
pub struct Setup {
    pub layers: LayerSettings,
    pub federation: FederationSettings,
    pub plan: Plan,
    /// Knows the classes of the plan, where it has any.
    pub redactor: Arc<Redactor>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            layers: LayerSettings::default(),
            federation: FederationSettings::default(),
            plan: Plan::allow_all(),
            redactor: Arc::new(Redactor::without_classes()),
        }
    }
}

/// Regions and the gateway before them.
#[allow(dead_code, reason = "each test uses its part")]
pub struct Estate {
    pub state: ApiState,
    pub router: Router,
    pub regions: Vec<Arc<Region>>,
}

/// An answer, taken in whole.
#[derive(Debug, Clone)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub took: Duration,
}

/// One region as the headers tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHeader {
    pub name: String,
    pub status: String,
    pub ms: u128,
    pub spans: u64,
}

impl Setup {
    pub fn over(self, regions: Vec<(&str, Arc<dyn Backend>)>) -> Estate {
        let regions: Vec<Arc<Region>> = regions
            .into_iter()
            .map(|(name, backend)| {
                let jurisdiction = if name.starts_with("eu") { "EU" } else { "US" };
                Arc::new(Region::new(
                    RegionName::parse(name).unwrap(),
                    Jurisdiction::parse(jurisdiction).unwrap(),
                    backend,
                    self.layers.clone(),
                ))
            })
            .collect();
        let metrics = Metrics::default();
        let federation = Federation::new(regions.clone(), self.federation, Arc::new(self.plan))
            .counted_by(metrics.cache().clone())
            .with_redactor(self.redactor);
        let state = ApiState::new(federation, metrics, ApiSettings::default());
        Estate { router: router(state.clone()), state, regions }
    }
}

/// An estate with the gateway's own defaults.
#[allow(dead_code, reason = "each test uses its part")]
pub fn estate(regions: Vec<(&str, Arc<dyn Backend>)>) -> Estate {
    Setup::default().over(regions)
}

#[allow(dead_code, reason = "each test uses its part")]
impl Estate {
    pub async fn get(&self, path: &str) -> Answered {
        self.ask(path, &[]).await
    }

    pub async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        self.send(request(path, headers)).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answered {
        let began = Instant::now();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answered { status: parts.status, headers: parts.headers, body, took: began.elapsed() }
    }

    /// One figure of `/metrics`, by the beginning of its line; 0 where there is none.
    pub async fn metric(&self, line: &str) -> f64 {
        let all = self.get("/metrics").await.text();
        let found = all.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        found.map_or(0.0, |number| number.parse().unwrap())
    }
}

pub fn request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

impl Answered {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The headers on what became of the whole.
    pub fn outcome(&self) -> &str {
        self.header("tutti-outcome")
    }

    /// `Tutti-Regions`, taken apart.
    pub fn regions(&self) -> Vec<InHeader> {
        let header = self.header("tutti-regions");
        header.split(", ").filter(|region| !region.is_empty()).map(in_header).collect()
    }

    /// Names and statuses of the regions, in the order they are given.
    pub fn statuses(&self) -> Vec<(String, String)> {
        self.regions().into_iter().map(|region| (region.name, region.status)).collect()
    }

    /// The status of one region.
    pub fn status_of(&self, name: &str) -> String {
        let found = self.regions().into_iter().find(|region| region.name == name);
        found.unwrap_or_else(|| panic!("no region `{name}` in {:?}", self.headers)).status
    }
}

fn in_header(region: &str) -> InHeader {
    let mut fields = region.split(';');
    let name = fields.next().unwrap().to_owned();
    let mut value = |key: &str| {
        let field = fields.next().unwrap_or_else(|| panic!("no {key} in `{region}`"));
        field.strip_prefix(key).unwrap().strip_prefix('=').unwrap().to_owned()
    };
    let (status, ms, spans) = (value("status"), value("ms"), value("spans"));
    InHeader { name, status, ms: ms.parse().unwrap(), spans: spans.parse().unwrap() }
}
