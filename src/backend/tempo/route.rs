//! Where a question goes: the urls of a region, and which version of the API it speaks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use http::Uri;
use reqwest::Url;

use crate::backend::BuildError;
use crate::model::search::{SearchAsked, Window};
use crate::model::tags::{TagLimits, TagsForm};
use crate::model::{LookupScope, MetricsQuery, SearchQuery, TagValuesQuery, TagsQuery, TraceQuery};

/// The urls of one region.
#[derive(Debug)]
pub(in crate::backend) struct Routes {
    /// Ends in a slash, so that paths are joined below it.
    base: Url,
}

impl Routes {
    pub(in crate::backend) fn new(uri: &Uri) -> Result<Self, BuildError> {
        let shown = || {
            let authority = uri.authority().map(|a| a.host()).unwrap_or_default();
            BuildError::Url(format!("{}://{authority}", uri.scheme_str().unwrap_or_default()))
        };
        let mut base = Url::parse(&uri.to_string()).map_err(|_| shown())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none_or(str::is_empty) {
            return Err(shown());
        }
        let holds_user = !base.username().is_empty() || base.password().is_some();
        if holds_user || base.query().is_some() || base.fragment().is_some() {
            return Err(BuildError::UrlHoldsMore);
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { base })
    }

    pub(in crate::backend) fn base(&self) -> &Url {
        &self.base
    }

    pub(in crate::backend) fn trace_v2(&self, query: &TraceQuery) -> Url {
        let mut url = self.trace("api/v2/traces/", query);
        // A region may prune by default; spans whose siblings lie elsewhere must stay.
        url.query_pairs_mut().append_pair("span_pruning", "false");
        url
    }

    pub(super) fn trace_v1(&self, query: &TraceQuery) -> Url {
        self.trace("api/traces/", query)
    }

    pub(in crate::backend) fn search(&self, query: &SearchQuery) -> Url {
        let mut pairs = Pairs::default();
        match &query.asked {
            SearchAsked::Query(text) => {
                pairs.append_pair("q", text);
            }
            SearchAsked::Tags { tags, min_duration_ms, max_duration_ms } => {
                pairs.append_pair("tags", &logfmt(tags));
                for (name, ms) in [("minDuration", *min_duration_ms), ("maxDuration", *max_duration_ms)] {
                    if ms > 0 {
                        pairs.append_pair(name, &format!("{ms}ms"));
                    }
                }
            }
        }
        pairs.append_pair("limit", &query.limit.to_string());
        pairs.append_pair("spss", &query.spans_per_set.to_string());
        put_window(&mut pairs, query.window);
        pairs.on(self.below("api/search"))
    }

    pub(in crate::backend) fn tag_names(&self, query: &TagsQuery) -> Url {
        let mut pairs = Pairs::default();
        if let Some(scope) = query.scope {
            pairs.append_pair("scope", scope.as_str());
        }
        put_of_tags(&mut pairs, query.query.as_deref(), query.window, query.limits);
        pairs.on(self.below(match query.form {
            TagsForm::V1 => "api/search/tags",
            TagsForm::V2 => "api/v2/search/tags",
        }))
    }

    pub(in crate::backend) fn tag_values(&self, query: &TagValuesQuery) -> Url {
        // A name may hold slashes, which are then no borders of the path.
        let name = percent(&query.name);
        let mut pairs = Pairs::default();
        put_of_tags(&mut pairs, query.query.as_deref(), query.window, query.limits);
        pairs.on(self.below(&match query.form {
            TagsForm::V1 => format!("api/search/tag/{name}/values"),
            TagsForm::V2 => format!("api/v2/search/tag/{name}/values"),
        }))
    }

    /// Times are nanoseconds, which Tempo reads where a number is that long. It puts the step before the first
    /// sample itself.
    pub(in crate::backend) fn metrics(&self, query: &MetricsQuery) -> Url {
        let mut pairs = Pairs::default();
        pairs.append_pair("q", &query.query);
        let start = if query.is_instant { query.start } else { query.start.saturating_add(query.step) };
        pairs.append_pair("start", &start.min(query.end).to_string());
        pairs.append_pair("end", &query.end.to_string());
        if !query.is_instant {
            pairs.append_pair("step", &format!("{}ns", query.step));
            pairs.append_pair("exemplars", &query.exemplars.to_string());
            if query.max_series > 0 {
                pairs.append_pair("maxSeries", &query.max_series.to_string());
            }
        }
        pairs.on(self.below(if query.is_instant { "api/metrics/query" } else { "api/metrics/query_range" }))
    }

