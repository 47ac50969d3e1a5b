//! The questions that are put for a trace, and their answers as they came.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};

use super::judge::{Check, Reply, Said, answers};
use crate::cli::gateway::Gateway;
use crate::cli::query::report::Report;
use crate::demo::{Planted, Planting};

/// A gateway has a deadline of its own, 25 s by default; beyond this it is as good as gone.
const ANSWER_MAX: Duration = Duration::from_secs(40);

/// Rows of one search: a round has one trace, and its neighbours may touch the window.
const ROWS: &str = "20";

#[derive(Debug)]
pub(super) struct Asking {
    pub gateway: Gateway,
    /// What shows who asks.
    pub headers: HeaderMap,
}

type Parameters = Vec<(&'static str, String)>;

/// The path and the parameters of a check; nothing where there is nothing to ask.
pub(super) fn question(check: Check, planting: &Planting, planted: &Planted) -> Option<(String, Parameters)> {
    let (start, end) = planting.window(planted.round);
    let service = format!("resource.service.name = \"{}\"", planted.service);
    let within = |query: String| vec![("q", query), ("start", start.to_string()), ("end", end.to_string())];
    let search = |query: String| {
        let mut parameters = within(query);
        parameters.push(("limit", ROWS.to_owned()));
        Some(("/api/search".to_owned(), parameters))
    };
    let canary = planting.canary_keys.first();
    let counted = || within(format!("{{ {service} }} | count_over_time()"));
    match check {
        Check::Trace => Some((format!("/api/tutti/v1/traces/{}", planted.trace), Vec::new())),
        Check::Search => search(format!("{{ {service} }}")),
        // One region alone has nobody of another to call.
        Check::Structure if answers(planted) == 0 => None,
        Check::Structure => search(format!("{{ {service} && nestedSetParent < 0 }} >> {{ kind = server }}")),
        Check::Metrics => Some(("/api/metrics/query".to_owned(), counted())),
        Check::Range => {
            // Rounds begin at whole multiples of their length, as intervals do: one interval is one round.
            let mut parameters = counted();
            parameters.push(("step", format!("{}s", end.saturating_sub(start))));
            Some(("/api/metrics/query_range".to_owned(), parameters))
        }
        Check::Values => {
            let path = format!("/api/v2/search/tag/span.{}/values", canary?);
            Some((path, within(format!("{{ {service} }}"))))
        }
        Check::Oracle => search(format!("{{ span.{} = \"{}\" }}", canary?, planted.canary)),
    }
}

impl Asking {
    /// The answer, or why there is none.
    pub async fn ask(&self, path: &str, parameters: &[(&str, String)]) -> Result<Reply, String> {
        let mut headers = self.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let work = async {
            let response = self.gateway.ask(path, headers, parameters).await?;
            let status = response.status().as_u16();
            let report = Report::of(response.headers());
            let said = Said { outcome: report.outcome().to_owned(), lacking: report.missing(None) };
            Ok(Reply { status, said, body: self.gateway.read(response).await? })
        };
        match tokio::time::timeout(ANSWER_MAX, work).await {
            Ok(answered) => answered.map_err(|error: crate::cli::gateway::GatewayError| error.to_string()),
            Err(_) => Err(format!("no answer within {}", humantime::format_duration(ANSWER_MAX))),
        }
    }
}
