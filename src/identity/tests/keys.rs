//! Keys that are asked for over the network, on paused time: an address that is slow, dead, or being changed, and
//! crowds with keys that nobody knows.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::signing::{Signer, published};
use super::*;

const ISSUER: &str = "https://idp.example/";

/// An address that answers what it is told to, after a while.
#[derive(Debug)]
struct Address {
    says: Mutex<Result<String, String>>,
    takes: Mutex<Duration>,
    max_age: Option<Duration>,
    asked: AtomicUsize,
}

impl FetchKeys for Address {
    fn fetch<'a>(&'a self, from: &'a KeysUrl) -> BoxFuture<'a, Result<FetchedKeys, String>> {
        async {
            if from.url.host() != Some("idp.example") {
                // Another issuer, whose keys stay.
                return Ok(FetchedKeys { body: published(&[&Signer::ed("b")]).into(), max_age: None });
            }
            self.asked.fetch_add(1, Ordering::SeqCst);
            let takes = *self.takes.lock().unwrap();
            sleep(takes).await;
            let body = self.says.lock().unwrap().clone()?;
            Ok(FetchedKeys { body: body.into(), max_age: self.max_age })
        }
        .boxed()
    }
}

impl Address {
    fn of(signers: &[&Signer]) -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::new(Ok(published(signers))),
            takes: Mutex::new(Duration::from_millis(20)),
            max_age: None,
            asked: AtomicUsize::new(0),
        })
    }

    fn now_says(&self, says: Result<String, &str>) {
        *self.says.lock().unwrap() = says.map_err(str::to_owned);
    }

    fn now_takes(&self, takes: Duration) {
        *self.takes.lock().unwrap() = takes;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn url(url: &str) -> KeysUrl {
    KeysUrl { url: url.parse().unwrap(), ca_pem: None }
}

fn settings() -> Arc<IdentitySettings> {
    let issuer = IssuerSettings {
        issuer: ISSUER.to_owned(),
        audience: "tutti".to_owned(),
        algorithms: SignedBy::DEFAULT.to_vec(),
        keys: KeysFrom::Url(url("https://idp.example/keys")),
        claims: ClaimPaths::default(),
        grants: Vec::new(),
    };
    Arc::new(IdentitySettings { mode: Mode::Required, issuers: vec![issuer], ..IdentitySettings::default() })
}

fn reception(address: &Arc<Address>, before: Option<&Reception>) -> Reception {
    let fetch: Arc<dyn FetchKeys> = address.clone();
    Reception::new(settings(), &fetch, before)
}

/// A token nobody has shown yet.
fn token(signer: &Signer) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let jti = NEXT.fetch_add(1, Ordering::SeqCst);
    signer.token(
        &json!({"iss": ISSUER, "aud": "tutti", "sub": "alice", "exp": NOW.as_secs() + 1_000_000, "jti": jti}),
    )
}

