//! The checkout: it touches all three regions, and its money and its customer are in eu-central.

use std::time::Duration;

use super::Payment;
use crate::demo::calls::{Http, Reply, Statement};
use crate::demo::journey::{Draft, Exception, Journey, SpanRef};
use crate::demo::shop::{
    ACCOUNTS, ACQUIRER, CART, CHECKOUT, FRAUD, INVENTORY, LEDGER, NOTIFICATIONS, ORDERS, PAYMENTS, STOREFRONT,
};

/// How long payments waits for the acquirer, and how often it asks.
const ACQUIRER_TIMEOUT: Duration = Duration::from_millis(1200);
const ACQUIRER_ATTEMPTS: u64 = 2;

const FRAMES: [&str; 4] = [
    "shop.payments.AcquirerClient.authorize(AcquirerClient.java:132)",
    "shop.payments.ChargeService.charge(ChargeService.java:77)",
    "shop.payments.ChargeResource.create(ChargeResource.java:39)",
    "org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:164)",
];

/// One basket on its way to being paid.
#[derive(Debug, Clone, Copy)]
struct Basket {
    number: u64,
    cents: u64,
    payment: Payment,
}

/// Buys what is in the cart; gives the journey's root.
pub(super) fn checkout(journey: &mut Journey, payment: Payment) -> SpanRef {
    let person = journey.person;
    let basket =
        Basket { number: journey.number(100_000..999_999), cents: journey.number(990..24_900), payment };
    let mut root = journey.receive(&STOREFRONT, &Http::post("/checkout", "/checkout"));
    root.set("enduser.id", person.id).set("shop.basket.id", basket.number);
    let at = root.start + journey.some(900..3_000);
    let cart = Http::get("/v1/carts/{id}", format!("/v1/carts/{}", basket.number));
    let cart = journey.call(&root, &CART, &cart, at, |journey, span, at| {
        let get = Statement {
            system: "redis",
            operation: "HGETALL",
            collection: "cart",
            text: format!("HGETALL cart:{}", basket.number),
            rows: 3,
            takes: 250..1_100,
        };
        journey.ask(span, get, at) + Duration::from_micros(200)
    });
    let start = Http::post("/v1/checkouts", "/v1/checkouts");
    let reply =
        journey.call(&root, &CHECKOUT, &start, cart.at, |journey, span, at| pay(journey, span, at, basket));
    root.http_status = match reply.status {
        201 => 303,
        402 => 402,
        _ => 502,
    };
    journey.respond(root, reply.at + Duration::from_millis(1))
}

fn pay(journey: &mut Journey, span: &mut Draft, at: Duration, basket: Basket) -> Duration {
    let person = journey.person;
    span.set("shop.basket.id", basket.number).set("shop.basket.total_cents", basket.cents);
    let at = journey.step(span, "price basket", at, 2_000..7_000, |step| {
        step.set("shop.currency", "EUR");
    });
    // Stock and customer are asked at once, in opposite directions.
    let hold = Http::post("/v1/reservations", "/v1/reservations");
    let held =
        journey.call(span, &INVENTORY, &hold, at, |journey, span, at| reserve(journey, span, at, basket));
    let customer = Http::get("/v1/customers/{id}", format!("/v1/customers/{}", person.id));
    let customer = journey.call(span, &ACCOUNTS, &customer, at, profile);
    let at = held.at.max(customer.at);
    let charge = Http::post("/v1/charges", "/v1/charges");
    let charged =
        journey.call(span, &PAYMENTS, &charge, at, |journey, span, at| take_money(journey, span, at, basket));
    if charged.status != 201 {
        return give_up(journey, span, charged, basket);
    }
    let place = Http::post("/v1/orders", "/v1/orders");
    let placed =
        journey.call(span, &ORDERS, &place, charged.at, |journey, span, at| order(journey, span, at, basket));
    span.http_status = 201;
    placed.at + Duration::from_micros(500)
}

fn give_up(journey: &mut Journey, span: &mut Draft, charged: Reply, basket: Basket) -> Duration {
    span.http_status = if charged.status == 402 { 402 } else { 502 };
    if charged.status != 402 {
        let exception = Exception {
            name: "shop.checkout.PaymentUnavailable",
            message: format!("payment of basket {} failed with {}", basket.number, charged.status),
            frames: &["shop.checkout.CheckoutService.pay(CheckoutService.java:114)"],
        };
        span.throw(charged.at, &exception);
    }
    let free = Http {
        method: "DELETE",
        route: "/v1/reservations/{id}",
        path: format!("/v1/reservations/{}", basket.number),
        query: None,
    };
    let freed = journey.call(span, &INVENTORY, &free, charged.at, |journey, span, at| {
        span.http_status = 204;
        let delete = Statement {
            system: "postgresql",
            operation: "DELETE",
            collection: "reservations",
            text: format!("DELETE FROM reservations WHERE basket_id = {}", basket.number),
            rows: 0,
            takes: 900..4_000,
        };
        journey.ask(span, delete, at)
    });
    freed.at + Duration::from_micros(300)
}

fn reserve(journey: &mut Journey, span: &mut Draft, at: Duration, basket: Basket) -> Duration {
    span.http_status = 201;
    let at = journey.step(span, "choose warehouse", at, 700..2_500, |step| {
        step.set("shop.warehouse", "oak-2");
    });
    let insert = Statement {
        system: "postgresql",
        operation: "INSERT",
        collection: "reservations",
        text: format!(
            "INSERT INTO reservations (basket_id, sku, count) VALUES ({}, 'sku-desk-lamp', 1)",
            basket.number
        ),
        rows: 0,
        takes: 1_500..7_000,
    };
    journey.ask(span, insert, at) + Duration::from_micros(250)
}

