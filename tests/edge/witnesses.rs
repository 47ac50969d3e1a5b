//! The audit log before its witnesses, over sockets: gateways that sign for each other, and witnesses that are dead,
//! lie, know another size, or were there before.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tutti::api::audit::{Auditor, EdgeSettings, WitnessSettings};
use tutti::api::serve::{ServeSettings, serve};
use tutti::api::{ApiSettings, ApiState, router};
use tutti::audit::cosigned::file_of;
use tutti::audit::disk::Folder;
use tutti::audit::json::Json;
use tutti::audit::note::{Kind, NamedKey, Note, cosign};
use tutti::audit::read::{Reader, checkpoint};
use tutti::audit::tree::consistency;
use tutti::audit::verify::verify;
use tutti::audit::witness::question;
use tutti::audit::{AuditSettings, Event, Log};
use tutti::backend::post::PostTo;
use tutti::federation::{Federation, FederationSettings};
use tutti::model::RegionName;
use tutti::policy::Plan;
use tutti::proof::SigningKey;
use tutti::task::Group;
use tutti::telemetry::Metrics;

const PREFIX: &str = "/api/tutti/v1/audit/witness";

/// What a test waits for anything, on a busy machine: 20 s.
const LOOKS_MAX: usize = 1000;
const PAUSE: Duration = Duration::from_millis(20);
/// For a disk that others keep busy, which is not what is tested.
const PATIENCE: Duration = Duration::from_mins(1);

/// A log, and the keys that it is known by.
pub struct Made {
    pub dir: TempDir,
    pub settings: AuditSettings,
    pub log: NamedKey,
    pub witness: NamedKey,
    pub key: SigningKey,
}

pub fn made(name: &str) -> Made {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let named = |kind| NamedKey::new(name, kind, key.public().clone()).unwrap();
    let (origin, own) = (Some(name.to_owned()), Some(key.clone()));
    let settings = AuditSettings { origin, key: own, wait_max: PATIENCE, ..AuditSettings::at(dir.path()) };
    Made { dir, settings, log: named(Kind::Log), witness: named(Kind::Witness), key }
}

impl Made {
    pub fn folder(&self) -> Folder {
        Folder::at(self.dir.path())
    }

    /// A gateway with this log, which is asked for nothing else.
    pub async fn gateway(&self, edge: &EdgeSettings, tasks: &Group) -> (ApiState, Arc<Auditor>) {
        let log = Log::open(&self.settings, &RegionName::parse("us-east").unwrap()).unwrap();
        let auditor = Auditor::with(log, &self.settings).readable(self.dir.path(), &edge.readers);
        let auditor = Arc::new(auditor.tended(self.dir.path(), edge, tasks).await.unwrap());
        let federation =
            Federation::new(Vec::new(), FederationSettings::default(), Arc::new(Plan::allow_all()));
        let state = ApiState::new(federation, Metrics::default(), ApiSettings::default());
        (state.with_audit(auditor.clone()), auditor)
    }
}

/// Asked for signatures as often as a test can wait for.
fn witnessed_by(name: &str, key: &NamedKey, url: &str) -> EdgeSettings {
    let at = PostTo { url: url.parse().unwrap(), ca_pem: None, secret: None };
    let witnesses = vec![WitnessSettings { name: name.to_owned(), key: key.clone(), at }];
    EdgeSettings { witnesses, witness_every: PAUSE, ..EdgeSettings::default() }
}

pub async fn ask(state: &ApiState, request: Request<Body>) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    let answer = router(state.clone()).oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

async fn text(state: &ApiState, path: &str) -> String {
    let (_, _, body) = ask(state, Request::get(path).body(Body::empty()).unwrap()).await;
    String::from_utf8(body).unwrap()
}

async fn submit(state: &ApiState, path: &str, said: String) -> (u16, String) {
    let (status, _, body) = ask(state, Request::post(path).body(Body::from(said)).unwrap()).await;
    (status.as_u16(), String::from_utf8(body).unwrap())
}

