//! A group run over the columns of a trace: scope within scope, from events up to the trace.

use super::columns::Columns;
use super::join::{Collect, Hits, Level, Of, join};
use super::predicate::{Predicate, Test};
use super::{Goal, Ready, Scoped};
use crate::evaluate::tags::stored::{self, Column, Raw};
use crate::model::tags::TagScope;
use crate::traceql::ast::{AttributeName, Intrinsic};

/// One group over one trace.
pub(super) struct Run<'g, 't> {
    pub asked: Goal,
    pub group: &'g Scoped,
    pub columns: &'g Columns<'g, 't>,
}

/// Conditions on one column of its own: any of them lets a value through. Whether it is selected, the last says.
struct Shared<'g> {
    tests: Vec<&'g Test>,
    selects: bool,
}

impl Shared<'_> {
    fn keeps(&self, value: Option<Raw<'_>>) -> bool {
        self.tests.iter().any(|test| test.keeps(value))
    }
}

/// A column of spans or resources of its own.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Own<'g> {
    Intrinsic(Intrinsic),
    Dedicated(&'g str),
    Service,
}

/// Adds a condition to those on its column.
fn share<'g>(columns: &mut Vec<(Own<'g>, Shared<'g>)>, own: Own<'g>, condition: &'g Ready) {
    let selects = condition.may_be_asked;
    match columns.iter_mut().find(|(known, _)| *known == own) {
        Some((_, shared)) => {
            shared.tests.push(&condition.test);
            shared.selects = selects;
        }
        None => columns.push((own, Shared { tests: vec![&condition.test], selects })),
    }
}