fn profile(journey: &mut Journey, span: &mut Draft, at: Duration) -> Duration {
    let person = journey.person;
    span.set("user.id", person.id)
        .set("user.email", person.email)
        .set("user.full_name", person.name())
        .set("geo.country.iso_code", person.country);
    let select = Statement {
        system: "postgresql",
        operation: "SELECT",
        collection: "customers",
        text: format!(
            "SELECT name, street, phone FROM customers WHERE id = '{}' AND phone = '{}'",
            person.id, person.phone
        ),
        rows: 1,
        takes: 900..4_500,
    };
    journey.ask(span, select, at) + Duration::from_micros(300)
}

fn take_money(journey: &mut Journey, span: &mut Draft, at: Duration, basket: Basket) -> Duration {
    let person = journey.person;
    span.set("enduser.id", person.id)
        .set("user.email", person.email)
        .set("payment.card.number", person.card)
        .set("payment.amount_cents", basket.cents)
        .set("http.request.header.x-forwarded-for", &[person.address][..]);
    let score = Http::post("/v1/scores", "/v1/scores");
    let scored = journey.call(span, &FRAUD, &score, at, |journey, span, at| judge(journey, span, at, basket));
    let (at, status) = authorize(journey, span, scored.at, basket);
    match status {
        200 => {}
        402 => {
            span.http_status = 402;
            let message =
                format!("card {} of {} was declined: insufficient funds", person.card, person.email);
            span.throw(at, &Exception { name: "shop.payments.CardDeclined", message, frames: &FRAMES });
            return at;
        }
        _ => {
            span.http_status = 504;
            let message = format!(
                "no answer for charge {} (card {}, {}) within {} ms, gave up after {ACQUIRER_ATTEMPTS} attempts",
                basket.number,
                person.card,
                person.name(),
                ACQUIRER_TIMEOUT.as_millis()
            );
            span.throw(at, &Exception { name: "shop.payments.AcquirerTimeout", message, frames: &FRAMES });
            return at;
        }
    }
    let book = Http::post("/v1/entries", "/v1/entries");
    let booked = journey.call(span, &LEDGER, &book, at, |journey, span, at| enter(journey, span, at, basket));
    span.http_status = 201;
    booked.at + Duration::from_micros(400)
}

fn judge(journey: &mut Journey, span: &mut Draft, at: Duration, basket: Basket) -> Duration {
    let person = journey.person;
    span.set("user.email", person.email).set("client.address", person.address);
    let takes = if basket.payment == Payment::TimedOut { 1_700_000..1_900_000 } else { 12_000..70_000 };
    let score = if basket.payment == Payment::Paid { 0.07 } else { 0.61 };
    journey.step(span, "score", at, takes, |step| {
        step.set("shop.fraud.score", score)
            .set("user.birthday", person.birthday)
            .set("shop.fraud.features", &["country", "velocity", "device"][..]);
    })
}

/// Asks the acquirer, again if it is silent; the time and the status it ended with.
fn authorize(journey: &mut Journey, span: &Draft, at: Duration, basket: Basket) -> (Duration, u16) {
    let card_ending = journey.person.card_ending();
    let ask = Http::post("/v3/authorizations", "/v3/authorizations")
        .with_query(format!("card_ending={card_ending}"));
    let mut at = at;
    for attempt in 1..=ACQUIRER_ATTEMPTS {
        let reply = journey.call(span, &ACQUIRER, &ask, at, |journey, span, at| {
            span.set("shop.attempt", attempt).set("shop.acquirer.merchant", "shop-eu-01");
            match basket.payment {
                Payment::Paid => at + journey.some(60_000..180_000),
                Payment::Declined => {
                    span.http_status = 402;
                    at + journey.some(60_000..180_000)
                }
                Payment::TimedOut => {
                    span.http_status = 504;
                    span.event(at + ACQUIRER_TIMEOUT, "upstream silent", Vec::new());
                    at + ACQUIRER_TIMEOUT
                }
            }
        });
        at = reply.at;
        if reply.status != 504 {
            return (at, reply.status);
        }
        at += Duration::from_millis(40);
    }
    (at, 504)
}

fn enter(journey: &mut Journey, span: &mut Draft, at: Duration, basket: Basket) -> Duration {
    let person = journey.person;
    span.http_status = 201;
    let insert = Statement {
        system: "postgresql",
        operation: "INSERT",
        collection: "entries",
        text: format!(
            "INSERT INTO entries (charge, debtor, iban, cents) VALUES ({}, '{}', '{}', {})",
            basket.number,
            person.name().replace('\'', "''"),
            person.iban,
            basket.cents
        ),
        rows: 0,
        takes: 1_800..9_000,
    };
    journey.ask(span, insert, at) + Duration::from_micros(250)
}

fn order(journey: &mut Journey, span: &mut Draft, at: Duration, basket: Basket) -> Duration {
    let person = journey.person;
    span.http_status = 201;
    let insert = Statement {
        system: "postgresql",
        operation: "INSERT",
        collection: "orders",
        text: "INSERT INTO orders (basket_id, customer_id, total_cents) VALUES ($1, $2, $3)".into(),
        rows: 0,
        takes: 1_500..6_000,
    };
    let at = journey.ask(span, insert, at);
    let sent = journey.publish(span, "orders.placed", basket.number.to_string(), at);
    // The receipt is sent by eu-central, some time after the customer has the answer.
    journey.consume(&sent, &NOTIFICATIONS, 2_000..40_000, |journey, span, at| {
        span.set("user.email", person.email);
        journey.step(span, "send receipt", at, 30_000..140_000, |step| {
            step.set("email.to.address", person.email)
                .set("email.subject", format!("Your order {}, {}", basket.number, person.first))
                .set("payment.card.ending", person.card_ending());
        })
    });
    sent.at
}
