//! Gateways in one process, and the lines between them, which remember every byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use http::header::AUTHORIZATION;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::backend::settings::{
    Auth, LayerSettings, PeerSettings, Signer, Streaming, TempoSettings, TlsSettings,
};
use tutti::backend::{Backend, Fault, Line, PeerBackend, Region};
use tutti::federation::{Federation, FederationSettings};
use tutti::identity::{Callers, Factor, Peers, Reception, Secret, Trust};
use tutti::model::{Caller, Jurisdiction, RegionName, RegionStatus};
use tutti::policy::{Plan, Policies};
use tutti::proof::SigningKey;
use tutti::redaction::Redactor;
use tutti::telemetry::Metrics;

use crate::estate::{Answered, Estate};

/// Who a gateway is.
#[derive(Clone)]
pub struct Who {
    pub name: &'static str,
    pub jurisdiction: &'static str,
    pub key: SigningKey,
}

pub fn who(name: &'static str, jurisdiction: &'static str) -> Who {
    Who { name, jurisdiction, key: SigningKey::generate().unwrap() }
}

pub fn place(name: &str) -> Jurisdiction {
    Jurisdiction::parse(name).unwrap()
}

impl Who {
    pub fn secret(&self) -> String {
        format!("of-{}", self.name)
    }

    pub fn trust(&self) -> Trust {
        let secret = Secret::new(AUTHORIZATION, &format!("Bearer {}", self.secret()));
        let factor = Factor { secret: Some(secret), certificate: None };
        Trust::new(self.name, place(self.jurisdiction), vec![self.key.public().clone()], factor)
    }

    /// How this one asks the gateway of that name.
    pub fn asks(&self, gateway: &str, url: &str) -> PeerSettings {
        PeerSettings {
            at: TempoSettings {
                url: url.parse().unwrap(),
                tenant: None,
                auth: Auth::Bearer(self.secret().into()),
                headers: Vec::new(),
                tls: TlsSettings::default(),
                connect_timeout: Duration::from_secs(2),
                idle_connections_max: 4,
                streaming: Streaming::Never,
            },
            gateway: gateway.to_owned(),
            signer: Signer::new(self.name, self.key.clone()),
        }
    }
}

type ChangeAnswer = dyn Fn(http::Response<Bytes>) -> http::Response<Bytes> + Send + Sync;
type ChangeRequest = dyn Fn(&mut http::Request<()>) + Send + Sync;

/// What may be wrong on a line.
#[derive(Clone, Default)]
pub enum Trouble {
    #[default]
    None,
    Dead,
    Silent,
    Slow(Duration),
    /// What arrives is another answer than was sent.
    Changes(Arc<ChangeAnswer>),
    /// What arrives is another request than was put.
    Rewrites(Arc<ChangeRequest>),
}

/// The way to a gateway, which remembers all that passed.
pub struct Wire {
    router: Router,
    pub passed: Mutex<Vec<u8>>,
    /// Of what passed, answers alone: what a caller asks they know already.
    pub answers: Mutex<Vec<u8>>,
    pub requests: Mutex<Vec<http::Request<()>>>,
    pub trouble: Mutex<Trouble>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub fn to(router: Router) -> Arc<Self> {
        let trouble = Mutex::default();
        let (passed, answers, requests) = Default::default();
        Arc::new(Self { router, passed, answers, requests, trouble })
    }

    pub fn is(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }

    pub fn changes(
        &self,
        change: impl Fn(http::Response<Bytes>) -> http::Response<Bytes> + Send + Sync + 'static,
    ) {
        self.is(Trouble::Changes(Arc::new(change)));
    }

    /// Whether these bytes were anywhere on the line, as they are or as a header or a path writes them.
    pub fn carried(&self, text: &str) -> bool {
        let passed = self.passed.lock().unwrap();
        let escaped = crate::asking::encoded(text);
        [text, &escaped].iter().any(|text| passed.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// Takes what was answered so far.
    pub fn answered(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.answers.lock().unwrap())).into_owned()
    }

    fn note(&self, headers: &http::HeaderMap, more: &[u8]) {
        let mut passed = self.passed.lock().unwrap();
        for (name, value) in headers {
            passed.extend_from_slice(format!("{name}: ").as_bytes());
            passed.extend_from_slice(value.as_bytes());
            passed.push(b'\n');
        }
        // What is signed is written in base64, and read here as it means.
        for value in headers.get_all("tutti-statement") {
            use base64::Engine;
            for part in value.to_str().unwrap().split('.') {
                passed.extend(
                    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap_or_default(),
                );
            }
        }
        passed.extend_from_slice(more);
    }