/// Waits until the status page says so.
async fn until(state: &ApiState, what: &str) -> String {
    for _ in 0..LOOKS_MAX {
        let status = text(state, "/status").await;
        if status.contains(what) {
            return status;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("never `{what}`: {}", text(state, "/status").await);
}

async fn metric(state: &ApiState, of: &str) -> f64 {
    let metrics = text(state, "/metrics").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {of} in {metrics}")).parse().unwrap()
}

async fn note(auditor: &Auditor, count: usize) {
    for _ in 0..count {
        auditor.note(Event::QUERY, Json::Null).await.unwrap();
    }
    // And a checkpoint at once.
    auditor.log().close().await;
}

fn serve_on(listener: TcpListener, state: ApiState, tasks: &Group) {
    let serving = serve(listener, router(state), ServeSettings::default(), std::future::pending());
    tasks.spawn(async move { drop(serving.await) });
}

/// A witness that answers as it is told, and what it was asked.
#[derive(Clone, Default)]
struct Fake {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

type Answer = Box<dyn Fn(&str) -> (u16, String) + Send>;

impl Fake {
    /// The last of the answers is given again and again.
    fn new(answers: Vec<Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into())), asked: Arc::default() }
    }

    fn answer(&self, asked: String) -> Response {
        let mut answers = self.answers.lock().unwrap();
        let (status, said) = answers.front().unwrap()(&asked);
        if answers.len() > 1 {
            answers.pop_front();
        }
        self.asked.lock().unwrap().push(asked);
        (StatusCode::from_u16(status).unwrap(), said).into_response()
    }

    async fn open(&self, tasks: &Group) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = self.clone();
        let answer = post(move |asked: String| async move { fake.answer(asked) });
        let routes = axum::Router::new().route("/add-checkpoint", answer);
        let serving = serve(listener, routes, ServeSettings::default(), std::future::pending());
        tasks.spawn(async move { drop(serving.await) });
        address
    }

    /// The sizes from which it was asked to go on.
    fn from(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|asked| asked.lines().next().unwrap().to_owned()).collect()
    }
}

fn says(status: u16, said: &str) -> Answer {
    let said = said.to_owned();
    Box::new(move |_| (status, said.clone()))
}

/// Signs whatever it is shown.
fn signs(name: &str, key: &SigningKey) -> Answer {
    let (name, key) = (name.to_owned(), key.clone());
    Box::new(move |asked| {
        let (_, shown) = asked.split_once("\n\n").unwrap();
        let signature = cosign(&Note::parse(shown).unwrap(), &name, &key, 1_700_000_000).unwrap();
        (200, format!("{signature}\n"))
    })
}

