//! Attributes as every span has them, with nothing of anyone.

use super::places::small;
use super::{Attribute, Dice, Kind, Place, between};

const FIXED: [(&str, &[&str]); 30] = [
    ("http.request.method", &["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ("http.route", &["/api/v1/orders/{id}", "/healthz", "/users/:id/cart", "/", "/v2/items/{sku}/stock"]),
    ("http.response.status_code", &["200", "201", "204", "301", "404", "500", "503"]),
    ("service.name", &["checkout", "frontend", "cart", "payment-gateway", "email-sender", "geo-service"]),
    ("service.namespace", &["shop", "platform", "observability"]),
    ("telemetry.sdk.language", &["java", "go", "rust", "python", "nodejs"]),
    ("telemetry.sdk.version", &["1.44.0", "0.33.1", "2.9.0-alpha"]),
    ("db.system", &["postgresql", "mysql", "redis", "mongodb"]),
    ("db.operation.name", &["SELECT", "INSERT", "HGETALL", "findOne"]),
    ("db.query.summary", &["SELECT orders", "INSERT cart_items", "GET"]),
    ("messaging.system", &["kafka", "rabbitmq", "aws_sqs"]),
    ("messaging.destination.name", &["orders.created", "cart-events", "payments.v2"]),
    ("rpc.service", &["acme.shop.v1.CheckoutService", "grpc.health.v1.Health"]),
    ("rpc.method", &["PlaceOrder", "GetCart", "Check"]),
    ("k8s.namespace.name", &["default", "kube-system", "prod-eu"]),
    ("k8s.container.name", &["app", "istio-proxy", "sidecar"]),
    ("cloud.region", &["eu-central-1", "us-east-1", "europe-west4"]),
    ("cloud.availability_zone", &["eu-central-1a", "us-east-1c"]),
    ("host.arch", &["amd64", "arm64"]),
    ("os.type", &["linux", "windows"]),
    ("process.runtime.name", &["OpenJDK Runtime Environment", "go", "CPython"]),
    ("thread.name", &["http-nio-8080-exec-7", "main", "ForkJoinPool-1-worker-3"]),
    (
        "code.function.name",
        &["com.acme.shop.CartController.add", "handle_request", "main.(*Server).ServeHTTP"],
    ),
    ("error.type", &["java.net.SocketTimeoutException", "timeout", "500", "_OTHER"]),
    ("feature_flag.key", &["new-checkout", "dark_mode", "price.v3"]),
    ("otel.scope.name", &["io.opentelemetry.tomcat-10.0", "@opentelemetry/instrumentation-http"]),
    ("url.scheme", &["https", "http", "grpc"]),
    ("network.protocol.version", &["1.1", "2", "3"]),
    (
        "exception.message",
        &[
            "connection reset by peer",
            "deadline exceeded after 4.999s",
            "no rows in result set",
            "Cannot read properties of undefined (reading 'total')",
        ],
    ),
    (
        "message",
        &[
            "cache miss for catalog page 3 of 12",
            "retry 2/5 in 250ms",
            "started in 1.234 seconds",
            "feature flags refreshed: 42 active, 7 archived",
        ],
    ),
];

const COUNTED: [&str; 8] = [
    "http.response.body.size",
    "net.peer.port",
    "thread.id",
    "process.pid",
    "retry.count",
    "db.rows",
    "messaging.batch.message_count",
    "duration_ms",
];

pub fn ordinary(dice: &mut Dice) -> Attribute {
    let (key, value) = match dice.below(10) {
        0 => ((*dice.of(&COUNTED)).to_owned(), small(dice)),
        1 => ("app.duration".to_owned(), format!("{}.{:03}", dice.below(40), dice.below(1000))),
        2 => ("app.enabled".to_owned(), (*dice.of(&["true", "false"])).to_owned()),
        3 => ("cart.total".to_owned(), format!("{}.{:02} EUR", between(dice, 1, 900), dice.below(100))),
        _ => {
            let (key, values) = dice.of(&FIXED);
            ((*key).to_owned(), (*dice.of(values)).to_owned())
        }
    };
    Attribute { key, value, place: Place::Clean, labels: Vec::new(), kind: Kind::Ordinary }
}
