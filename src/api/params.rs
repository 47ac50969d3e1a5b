//! Parameters as Tempo reads them: the first value of each name, its own checks in its own order, its
//! own words for what is wrong.

use http::{HeaderMap, Uri, header};

use super::error::ApiError;
use crate::model::{LookupScope, Mode, TraceId, TraceQuery};

/// Tempo's `max_query_expression_size_bytes`.
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
    /// A pair that Go's reader refuses, for a semicolon or a broken escape, counts as absent: Tempo reads
    /// on without it.
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let whole = query.split('&').filter(|pair| !pair.contains(';') && has_whole_escapes(pair));
        let pairs = whole.flat_map(|pair| form_urlencoded::parse(pair.as_bytes()));
        Self(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a name; an empty one counts as absent, as in Tempo.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }
}

/// Whether every `%` begins two hex digits.
fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let mut digits = after.bytes().take(2);
        matches!((digits.next(), digits.next()), (Some(a), Some(b)) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    })
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
    match uuid::Uuid::try_parse(text) {
        Ok(block) => Ok(Some(block.hyphenated().to_string())),
        Err(_) if ![36, 45, 38, 32].contains(&text.len()) => {
            Err(bad(format!("invalid value for {shown}: invalid UUID length: {}", text.len())))
        }
        Err(_) => Err(bad(format!("invalid value for {shown}: invalid UUID format"))),
    }
}

fn seconds(params: &Params, name: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let number = go_int(text)
        .map_err(|why| bad(format!("invalid {name}: strconv.ParseInt: parsing {}: {why}", quoted(text))))?;
    Ok(Some(number))
}

/// Go's `ParseInt` in base 10, and its two ways to fail.
fn go_int(text: &str) -> Result<i64, &'static str> {
    text.parse::<i64>().map_err(|error| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        }
    })
}

/// Go's `%q`, near enough for an error line: control characters are escaped, so the line stays one.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug().collect::<String>().replace("\\'", "'"))
}

/// v2's filter parameters; none without `q`, whatever else is given.
pub fn filter(params: &Params) -> Result<Option<FilterParams>, ApiError> {
    for name in ["q", "query"] {
        if params.get(name).is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
            return Err(bad(format!(
                "TraceQL expression exceeds the configured maximum size of {QUERY_BYTES_MAX} bytes, reduce \
                 the query expression size or contact your system administrator"
            )));
        }
    }
    let Some(query) = params.get("q").map(str::trim).filter(|query| !query.is_empty()) else {
        return Ok(None);
    };
    let keep_hierarchy = match params.get("keep_hierarchy") {
        None => false,
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => true,
        Some("0" | "f" | "F" | "FALSE" | "false" | "False") => false,
        Some(text) => {
            return Err(bad(format!(
                "invalid value for keep_hierarchy: strconv.ParseBool: parsing {}: invalid syntax",
                quoted(text)
            )));
        }
    };
    let match_depth = depth(params, "match_depth", 0)?;
    // Read only where it has an effect, as Tempo does.
    let ancestor_depth = if keep_hierarchy { depth(params, "ancestor_depth", -1)? } else { -1 };
    Ok(Some(FilterParams { query: query.to_owned(), keep_hierarchy, match_depth, ancestor_depth }))
}

fn depth(params: &Params, name: &str, absent: i64) -> Result<i64, ApiError> {
    let Some(text) = params.get(name) else { return Ok(absent) };
    let number = go_int(text).map_err(|why| {
        bad(format!("invalid value for {name}: strconv.Atoi: parsing {}: {why}", quoted(text)))
    })?;
    if number < -1 { Err(bad(format!("invalid value for {name}: must be >= -1"))) } else { Ok(number) }
}

/// What the caller allows: the path's prefix, an alert rule, or the header; the strictest holds.
pub fn mode(headers: &HeaderMap, is_strict_path: bool) -> Result<Mode, ApiError> {
    let asked = match headers.get("tutti-mode").map(|value| value.as_bytes()) {
        None | Some(b"best_effort") => Mode::BestEffort,
        Some(b"strict") => Mode::Strict,
        Some(other) => {
            let other = String::from_utf8_lossy(other).escape_debug().to_string();
            return Err(bad(format!(
                "header Tutti-Mode is `{other}`: use `strict` (whole or an error) or `best_effort` (what can \
                 be had, and what is missing)"
            )));
        }
    };
    // An alert must not rest on a quietly smaller answer.
    let is_alert = headers.contains_key("fromalert");
    Ok(if is_strict_path || is_alert { Mode::Strict } else { asked })
}

/// Whether times shall be rewritten so that clocks agree.
pub fn adjusts_skew(params: &Params) -> Result<bool, ApiError> {
    match params.get("adjust") {
        None => Ok(false),
        Some("skew") => Ok(true),
        Some(other) => {
            Err(bad(format!("invalid value for adjust: {}: the only adjustment is skew", quoted(other))))
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
mod tests {
    use super::Params;

    #[test]
    fn a_pair_that_go_refuses_counts_as_absent() {
        let params = |query: &str| Params::of(&format!("/?{query}").parse().unwrap());
        assert_eq!(params("start=1;end=2&mode=all").get("start"), None);
        assert_eq!(params("start=1;end=2&mode=all").get("mode"), Some("all"));
        assert_eq!(params("start=%zz&start=5").get("start"), Some("5"));
        assert_eq!(params("start=%2").get("start"), None);
        assert_eq!(params("start=%").get("start"), None);
        assert_eq!(params("st%61rt=%35+%2b").get("start"), Some("5 +"));
    }
}
