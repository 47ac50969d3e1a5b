//! A region behind a peer gateway in the same process, asked on behalf of nobody in particular, to whom everything
//! is shown: for suites that hold answers through peers to the same as those of the regions themselves.

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
use tutti::policy::Plan;
use tutti::proof::SigningKey;
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

/// This region, with a gateway before it.
pub fn a_peer(name: &str, backend: Arc<dyn Backend>) -> Arc<dyn Backend> {
    let here = Jurisdiction::parse("EU").unwrap();
    let key = SigningKey::generate().unwrap();
    let layers = LayerSettings::default();
    let region = Region::new(RegionName::parse(name).unwrap(), here.clone(), backend, layers);
    let secret = Secret::new(AUTHORIZATION, "Bearer s3cret");
    let factor = Factor { secret: Some(secret), certificate: None };
    let trust = Trust::new("outer", here.clone(), vec![key.public().clone()], factor);
    let plan = Arc::new(Plan::allow_all());
    let federation = Federation::new(vec![Arc::new(region)], FederationSettings::default(), plan);
    let in_force = InForce::of(federation).with_peers(Arc::new(Peers::new(name, [trust])), here.clone());
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
        gateway: name.to_owned(),
        signer: Signer::new("outer", key),
    };
    let asker = Asker {
        caller: Arc::new(Caller::anonymous()),
        through: Vec::new(),
        besides: Default::default(),
        delivered: vec![here],
        plan_digest: String::new(),
        errand: Errand::default(),
    };
    let peer = PeerBackend::on_line(Arc::new(Here(inner)), &settings, 256 << 20).unwrap();
    peer.on_behalf_of(&Arc::new(asker)).unwrap()
}