#[tokio::test]
async fn two_gateways_sign_the_logs_of_each_other() {
    let (tasks, mut one, mut two) = (Group::new(), made("tutti/one"), made("tutti/two"));
    one.settings.witnessed = vec![two.log.clone()];
    two.settings.witnessed = vec![one.log.clone()];
    let mut listeners = Vec::new();
    for _ in 0..2 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let url = |nth: usize| format!("http://{}{PREFIX}", TcpListener::local_addr(&listeners[nth]).unwrap());
    let (edge_of_one, edge_of_two) =
        (witnessed_by("two", &two.witness, &url(1)), witnessed_by("one", &one.witness, &url(0)));
    let (state_of_one, auditor) = one.gateway(&edge_of_one, &tasks).await;
    let (state_of_two, _auditor) = two.gateway(&edge_of_two, &tasks).await;
    for state in [&state_of_two, &state_of_one] {
        serve_on(listeners.pop().unwrap(), state.clone(), &tasks);
    }
    note(&auditor, 300).await;
    until(&state_of_one, "witness=two  state=well").await;
    until(&state_of_two, "witness=one  state=well").await;
    // More records, and the witness goes on from where it was.
    let signed = metric(&state_of_one, "tutti_audit_witness_records{witness=\"two\"}").await;
    note(&auditor, 50).await;
    for _ in 0..LOOKS_MAX {
        if metric(&state_of_one, "tutti_audit_witness_records{witness=\"two\"}").await >= signed + 50.0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(metric(&state_of_one, "tutti_audit_witness_alarm{witness=\"two\"}").await, 0.0);
    auditor.log().close().await;
    let verified = verify(&one.folder(), &one.log, std::slice::from_ref(&two.witness), &[]).unwrap();
    let [seen] = verified.cosigned.as_slice() else { panic!("nothing is kept of the witness: {verified:?}") };
    assert!(seen.by == "tutti/two" && seen.size as f64 >= signed + 50.0, "{seen:?}");
    // What the witness did is on its own record, and its key lies where it can be had.
    let vkey = std::fs::read_to_string(two.dir.path().join("witness.vkey")).unwrap();
    assert_eq!(NamedKey::parse(&vkey).unwrap(), two.witness);
}

#[tokio::test]
async fn a_witness_that_is_dead_is_named_and_asked_again_until_it_signs() {
    let (tasks, own, other) = (Group::new(), made("tutti/one"), made("tutti/two"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let edge = witnessed_by("two", &other.witness, &format!("http://{address}{PREFIX}"));
    let (state, auditor) = own.gateway(&edge, &tasks).await;
    note(&auditor, 3).await;
    until(&state, "witness=two  state=silent  signed=0").await;
    // Nobody waits for it.
    note(&auditor, 3).await;
    let mut second = made("tutti/two");
    second.settings = AuditSettings { dir: second.dir.path().to_owned(), ..other.settings.clone() };
    second.settings.witnessed = vec![own.log.clone()];
    let (state_of_two, _auditor) = second.gateway(&EdgeSettings::default(), &tasks).await;
    serve_on(TcpListener::bind(address).await.unwrap(), state_of_two, &tasks);
    until(&state, "witness=two  state=well").await;
}

#[tokio::test]
async fn a_witness_that_knows_another_size_is_asked_from_there_and_remembered_after_a_restart() {
    let (tasks, own, other) = (Group::new(), made("tutti/one"), made("tutti/two"));
    let fake = Fake::new(vec![says(409, "4\n"), signs("tutti/two", &other.key)]);
    let url = format!("http://{}", fake.open(&tasks).await);
    let edge = witnessed_by("two", &other.witness, &url);
    let log = Log::open(&own.settings, &RegionName::parse("us-east").unwrap()).unwrap();
    note(&Auditor::new(log.clone(), None), 10).await;
    log.close().await;
    drop(log);
    let asking = Group::new();
    let opened = until_free(&own, &edge, &asking).await;
    until(&opened, "witness=two  state=well  signed=10").await;
    assert_eq!(fake.from()[..2], ["old 0", "old 4"]);
    // The proof from there is the one of the tree.
    let second = fake.asked.lock().unwrap()[1].clone();
    let (note_of, checkpoint) = checkpoint(&own.folder()).unwrap();
    let proof = consistency(&Reader::new(&own.folder(), checkpoint.size), 4, checkpoint.size).unwrap();
    assert_eq!(second, question(4, &proof, &note_of));
    assert!(std::fs::metadata(own.dir.path().join(file_of("tutti/two"))).is_ok());
    asking.stop().await;
    drop(opened);
    let before = fake.from().len();
    let again = until_free(&own, &edge, &tasks).await;
    until(&again, "witness=two  state=well").await;
    assert_eq!(fake.from()[before], "old 10", "what it signed is known again");
}

/// Opens a log whose writer may still be ending.
async fn until_free(own: &Made, edge: &EdgeSettings, tasks: &Group) -> ApiState {
    for _ in 0..LOOKS_MAX {
        if own.folder().lock("lock").is_ok() {
            return own.gateway(edge, tasks).await.0;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("its writer never ends");
}

#[tokio::test]
async fn a_witness_that_lies_or_has_seen_another_history_is_told_apart() {
    let other = made("tutti/two");
    let stranger = SigningKey::generate().unwrap();
    for (answer, state, alarm) in [
        (says(200, "good enough\n"), "unsigned", 0.0),
        (says(200, ""), "unsigned", 0.0),
        (signs("tutti/two", &stranger), "unsigned", 0.0),
        (signs("tutti/three", &other.key), "unsigned", 0.0),
        (says(404, "unknown"), "refusing", 0.0),
        (says(403, "unknown"), "refusing", 0.0),
        (says(500, "oh"), "refusing", 0.0),
        (says(200, &"x".repeat(1 << 20)), "unsigned", 0.0),
        // It knows more than there is; it knows as much as it was asked from, and it is something else.
        (says(409, "1000000\n"), "other_history", 1.0),
        (says(409, "0\n"), "other_history", 1.0),
        (says(409, "what"), "other_history", 1.0),
        (says(422, "forked"), "other_history", 1.0),
    ] {
        let (tasks, own) = (Group::new(), made("tutti/one"));
        let fake = Fake::new(vec![answer]);
        let edge = witnessed_by("two", &other.witness, &format!("http://{}", fake.open(&tasks).await));
        let (gateway, auditor) = own.gateway(&edge, &tasks).await;
        note(&auditor, 3).await;
        until(&gateway, &format!("witness=two  state={state}  signed=0")).await;
        let said = metric(&gateway, "tutti_audit_witness_alarm{witness=\"two\"}").await;
        assert_eq!(said, alarm, "{state}");
        assert!(std::fs::metadata(own.dir.path().join(file_of("tutti/two"))).is_err(), "nothing is kept");
    }
}

/// Also where the witness says nothing: what it signed lies in the folder, and speaks of more than the log has.
#[tokio::test]
async fn a_log_that_was_put_back_is_an_alarm() {
    let (tasks, own, other) = (Group::new(), made("tutti/one"), made("tutti/two"));
    let fake = Fake::new(vec![signs("tutti/two", &other.key), says(500, "")]);
    let edge = witnessed_by("two", &other.witness, &format!("http://{}", fake.open(&tasks).await));
    let asking = Group::new();
    let (state, auditor) = own.gateway(&edge, &asking).await;
    note(&auditor, 20).await;
    auditor.log().close().await;
    until(&state, "witness=two  state=well").await;
    let kept = std::fs::read(own.dir.path().join(file_of("tutti/two"))).unwrap();
    asking.stop().await;
    drop((state, auditor));
    // Another log of the same key and name, which is shorter.
    let anew = made("tutti/one");
    let settings = AuditSettings { dir: anew.dir.path().to_owned(), ..own.settings.clone() };
    let anew = Made { settings, log: own.log.clone(), ..anew };
    std::fs::create_dir(anew.dir.path().join("cosigned")).unwrap();
    std::fs::write(anew.dir.path().join(file_of("tutti/two")), kept).unwrap();
    let before = fake.from().len();
    let (state, _auditor) = anew.gateway(&edge, &tasks).await;
    until(&state, "witness=two  state=other_history").await;
    assert_eq!(fake.from().len(), before, "nothing goes on from what is not there");
}

#[tokio::test]
async fn who_witnesses_nothing_says_so_and_both_paths_are_one() {
    let (tasks, mut one, two) = (Group::new(), made("tutti/one"), made("tutti/two"));
    let alias = format!("{PREFIX}/add-checkpoint");
    let (state, _auditor) = two.gateway(&EdgeSettings::default(), &tasks).await;
    for path in [PREFIX, &alias] {
        let (status, said) = submit(&state, path, "old 0\n\n".to_owned()).await;
        assert!(status == 404 && said.contains("witness of no log"), "{said}");
    }
    assert!(std::fs::metadata(two.dir.path().join("witness.vkey")).is_err(), "it is no witness");
    one.settings.witnessed = vec![two.log.clone()];
    let (witness, _auditor) = one.gateway(&EdgeSettings::default(), &tasks).await;
    let (first, _) = checkpoint(&two.folder()).unwrap();
    let mut said = Vec::new();
    for path in [PREFIX, &alias] {
        let (status, line) = submit(&witness, path, question(0, &[], &first)).await;
        assert_eq!(status, 200, "{line}");
        let mut note = first.clone();
        note.signatures.push(tutti::audit::note::Signature::parse(line.trim_end()).unwrap());
        said.push(one.witness.signed(&note).is_some());
        assert_eq!(submit(&witness, path, "nonsense".to_owned()).await.0, 400);
    }
    assert_eq!(said, [true, true], "signed by the key in witness.vkey");
    let vkey = std::fs::read_to_string(one.dir.path().join("witness.vkey")).unwrap();
    assert_eq!(NamedKey::parse(&vkey).unwrap(), one.witness);
}

/// Where what was signed lies, there is a pipe that nobody writes to: whoever signs waits for it.
#[tokio::test]
async fn a_witness_that_looks_at_many_says_so() {
    let (tasks, mut one, two) = (Group::new(), made("tutti/one"), made("tutti/two"));
    one.settings.witnessed = vec![two.log.clone()];
    let (witness, _auditor) = one.gateway(&EdgeSettings::default(), &tasks).await;
    let (_state, _other) = two.gateway(&EdgeSettings::default(), &tasks).await;
    let (first, _) = checkpoint(&two.folder()).unwrap();
    let folder = one.dir.path().join("witness");
    std::fs::create_dir_all(&folder).unwrap();
    let pipe = folder.join(file_of("tutti/two").strip_prefix("cosigned/").unwrap());
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let looking: Vec<_> =
        (0..4).map(|_| Box::pin(submit(&witness, PREFIX, question(0, &[], &first)))).collect();
    let mut looking = Box::pin(futures::future::join_all(looking));
    // Each of the four has its place as soon as it was polled far enough.
    let refused = async {
        for _ in 0..LOOKS_MAX {
            tokio::time::sleep(PAUSE).await;
            let fifth = tokio::time::timeout(PAUSE, submit(&witness, PREFIX, question(0, &[], &first))).await;
            if let Ok((429, said)) = fifth {
                return said;
            }
        }
        panic!("it never says that it is busy");
    };
    let said = tokio::select! {
        said = refused => said,
        signed = &mut looking => panic!("{signed:?}"),
    };
    assert!(said.contains("too many checkpoints at once"), "{said}");
    // The one who reads finds the end now, and the others that there is nothing.
    let open = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    std::fs::remove_file(&pipe).unwrap();
    drop(open);
    looking.await;
}
