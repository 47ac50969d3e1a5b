//! What a question names, whatever kind of question it is, and which right each name takes.

use super::Right;
use crate::model::search::SearchAsked;
use crate::model::tags::TagsForm;
use crate::model::{MetricsQuery, SearchQuery, TagValuesQuery, TagsQuery, Whole};
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::mentions::{Purpose, mentions};
use crate::traceql::{self, lenient};

/// A name in a question, and what it takes to ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub name: AttributeName,
    /// As it is shown in an answer.
    pub written: String,
    pub right: Right,
}

/// A question that names attributes.
pub trait Asks {
    fn asked(&self) -> Vec<Asked>;
}

/// The filter of a trace by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanFilter(pub String);

impl Asks for SpanFilter {
    fn asked(&self) -> Vec<Asked> {
        in_query(&self.0)
    }
}

impl Asks for Whole {
    fn asked(&self) -> Vec<Asked> {
        match self {
            Self::Query(text) => in_query(text),
            Self::Keys(keys) => in_keys(keys),
            Self::Names { filter, form } => in_filter(filter.as_deref(), *form),
            Self::Values { name, filter, form } => in_values(name, filter.as_deref(), *form),
        }
    }
}

impl Asks for SearchQuery {
    fn asked(&self) -> Vec<Asked> {
        match &self.asked {
            SearchAsked::Query(text) => in_query(text),
            SearchAsked::Tags { tags, .. } => in_keys(tags.keys()),
        }
    }
}

impl Asks for MetricsQuery {
    fn asked(&self) -> Vec<Asked> {
        in_query(&self.query)
    }
}

impl Asks for TagsQuery {
    fn asked(&self) -> Vec<Asked> {
        in_filter(self.query.as_deref(), self.form)
    }
}

impl Asks for TagValuesQuery {
    fn asked(&self) -> Vec<Asked> {
        in_values(&self.name, self.query.as_deref(), self.form)
    }
}

fn in_values(written: &str, filter: Option<&str>, form: TagsForm) -> Vec<Asked> {
    let name = match form {
        TagsForm::V1 => Some(of_key(written)),
        TagsForm::V2 => traceql::identifier(written).ok().map(|attribute| attribute.name),
    };
    let listed = name.map(|name| Asked { written: written.to_owned(), name, right: Right::List });
    listed.into_iter().chain(in_filter(filter, form)).collect()
}

/// What is no query is refused by whoever would evaluate it, before this.
fn in_query(text: &str) -> Vec<Asked> {
    let Ok(query) = traceql::compile(text) else { return Vec::new() };
    let right = |purpose| match purpose {
        // It is shown as the caller may see it, and nothing depends on it.
        Purpose::Shown => None,
        Purpose::Tested => Some(Right::Filter),
        Purpose::Grouped => Some(Right::Group),
        Purpose::Measured => Some(Right::Read),
    };
    let named = mentions(&query).into_iter();
    named.filter_map(|of| right(of.purpose).map(|right| asked(of.name, right))).collect()
}

/// A filter as it is being typed: what is not read of it filters nothing. The older form has none.
fn in_filter(text: Option<&str>, form: TagsForm) -> Vec<Asked> {
    let text = text.filter(|_| form == TagsForm::V2);
    let groups = text.and_then(|text| lenient::condition_groups(text).ok()).unwrap_or_default();
    groups.into_iter().flatten().map(|condition| asked(condition.attribute, Right::Filter)).collect()
}

fn in_keys<'k>(keys: impl IntoIterator<Item = &'k String>) -> Vec<Asked> {
    let asked = |key: &String| Asked { name: of_key(key), written: key.clone(), right: Right::Filter };
    keys.into_iter().map(asked).collect()
}

fn asked(name: AttributeName, right: Right) -> Asked {
    Asked { written: name.to_string(), name, right }
}

/// The older forms have words of their own for what is no attribute.
fn of_key(key: &str) -> AttributeName {
    match key {
        "name" => AttributeName::Intrinsic(Intrinsic::Name),
        "root.name" => AttributeName::Intrinsic(Intrinsic::RootName),
        "root.service.name" => AttributeName::Intrinsic(Intrinsic::RootServiceName),
        "status.code" => AttributeName::Intrinsic(Intrinsic::Status),
        _ => AttributeName::Named { parent: false, scope: Scope::Any, key: key.to_owned() },
    }
}
