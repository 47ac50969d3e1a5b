//! The page at `/ui`: whoever asks for it, it is the same, holds nothing of a trace, asks no region, and needs nobody to
//! be known. What it shows is asked of the routes that the other modules ask, as whoever reads it.

use axum::Router;
use tutti::api::router::{beside, paths as paths_of_the_edge};
use tutti::policy::{Cell, Rung};
use tutti::ui::{self, UiSettings};

use crate::callers::with_token;
use crate::estate::{Answered, request};
use crate::world::{REGIONS, Rules, World, id, world};

/// Every route of the page, asked about a trace that is there and has values.
fn paths() -> Vec<String> {
    let all = ui::paths().into_iter().map(|path| path.replace("{id}", &id(0)));
    all.chain([format!("/ui/trace/{}?q=x&start=1", id(0)), "/ui?q=%7B%7D".to_owned()]).collect()
}

fn with_page(mut world: World) -> World {
    let page: Router = ui::router(&UiSettings::default());
    world.estate.router = beside(page, world.estate.state.clone());
    world
}

async fn ask(world: &World, path: &str, headers: &[(&str, &str)]) -> Answered {
    world.estate.send(request(path, headers)).await
}

/// Status, headers and body; the id of the request is random.
fn seen(answer: &Answered) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "x-request-id");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status.as_u16(), headers.collect(), answer.body.to_vec())
}

#[tokio::test(start_paused = true)]
async fn the_page_is_the_same_over_any_estate_and_for_anyone_and_no_region_hears_of_it() {
    let open = Rules::of(&REGIONS, Cell::OPEN);
    let dropped = Rules::of(&REGIONS, Cell { rung: Rung::Dropped, ..Cell::OPEN });
    let worlds = [world(1, 0, &open), world(1, 1, &open), world(2, 0, &dropped)].map(with_page);
    for path in paths() {
        let first = seen(&ask(&worlds[0], &path, &[]).await);
        assert_eq!(first.0, 200, "{path}");
        for world in &worlds {
            for headers in [
                &[][..],
                &[("authorization", "Bearer wrong")],
                &[("authorization", "Bearer s3cret"), ("tutti-purpose", "x"), ("tutti-grant", "y")],
                &[
                    ("cookie", "a=b"),
                    ("referer", "https://example.com/secret"),
                    ("x-forwarded-host", "evil.example"),
                ],
            ] {
                assert!(seen(&ask(world, &path, headers).await) == first, "{path} {headers:?}");
            }
        }
    }
    for world in &worlds {
        assert!(world.told.lock().unwrap().is_empty(), "the page asks nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn where_somebody_must_be_shown_the_page_is_there_and_what_it_asks_is_refused() {
    let world = with_page(with_token(1));
    let wrong = [("authorization", "Bearer wrong")];
    assert_eq!(ask(&world, &format!("/ui/trace/{}", id(0)), &wrong).await.status.as_u16(), 200);
    for path in [
        format!("/api/tutti/v1/traces/{}/stream", id(0)),
        "/api/tutti/v1/search?q=%7B%7D".to_owned(),
        "/api/v2/search/tags".to_owned(),
        "/api/v2/search/tag/resource.service.name/values".to_owned(),
    ] {
        let answer = ask(&world, &path, &wrong).await;
        assert_eq!(answer.status.as_u16(), 401, "{path}");
    }
    assert!(world.told.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn beside_the_page_every_other_route_answers_as_without_it() {
    let alone = world(3, 0, &Rules::of(&REGIONS, Cell::OPEN));
    let world = with_page(world(3, 0, &Rules::of(&REGIONS, Cell::OPEN)));
    for path in
        paths_of_the_edge("").into_iter().chain(["/uix", "/ui/x", "/ui/files/x/main.js"].map(str::to_owned))
    {
        // What says how long something took differs anyway.
        let path = path.replace("{id}", "nonsense").replace("{name}", "x");
        if path == "/metrics" {
            continue;
        }
        let (one, other) = (ask(&alone, &path, &[]).await, ask(&world, &path, &[]).await);
        assert_eq!(one.status, other.status, "{path}");
        assert!(other.headers.get("content-security-policy").is_none(), "{path}");
    }
    let doubled = ask(&world, "/ui//trace/4af7", &[]).await;
    assert_eq!((doubled.status.as_u16(), doubled.header("location")), (301, "/ui/trace/4af7"));
}
