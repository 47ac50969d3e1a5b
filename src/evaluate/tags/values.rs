//! Which values an attribute or intrinsic has.

use super::filter::{Asked, Filter, Found};
use super::limits::Distinct;
use super::stored::{self, Holder, Raw};
use super::{TagsError, identifier};
use crate::evaluate::{EventView, SpanView, TraceRows};
use crate::model::search::Inspected;
use crate::model::tags::{TagLimits, TagValue, TagValueKind, TagValues, TagValuesQuery, TagsForm};
use crate::traceql::ast::{AttributeName, Intrinsic, Literal, Scope};
use crate::traceql::lenient::{Asks, Condition, GROUPS_MAX, Group, TooManyGroups, condition_groups};
use crate::traceql::types::Operator;
use crate::wire::otlp;

/// Gathers values from traces, fed in the order of their ids.
#[derive(Debug)]
pub struct TagValuesCollector {
    form: TagsForm,
    limits: TagLimits,
    from: From,
    /// Values that the query itself names; they are told without being looked for, once there is a trace.
    named: Vec<TagValue>,
    /// What is told whatever is stored.
    virtual_values: &'static [&'static str],
    found: Distinct<TagValue>,
    inspected: Inspected,
}

/// Where values are read.
#[derive(Debug)]
enum From {
    /// Nowhere: what is told does not depend on traces.
    Nothing,
    /// A column of Tempo's own.
    Intrinsic(Intrinsic),
    /// Attributes of this key.
    Attributes { scope: Scope, key: String },
    /// The places of a trace that a query leaves.
    Filtered(Filter),
}

/// The words of a status, as Tempo's older endpoint tells them beside what is stored.
const V1_STATUSES: [&str; 3] = ["unset", "ok", "error"];
const V1_ERROR: [&str; 1] = ["true"];
const STATUSES: [&str; 3] = [
    // In this order a limit counts them.
    "ok", "error", "unset",
];
const KINDS: [&str; 6] = ["client", "server", "producer", "consumer", "internal", "unspecified"];

impl TagValuesCollector {
    pub fn new(query: &TagValuesQuery) -> Result<Self, TagsError> {
        match query.form {
            TagsForm::V1 => Ok(Self::of_v1(query)),
            TagsForm::V2 => Self::of_v2(query),
        }
    }

    fn with(query: &TagValuesQuery, from: From) -> Self {
        Self {
            form: query.form,
            limits: query.limits,
            from,
            named: Vec::new(),
            virtual_values: &[],
            found: Distinct::new(query.limits),
            inspected: Inspected::default(),
        }
    }

    /// The older endpoint takes any text for a name, knows some that are not TraceQL's, and has no filter.
    fn of_v1(query: &TagValuesQuery) -> Self {
        let attributes = |scope| From::Attributes { scope, key: query.name.clone() };
        let from = match query.name.as_str() {
            "name" => From::Intrinsic(Intrinsic::Name),
            "status.code" => From::Intrinsic(Intrinsic::Status),
            "rootName" | "root.name" => From::Intrinsic(Intrinsic::RootName),
            "rootServiceName" | "root.service.name" => From::Intrinsic(Intrinsic::RootServiceName),
            // Tempo tells their bytes as if they were text.
            "trace:id" | "span:id" => From::Nothing,
            stored::SERVICE_NAME
            | "cluster"
            | "namespace"
            | "pod"
            | "container"
            | "k8s.namespace.name"
            | "k8s.cluster.name"
            | "k8s.pod.name"
            | "k8s.container.name" => attributes(Scope::Resource),
            "http.method" | "http.url" | "http.status_code" => attributes(Scope::Span),
            _ => attributes(Scope::Any),
        };
        let virtual_values: &[&str] = match query.name.as_str() {
            "status.code" => &V1_STATUSES,
            "error" => &V1_ERROR,
            _ => &[],
        };
        Self { virtual_values, ..Self::with(query, from) }
    }

