//! Parameters as Tempo reads them: the first value of each name, its own checks in its own order, its
//! own words for what is wrong.

pub mod audit;
pub mod cursor;
pub mod diff;
pub mod messages;
pub mod metrics;
pub mod search;
pub mod tags;
mod window;

use http::{HeaderMap, Uri, header};

use super::error::ApiError;
use super::go;
use super::router::ModePath;
use crate::model::{LookupScope, Mode, TraceId, TraceQuery};

/// Tempo's `max_query_expression_size_bytes`. A request line over 64 KiB is refused by the HTTP library
/// with a bare 414 before it comes here.
const QUERY_BYTES_MAX: usize = 128 << 10;

/// The query string, decoded.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

/// The form of a trace answer, from `Accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Protobuf,
    Llm,
}

/// v2's `q` and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterParams {
    pub query: String,
    pub keep_hierarchy: bool,
    pub match_depth: i64,
    pub ancestor_depth: i64,
}

impl Params {
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(go::query_pairs(query))
    }

    /// Parameters that came in another form than a query string.
    fn of_pairs(pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The first value of a name; an empty one counts as absent, as in Tempo.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// Whether a name stands there, with or without a value.
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}

/// Tempo's first look at any query, be it read or not.
fn check_query_size(params: &Params) -> Result<(), ApiError> {
    let is_query = |(name, _): &&(String, String)| name == "q" || name == "query";
    params.0.iter().filter(is_query).try_for_each(|(_, query)| check_size(query))
}

fn check_size(query: &str) -> Result<(), ApiError> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(bad(format!(
            "TraceQL expression exceeds the configured maximum size of {QUERY_BYTES_MAX} bytes, reduce \
             the query expression size or contact your system administrator"
        )));
    }
    Ok(())
}

/// A number of 32 bits.
fn number(params: &Params, name: &str) -> Result<Option<u32>, ApiError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    go::uint32(text).map(Some).map_err(|why| bad(format!("invalid {name}: {why}")))
}

/// A number that Tempo passes over where it is none.
fn number_if_any(params: &Params, name: &str) -> u32 {
    params.get(name).and_then(|text| go::uint32(text).ok()).unwrap_or(0)
}

/// The lookup a by-id request asks for.
pub fn trace_query(id: &str, params: &Params) -> Result<TraceQuery, ApiError> {
    let id = TraceId::parse(id).map_err(|error| bad(error.to_string()))?;
    let scope = match params.get("mode") {
        None => LookupScope::All,
        Some(mode) => {
            LookupScope::parse(mode).ok_or_else(|| bad(format!("invalid value for mode {mode}")))?
        }
    };
    // Tempo reads nothing else where only ingesters are asked.
    if scope == LookupScope::Ingesters {
        return Ok(TraceQuery { scope, ..TraceQuery::of(id) });
    }
    let block_start = block(params, "blockStart", "blockstart")?;
    let block_end = block(params, "blockEnd", "blockEnd")?;
    let start = seconds(params, "start")?;
    let end = seconds(params, "end")?;
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return Err(bad(format!(
            "http parameter start must be before end. received start={start} end={end}"
        )));
    }
    Ok(TraceQuery { id, start, end, scope, block_start, block_end })
}

fn block(params: &Params, name: &str, shown: &str) -> Result<Option<String>, ApiError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    go::uuid(text).map(Some).map_err(|why| bad(format!("invalid value for {shown}: {why}")))
}

fn seconds(params: &Params, name: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let number = go::int(text).map_err(|why| {
        bad(format!("invalid {name}: strconv.ParseInt: parsing {}: {why}", go::quoted(text)))
    })?;
    Ok(Some(number))
}

/// v2's filter parameters; none without `q`, whatever else is given.
pub fn filter(params: &Params) -> Result<Option<FilterParams>, ApiError> {
    check_query_size(params)?;
    let Some(query) = params.get("q").map(str::trim).filter(|query| !query.is_empty()) else {
        return Ok(None);
    };
    let keep_hierarchy = match params.get("keep_hierarchy") {
        None => false,
        Some(text) => go::boolean(text).ok_or_else(|| {
            bad(format!(
                "invalid value for keep_hierarchy: strconv.ParseBool: parsing {}: invalid syntax",
                go::quoted(text)
            ))
        })?,
    };
    let match_depth = depth(params, "match_depth", 0)?;
    // Read only where it has an effect, as Tempo does.
    let ancestor_depth = if keep_hierarchy { depth(params, "ancestor_depth", -1)? } else { -1 };
    Ok(Some(FilterParams { query: query.to_owned(), keep_hierarchy, match_depth, ancestor_depth }))
}

fn depth(params: &Params, name: &str, absent: i64) -> Result<i64, ApiError> {
    let Some(text) = params.get(name) else { return Ok(absent) };
    let number = go::int(text).map_err(|why| {
        bad(format!("invalid value for {name}: strconv.Atoi: parsing {}: {why}", go::quoted(text)))
    })?;
    if number < -1 { Err(bad(format!("invalid value for {name}: must be >= -1"))) } else { Ok(number) }
}

/// What the caller allows: an alert rule, the path's prefix or the header, and else what is usual for them.
pub fn mode(headers: &HeaderMap, path: Option<ModePath>, usual: Mode) -> Result<Mode, ApiError> {
    let asked = match headers.get("tutti-mode").map(|value| value.as_bytes()) {
        None if path == Some(ModePath::Fast) => Mode::Fast,
        None => usual,
        Some(b"best_effort") => Mode::BestEffort,
        Some(b"fast") => Mode::Fast,
        Some(b"strict") => Mode::Strict,
        Some(other) => {
            let other = String::from_utf8_lossy(other).escape_debug().to_string();
            return Err(bad(format!(
                "header Tutti-Mode is `{other}`: use `strict` (whole or an error), `best_effort` (what can \
                 be had, and what is missing) or `fast` (what is there soon, and what is still to come)"
            )));
        }
    };
    // An alert must not rest on a quietly smaller answer.
    let is_alert = headers.contains_key("fromalert");
    Ok(if path == Some(ModePath::Strict) || is_alert { Mode::Strict } else { asked })
}

/// Whether times shall be rewritten so that clocks agree.
pub fn adjusts_skew(params: &Params) -> Result<bool, ApiError> {
    match params.get("adjust") {
        None => Ok(false),
        Some("skew") => Ok(true),
        Some(other) => {
            Err(bad(format!("invalid value for adjust: {}: the only adjustment is skew", go::quoted(other))))
        }
    }
}

/// Tempo's content negotiation: the first of three texts that `Accept` contains; quality values and
/// everything else are ignored.
pub fn format(headers: &HeaderMap) -> Format {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("application/protobuf") {
        Format::Protobuf
    } else if accept.contains("application/json") {
        Format::Json
    } else if accept.contains("application/vnd.grafana.llm") {
        Format::Llm
    } else {
        Format::Json
    }
}

fn bad(line: impl Into<String>) -> ApiError {
    ApiError::BadRequest(line.into())
}

#[cfg(test)]
mod tests;
