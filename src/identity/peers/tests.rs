//! Statements that are believed, and those that are refused by name.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::identity::settings::Secret;
use crate::identity::shown::Once;
use crate::model::{Asker, Errand};
use crate::proof::SigningKey;
use crate::proof::statement::{request_digest, sign};

fn now() -> Duration {
    Duration::from_secs(1_800_000_000)
}

fn factor() -> Factor {
    Factor { secret: Some(Secret::new(AUTHORIZATION, "Bearer s3cret")), certificate: None }
}

fn place(name: &str) -> Jurisdiction {
    Jurisdiction::parse(name).unwrap()
}

fn request() -> String {
    request_digest("GET", b"/api/search", Some("q=%7B%7D"))
}

fn statement(id: &str) -> Statement {
    let caller = Caller {
        subject: "alice".to_owned(),
        roles: ["sre".to_owned(), "root".to_owned()].into(),
        groups: ["dpo".to_owned(), "ops".to_owned()].into(),
        clearances: ["pii".to_owned()].into(),
        ..Caller::anonymous()
    };
    Statement {
        issuer: "us-east".to_owned(),
        audience: "eu-central".to_owned(),
        id: id.to_owned(),
        asker: Asker {
            caller: Arc::new(caller),
            through: Vec::new(),
            besides: Default::default(),
            delivered: vec![place("US")],
            plan_digest: String::new(),
            errand: Errand::default(),
        },
        left: Duration::from_secs(5),
        request: request(),
        issued: now(),
        expires: now() + Duration::from_secs(7),
    }
}

struct World {
    key: SigningKey,
    peers: Peers,
}

impl World {
    fn new() -> Self {
        let key = SigningKey::generate().unwrap();
        let trust = Trust::new("us-east", place("US"), vec![key.public().clone()], factor());
        Self { key, peers: Peers::new("eu-central", [trust]) }
    }

    fn who(&self, statement: &Statement) -> Result<Statement, StatementFault> {
        self.shown(&sign(statement, &self.key).unwrap(), Some(b"s3cret"), now())
    }

    fn shown(&self, token: &str, bearer: Option<&[u8]>, now: Duration) -> Result<Statement, StatementFault> {
        let request = request();
        let mut headers = HeaderMap::new();
        if let Some(bearer) = bearer {
            let value = [b"Bearer ", bearer].concat();
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&value).unwrap());
        }
        let shown = Shown {
            authorization: Once::of(&headers, &AUTHORIZATION),
            grafana_id: Once::Absent,
            statement: Once::Is(token.as_bytes()),
            purpose: Once::Absent,
            headers: &headers,
            certificate: None,
        };
        self.peers.who(ShownByPeer { statement: token.as_bytes(), shown: &shown, request: &request }, now)
    }
}

#[test]
fn a_trusted_gateway_is_believed_and_stands_in_the_chain() {
    let known = World::new().who(&statement("1")).unwrap();
    assert_eq!(known.asker.caller.subject, "alice");
    assert_eq!(known.asker.through, ["us-east"]);
    assert_eq!(known.asker.delivered, [place("US"), place("US")]);
}

#[test]
fn a_statement_that_is_not_for_this_gateway_this_request_or_this_moment_is_refused_by_name() {
    use StatementFault as F;
    type Change = fn(&mut Statement);
    let table: [(Change, F); 8] = [
        (|it| it.issuer = "mallory".to_owned(), F::UnknownGateway),
        (|it| it.audience = "us-west".to_owned(), F::Audience),
        (|it| it.request = request_digest("GET", b"/api/search", Some("q=other")), F::OtherRequest),
        (
            |it| (it.issued, it.expires) = (now() - Duration::from_secs(60), now() - Duration::from_secs(20)),
            F::Expired,
        ),
        (|it| it.issued = now() + Duration::from_secs(30), F::TooLong),
        (|it| it.asker.through = vec!["eu-central".to_owned()], F::Loop),
        (|it| it.asker.through = ["a", "b", "c", "d"].map(str::to_owned).to_vec(), F::TooDeep),
        (|it| it.asker.delivered.push(place("CN")), F::Delivery),
    ];
    for (change, expected) in table {
        let mut changed = statement("1");
        change(&mut changed);
        assert_eq!(World::new().who(&changed), Err(expected));
    }
    let world = World::new();
    let other = sign(&statement("1"), &SigningKey::generate().unwrap()).unwrap();
    assert_eq!(world.shown(&other, Some(b"s3cret"), now()), Err(F::Signature));
    assert_eq!(world.shown("nonsense", Some(b"s3cret"), now()), Err(F::Unreadable));
}

