//! What is asked of a region, in times since the beginning of its estate.

use std::fmt::Write as _;

/// Spans shown of a set; no random trace has as many, so that sets are shown whole.
pub const SPANS_PER_SET: u32 = 100;
/// More traces than an estate has.
const LIMIT: u32 = 1_000;
/// Seconds around the beginning that hold every span of every estate.
const AROUND: i64 = 1_500;

#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    Search {
        query: String,
        window: Option<(i64, i64)>,
    },
    /// In seconds.
    Range {
        query: String,
        start: i64,
        end: i64,
        step: i64,
    },
    Instant {
        query: String,
        start: i64,
        end: i64,
    },
    Names {
        scope: Option<String>,
        query: Option<String>,
    },
    Values {
        name: String,
        query: Option<String>,
    },
}

impl Question {
    pub fn search(query: impl Into<String>) -> Self {
        Self::Search { query: query.into(), window: None }
    }

    /// The text in TraceQL, empty where there is none.
    pub fn query(&self) -> &str {
        match self {
            Self::Search { query, .. } | Self::Range { query, .. } | Self::Instant { query, .. } => query,
            Self::Names { query, .. } | Self::Values { query, .. } => query.as_deref().unwrap_or_default(),
        }
    }

    #[must_use]
    pub fn with_query(&self, text: &str) -> Self {
        let mut asked = self.clone();
        match &mut asked {
            Self::Search { query, .. } | Self::Range { query, .. } | Self::Instant { query, .. } => {
                *query = text.to_owned();
            }
            Self::Names { query, .. } | Self::Values { query, .. } => *query = Some(text.to_owned()),
        }
        asked
    }

    /// The path and parameters of this question, where an estate begins.
    pub fn target(&self, beginning: u64) -> String {
        let seconds = i64::try_from(beginning / 1_000_000_000).unwrap();
        let window = |(start, end): (i64, i64)| format!("start={}&end={}", seconds + start, seconds + end);
        let always = window((-AROUND, AROUND));
        match self {
            Self::Search { query, window: asked } => {
                let when = window(asked.unwrap_or((-AROUND, AROUND)));
                format!("/api/search?q={}&{when}&spss={SPANS_PER_SET}&limit={LIMIT}", escaped(query))
            }
            Self::Range { query, start, end, step } => {
                let when = window((*start, *end));
                format!("/api/metrics/query_range?q={}&{when}&step={step}", escaped(query))
            }
            Self::Instant { query, start, end } => {
                format!("/api/metrics/query?q={}&{}", escaped(query), window((*start, *end)))
            }
            Self::Names { scope, query } => {
                let mut target = format!("/api/v2/search/tags?{always}");
                if let Some(scope) = scope {
                    let _ = write!(target, "&scope={scope}");
                }
                with_filter(target, query.as_deref())
            }
            Self::Values { name, query } => {
                let target = format!("/api/v2/search/tag/{}/values?{always}", escaped(name));
                with_filter(target, query.as_deref())
            }
        }
    }
}

fn with_filter(target: String, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{target}&q={}", escaped(query)),
        None => target,
    }
}

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// As in a file of cases: `? {..}` searches, `?? start end step | ..` asks for series, `?! start end | ..` for
/// one value, `?n scope | ..` for names and `?v name | ..` for values.
impl std::fmt::Display for Question {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let filter = |query: &Option<String>| query.as_ref().map(|q| format!(" | {q}")).unwrap_or_default();
        match self {
            Self::Search { query, window: None } => write!(out, "? {query}"),
            Self::Search { query, window: Some((start, end)) } => write!(out, "?w {start} {end} | {query}"),
            Self::Range { query, start, end, step } => write!(out, "?? {start} {end} {step} | {query}"),
            Self::Instant { query, start, end } => write!(out, "?! {start} {end} | {query}"),
            Self::Names { scope, query } => {
                write!(out, "?n {}{}", scope.as_deref().unwrap_or("all"), filter(query))
            }
            Self::Values { name, query } => write!(out, "?v {name}{}", filter(query)),
        }
    }
}

/// Reads a question as it is written; none if it is none.
pub fn read(line: &str) -> Option<Question> {
    let (kind, rest) = line.split_once(' ')?;
    if kind == "?" {
        return Some(Question::search(rest));
    }
    let (head, query) = match rest.split_once(" | ") {
        Some((head, query)) => (head, Some(query.to_owned())),
        None => (rest, None),
    };
    let numbers: Vec<i64> = head.split(' ').filter_map(|number| number.parse().ok()).collect();
    Some(match (kind, numbers.as_slice()) {
        ("?w", [start, end]) => Question::Search { query: query?, window: Some((*start, *end)) },
        ("??", [start, end, step]) => {
            Question::Range { query: query?, start: *start, end: *end, step: *step }
        }
        ("?!", [start, end]) => Question::Instant { query: query?, start: *start, end: *end },
        ("?n", _) => Question::Names { scope: (head != "all").then(|| head.to_owned()), query },
        ("?v", _) => Question::Values { name: head.to_owned(), query },
        _ => return None,
    })
}