    fn of_v2(query: &TagValuesQuery) -> Result<Self, TagsError> {
        let name = identifier(&query.name)?;
        let groups = query.query.as_deref().map(condition_groups).transpose()?.unwrap_or_default();
        // By the text of the name: written otherwise (`span: kind`), the numbers stored are told.
        let words: Option<&[&str]> = match query.name.as_str() {
            "status" | "span:status" => Some(&STATUSES),
            "kind" | "span:kind" => Some(&KINDS),
            "duration" | "span:duration" | "traceDuration" => Some(&[]),
            _ => None,
        };
        if let Some(virtual_values) = words {
            return Ok(Self { virtual_values, ..Self::with(query, From::Nothing) });
        }
        use Intrinsic::{LinkSpanId, LinkTraceId, ParentId, SpanId, TraceId};
        if let AttributeName::Intrinsic(TraceId | SpanId | ParentId | LinkTraceId | LinkSpanId) = name {
            return Ok(Self::with(query, From::Nothing));
        }
        let is_filtered = !groups.is_empty();
        let (named, rest) = split_named(&name, groups);
        let from = if is_filtered && rest.is_empty() {
            // Every group says its value.
            From::Nothing
        } else {
            match Filter::of(&with_tag(&name, rest)?, Asked::Values(&name))? {
                Some(filter) => From::Filtered(filter),
                None => unfiltered(name),
            }
        };
        Ok(Self { named, ..Self::with(query, from) })
    }

    pub fn observe(&mut self, trace: &TraceRows<'_>) {
        if self.is_done() {
            return;
        }
        self.inspected.add(Inspected { traces: 1, spans: trace.rows().len() as u64, bytes: 0 });
        let Self { form, from, named, found, .. } = self;
        for value in named.drain(..) {
            let bytes = length(&value, *form);
            found.offer(&value, bytes);
        }
        match from {
            From::Nothing => {}
            From::Intrinsic(intrinsic) => {
                let is_listed = is_listed(*intrinsic);
                intrinsic_values(trace, *intrinsic, &mut |raw| {
                    let value = shown(raw, *form);
                    let bytes = length(&value, *form);
                    if is_listed { found.offer_once(&value, bytes) } else { found.offer(&value, bytes) }
                });
            }
            From::Attributes { scope, key } => attribute_values(trace, *scope, key, &mut |raw| {
                let value = shown(raw, *form);
                let bytes = length(&value, *form);
                found.offer(&value, bytes);
            }),
            From::Filtered(filter) => filter.run(trace, &mut |value| {
                if let Found::Value(value) = value {
                    let bytes = length(&value, TagsForm::V2);
                    found.offer_once(&value, bytes);
                }
            }),
        }
    }

    /// Takes what somebody else gathered.
    pub fn add(&mut self, values: Vec<TagValue>) {
        for value in values {
            let bytes = length(&value, self.form);
            self.found.offer_once(&value, bytes);
        }
    }

    /// Whether no trace can add a value any more.
    pub fn is_done(&self) -> bool {
        self.found.is_full() || (self.named.is_empty() && matches!(self.from, From::Nothing))
    }

    /// In the order of kinds and values.
    pub fn finish(self) -> TagValues {
        self.so_far()
    }

    /// What [`Self::finish`] would give now.
    pub fn so_far(&self) -> TagValues {
        let kind = if self.form == TagsForm::V1 { TagValueKind::Text } else { TagValueKind::Keyword };
        let mut stored = self.found.kept().to_vec();
        stored.sort_unstable();
        // What is told in any case comes first, so that a limit does not leave it out.
        let mut told = Distinct::new(TagLimits { stale_max: 0, ..self.limits });
        let in_any_case = self.virtual_values.iter().map(|word| TagValue { kind, value: (*word).to_owned() });
        for value in in_any_case.chain(stored) {
            let bytes = length(&value, self.form);
            told.offer(&value, bytes);
        }
        let mut values = told.into_kept();
        values.sort_unstable();
        TagValues { values, inspected: self.inspected }
    }
}

/// Values that a group says outright (`name = "x"`), and the groups that do not.
fn split_named(name: &AttributeName, groups: Vec<Group>) -> (Vec<TagValue>, Vec<Group>) {
    let said = |condition: &Condition| match &condition.asks {
        Asks::Compares(Operator::Equal, value) if condition.attribute == *name => Some(value_of(value)),
        _ => None,
    };
    let mut named = Vec::new();
    let mut rest = Vec::new();
    for group in groups {
        match group.iter().find_map(said) {
            Some(value) => named.extend(value),
            None => rest.push(group),
        }
    }
    (named, rest)
}

