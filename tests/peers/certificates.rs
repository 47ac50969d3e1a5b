//! A peer that is known by its certificate: over TLS on loopback, with the certificate that is named, with another one
//! of the same authority, and with none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;
use tutti::api::router;
use tutti::api::serve::{ServeSettings, serve_as};
use tutti::api::tls::{Certificate, Clients};
use tutti::backend::Region;
use tutti::backend::settings::{
    Auth, KindSettings, LayerSettings, PeerSettings, RegionSettings, TempoSettings, TlsSettings,
};
use tutti::identity::{CertificateOf, Factor};
use tutti::model::RegionName;
use tutti::task::Group;

use crate::gates::{Gate, Made, Who, place, region, who};
use crate::spans::{ID, span};
use crate::trouble::holding;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of this name, and its key, in PEM.
fn issued(by: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let pem = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, by).unwrap().pem();
    (pem, key.serialize_pem())
}

struct Secured {
    address: SocketAddr,
    server: Authority,
    clients: Authority,
    outer_is: Who,
    _tasks: Group,
}

/// The gateway that is asked, behind TLS: it knows the one that asks by the name of its certificate.
async fn secured() -> Secured {
    let (outer_is, inner_is) = (who("us-east", "US"), who("eu-central", "EU"));
    let name = ServerName::try_from("tutti.us.example").unwrap();
    let mut trust = outer_is.trust();
    trust.factor = Factor { secret: None, certificate: Some(CertificateOf::Name(name)) };
    let mut inner =
        Made::new(&inner_is, vec![region("eu-central", "EU", holding(vec![span(2, Some(1), 2)]))]);
    inner.trusts.push(trust);
    let inner = inner.gate();
    let (server, clients) = (authority(), authority());
    let (pem, key) = issued(&server, "localhost");
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let asked_for = Clients { roots: Arc::new(roots), is_required: false };
    let certificate = Certificate::new(Arc::new(key), Some(&asked_for)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tasks, routes) = (Group::new(), router(inner.estate.state.clone()));
    let serving =
        serve_as(Some(certificate), listener, routes, ServeSettings::default(), std::future::pending());
    tasks.spawn(async move { serving.await.unwrap() });
    Secured { address, server, clients, outer_is, _tasks: tasks }
}

impl Secured {
    /// The gateway that asks, with a certificate or none, and no other credential.
    fn asking(&self, certificate: Option<(String, String)>) -> Gate {
        let at = self.outer_is.asks("eu-central", &format!("https://localhost:{}", self.address.port()));
        let tls = TlsSettings {
            ca_pem: Some(self.server.pem().into_bytes()),
            client_pem: certificate.map(|(certificate, key)| format!("{certificate}\n{key}").into()),
        };
        let settings = RegionSettings {
            name: RegionName::parse("eu-central").unwrap(),
            jurisdiction: place("EU"),
            kind: KindSettings::Tutti(PeerSettings {
                at: TempoSettings { auth: Auth::None, tls, ..at.at },
                ..at
            }),
            layers: LayerSettings { deadline: Duration::from_secs(20), ..LayerSettings::default() },
            is_raw_egress: false,
        };
        let near = region("us-east", "US", holding(vec![span(1, None, 3)]));
        Made::new(&self.outer_is, vec![near, Arc::new(Region::build(&settings).unwrap())]).gate()
    }
}

#[tokio::test]
async fn a_certificate_is_the_credential_of_a_peer_and_only_the_one_that_is_named() {
    let secured = secured().await;
    let path = format!("/api/v2/traces/{ID}");
    let known = secured.asking(Some(issued(&secured.clients, "tutti.us.example"))).get(&path).await;
    assert_eq!((known.outcome(), &*known.status_of("eu-central")), ("complete", "ok"), "{}", known.text());
    for other in [Some(issued(&secured.clients, "elsewhere.example")), None] {
        let refused = secured.asking(other).get(&format!("/api/tutti/v1/traces/{ID}")).await;
        assert_eq!((refused.outcome(), &*refused.status_of("eu-central")), ("partial", "rejected"));
        assert!(
            refused.text().contains("does not accept the credential of this gateway"),
            "{}",
            refused.text()
        );
    }
    let stranger = secured.asking(Some(issued(&authority(), "tutti.us.example"))).get(&path).await;
    assert_eq!(
        stranger.status_of("eu-central"),
        "unreachable",
        "whose authority is not trusted has no connection"
    );
}