    pub(in crate::backend) fn build_info(&self) -> Url {
        self.below("api/status/buildinfo")
    }

    fn trace(&self, path: &str, query: &TraceQuery) -> Url {
        let mut url = self.below(&format!("{path}{}", query.id));
        let mode = (query.scope != LookupScope::All).then(|| query.scope.as_str().to_owned());
        let pairs = [
            ("start", query.start.map(|seconds| seconds.to_string())),
            ("end", query.end.map(|seconds| seconds.to_string())),
            ("mode", mode),
            ("blockStart", query.block_start.clone()),
            ("blockEnd", query.block_end.clone()),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        url
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }
}

/// The parameters of a question.
#[derive(Debug, Default)]
struct Pairs(String);

impl Pairs {
    fn append_pair(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(&percent(name));
        self.0.push('=');
        self.0.push_str(&percent(value));
    }

    fn on(self, mut url: Url) -> Url {
        url.set_query(Some(&self.0));
        url
    }
}

/// Without a window a Tempo takes the last minutes; without time at all it is asked from 0 to 0.
fn put_window(pairs: &mut Pairs, window: Option<Window>) {
    let Window { start, end } = window.unwrap_or(Window { start: 0, end: 0 });
    pairs.append_pair("start", &start.to_string());
    pairs.append_pair("end", &end.to_string());
}

fn put_of_tags(pairs: &mut Pairs, query: Option<&str>, window: Option<Window>, limits: TagLimits) {
    if let Some(query) = query {
        pairs.append_pair("q", query);
    }
    put_window(pairs, window);
    for (name, count) in [("limit", limits.count_max), ("maxStaleValues", limits.stale_max)] {
        if count > 0 {
            pairs.append_pair(name, &count.to_string());
        }
    }
}

/// Tags as Tempo reads them: `key="value"`.
fn logfmt(tags: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = tags
        .iter()
        .map(|(key, value)| format!("{key}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    pairs.join(" ")
}

/// Every byte that is no letter, digit or one of `-._` in its escaped form: one piece of a path.
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// Which version of the API a region speaks, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Dialect {
    is_v1_only: AtomicBool,
    /// The version the region named last; another one may speak another dialect.
    version: Mutex<Option<String>>,
}

impl Dialect {
    pub(super) fn is_v1_only(&self) -> bool {
        self.is_v1_only.load(Ordering::Relaxed)
    }

    pub(super) fn remember_v1_only(&self, is_v1_only: bool) {
        self.is_v1_only.store(is_v1_only, Ordering::Relaxed);
    }

    /// Gives whether it is another version than before.
    pub(super) fn note_version(&self, version: Option<&str>) -> bool {
        let mut known = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = known.as_deref() != version;
        if is_new {
            *known = version.map(str::to_owned);
            self.remember_v1_only(false);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TraceId;

    fn routes(url: &str) -> Result<Routes, BuildError> {
        Routes::new(&url.parse().unwrap())
    }

    #[test]
    fn a_question_goes_below_the_path_of_the_url() {
        let query = TraceQuery::of(TraceId::parse("abc").unwrap());
        let id = "00000000000000000000000000000abc";
        for url in ["http://tempo:3200/tempo", "http://tempo:3200/tempo/"] {
            let routes = routes(url).unwrap();
            assert_eq!(
                routes.trace_v2(&query).as_str(),
                format!("http://tempo:3200/tempo/api/v2/traces/{id}?span_pruning=false")
            );
            assert_eq!(routes.build_info().as_str(), "http://tempo:3200/tempo/api/status/buildinfo");
        }
        assert_eq!(
            routes("https://tempo").unwrap().trace_v1(&query).as_str(),
            format!("https://tempo/api/traces/{id}")
        );
    }

    #[test]
    fn what_was_asked_for_is_asked_for() {
        let query = TraceQuery {
            start: Some(5),
            end: Some(-1),
            scope: LookupScope::Blocks,
            block_start: Some("00000000-0000-0000-0000-000000000000".to_owned()),
            block_end: Some("a&b".to_owned()),
            ..TraceQuery::of(TraceId::parse("1").unwrap())
        };
        let url = routes("http://tempo").unwrap().trace_v2(&query);
        assert_eq!(
            url.query().unwrap(),
            "start=5&end=-1&mode=blocks&blockStart=00000000-0000-0000-0000-000000000000\
             &blockEnd=a%26b&span_pruning=false"
        );
    }

    #[test]
    fn queries_are_put_in_tempos_words() {
        let routes = routes("http://tempo/below").unwrap();
        let window = Some(Window { start: 5, end: 9 });
        let asked = SearchAsked::Query("{ .a = \"b c\" && name=~`x+` }".to_owned());
        let query = SearchQuery { asked, limit: 20, spans_per_set: 3, window, page: None };
        assert_eq!(
            routes.search(&query).as_str(),
            "http://tempo/below/api/search?q=%7B%20.a%20%3D%20%22b%20c%22%20%26%26%20name%3D%7E%60x%2B%60%20%7D\
             &limit=20&spss=3&start=5&end=9"
        );
        let tags = [("a".to_owned(), "b \"c\"".to_owned()), ("d".to_owned(), "e".to_owned())].into();
        let asked = SearchAsked::Tags { tags, min_duration_ms: 7, max_duration_ms: 0 };
        assert_eq!(
            routes
                .search(&SearchQuery { asked, limit: 1, spans_per_set: 3, window: None, page: None })
                .query()
                .unwrap(),
            "tags=a%3D%22b%20%5C%22c%5C%22%22%20d%3D%22e%22&minDuration=7ms&limit=1&spss=3&start=0&end=0"
        );
        let limits = TagLimits { count_max: 4, ..TagLimits::default() };
        let name = "span.\"a/b\"".to_owned();
        let values = TagValuesQuery { name, query: None, window, limits, form: TagsForm::V2 };
        assert_eq!(
            routes.tag_values(&values).as_str(),
            "http://tempo/below/api/v2/search/tag/span.%22a%2Fb%22/values?start=5&end=9&limit=4"
        );
    }

    #[test]
    fn the_grid_of_a_metrics_query_stays_where_it_is() {
        let query = MetricsQuery {
            query: "{ } | rate()".to_owned(),
            start: 60_000_000_000,
            end: 120_000_000_000,
            step: 20_000_000_000,
            is_instant: false,
            exemplars: 3,
            max_series: 0,
        };
        let routes = routes("http://tempo").unwrap();
        // Tempo steps back by one step itself.
        assert!(
            routes
                .metrics(&query)
                .query()
                .unwrap()
                .ends_with("start=80000000000&end=120000000000&step=20000000000ns&exemplars=3")
        );
        let instant = MetricsQuery { is_instant: true, step: 60_000_000_000, exemplars: 0, ..query };
        let url = routes.metrics(&instant);
        assert_eq!(url.path(), "/api/metrics/query");
        assert!(url.query().unwrap().ends_with("start=60000000000&end=120000000000"));
    }

    #[test]
    fn a_url_that_is_more_or_less_than_a_place_is_refused() {
        assert!(matches!(routes("ftp://tempo"), Err(BuildError::Url(_))));
        assert!(matches!(routes("tempo:3200"), Err(BuildError::Url(_))));
        assert!(matches!(routes("/tempo"), Err(BuildError::Url(_))));
        assert!(matches!(routes("http://me:secret@tempo"), Err(BuildError::UrlHoldsMore)));
        assert!(matches!(routes("http://tempo/?x=1"), Err(BuildError::UrlHoldsMore)));
        let shown = routes("ftp://me:secret@tempo").unwrap_err().to_string();
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn another_version_is_asked_anew() {
        let dialect = Dialect::default();
        dialect.note_version(Some("2.2.0"));
        dialect.remember_v1_only(true);
        dialect.note_version(Some("2.2.0"));
        assert!(dialect.is_v1_only());
        dialect.note_version(Some("2.8.0"));
        assert!(!dialect.is_v1_only());
    }
}
