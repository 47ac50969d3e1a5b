//! The places of a trace that a half-typed query leaves, and the names or values found there.
//!
//! Tempo answers this from columns alone, by joins of rows, without the engine: a condition narrows the scope it
//! is on and what holds that scope, never what lies beside it; several conditions on one column of its own
//! widen each other; and to ask for names of every scope takes spans whose events and links come in pairs.
//! These are the same joins over the columns of one trace.

mod attributes;
mod columns;
mod join;
mod predicate;
mod scopes;

use self::columns::Columns;
use self::predicate::Test;
use super::TagsError;
use super::names::wants;
use super::stored::{self, Holder};
use crate::evaluate::TraceRows;
use crate::model::tags::{TagScope, TagValue};
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::lenient::{Condition, Group};
use crate::traceql::pattern::PatternStore;
use crate::wire::otlp;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::evaluate::tags) enum Asked<'q> {
    /// Names of a scope, or of all.
    Names(Option<TagScope>),
    /// Values of an attribute.
    Values(&'q AttributeName),
}

/// What is found.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::evaluate::tags) enum Found<'t> {
    Name(TagScope, &'t str),
    Value(TagValue),
}

/// Groups of conditions made ready.
#[derive(Debug)]
pub(in crate::evaluate::tags) struct Filter {
    asked: Goal,
    groups: Vec<Scoped>,
}

/// What is asked for, once conditions know whether they are on it.
#[derive(Debug, Clone, Copy)]
enum Goal {
    Names(Option<TagScope>),
    Values,
}

/// The conditions of a group by what they are on.
#[derive(Debug, Default)]
struct Scoped {
    event: Vec<Ready>,
    link: Vec<Ready>,
    span: Vec<Ready>,
    instrumentation: Vec<Ready>,
    resource: Vec<Ready>,
    trace: Vec<Ready>,
}

/// A condition made ready.
#[derive(Debug)]
struct Ready {
    attribute: AttributeName,
    /// Its name as an attribute's key; an intrinsic that has no column is looked for by its word.
    key: String,
    test: Test,
    /// Whether its values may be what is asked for: the same attribute.
    is_asked: bool,
    /// The same, or of the same name where what is asked for has no scope.
    may_be_asked: bool,
}

impl Filter {
    /// None where there is nothing to filter by: no groups, or a condition of no scope, which Tempo gives up on.
    pub fn of(groups: &[Group], asked: Asked<'_>) -> Result<Option<Self>, TagsError> {
        let mut patterns = PatternStore::default();
        let mut ready = Vec::with_capacity(groups.len());
        for group in groups {
            match Scoped::of(group, asked, &mut patterns)? {
                Some(scoped) => ready.push(scoped),
                None => return Ok(None),
            }
        }
        let asked = match asked {
            Asked::Names(scope) => Goal::Names(scope),
            Asked::Values(_) => Goal::Values,
        };
        Ok((!ready.is_empty()).then_some(Self { asked, groups: ready }))
    }

    /// Tells what is found in a trace, with repetitions.
    pub fn run<'t>(&self, trace: &TraceRows<'t>, take: &mut impl FnMut(Found<'t>)) {
        let columns = Columns::of(trace);
        for group in &self.groups {
            let hits = scopes::Run { asked: self.asked, group, columns: &columns }.hits();
            hits.into_iter().flat_map(|hit| hit.found).for_each(&mut *take);
        }
    }
}

impl Scoped {
    /// None where a condition has no scope.
    fn of(
        group: &[Condition],
        asked: Asked<'_>,
        patterns: &mut PatternStore,
    ) -> Result<Option<Self>, TagsError> {
        let mut scoped = Self::default();
        for condition in group {
            let Some(list) = scoped.list(&condition.attribute) else { return Ok(None) };
            list.push(Ready::of(condition, asked, patterns)?);
        }
        Ok(Some(scoped))
    }

    fn list(&mut self, name: &AttributeName) -> Option<&mut Vec<Ready>> {
        Some(match name {
            AttributeName::Named { scope, .. } => match scope {
                Scope::Any => return None,
                Scope::Resource => &mut self.resource,
                Scope::Span => &mut self.span,
                Scope::Event => &mut self.event,
                Scope::Link => &mut self.link,
                Scope::Instrumentation => &mut self.instrumentation,
            },
            AttributeName::Intrinsic(intrinsic) => match intrinsic {
                Intrinsic::Parent => return None,
                Intrinsic::RootName
                | Intrinsic::RootServiceName
                | Intrinsic::TraceDuration
                | Intrinsic::TraceId => &mut self.trace,
                Intrinsic::EventName | Intrinsic::EventTimeSinceStart => &mut self.event,
                Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => &mut self.link,
                Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => {
                    &mut self.instrumentation
                }
                _ => &mut self.span,
            },
        })
    }
}

impl Ready {
    fn of(condition: &Condition, asked: Asked<'_>, patterns: &mut PatternStore) -> Result<Self, TagsError> {
        let name = &condition.attribute;
        let (is_asked, may_be_asked) = match asked {
            Asked::Names(_) => (false, false),
            Asked::Values(asked) => {
                (asked == name, asked == name || (has_no_scope(asked) && asked.bare() == name.bare()))
            }
        };
        let test = Test::of(condition, patterns)?;
        Ok(Self { attribute: name.clone(), key: name.bare().to_owned(), test, is_asked, may_be_asked })
    }
}

fn has_no_scope(name: &AttributeName) -> bool {
    matches!(name, AttributeName::Intrinsic(_) | AttributeName::Named { scope: Scope::Any, .. })
}

impl Goal {
    /// Whether the names of a scope are asked for.
    fn wants_names(self, scope: TagScope) -> bool {
        matches!(self, Self::Names(asked) if wants(asked, scope))
    }
}

/// Names that lie in columns of their own: Tempo tells them for the whole block, whatever the query leaves.
pub(in crate::evaluate::tags) fn standing_names(
    trace: &TraceRows<'_>,
    asked: Option<TagScope>,
    take: &mut impl FnMut(TagScope, &str),
) {
    for holder in stored::holders(trace) {
        let (scope, wire, number) = match holder {
            Holder::Resource { wire, .. } => (TagScope::Resource, wire, otlp::resource::ATTRIBUTES),
            Holder::Span { wire, .. } => (TagScope::Span, wire, otlp::span::ATTRIBUTES),
            Holder::Scope { .. } => continue,
        };
        if !wants(asked, scope) {
            continue;
        }
        if scope == TagScope::Resource {
            take(scope, stored::SERVICE_NAME);
        }
        stored::attributes(wire, number)
            .filter(|attribute| attribute.is_dedicated(scope))
            .for_each(|attribute| take(scope, attribute.key));
    }
}
