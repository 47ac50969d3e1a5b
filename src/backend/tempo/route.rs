//! Where a question goes: the urls of a region, and which version of the API it speaks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use http::Uri;
use reqwest::Url;

use crate::backend::BuildError;
use crate::model::{LookupScope, TraceQuery};

/// The urls of one region.
#[derive(Debug)]
pub(super) struct Routes {
    /// Ends in a slash, so that paths are joined below it.
    base: Url,
}

impl Routes {
    pub(super) fn new(uri: &Uri) -> Result<Self, BuildError> {
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

    pub(super) fn base(&self) -> &str {
        self.base.as_str()
    }

    pub(super) fn trace_v2(&self, query: &TraceQuery) -> Url {
        let mut url = self.trace("api/v2/traces/", query);
        // A region may prune by default; spans whose siblings lie elsewhere must stay.
        url.query_pairs_mut().append_pair("span_pruning", "false");
        url
    }

    pub(super) fn trace_v1(&self, query: &TraceQuery) -> Url {
        self.trace("api/traces/", query)
    }

    pub(super) fn build_info(&self) -> Url {
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

    pub(super) fn note_version(&self, version: Option<&str>) {
        let mut known = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() != version {
            *known = version.map(str::to_owned);
            self.remember_v1_only(false);
        }
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