async fn show(reception: &Reception, token: &str) -> Result<(), String> {
    let shown = who(reception, &[("authorization", &format!("Bearer {token}"))]).await;
    shown.map(drop).map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn the_first_callers_wait_for_one_question() {
    let signer = Signer::ed("a");
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    let tokens: Vec<_> = (0..50).map(|_| token(&signer)).collect();
    let shown = join_all(tokens.iter().map(|token| show(&reception, token))).await;
    assert!(shown.iter().all(Result::is_ok), "{shown:?}");
    assert_eq!(address.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_asked_for_again_before_they_are_old_and_nobody_waits_for_that() {
    let signer = Signer::ed("a");
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    show(&reception, &token(&signer)).await.unwrap();
    address.now_takes(Duration::from_secs(4));
    for minute in 1..=60 {
        sleep(Duration::from_secs(60)).await;
        let began = Instant::now();
        show(&reception, &token(&signer)).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "minute {minute}");
    }
    // Every eight minutes of an hour, since it says nothing of its age.
    assert!((7..=8).contains(&address.asked()), "asked {} times", address.asked());
}

#[tokio::test(start_paused = true)]
async fn the_age_that_an_issuer_gives_is_kept_within_bounds() {
    for (max_age, hours, expected) in [(0, 1, 60..=76), (1_000_000, 8, 10..=11)] {
        let signer = Signer::ed("a");
        let address = Address::of(&[&signer]);
        let mut address = Arc::into_inner(address).unwrap();
        address.max_age = Some(Duration::from_secs(max_age));
        let address = Arc::new(address);
        let _reception = reception(&address, None);
        sleep(Duration::from_secs(hours * 3600)).await;
        assert!(expected.contains(&address.asked()), "{max_age}: asked {} times", address.asked());
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_address_is_dead_known_keys_go_on_for_a_day_and_no_longer() {
    let (signer, other) = (Signer::ed("a"), Signer::ed("b"));
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    let early = token(&signer);
    show(&reception, &early).await.unwrap();
    address.now_says(Err("no connection could be made"));
    for _ in 0..23 {
        sleep(Duration::from_secs(3600)).await;
        show(&reception, &token(&signer)).await.unwrap();
    }
    let line = show(&reception, &token(&other)).await.unwrap_err();
    assert!(line.contains("`b` is none that `https://idp.example/` publishes"), "{line}");
    sleep(Duration::from_secs(2 * 3600)).await;
    for token in [token(&signer), early] {
        let line = show(&reception, &token).await.unwrap_err();
        assert!(line.contains("cannot be had at the moment"), "{line}");
    }
    // It comes back, and nobody has to do anything.
    address.now_says(Ok(published(&[&signer])));
    sleep(Duration::from_secs(301)).await;
    show(&reception, &token(&signer)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_address_that_answers_nonsense_or_nothing_costs_no_known_key() {
    let signer = Signer::ed("a");
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    show(&reception, &token(&signer)).await.unwrap();
    for nonsense in ["<html>", "{\"keys\": []}", "{\"keys\": null}", ""] {
        address.now_says(Ok(nonsense.to_owned()));
        sleep(Duration::from_secs(3600)).await;
        show(&reception, &token(&signer)).await.unwrap();
    }
    address.now_takes(Duration::from_secs(100_000));
    sleep(Duration::from_secs(3600)).await;
    show(&reception, &token(&signer)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_address_holds_up_only_those_with_new_keys_and_those_not_for_long() {
    let (signer, new) = (Signer::ed("a"), Signer::ed("new"));
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    show(&reception, &token(&signer)).await.unwrap();
    sleep(SPACING).await;
    address.now_takes(Duration::from_secs(4));
    address.now_says(Ok(published(&[&signer, &new])));
    let began = Instant::now();
    let (known, unknown) = (token(&signer), token(&new));
    let shown = futures::join!(show(&reception, &unknown), async {
        show(&reception, &known).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
    assert!(shown.0.is_err());
    assert_eq!(began.elapsed(), WAIT_MAX);
    // The question went on without its caller.
    sleep(Duration::from_secs(2)).await;
    show(&reception, &unknown).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_its_first_token_and_an_old_one_is_good_for_a_while() {
    let (old, new) = (Signer::ed("old"), Signer::es("new"));
    let address = Address::of(&[&old]);
    let reception = reception(&address, None);
    let early = token(&old);
    show(&reception, &early).await.unwrap();
    sleep(SPACING).await;
    address.now_says(Ok(published(&[&new])));
    show(&reception, &token(&new)).await.unwrap();
    assert_eq!(address.asked(), 2);
    // Machines behind the address may still answer in turn.
    show(&reception, &token(&old)).await.unwrap();
    sleep(GONE_MAX + SPACING).await;
    for token in [token(&old), early] {
        let line = show(&reception, &token).await.unwrap_err();
        assert!(line.contains("`old` is none that"), "{line}");
    }
    show(&reception, &token(&new)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_key_under_the_same_name_takes_its_place_at_once() {
    let (old, new) = (Signer::ed("a"), Signer::ed("a"));
    let address = Address::of(&[&old]);
    let reception = reception(&address, None);
    let early = token(&old);
    show(&reception, &early).await.unwrap();
    address.now_says(Ok(published(&[&new])));
    sleep(FRESH).await;
    show(&reception, &token(&new)).await.unwrap();
    let line = show(&reception, &early).await.unwrap_err();
    assert!(line.contains("its signature is not that of"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_published_for_another_algorithm_is_good_for_that_alone_from_then_on() {
    let signer = Signer::rs("a");
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    let early = token(&signer);
    show(&reception, &early).await.unwrap();
    let for_alone = |alg: &str| {
        let mut key = signer.jwk();
        key["alg"] = json!(alg);
        Ok(json!({"keys": [key]}).to_string())
    };
    address.now_says(for_alone("PS256"));
    sleep(FRESH).await;
    for token in [token(&signer), early] {
        let line = show(&reception, &token).await.unwrap_err();
        assert!(line.contains("`a` is none that `https://idp.example/` publishes"), "{line}");
    }
    address.now_says(for_alone("RS256"));
    sleep(FRESH).await;
    show(&reception, &token(&signer)).await.unwrap();
    let sets =
        [for_alone("RS256"), for_alone("PS256")].map(|set| KeySet::parse(set.unwrap().as_bytes()).unwrap());
    assert_ne!(sets[0], sets[1], "a file that changes so is another");
}

#[tokio::test(start_paused = true)]
async fn how_old_the_keys_are_is_known_while_the_address_is_dead() {
    let signer = Signer::ed("a");
    let address = Address::of(&[&signer]);
    address.now_says(Err("no connection could be made"));
    let reception = reception(&address, None);
    let state = || reception.keys().map(|(name, keys, age)| (name.to_owned(), keys, age)).collect::<Vec<_>>();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(state(), [(ISSUER.to_owned(), 0, None)]);
    address.now_says(Ok(published(&[&signer])));
    sleep(SPACING * 2).await;
    address.now_says(Err("no connection could be made"));
    let age = |state: &[(String, usize, Option<Duration>)]| state[0].2.unwrap();
    let first = state();
    assert_eq!(first[0].1, 1);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((state()[0].1, age(&state())), (1, age(&first) + Duration::from_secs(3600)));
    sleep(SILENT_MAX).await;
    assert_eq!(state()[0].1, 0, "none is believed any more");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_left_one_issuer_is_gone_whatever_keys_another_has() {
    let (old, new) = (Signer::ed("a"), Signer::ed("a"));
    let address = Address::of(&[&old]);
    let first = settings().issuers[0].clone();
    let second = IssuerSettings {
        issuer: "https://other.example/".to_owned(),
        keys: KeysFrom::Url(url("https://other.example/keys")),
        ..first.clone()
    };
    let both = IdentitySettings { issuers: vec![first, second], ..(*settings()).clone() };
    let fetch: Arc<dyn FetchKeys> = address.clone();
    let reception = Reception::new(Arc::new(both), &fetch, None);
    let early = token(&old);
    show(&reception, &early).await.unwrap();
    address.now_says(Ok(published(&[&new])));
    sleep(FRESH).await;
    let line = show(&reception, &early).await.unwrap_err();
    assert!(line.contains("its signature is not that of"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_costs_six_questions_a_minute() {
    let signer = Signer::ed("a");
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    show(&reception, &token(&signer)).await.unwrap();
    let before = address.asked();
    let flood = Signer::ed("x");
    for number in 0..3000 {
        let head = json!({"alg": "EdDSA", "kid": format!("kid-{number}")});
        let claims = json!({"iss": ISSUER, "aud": "tutti", "sub": "m", "exp": NOW.as_secs() + 300});
        let line = show(&reception, &flood.token_with(&head, &claims)).await.unwrap_err();
        assert!(line.contains("is none that `https://idp.example/` publishes"), "{line}");
        show(&reception, &token(&signer)).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    let asked = address.asked() - before;
    assert!((2..=7).contains(&asked), "{asked} questions in a minute");
}

#[tokio::test(start_paused = true)]
async fn one_caller_with_one_unknown_key_costs_one_question_a_minute() {
    let (signer, stranger) = (Signer::ed("a"), Signer::ed("x"));
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    show(&reception, &token(&signer)).await.unwrap();
    sleep(SPACING).await;
    let before = address.asked();
    for _ in 0..55 {
        show(&reception, &token(&stranger)).await.unwrap_err();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(address.asked() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_asks_nobody_for_anything() {
    let (signer, stranger) = (Signer::ed("a"), Signer::ed("x"));
    let address = Address::of(&[&signer]);
    let reception = reception(&address, None);
    show(&reception, &token(&signer)).await.unwrap();
    sleep(SPACING).await;
    let before = address.asked();
    for wrong in [json!({"exp": 1}), json!({"aud": "shop"})] {
        let mut claims = json!({"iss": ISSUER, "aud": "tutti", "sub": "m", "exp": NOW.as_secs() + 300});
        claims.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        show(&reception, &stranger.token(&claims)).await.unwrap_err();
    }
    assert_eq!(address.asked(), before);
}

#[tokio::test(start_paused = true)]
async fn a_reload_while_the_address_is_dead_loses_no_key() {
    let signer = Signer::ed("a");
    let address = Address::of(&[&signer]);
    let before = reception(&address, None);
    show(&before, &token(&signer)).await.unwrap();
    address.now_says(Err("no connection could be made"));
    let after = reception(&address, Some(&before));
    drop(before);
    show(&after, &token(&signer)).await.unwrap();
    let asked = address.asked();
    sleep(FRESH).await;
    assert!(address.asked() > asked, "the task lives on with the keys");
    drop(after);
    sleep(Duration::from_secs(1)).await;
    let asked = address.asked();
    sleep(FRESH * 10).await;
    assert_eq!(address.asked(), asked, "and ends with them");
}
