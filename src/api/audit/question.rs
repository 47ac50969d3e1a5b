//! What was asked, as a record may hold it: ids of traces and times in clear, and tokens in place of what somebody
//! wrote into a query.

use crate::audit::Tokens;
use crate::audit::json::{Json, Map};
use crate::audit::question::{cut, name, query};
use crate::federation::{Ask, Question};
use crate::model::search::{SearchAsked, Window};
use crate::model::{DiffQuery, MetricsQuery, SearchQuery, TagValuesQuery, TagsQuery};

const NANOS: u64 = 1_000_000_000;

/// A question that can go on record.
pub(in crate::api) trait Questioned {
    fn asked(&self, tokens: &Tokens) -> Map;
}

impl<Q: Questioned> Questioned for Question<Q> {
    fn asked(&self, tokens: &Tokens) -> Map {
        self.query.asked(tokens)
    }
}

impl Questioned for Ask {
    fn asked(&self, tokens: &Tokens) -> Map {
        let filter = self.filter.as_ref().map(|filter| Json::Text(query(&filter.0, tokens)));
        of([("trace", Some(Json::text(self.query.id.to_string()))), ("query", filter)], None)
    }
}

impl Questioned for SearchQuery {
    fn asked(&self, tokens: &Tokens) -> Map {
        let asked = match &self.asked {
            SearchAsked::Query(text) => ("query", Json::Text(query(text, tokens))),
            SearchAsked::Tags { tags, .. } => {
                let tags =
                    tags.iter().map(|(key, value)| format!("{}={}", name(key, tokens), tokens.token(value)));
                ("tags", Json::Text(cut(tags.collect::<Vec<_>>().join(" "))))
            }
        };
        of([(asked.0, Some(asked.1)), ("limit", Some(Json::Whole(self.limit.into())))], self.window)
    }
}

impl Questioned for TagsQuery {
    fn asked(&self, tokens: &Tokens) -> Map {
        let filter = self.query.as_ref().map(|text| Json::Text(query(text, tokens)));
        let scope = self.scope.map(|scope| Json::text(scope.as_str()));
        of([("query", filter), ("scope", scope)], self.window)
    }
}

impl Questioned for TagValuesQuery {
    fn asked(&self, tokens: &Tokens) -> Map {
        let filter = self.query.as_ref().map(|text| Json::Text(query(text, tokens)));
        let tag = Json::Text(name(self.name.trim_start_matches('.'), tokens));
        of([("query", filter), ("tag", Some(tag))], self.window)
    }
}

impl Questioned for MetricsQuery {
    fn asked(&self, tokens: &Tokens) -> Map {
        let seconds = |nanos: u64| Json::Whole(nanos / NANOS);
        let [start, end] = [self.start, self.end].map(seconds);
        let text = Json::Text(query(&self.query, tokens));
        of([("query", Some(text)), ("start", Some(start)), ("end", Some(end))], None)
    }
}

impl Questioned for DiffQuery {
    fn asked(&self, _: &Tokens) -> Map {
        let ids = [&self.base, &self.compare].map(|side| side.query.id.to_string());
        of([("traces", Some(Json::texts(ids)))], None)
    }
}

fn of<const N: usize>(said: [(&str, Option<Json>); N], window: Option<Window>) -> Map {
    let window = window.map(|window| [("start", window.start), ("end", window.end)]);
    let window = window.into_iter().flatten().map(|(key, seconds)| (key, Some(Json::Whole(seconds.into()))));
    let all = said.into_iter().chain(window);
    all.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
