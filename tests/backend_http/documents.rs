//! Small documents from elsewhere: the keys of an issuer.

use tutti::backend::document::{Document, fetch};

use super::PATIENCE;
use super::fake_region::{FakeRegion, Reply, answer, hang_up, redirect, text};

async fn fetched(script: impl Fn() -> Reply + Send + Sync + 'static) -> Result<Document, String> {
    let there = FakeRegion::start(move |_| script()).await;
    let url = format!("{}/keys?tenant=a", there.url()).parse().unwrap();
    let fetched = tokio::time::timeout(PATIENCE, fetch(&url, None, 1000)).await.unwrap();
    assert_eq!(
        there.asked().first().map(|asked| (asked.path.clone(), asked.query.clone())),
        Some(("/keys".to_owned(), "tenant=a".to_owned()))
    );
    fetched
}

#[tokio::test]
async fn a_document_is_taken_as_it_is_and_nothing_else_is() {
    let got = fetched(|| answer(200, "application/json", b"{}")).await.unwrap();
    assert_eq!((&got.body[..], got.max_age), (&b"{}"[..], None));
    let refused = |got: Result<Document, String>| got.unwrap_err();
    assert_eq!(refused(fetched(|| text(500, "secret words")).await), "it answered with status 500");
    assert_eq!(refused(fetched(|| redirect("http://127.0.0.1:1/")).await), "it answered with status 302");
    assert_eq!(
        refused(fetched(|| answer(200, "text/plain", &[b'a'; 1001])).await),
        "it answered with more than 1000 bytes"
    );
    assert_eq!(refused(fetched(hang_up).await), "it did not answer");
    let nobody = fetch(&"http://127.0.0.1:1/keys".parse().unwrap(), None, 1000).await;
    assert_eq!(refused(nobody), "no connection could be made");
}