impl<'g, 't> Run<'g, 't> {
    /// What the group leaves; names and values that were found ride on it.
    pub fn hits(&self) -> Hits<'t> {
        let inner = self.events();
        let inner = self.links(inner);
        let inner = self.spans(inner);
        let inner = self.scopes(inner);
        let inner = self.resources(inner);
        self.traces(inner).unwrap_or_default()
    }

    fn events(&self) -> Option<Hits<'t>> {
        let conditions = &self.group.event;
        if conditions.is_empty() && !self.asked.wants_names(TagScope::Event) {
            return None;
        }
        let mut columns = Vec::new();
        let mut common = Vec::new();
        for condition in conditions {
            match (&condition.attribute, &condition.test) {
                (AttributeName::Intrinsic(Intrinsic::EventName), test) => {
                    let keeps = |value: Option<Raw<'_>>| test.keeps(value);
                    columns.push(self.columns.intrinsic(Intrinsic::EventName, condition.is_asked, keeps));
                }
                (_, Test::Missing) => columns.push(self.columns.lacking(TagScope::Event, &condition.key)),
                _ => common.push(condition),
            }
        }
        self.within(Level::Event, Of::Event, columns, self.attributes(TagScope::Event, &common), None)
    }

    /// Links and events of one number meet, as if they belonged together.
    fn links(&self, events: Option<Hits<'t>>) -> Option<Hits<'t>> {
        let conditions = &self.group.link;
        if conditions.is_empty() && !self.asked.wants_names(TagScope::Link) {
            return events;
        }
        let mut columns = Vec::new();
        let mut common = Vec::new();
        for condition in conditions {
            match (&condition.attribute, &condition.test) {
                (AttributeName::Intrinsic(id), test) => {
                    let keeps = |value: Option<&[u8]>| match test {
                        Test::Matches(predicate) => predicate.keeps_id(value),
                        Test::Exists => value.is_some(),
                        _ => Predicate::Anything.keeps_id(value),
                    };
                    columns.push(self.columns.link_ids(*id, keeps));
                }
                (_, Test::Missing) => columns.push(self.columns.lacking(TagScope::Link, &condition.key)),
                _ => common.push(condition),
            }
        }
        self.within(Level::Event, Of::Link, columns, self.attributes(TagScope::Link, &common), events)
    }

    fn spans(&self, inner: Option<Hits<'t>>) -> Option<Hits<'t>> {
        let conditions = &self.group.span;
        if conditions.is_empty() && !self.asked.wants_names(TagScope::Span) {
            return inner;
        }
        let mut own = Vec::new();
        let mut columns = Vec::new();
        let mut common = Vec::new();
        for condition in conditions {
            match &condition.attribute {
                AttributeName::Intrinsic(Intrinsic::SpanId) => {}
                // Tempo looks for an attribute of that name.
                AttributeName::Intrinsic(Intrinsic::ParentId) => common.push(condition),
                AttributeName::Intrinsic(intrinsic) => {
                    share(&mut own, Own::Intrinsic(*intrinsic), condition);
                }
                AttributeName::Named { .. } if has_own_column(TagScope::Span, condition) => {
                    share(&mut own, Own::Dedicated(&condition.key), condition);
                }
                AttributeName::Named { .. } => match condition.test {
                    Test::Missing => columns.push(self.columns.lacking(TagScope::Span, &condition.key)),
                    _ => common.push(condition),
                },
            }
        }
        columns.extend(own.iter().map(|(own, shared)| self.own(TagScope::Span, *own, shared)));
        self.within(Level::Span, Of::Span, columns, self.attributes(TagScope::Span, &common), inner)
    }

    fn scopes(&self, inner: Option<Hits<'t>>) -> Option<Hits<'t>> {
        let conditions = &self.group.instrumentation;
        let scope = TagScope::Instrumentation;
        if conditions.is_empty() && !self.asked.wants_names(scope) {
            return inner;
        }
        let mut columns = Vec::new();
        let mut common = Vec::new();
        for condition in conditions {
            match (&condition.attribute, &condition.test) {
                (AttributeName::Intrinsic(intrinsic), test) => {
                    let keeps = |value: Option<Raw<'_>>| test.keeps(value);
                    columns.push(self.columns.intrinsic(*intrinsic, condition.is_asked, keeps));
                }
                (_, Test::Missing) => columns.push(self.columns.lacking(scope, &condition.key)),
                _ => common.push(condition),
            }
        }
        self.within(Level::Scope, Of::Instrumentation, columns, self.attributes(scope, &common), inner)
    }

    fn resources(&self, inner: Option<Hits<'t>>) -> Option<Hits<'t>> {
        let conditions = &self.group.resource;
        let scope = TagScope::Resource;
        if conditions.is_empty() && !self.asked.wants_names(scope) {
            return inner;
        }
        let mut own = Vec::new();
        let mut columns = Vec::new();
        let mut common = Vec::new();
        for condition in conditions {
            let is_service = condition.key == stored::SERVICE_NAME;
            match &condition.test {
                Test::Seen | Test::Exists if is_service => share(&mut own, Own::Service, condition),
                test if is_service && test.column() == Some(Column::Text) => {
                    let keeps = |value: Option<Raw<'_>>| test.keeps(value);
                    columns.push(self.columns.services(condition.is_asked, keeps));
                }
                _ if has_own_column(scope, condition) => {
                    share(&mut own, Own::Dedicated(&condition.key), condition);
                }
                Test::Missing => columns.push(self.columns.lacking(scope, &condition.key)),
                _ => common.push(condition),
            }
        }
        columns.extend(own.iter().map(|(own, shared)| self.own(scope, *own, shared)));
        columns.extend(self.attributes(scope, &common));
        columns.extend(inner);
        Some(join(Level::Resource, columns, Collect::Holder(Of::Resource)))
    }

    fn traces(&self, inner: Option<Hits<'t>>) -> Option<Hits<'t>> {
        let conditions = &self.group.trace;
        if conditions.is_empty() {
            return inner;
        }
        let mut columns = Vec::new();
        for condition in conditions {
            // An id of a trace is passed over.
            if let AttributeName::Intrinsic(intrinsic) = condition.attribute
                && intrinsic != Intrinsic::TraceId
            {
                let keeps = |value: Option<Raw<'_>>| condition.test.keeps(value);
                columns.push(self.columns.of_trace(intrinsic, condition.is_asked, keeps));
            }
        }
        columns.extend(inner);
        Some(join(Level::Trace, columns, Collect::Holder(Of::Trace)))
    }

    fn own(&self, scope: TagScope, own: Own<'_>, shared: &Shared<'_>) -> Hits<'t> {
        let keeps = |value: Option<Raw<'_>>| shared.keeps(value);
        match own {
            Own::Intrinsic(intrinsic) => self.columns.intrinsic(intrinsic, shared.selects, keeps),
            Own::Dedicated(key) => self.columns.dedicated(scope, key, shared.selects, keeps),
            Own::Service => self.columns.services(shared.selects, keeps),
        }
    }

    /// Joins what a scope has with what lies within. Where there are only attributes, they stand for it.
    fn within(
        &self,
        level: Level,
        of: Of,
        mut columns: Vec<Hits<'t>>,
        attributes: Option<Hits<'t>>,
        inner: Option<Hits<'t>>,
    ) -> Option<Hits<'t>> {
        if columns.is_empty() && inner.is_none() {
            return attributes;
        }
        columns.extend(attributes);
        columns.extend(inner);
        Some(join(level, columns, Collect::Holder(of)))
    }
}

/// Whether a condition on an attribute is about a column of its own: one of existence, or of its type.
fn has_own_column(scope: TagScope, condition: &Ready) -> bool {
    stored::dedicated(scope, &condition.key).is_some_and(|column| match condition.test {
        Test::Seen | Test::Exists | Test::Missing => true,
        Test::Matches(_) => condition.test.column() == Some(column),
        Test::Void => false,
    })
}