    async fn carry(&self, mut request: http::Request<()>) -> Result<http::Response<Bytes>, Fault> {
        let trouble = self.trouble.lock().unwrap().clone();
        match &trouble {
            Trouble::Dead => return Err(Fault::new(RegionStatus::Unreachable, "it refused the connection")),
            Trouble::Silent => pending().await,
            Trouble::Slow(wait) => tokio::time::sleep(*wait).await,
            Trouble::Rewrites(change) => change(&mut request),
            Trouble::None | Trouble::Changes(_) => {}
        }
        self.note(request.headers(), request.uri().to_string().as_bytes());
        self.requests.lock().unwrap().push(request.clone());
        let response = self.router.clone().oneshot(request.map(|()| Body::empty())).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.note(&parts.headers, &body);
        self.answers
            .lock()
            .unwrap()
            .extend(format!("{:?}", parts.headers).bytes().chain(body.iter().copied()));
        let response = http::Response::from_parts(parts, body);
        Ok(match trouble {
            Trouble::Changes(change) => change(response),
            _ => response,
        })
    }
}

impl Line for Wire {
    fn put(&self, request: http::Request<()>) -> BoxFuture<'_, Result<http::Response<Bytes>, Fault>> {
        self.carry(request).boxed()
    }
}

/// What a gateway is made of.
pub struct Made {
    pub who: Who,
    pub regions: Vec<Arc<Region>>,
    pub policies: Arc<Policies>,
    pub redactor: Arc<Redactor>,
    pub federation: FederationSettings,
    pub trusts: Vec<Trust>,
    pub callers: Callers,
}

impl Made {
    pub fn new(who: &Who, regions: Vec<Arc<Region>>) -> Self {
        Self {
            who: who.clone(),
            regions,
            policies: Arc::new(Policies::allow_all()),
            redactor: Arc::new(Redactor::without_classes()),
            federation: FederationSettings::default(),
            trusts: Vec::new(),
            callers: Callers::default(),
        }
    }

    pub fn ruled(self, plan: Plan) -> Self {
        Self { policies: Arc::new(Policies::of_plan(plan)), redactor: crate::world::redactor(), ..self }
    }

    pub fn trusting(mut self, who: &Who) -> Self {
        self.trusts.push(who.trust());
        self
    }

    pub fn in_force(self) -> InForce {
        let plan = self.policies.plan(&Caller::anonymous());
        let federation = Federation::new(self.regions, self.federation, plan).with_redactor(self.redactor);
        InForce::of(federation)
            .with_policies(self.policies)
            .with_reception(Arc::new(Reception::of_callers(self.callers)))
            .with_peers(Arc::new(Peers::new(self.who.name, self.trusts)), place(self.who.jurisdiction))
    }

    pub fn gate(self) -> Gate {
        let regions = self.regions.clone();
        let state = ApiState::over(self.in_force(), Metrics::default(), ApiSettings::default());
        let estate = Estate { router: router(state.clone()), state, regions };
        let wire = Wire::to(estate.router.clone());
        Gate { estate, wire }
    }
}

/// A gateway, and the line to it.
pub struct Gate {
    pub estate: Estate,
    pub wire: Arc<Wire>,
}

impl Gate {
    pub async fn get(&self, path: &str) -> Answered {
        self.estate.get(path).await
    }
}

pub fn region(name: &str, jurisdiction: &str, backend: Arc<dyn Backend>) -> Arc<Region> {
    let layers = LayerSettings { deadline: Duration::from_secs(5), ..LayerSettings::default() };
    Arc::new(Region::new(RegionName::parse(name).unwrap(), place(jurisdiction), backend, layers))
}

/// The region before which this gateway stands, as the one that asks declares it.
pub fn peer(outer: &Who, name: &str, inner: &Who, gate: &Gate) -> Arc<Region> {
    let settings = outer.asks(inner.name, &format!("http://{}.peer", inner.name));
    let backend = PeerBackend::on_line(gate.wire.clone(), &settings, 64 << 20).unwrap();
    region(name, inner.jurisdiction, Arc::new(backend))
}
