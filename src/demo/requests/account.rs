//! Signing in: customers are kept in eu-central, so every login crosses the ocean.

use std::time::Duration;

use crate::demo::calls::{Http, Statement};
use crate::demo::journey::{Draft, Exception, Journey};
use crate::demo::shop::{ACCOUNTS, STOREFRONT};

const FRAMES: [&str; 3] = [
    "shop.accounts.Credentials.verify(Credentials.java:88)",
    "shop.accounts.SessionResource.create(SessionResource.java:41)",
    "org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:164)",
];

pub(super) fn login(journey: &mut Journey) {
    let person = journey.person;
    let page = Http::post("/login", "/login").with_query("redirect=%2Fcart");
    let mut root = journey.receive(&STOREFRONT, &page);
    root.set("enduser.id", person.email);
    let at = root.start + journey.some(700..2_400);
    let create = Http::post("/v1/sessions", "/v1/sessions");
    let reply = journey.call(&root, &ACCOUNTS, &create, at, |journey, span, at| {
        span.set("enduser.id", person.id)
            .set("user.email", person.email)
            .set("user.full_name", person.name())
            .set("client.address", person.address)
            .set("geo.country.iso_code", person.country);
        sign_in(journey, span, at)
    });
    if reply.status != 200 {
        root.http_status = reply.status;
    }
    journey.respond(root, reply.at + Duration::from_micros(900));
}

fn sign_in(journey: &mut Journey, span: &mut Draft, at: Duration) -> Duration {
    let person = journey.person;
    let select = Statement {
        system: "postgresql",
        operation: "SELECT",
        collection: "customers",
        text: format!(
            "SELECT id, password_hash, date_of_birth FROM customers WHERE email = '{}' AND country = '{}'",
            person.email, person.country
        ),
        rows: 1,
        takes: 900..5_000,
    };
    let at = journey.ask(span, select, at + Duration::from_micros(300));
    let is_right = !journey.happens(12);
    let at = journey.step(span, "verify password", at, 48_000..95_000, |step| {
        step.set("crypto.kdf", "argon2id").set("user.email", person.email);
    });
    if !is_right {
        span.http_status = 401;
        let exception = Exception {
            name: "shop.accounts.InvalidCredentials",
            message: format!("wrong password for {} from {}", person.email, person.address),
            frames: &FRAMES,
        };
        span.throw(at, &exception);
        return at + Duration::from_micros(200);
    }
    let remember = Statement {
        system: "redis",
        operation: "SETEX",
        collection: "session",
        text: format!("SETEX session:{} 3600 {{\"email\":\"{}\"}}", person.id, person.email),
        rows: 0,
        takes: 200..900,
    };
    journey.ask(span, remember, at) + Duration::from_micros(150)
}