#[test]
fn a_stolen_statement_is_worth_nothing_without_the_credential_and_nothing_twice() {
    let world = World::new();
    let token = sign(&statement("1"), &world.key).unwrap();
    for bearer in [None, Some(&b"guess"[..])] {
        assert_eq!(world.shown(&token, bearer, now()), Err(StatementFault::Credential));
    }
    // Whoever lacked the credential has not used it up.
    assert!(world.shown(&token, Some(b"s3cret"), now()).is_ok());
    assert_eq!(world.shown(&token, Some(b"s3cret"), now()), Err(StatementFault::Replayed));
    let late = now() + Duration::from_secs(16);
    assert_eq!(world.shown(&token, Some(b"s3cret"), late), Err(StatementFault::Replayed));
    let later = now() + Duration::from_secs(18);
    assert_eq!(world.shown(&token, Some(b"s3cret"), later), Err(StatementFault::Expired));
}

#[test]
fn a_reload_forgets_no_statement() {
    let world = World::new();
    let token = sign(&statement("1"), &world.key).unwrap();
    assert!(world.shown(&token, Some(b"s3cret"), now()).is_ok());
    let trust = Trust::new("us-east", place("US"), vec![world.key.public().clone()], factor());
    let mut peers = Peers::new("eu-central", [trust]);
    peers.remember_what(&world.peers);
    let world = World { key: world.key, peers };
    assert_eq!(world.shown(&token, Some(b"s3cret"), now()), Err(StatementFault::Replayed));
}

#[test]
fn what_a_gateway_may_not_say_of_callers_is_not_believed() {
    let mut world = World::new();
    let trust = world.peers.trusted.get_mut("us-east").unwrap();
    trust.roles = Some(["sre".to_owned()].into());
    trust.clearances = Some(BTreeSet::new());
    let caller = world.who(&statement("1")).unwrap().asker.caller;
    assert_eq!((caller.roles.len(), caller.clearances.len()), (1, 0));
    assert!(caller.roles.contains("sre"));
    assert!(caller.groups.is_empty(), "where roles are listed, no group is believed that is not");
    world.peers.trusted.get_mut("us-east").unwrap().groups = Some(["ops".to_owned()].into());
    let caller = world.who(&statement("2")).unwrap().asker.caller;
    assert_eq!(caller.groups, ["ops".to_owned()].into());
}

#[test]
fn while_one_key_replaces_another_both_are_taken() {
    let world = World::new();
    let new = SigningKey::generate().unwrap();
    let keys = vec![new.public().clone(), world.key.public().clone()];
    let world = World {
        peers: Peers::new("eu-central", [Trust::new("us-east", place("US"), keys, factor())]),
        ..world
    };
    assert!(world.who(&statement("1")).is_ok());
    assert!(World { key: new, ..world }.who(&statement("2")).is_ok());
}

#[test]
fn what_is_remembered_is_bounded_and_refused_beyond() {
    let mut replays = Replays::default();
    let expires = now() + Duration::from_secs(5);
    for number in 0..REMEMBERED_MAX as u64 {
        replays.take(digest(&number.to_le_bytes()), expires, now()).unwrap();
    }
    assert_eq!(replays.take(digest(b"one more"), expires, now()), Err(StatementFault::TooMany));
    let later = expires + Duration::from_secs(1);
    assert_eq!(replays.take(digest(b"one more"), later + Duration::from_secs(5), later), Ok(()));
    assert_eq!((replays.order.len(), replays.seen.len()), (1, 1));
}
