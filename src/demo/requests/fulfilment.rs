//! Sending what was bought: over queues, from us-east to us-west to eu-central and back.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::demo::calls::{Http, Statement};
use crate::demo::journey::{Draft, Journey, SpanRef};
use crate::demo::shop::{INVENTORY, NOTIFICATIONS, ORDERS, SHIPPING, WAREHOUSE};

pub(super) fn fulfil(journey: &mut Journey, placed: &[SpanRef]) {
    let order = journey.number(100_000..999_999);
    let mut root = journey.open(&ORDERS, None, SpanKind::Internal, "release order", Duration::ZERO);
    root.set("shop.order.id", order);
    // The order was placed in another trace, which this one points back to.
    root.links.extend(placed.last());
    let select = Statement {
        system: "postgresql",
        operation: "SELECT",
        collection: "orders",
        text: "SELECT id FROM orders WHERE state = 'paid' ORDER BY placed_at LIMIT 1 FOR UPDATE SKIP LOCKED"
            .into(),
        rows: 1,
        takes: 1_000..5_000,
    };
    let at = journey.ask(&root, select, Duration::from_micros(200));
    let released = journey.publish(&root, "orders.released", order.to_string(), at);
    let done = released.at + Duration::from_micros(300);
    journey.close(root, done);
    journey.consume(&released, &WAREHOUSE, 1_000..60_000, |journey, span, at| pack(journey, span, at, order));
}

fn pack(journey: &mut Journey, span: &mut Draft, at: Duration, order: u64) -> Duration {
    let pick = Http {
        method: "PATCH",
        route: "/v1/stock/{sku}",
        path: "/v1/stock/sku-desk-lamp".into(),
        query: None,
    };
    let picked = journey.call(span, &INVENTORY, &pick, at, |journey, span, at| {
        let update = Statement {
            system: "postgresql",
            operation: "UPDATE",
            collection: "stock",
            text: "UPDATE stock SET on_hand = on_hand - 1 WHERE sku = 'sku-desk-lamp'".into(),
            rows: 0,
            takes: 900..5_000,
        };
        journey.ask(span, update, at)
    });
    let at = journey.step(span, "pack", picked.at, 20_000..90_000, |step| {
        step.set("shop.parcel.grams", 1_240_u64);
    });
    let label = Http::post("/v1/labels", "/v1/labels");
    let labelled = journey.call(span, &SHIPPING, &label, at, |journey, span, at| {
        let person = journey.person;
        span.http_status = 201;
        span.set("shipping.name", person.name()).set("shipping.address", person.street);
        journey.step(span, "draw label", at, 8_000..40_000, |step| {
            step.set("shop.parcel.tracking", format!("1Z999AA1{order:010}"));
        })
    });
    let shipped = journey.publish(span, "shipments.created", order.to_string(), labelled.at);
    journey
        .consume(&shipped, &NOTIFICATIONS, 2_000..50_000, |journey, span, at| tell(journey, span, at, order));
    journey.consume(&shipped, &ORDERS, 1_000..20_000, |journey, span, at| {
        let update = Statement {
            system: "postgresql",
            operation: "UPDATE",
            collection: "orders",
            text: format!("UPDATE orders SET state = 'shipped' WHERE id = {order}"),
            rows: 0,
            takes: 1_000..5_000,
        };
        journey.ask(span, update, at)
    });
    shipped.at
}

fn tell(journey: &mut Journey, span: &mut Draft, at: Duration, order: u64) -> Duration {
    let person = journey.person;
    span.set("user.email", person.email).set("user.full_name", person.name());
    let at = journey.step(span, "render mail", at, 3_000..12_000, |step| {
        step.set("template", "shipped.html").set("template.greeting", format!("Hello {},", person.first));
    });
    let at = journey.step(span, "send mail", at, 40_000..220_000, |step| {
        step.set("email.to.address", person.email)
            .set("email.subject", format!("Order {order} is on its way"));
    });
    journey.step(span, "send text message", at, 30_000..90_000, |step| {
        step.set("sms.to.number", person.phone);
    })
}
