//! `/metrics` and `/ready` of a process that is no gateway: nothing but counts is behind them.

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use crate::telemetry::VultureMetrics;

/// As Prometheus asks for it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub fn router(metrics: VultureMetrics) -> Router {
    let metrics = Arc::new(metrics);
    let shown = move || {
        let text = metrics.render();
        async move { ([(CONTENT_TYPE, OPENMETRICS)], text).into_response() }
    };
    Router::new().route("/metrics", get(shown)).route("/ready", get(async || "ready\n"))
}
