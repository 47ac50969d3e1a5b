//! The names a query mentions, and which of them can be taken for each other.
//!
//! The engine looks a name up among the values that *any* condition of the query brought into view: `.k`
//! finds an event's `k` if another condition loaded it, the intrinsic `name` an attribute called so, and
//! `k = nil` makes a stand-in value. Such a name says nothing when it is asked alone.

use std::collections::{BTreeMap, HashSet};

use super::formula::Test;
use crate::traceql::ast::{Attribute, AttributeName, FieldExpr, Literal, Query, Scope};
use crate::traceql::columns;
use crate::traceql::fetch::{Comparison, FetchSpec, Fetched};
use crate::traceql::mentions::{self, Named};
use crate::traceql::pattern::Patterns;
use crate::traceql::types::Operator;

/// What a query mentions, by bare key.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_key: BTreeMap<String, HashSet<AttributeName>>,
    /// Keys that some `= nil` is about.
    missing: HashSet<String>,
    /// Keys of columns that are looked at whatever is there: what is missing there is stood for by the text
    /// "nil" then.
    stood_for: HashSet<String>,
}

impl Names {
    pub fn of(query: &Query) -> Self {
        let mut names = Self::default();
        mentions::each(query, &mut |named, _| match named {
            Named::Attribute(attribute) => names.attribute(attribute),
            Named::Field(field) => names.field(field),
        });
        match FetchSpec::of_search(query) {
            Some(spec) => names.columns(&spec),
            // Several leaves, each with conditions of its own: taken together they only say more.
            None => names.stood_for.extend(columns::keys().map(str::to_owned)),
        }
        names
    }

    /// Everything that is found by this key when no scope is asked for.
    pub fn of_key(&self, key: &str) -> impl Iterator<Item = &AttributeName> {
        self.by_key.get(key).into_iter().flatten()
    }

    pub fn all(&self) -> impl Iterator<Item = &AttributeName> {
        self.by_key.values().flatten()
    }

    fn columns(&mut self, spec: &FetchSpec) {
        for condition in &spec.conditions {
            let Fetched::Attribute(AttributeName::Named { key, .. }) = &condition.attribute else { continue };
            let takes_what_is_missing = match &condition.comparison {
                Comparison::Any | Comparison::Missing => true,
                Comparison::NotEqual(value) => value.of_type().element().is_some(),
                Comparison::NotMatch(patterns) => patterns.len() > 1,
                _ => false,
            };
            if takes_what_is_missing && columns::of_key(key).is_some() {
                self.stood_for.insert(key.clone());
            }
        }
    }

    /// Whether a test of this holds for "nil", which stands for a value that is missing.
    pub fn is_stood_for(&self, name: &AttributeName, test: &Test) -> bool {
        let AttributeName::Named { key, .. } = name else { return false };
        let holds_for_nil = match test {
            Test::Exists { .. } => true,
            Test::Compare(Operator::Equal, Literal::Text(text)) => text == "nil",
            Test::Compare(Operator::Match, Literal::Text(pattern)) => {
                Patterns::brief(pattern).map_or(true, |patterns| patterns.is_match("nil"))
            }
            Test::Compare(_, literal) => matches!(literal, Literal::Text(_)),
        };
        holds_for_nil && self.stood_for.contains(key)
    }

    /// Whether the name may be answered by a value that is not its own.
    pub fn is_unsure(&self, name: &AttributeName) -> bool {
        let key = name.bare();
        if self.missing.contains(key) {
            return true;
        }
        let others = || self.by_key.get(key).into_iter().flatten().filter(|other| *other != name);
        match name {
            AttributeName::Intrinsic(_) => others().next().is_some(),
            AttributeName::Named { scope: Scope::Any, .. } => others().any(|other| match other {
                AttributeName::Intrinsic(_) => true,
                AttributeName::Named { scope, .. } => !matches!(scope, Scope::Span | Scope::Resource),
            }),
            AttributeName::Named { .. } => false,
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        let name = &attribute.name;
        self.by_key.entry(name.bare().to_owned()).or_default().insert(name.clone());
    }

    fn field(&mut self, field: &FieldExpr) {
        let mut found = Vec::new();
        field.attributes(&mut found);
        found.into_iter().for_each(|attribute| self.attribute(attribute));
        self.missing_in(field);
    }

    fn missing_in(&mut self, field: &FieldExpr) {
        match field {
            FieldExpr::Literal { .. } | FieldExpr::Attribute(_) => {}
            FieldExpr::Missing(inner) => match &inner.field {
                FieldExpr::Attribute(attribute) => {
                    self.missing.insert(attribute.name.bare().to_owned());
                }
                other => self.missing_in(other),
            },
            FieldExpr::Negative(inner) | FieldExpr::Not(inner) | FieldExpr::Exists(inner) => {
                self.missing_in(&inner.field);
            }
            FieldExpr::Binary(binary) => {
                self.missing_in(&binary.left);
                self.missing_in(&binary.right);
            }
            FieldExpr::Chain(chain) => {
                self.missing_in(&chain.first);
                chain.rest.iter().for_each(|(_, field)| self.missing_in(field));
            }
        }
    }
}
