//! From the command line to a question: which endpoint, which parameters.

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};

use super::QueryArgs;
use crate::model::Mode;
use crate::traceql::ast::{Query, Root};

/// Traces that are asked for where nothing is said.
const LIMIT_DEFAULT: u32 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Search,
    Range,
    Instant,
}

/// One question.
#[derive(Debug)]
pub struct Ask {
    pub kind: Kind,
    pub parameters: Vec<(&'static str, String)>,
    pub limit: u32,
    mode: Option<Mode>,
    is_paged: bool,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AskError {
    #[error("--end needs --start or --since beside it")]
    EndAlone,
    #[error("the time ends before it starts")]
    EndsBeforeStart,
    #[error("{0} is for metrics; this is a search, without a function like `| rate()` at its end")]
    NotMetrics(&'static str),
    #[error("{0} is for searches; this query ends with a metrics function")]
    NotSearch(&'static str),
}

impl Ask {
    /// `now` in nanoseconds of the epoch.
    pub fn of(args: &QueryArgs, query: &Query, now: u64) -> Result<Self, AskError> {
        let kind = match &query.root {
            Root::Pipeline(_) => Kind::Search,
            Root::Metrics(_) if args.instant => Kind::Instant,
            Root::Metrics(_) => Kind::Range,
        };
        let foreign = match kind {
            Kind::Search => [(args.instant, "--instant"), (args.step.is_some(), "--step")],
            _ => [(args.limit.is_some(), "--limit"), (args.spss.is_some(), "--spss")],
        };
        let all = (args.all && kind != Kind::Search, "--all");
        if let Some((_, flag)) = foreign.into_iter().chain([all]).find(|(is_given, _)| *is_given) {
            return Err(if kind == Kind::Search {
                AskError::NotMetrics(flag)
            } else {
                AskError::NotSearch(flag)
            });
        }
        let mut parameters = vec![("q", args.query.clone())];
        parameters.extend(times(args, now)?);
        let limit = args.limit.unwrap_or(LIMIT_DEFAULT);
        if kind == Kind::Search {
            parameters.push(("limit", limit.to_string()));
        }
        parameters.extend(args.spss.map(|spss| ("spss", spss.to_string())));
        parameters.extend(args.step.map(|step| ("step", step.as_secs_f64().to_string())));
        Ok(Self { kind, parameters, limit, mode: args.mode.map(super::ModeName::mode), is_paged: args.all })
    }

    /// Makes it a question for so many rows after those before this cursor.
    pub fn page(&mut self, rows: u32, cursor: Option<&str>) {
        self.parameters.retain(|(name, _)| !matches!(*name, "limit" | "cursor"));
        self.parameters.push(("limit", rows.to_string()));
        self.parameters.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    }

    pub fn path(&self) -> &'static str {
        match self.kind {
            Kind::Search if self.is_paged => "/api/tutti/v1/search",
            Kind::Search => "/api/search",
            Kind::Range => "/api/metrics/query_range",
            Kind::Instant => "/api/metrics/query",
        }
    }

    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(mode) = self.mode {
            headers.insert("Tutti-Mode", HeaderValue::from_static(mode.as_str()));
        }
        headers
    }
}

/// Both ends, or how long until now; nothing where the gateway may choose.
fn times(args: &QueryArgs, now: u64) -> Result<Vec<(&'static str, String)>, AskError> {
    let since = args.since.map(|since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let now = i64::try_from(now / 1_000_000_000).unwrap_or(i64::MAX);
    let (start, end) = match (args.start, args.end, since) {
        (None, None, None) => return Ok(Vec::new()),
        (None, None, Some(since)) => return Ok(vec![("since", format!("{since}s"))]),
        (None, Some(_), None) => return Err(AskError::EndAlone),
        (None, Some(end), Some(since)) => (end.saturating_sub(since), end),
        (Some(start), end, _) => (start, end.unwrap_or(now)),
    };
    if start >= end {
        return Err(AskError::EndsBeforeStart);
    }
    Ok(vec![("start", start.to_string()), ("end", end.to_string())])
}
