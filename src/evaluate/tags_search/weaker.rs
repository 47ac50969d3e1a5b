//! A search by tags in TraceQL, as far as TraceQL can say it: for those who list traces by single spans.
//!
//! That tags have to be met within one resource is not said, since a resource may lie in two regions in part; nor
//! are bounds of the trace's duration, which no single span knows.

use super::{TagsSearch, Wanted};
use crate::evaluate::span_view::Holder;
use crate::traceql;
use crate::traceql::ast::{AttributeName, Literal, Scope};

impl TagsSearch {
    /// A search that finds every trace that this one finds, and may find others. None where nothing can be said.
    pub fn weaker(&self) -> Option<String> {
        let wanted = self.wanted.iter().filter_map(Wanted::in_traceql);
        let pairs = self.pairs.iter().map(|(key, value)| {
            let of = |scope| format!("{} = {}", named(scope, key), literal(value));
            format!("{} || {}", of(Scope::Resource), of(Scope::Span))
        });
        let filters: Vec<String> = wanted.chain(pairs).map(|filter| format!("{{ {filter} }}")).collect();
        let text = filters.join(" && ");
        // A key may be no name of TraceQL, and many tags may be more than it reads.
        traceql::compile(&text).is_ok().then_some(text)
    }
}

impl Wanted {
    /// What some span meets where the trace does.
    fn in_traceql(&self) -> Option<String> {
        match self {
            Self::RootName(part) => contains("rootName", part),
            Self::RootService(part) => contains("rootServiceName", part),
            Self::Service(part) => contains("resource.service.name", part),
            Self::Name(part) => contains("name", part),
            Self::Status(code) => {
                let word = match code {
                    1 => "ok",
                    2 => "error",
                    _ => "unset",
                };
                Some(format!("status = {word}"))
            }
            Self::Text { holder, key, part } => {
                let scope = if *holder == Holder::Resource { Scope::Resource } else { Scope::Span };
                let name = named(scope, key);
                Some(contains(&name, part).unwrap_or_else(|| format!("{name} != nil")))
            }
            Self::Integer { key, value } => Some(format!("{} = {value}", named(Scope::Span, key))),
        }
    }
}

/// None where every text contains it.
fn contains(name: &str, part: &str) -> Option<String> {
    let pattern = || format!(".*{}.*", regex::escape(part));
    (!part.is_empty()).then(|| format!("{name} =~ {}", literal(&pattern())))
}

fn named(scope: Scope, key: &str) -> String {
    AttributeName::Named { parent: false, scope, key: key.to_owned() }.to_string()
}

fn literal(text: &str) -> String {
    Literal::Text(text.to_owned()).to_string()
}
