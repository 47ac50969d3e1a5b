//! Looking at a product and searching for one: mostly in us-east, with stock asked of us-west and a
//! customer's taste of eu-central.

use std::time::Duration;

use crate::demo::calls::{Http, Statement};
use crate::demo::journey::{Draft, Journey};
use crate::demo::shop::{ACCOUNTS, CATALOG, INVENTORY, RECOMMENDATIONS, SEARCH, STOREFRONT};

const PRODUCTS: [&str; 5] =
    ["sku-linen-shirt", "sku-desk-lamp", "sku-espresso-cup", "sku-rain-jacket", "sku-notebook"];

pub(super) fn browse(journey: &mut Journey) {
    let sku = journey.one_of(&PRODUCTS);
    let page = Http::get("/products/{sku}", format!("/products/{sku}"));
    let mut root = journey.receive(&STOREFRONT, &page);
    root.set("shop.product.sku", sku);
    let at = root.start + journey.some(600..2_500);
    let product = Http::get("/v1/products/{sku}", format!("/v1/products/{sku}"));
    let product =
        journey.call(&root, &CATALOG, &product, at, |journey, span, at| look_up(journey, span, at, sku));
    // The page asks for both at once and waits for the slower.
    let similar = Http::get("/v1/similar/{sku}", format!("/v1/similar/{sku}"));
    let similar = journey
        .call(&root, &RECOMMENDATIONS, &similar, at, |journey, span, at| recommend(journey, span, at, sku));
    if similar.status != 200 {
        root.event(similar.at, "recommendations left out", Vec::new());
    }
    let done = product.at.max(similar.at);
    let done = journey.step(&root, "render page", done, 3_000..11_000, |_| {});
    journey.respond(root, done + Duration::from_micros(400));
}

fn look_up(journey: &mut Journey, span: &mut Draft, at: Duration, sku: &str) -> Duration {
    let is_cached = journey.happens(70);
    let get = Statement {
        system: "redis",
        operation: "GET",
        collection: "product",
        text: format!("GET product:{sku}"),
        rows: u64::from(is_cached),
        takes: 200..900,
    };
    let at = journey.ask(span, get, at + Duration::from_micros(150));
    span.set("cache.hit", is_cached);
    if is_cached {
        return at;
    }
    let select = Statement {
        system: "postgresql",
        operation: "SELECT",
        collection: "products",
        text: format!("SELECT id, title, price_cents FROM products WHERE sku = '{sku}'"),
        rows: 1,
        takes: 1_200..9_000,
    };
    journey.ask(span, select, at) + Duration::from_micros(300)
}

fn recommend(journey: &mut Journey, span: &mut Draft, at: Duration, sku: &str) -> Duration {
    span.set("user.id", journey.person.id).set("shop.model", "two-tower-7");
    let at = journey.step(span, "rank candidates", at, 6_000..28_000, |step| {
        step.set("shop.candidates", 200_u64);
    });
    let stock = Http::get("/v1/stock", "/v1/stock").with_query(format!("like={sku}&limit=8"));
    let reply = journey.call(span, &INVENTORY, &stock, at, |journey, span, at| {
        let select = Statement {
            system: "postgresql",
            operation: "SELECT",
            collection: "stock",
            text: "SELECT sku, on_hand FROM stock WHERE sku = ANY($1) AND on_hand > 0".into(),
            rows: 8,
            takes: 900..6_000,
        };
        if journey.happens(4) {
            span.http_status = 503;
            span.set("shop.shed", true);
            return at + Duration::from_micros(250);
        }
        journey.ask(span, select, at) + Duration::from_micros(200)
    });
    if reply.status != 200 {
        span.http_status = 503;
    }
    reply.at
}

pub(super) fn search(journey: &mut Journey) {
    let words = journey.one_of(&["linen shirt", "birthday gift", "lamp e27", "waterproof jacket"]);
    let is_known = journey.happens(55);
    let mut query = format!("q={}&page=1", words.replace(' ', "+"));
    if is_known {
        // Somebody arrived from a newsletter: the link carries the address, as such links do.
        let email = journey.person.email.replace('@', "%40").replace('+', "%2B");
        query.push_str(&format!("&utm_source=newsletter&email={email}"));
    }
    let page = Http::get("/search", "/search").with_query(query);
    let root = journey.receive(&STOREFRONT, &page);
    let at = root.start + journey.some(500..2_000);
    let taste = if is_known { preferences(journey, &root, at) } else { at };
    let find = Http::post("/v2/query", "/v2/query");
    let found = journey.call(&root, &SEARCH, &find, taste, |journey, span, at| {
        span.set("shop.query", words);
        let ask = Statement {
            system: "opensearch",
            operation: "search",
            collection: "products",
            text: format!(r#"{{"query":{{"match":{{"title":"{words}"}}}},"size":24}}"#),
            rows: 24,
            takes: 4_000..60_000,
        };
        let at = journey.ask(span, ask, at + Duration::from_micros(700));
        journey.step(span, "rerank", at, 2_000..14_000, |step| {
            step.set("shop.hits", 24_u64);
        })
    });
    let done = journey.step(&root, "render results", found.at, 4_000..12_000, |_| {});
    journey.respond(root, done);
}

fn preferences(journey: &mut Journey, root: &Draft, at: Duration) -> Duration {
    let person = journey.person;
    let ask = Http::get("/v1/customers/{id}/preferences", format!("/v1/customers/{}/preferences", person.id))
        .with_query(format!("email={}", person.email));
    let reply = journey.call(root, &ACCOUNTS, &ask, at, |journey, span, at| {
        span.set("user.id", person.id)
            .set("user.email", person.email)
            .set("geo.country.iso_code", person.country);
        let select = Statement {
            system: "postgresql",
            operation: "SELECT",
            collection: "preferences",
            text: format!("SELECT sizes, brands FROM preferences WHERE customer_email = '{}'", person.email),
            rows: 1,
            takes: 800..4_000,
        };
        journey.ask(span, select, at) + Duration::from_micros(350)
    });
    reply.at
}
