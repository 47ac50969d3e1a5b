//! Regions behind peer gateways in the same process: asked on behalf of nobody in particular, to whom everything is
//! shown, for suites that hold answers through peers to the same as those of the regions themselves; or on behalf of
//! a caller, to whom the gateway before each region shows what its own policies let them see.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::backend::settings::{
    Auth, LayerSettings, PeerSettings, Signer, Streaming, TempoSettings, TlsSettings,
};
use tutti::backend::{Backend, Fault, Line, PeerBackend, Region};
use tutti::federation::{Federation, FederationSettings};
use tutti::identity::{Factor, Peers, Secret, Trust};
use tutti::model::{Asker, Caller, Errand, Jurisdiction, RegionName};
use tutti::policy::Policies;
use tutti::proof::SigningKey;
use tutti::redaction::Redactor;
use tutti::telemetry::Metrics;

#[derive(Debug)]
struct Here(Router);

impl Line for Here {
    fn put(&self, request: http::Request<()>) -> BoxFuture<'_, Result<http::Response<Bytes>, Fault>> {
        let router = self.0.clone();
        async move {
            let response = router.oneshot(request.map(|()| Body::empty())).await.unwrap();
            let (parts, body) = response.into_parts();
            Ok(http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes()))
        }
        .boxed()
    }
}

/// The gateway that asks, as the peers of one estate know it.
pub struct Outer {
    key: SigningKey,
    /// Where it stands.
    pub here: Jurisdiction,
}

impl Outer {
    pub fn of(here: &str) -> Self {
        Self { key: SigningKey::generate().unwrap(), here: Jurisdiction::parse(here).unwrap() }
    }

    /// This region, with a gateway before it that has these policies. It is asked for whoever asks the outer one.
    pub fn peer(&self, region: Region, policies: Arc<Policies>, redactor: Arc<Redactor>) -> PeerBackend {
        let (name, there) = (region.name().as_str().to_owned(), region.jurisdiction().clone());
        let secret = Secret::new(AUTHORIZATION, "Bearer s3cret");
        let factor = Factor { secret: Some(secret), certificate: None };
        let trust = Trust::new("outer", self.here.clone(), vec![self.key.public().clone()], factor);
        let plan = policies.plan(&Caller::anonymous());
        let federation = Federation::new(vec![Arc::new(region)], FederationSettings::default(), plan);
        let in_force = InForce::of(federation.with_redactor(redactor))
            .with_policies(policies)
            .with_peers(Arc::new(Peers::new(name.as_str(), [trust])), there);
        let inner = router(ApiState::over(in_force, Metrics::default(), ApiSettings::default()));
        let settings = PeerSettings {
            at: TempoSettings {
                url: "http://peer".parse().unwrap(),
                tenant: None,
                auth: Auth::Bearer("s3cret".into()),
                headers: Vec::new(),
                tls: TlsSettings::default(),
                connect_timeout: Duration::from_secs(2),
                idle_connections_max: 4,
                streaming: Streaming::Never,
            },
            gateway: name,
            signer: Signer::new("outer", self.key.clone()),
        };
        PeerBackend::on_line(Arc::new(Here(inner)), &settings, 256 << 20).unwrap()
    }
}

/// This region, with a gateway before it that shows everything to everyone.
pub fn a_peer(name: &str, backend: Arc<dyn Backend>) -> Arc<dyn Backend> {
    let outer = Outer::of("EU");
    let layers = LayerSettings::default();
    let region = Region::new(RegionName::parse(name).unwrap(), outer.here.clone(), backend, layers);
    let peer = outer.peer(region, Arc::new(Policies::allow_all()), Arc::new(Redactor::without_classes()));
    let asker = Asker {
        caller: Arc::new(Caller::anonymous()),
        through: Vec::new(),
        besides: Default::default(),
        delivered: vec![outer.here],
        plan_digest: String::new(),
        errand: Errand::default(),
    };
    peer.on_behalf_of(&Arc::new(asker)).unwrap()
}