/// The groups with the attribute itself among the conditions; one of any scope is looked for in two.
fn with_tag(name: &AttributeName, groups: Vec<Group>) -> Result<Vec<Group>, TagsError> {
    let seen = |attribute: AttributeName| Condition { attribute, asks: Asks::Nothing };
    let AttributeName::Named { parent, scope: Scope::Any, key } = name else {
        let with = |mut group: Group| {
            group.push(seen(name.clone()));
            group
        };
        return Ok(groups.into_iter().map(with).collect());
    };
    if groups.len() * 2 > GROUPS_MAX {
        return Err(TooManyGroups.into());
    }
    let scoped = |scope| {
        let named = AttributeName::Named { parent: *parent, scope, key: key.clone() };
        groups.iter().map(move |group| {
            let mut group = group.clone();
            group.push(seen(named.clone()));
            group
        })
    };
    Ok(scoped(Scope::Resource).chain(scoped(Scope::Span)).collect())
}

fn unfiltered(name: AttributeName) -> From {
    match name {
        AttributeName::Intrinsic(intrinsic) => From::Intrinsic(intrinsic),
        AttributeName::Named { scope, key, .. } => match key.as_str() {
            // Names from before TraceQL, which Tempo still answers.
            "root.name" => From::Intrinsic(Intrinsic::RootName),
            "root.service.name" => From::Intrinsic(Intrinsic::RootServiceName),
            _ => From::Attributes { scope, key },
        },
    }
}

/// A value of a query as an answer tells it; nothing for what has no type there.
fn value_of(value: &Literal) -> Option<TagValue> {
    let (kind, value) = match value {
        Literal::Text(text) => (TagValueKind::Text, text.clone()),
        Literal::Int(int) => (TagValueKind::Int, int.to_string()),
        Literal::Float(float) => (TagValueKind::Float, float_text(*float)),
        Literal::Bool(flag) => (TagValueKind::Bool, flag.to_string()),
        Literal::Duration(_) => (TagValueKind::Duration, value.to_string()),
        Literal::Status(status) => (TagValueKind::Keyword, status.word().to_owned()),
        Literal::Kind(_) => return None,
    };
    Some(TagValue { kind, value })
}

/// A stored value as an answer tells it; the older endpoint knows text only.
pub(super) fn shown(raw: Raw<'_>, form: TagsForm) -> TagValue {
    let (kind, value) = match raw {
        Raw::Text(text) => (TagValueKind::Text, text.to_owned()),
        Raw::Int(int) => (TagValueKind::Int, int.to_string()),
        Raw::Float(float) => (TagValueKind::Float, float_text(float)),
        Raw::Bool(flag) => (TagValueKind::Bool, flag.to_string()),
    };
    TagValue { kind: if form == TagsForm::V1 { TagValueKind::Text } else { kind }, value }
}

/// As Go writes it, always with a point or an exponent.
fn float_text(float: f64) -> String {
    if float.is_nan() {
        "NaN.0".to_owned()
    } else if float.is_infinite() {
        format!("{}Inf.0", if float > 0.0 { '+' } else { '-' })
    } else {
        Literal::Float(float).to_string()
    }
}

/// What a value costs of the bytes allowed.
fn length(value: &TagValue, form: TagsForm) -> usize {
    let kind = if form == TagsForm::V1 { 0 } else { value.kind.as_str().len() };
    kind + value.value.len()
}

/// Whether a block lists the column's values in a dictionary, each once.
fn is_listed(intrinsic: Intrinsic) -> bool {
    use Intrinsic::{
        EventName, InstrumentationName, InstrumentationVersion, Name, RootName, RootServiceName,
    };
    matches!(
        intrinsic,
        Name | RootName | RootServiceName | EventName | InstrumentationName | InstrumentationVersion
    )
}

/// The values of a column of Tempo's own: texts, and numbers as they are stored.
fn intrinsic_values(trace: &TraceRows<'_>, intrinsic: Intrinsic, take: &mut impl FnMut(Raw<'_>)) {
    let summary = trace.summary();
    match intrinsic {
        Intrinsic::RootName => return take(Raw::Text(&summary.root_name)),
        Intrinsic::RootServiceName => return take(Raw::Text(&summary.root_service)),
        Intrinsic::TraceDuration => return take(Raw::Int(summary.duration().cast_signed())),
        _ => {}
    }
    let numbers = |row: u32| trace.numbers().get(row as usize).copied().unwrap_or_default();
    for row in 0..trace.rows().len() as u32 {
        let Some(wire) = trace.wire(row) else { continue };
        match intrinsic {
            Intrinsic::Name => take(Raw::Text(wire.name())),
            Intrinsic::StatusMessage => take(Raw::Text(wire.status_message())),
            Intrinsic::Status => take(Raw::Int(wire.status().into())),
            Intrinsic::Kind => take(Raw::Int(wire.kind().into())),
            Intrinsic::Duration => take(Raw::Int(wire.end().wrapping_sub(wire.start()).cast_signed())),
            Intrinsic::ChildCount => take(Raw::Int(numbers(row).children.into())),
            Intrinsic::NestedSetLeft => take(Raw::Int(numbers(row).left.into())),
            Intrinsic::NestedSetRight => take(Raw::Int(numbers(row).right.into())),
            Intrinsic::NestedSetParent => take(Raw::Int(numbers(row).parent.into())),
            Intrinsic::EventName => wire.events().for_each(|event| take(Raw::Text(event.name()))),
            Intrinsic::EventTimeSinceStart => {
                let start = wire.start();
                wire.events()
                    .for_each(|event| take(Raw::Int(event.time().wrapping_sub(start).cast_signed())));
            }
            Intrinsic::InstrumentationName => take(Raw::Text(wire.scope_name().unwrap_or_default())),
            Intrinsic::InstrumentationVersion => take(Raw::Text(wire.scope_version().unwrap_or_default())),
            _ => return,
        }
    }
}

/// The values of an attribute. One of any scope is looked for in resources, scopes and spans, not in events and
/// links.
fn attribute_values(trace: &TraceRows<'_>, scope: Scope, key: &str, take: &mut impl FnMut(Raw<'_>)) {
    let wants = |of: Scope| scope == of || scope == Scope::Any;
    let every = |take: &mut dyn FnMut(Raw<'_>), message: &[u8], number: u32| {
        stored::elements_of(message, number, key).for_each(take);
    };
    for holder in stored::holders(trace) {
        match holder {
            Holder::Resource { wire, .. } if wants(Scope::Resource) => {
                if key == stored::SERVICE_NAME {
                    resource_services(wire, take);
                } else {
                    every(take, wire, otlp::resource::ATTRIBUTES);
                }
            }
            Holder::Scope { wire, .. } if wants(Scope::Instrumentation) => {
                every(take, wire, otlp::scope::ATTRIBUTES);
            }
            Holder::Span { wire, .. } => {
                if wants(Scope::Span) {
                    every(take, wire, otlp::span::ATTRIBUTES);
                }
                if scope == Scope::Event {
                    stored::messages(wire, otlp::span::EVENTS)
                        .for_each(|event| every(take, event, otlp::event::ATTRIBUTES));
                }
                if scope == Scope::Link {
                    stored::messages(wire, otlp::span::LINKS)
                        .for_each(|link| every(take, link, otlp::link::ATTRIBUTES));
                }
            }
            _ => {}
        }
    }
}

/// A resource has one service, the last that is a string, or the empty one; and beside it what goes by that name
/// and is none.
fn resource_services(wire: &[u8], take: &mut impl FnMut(Raw<'_>)) {
    let all = || stored::attributes(wire, otlp::resource::ATTRIBUTES);
    let scope = crate::model::tags::TagScope::Resource;
    let service = all().filter(|attribute| attribute.is_service(scope)).last();
    take(service.and_then(|service| service.elements.first().copied()).unwrap_or(Raw::Text("")));
    all()
        .filter(|attribute| attribute.key == stored::SERVICE_NAME && !attribute.is_service(scope))
        .for_each(|attribute| attribute.elements.into_iter().for_each(&mut *take));
}
