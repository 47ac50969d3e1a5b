//! What a region says of its own spans (names, values, series), as the caller may see it.
//!
//! A value that it tells is put into the smallest trace that holds it and goes through the same engine as any trace,
//! so that nothing is decided twice. That is right where what becomes of a value depends on itself and its key alone.
//! Where it may depend on what stands beside it, or where a name may have been given another, nothing is told here,
//! and whoever asks looks at the traces themselves. What a region counted is never passed on.

use bytes::Bytes;

use super::rewrite::{Marks, RegionRules, trace};
use super::seal::{Raw, Redacted};
use crate::classify::classifier::Scratch;
use crate::classify::keys::KeyClass;
use crate::classify::place::Place;
use crate::classify::structure::{Dialect, Structure};
use crate::model::search::Inspected;
use crate::model::tags::{TagScope, TagValue, TagValueKind};
use crate::model::value::ShownValue;
use crate::model::{MetricsAnswer, TagNames, TagValues};
use crate::policy::{RegionPlan, Ruled, Rung, Treatment};
use crate::trace::span::{bytes_field, key_and_value};
use crate::traceql;
use crate::traceql::ast::AttributeName;
use crate::wire::otlp::{
    Value as Given, any_value, event, put_attribute, resource_spans, scope_spans, span, status,
    trace as otlp_trace,
};
use crate::wire::protobuf::{Reader, Value, put_bytes_field, put_message};

use super::query::behind::{Behind, behind};

/// Whether values of this kind are treated each by itself.
pub(super) fn is_of_itself(ruled: &Ruled, says: KeyClass) -> bool {
    match says {
        // No echo is looked for there.
        KeyClass::Safe => true,
        // An attribute beside it says in which language it is.
        KeyClass::Structured(Structure::Statement | Structure::Sql(Dialect::Any), _) => false,
        // The one before it in its list says what it is, and a region tells each element alone.
        KeyClass::Structured(Structure::CommandArgument, _) => false,
        // Nothing is looked for in what is treated as a whole.
        KeyClass::Whole(class) if !ruled.is_untouched(class) => true,
        KeyClass::Unknown if !ruled.is_untouched(ruled.classes().unknown()) => true,
        KeyClass::Structured(..) | KeyClass::Whole(_) | KeyClass::Scan | KeyClass::Unknown => !echoes(ruled),
    }
}

/// Whether what is treated in one place may be looked for in others.
fn echoes(ruled: &Ruled) -> bool {
    ruled.classes().iter().any(|(class, facts)| facts.echo && !ruled.is_untouched(class))
}

/// The names that a region tells, as far as they are there for the caller; nothing where only its traces say.
pub fn names(raw: Raw<TagNames>, rules: RegionRules<'_>) -> Option<Redacted<TagNames>> {
    let TagNames { scopes, inspected } = raw.open();
    let mut seen = Vec::with_capacity(scopes.len());
    for (scope, names) in scopes {
        let mut kept = Vec::with_capacity(names.len());
        for name in names {
            if scope == TagScope::Intrinsic || stays(&name, rules)? {
                kept.push(name);
            }
        }
        if !kept.is_empty() {
            seen.push((scope, kept));
        }
    }
    Some(Redacted::pass(TagNames { scopes: seen, inspected: said(inspected, rules) }))
}

/// Whether an attribute of this key is still there after it was treated; nothing where its value decides.
fn stays(key: &str, rules: RegionRules<'_>) -> Option<bool> {
    let ruled = match rules.plan {
        RegionPlan::AllowAll => return Some(true),
        RegionPlan::Keys(keys) => return Some(keys.treatment(key.as_bytes()) != Some(Treatment::Drop)),
        RegionPlan::Ruled(ruled) => ruled,
    };
    if !ruled.withholds() {
        return Some(true);
    }
    if !rules.redactor.knows(ruled) {
        return Some(false);
    }
    let (classifier, look) = (rules.redactor.classifier(), rules.redactor.look(ruled));
    let facts = classifier.key(key);
    // Its place is taken by a number, which depends on what else is there.
    if classifier.is_telling_key(key, &look, &mut Scratch::default()) {
        return None;
    }
    match ruled.keys().treatment(key.as_bytes()) {
        Some(Treatment::Drop) => return Some(false),
        Some(Treatment::Mask) => return Some(true),
        None => {}
    }
    if facts.class == KeyClass::Unknown && echoes(ruled) {
        return None;
    }
    let whole = classifier.whole(facts).filter(|class| look.treats(*class));
    Some(whole.is_none_or(|class| ruled.cell(class).rung != Rung::Dropped))
}

/// The values that a region tells of a name, each as it is shown; nothing where only its traces say.
pub fn values(
    raw: Raw<TagValues>,
    name: &AttributeName,
    rules: RegionRules<'_>,
) -> Option<Redacted<TagValues>> {
    let TagValues { values, inspected } = raw.open();
    let values = if rules.plan.withholds() { treated(&values, name, rules)? } else { values };
    Some(Redacted::pass(TagValues { values, inspected: said(inspected, rules) }))
}

/// The series that a region counted, where all that names them is shown as it is stored; nothing where it is not.
pub fn series(raw: Raw<MetricsAnswer>, rules: RegionRules<'_>) -> Option<Redacted<MetricsAnswer>> {
    let answer = raw.open();
    if rules.plan.withholds() {
        let exemplars = answer.series.iter().flat_map(|series| &series.exemplars);
        let labels = answer.series.iter().map(|series| &series.labels);
        let mut labels = labels.chain(exemplars.map(|exemplar| &exemplar.labels)).flatten();
        if !labels.all(|(label, value)| is_shown_as_stored(label, value, rules)) {
            return None;
        }
    }
    let inspected = said(answer.inspected, rules);
    Some(Redacted::pass(MetricsAnswer { inspected, ..answer }))
}

fn is_shown_as_stored(label: &str, value: &ShownValue, rules: RegionRules<'_>) -> bool {
    // Two underscores begin what is said of a series itself, `p` stands for a quantile.
    if label.starts_with("__") || label == "p" {
        return true;
    }
    let Ok(attribute) = traceql::identifier(label) else { return false };
    let (kind, value) = match value {
        ShownValue::Text(text) => (TagValueKind::Text, text.clone()),
        ShownValue::Int(int) => (TagValueKind::Int, int.to_string()),
        ShownValue::Bool(flag) => (TagValueKind::Bool, flag.to_string()),
        ShownValue::Float(float) => (TagValueKind::Float, float.to_string()),
        ShownValue::Array(_) => return false,
    };
    let told = TagValue { kind, value };
    treated(std::slice::from_ref(&told), &attribute.name, rules).is_some_and(|seen| seen == [told])
}

/// What is said of how much was looked at, which may tell of what is not shown.
fn said(inspected: Inspected, rules: RegionRules<'_>) -> Inspected {
    if rules.plan.withholds() { Inspected::default() } else { inspected }
}

/// Values of one name, each by itself.
fn treated(values: &[TagValue], name: &AttributeName, rules: RegionRules<'_>) -> Option<Vec<TagValue>> {
    let behind = behind(name);
    if matches!(behind, Behind::Untouchable) || values.is_empty() {
        return Some(values.to_vec());
    }
    if !is_told_by_value(&behind, rules) {
        return None;
    }
    let mut spans = Vec::new();
    for value in values {
        put_message(&mut spans, scope_spans::SPANS, |body| put_span(body, &behind, value));
    }
    let mut scopes = Vec::new();
    put_bytes_field(&mut scopes, resource_spans::SCOPE_SPANS, &spans);
    let mut all = Vec::new();
    put_bytes_field(&mut all, otlp_trace::RESOURCE_SPANS, &scopes);
    let rules = RegionRules { marks: Marks::None, ..rules };
    let view = trace(Raw::seal(Bytes::from(all)), None, rules).ok()?;
    if view.chunk.spans.len() != values.len() {
        return None;
    }
    let mut seen = Vec::with_capacity(values.len());
    for (found, told) in view.chunk.spans.iter().zip(values) {
        seen.extend(read_back(view.chunk.buffer.get(found.body), &behind, told)?);
    }
    Some(seen)
}

fn is_told_by_value(behind: &Behind<'_>, rules: RegionRules<'_>) -> bool {
    let classifier = rules.redactor.classifier();
    match (rules.plan, behind) {
        (RegionPlan::AllowAll | RegionPlan::Keys(_), _) | (_, Behind::Untouchable) => true,
        (RegionPlan::Ruled(ruled), Behind::Key(key)) => {
            let look = rules.redactor.look(ruled);
            is_of_itself(ruled, classifier.key(key).class)
                && !classifier.is_telling_key(key, &look, &mut Scratch::default())
        }
        (RegionPlan::Ruled(ruled), Behind::Place(place)) => {
            is_of_itself(ruled, classifier.place(*place).class)
                && matches!(place, Place::SpanName | Place::StatusMessage | Place::EventName)
        }
    }
}

/// A span in which the value stands where it stood.
fn put_span(body: &mut Vec<u8>, behind: &Behind<'_>, value: &TagValue) {
    put_bytes_field(body, span::TRACE_ID, &[1; 16]);
    put_bytes_field(body, span::SPAN_ID, &[1; 8]);
    let text = value.value.as_str();
    match behind {
        Behind::Untouchable => {}
        Behind::Place(Place::StatusMessage) => {
            put_message(body, span::STATUS, |inner| put_bytes_field(inner, status::MESSAGE, text.as_bytes()));
        }
        Behind::Place(Place::EventName) => {
            put_message(body, span::EVENTS, |inner| put_bytes_field(inner, event::NAME, text.as_bytes()));
        }
        Behind::Place(_) => put_bytes_field(body, span::NAME, text.as_bytes()),
        Behind::Key(key) => {
            let given = match value.kind {
                TagValueKind::Int => text.parse().map(Given::Int).ok(),
                TagValueKind::Float => text.parse().map(Given::Double).ok(),
                TagValueKind::Bool => text.parse().map(Given::Bool).ok(),
                TagValueKind::Text | TagValueKind::Duration | TagValueKind::Keyword => None,
            };
            put_attribute(body, span::ATTRIBUTES, key, given.unwrap_or(Given::String(text)));
        }
    }
}

/// What is left of the value; nothing where it can't be said as a region would say it.
fn read_back(body: &[u8], behind: &Behind<'_>, told: &TagValue) -> Option<Option<TagValue>> {
    let text = |bytes: &[u8]| {
        let value = std::str::from_utf8(bytes).ok()?.to_owned();
        Some(Some(TagValue { kind: TagValueKind::Text, value }))
    };
    match behind {
        Behind::Untouchable => Some(Some(told.clone())),
        Behind::Place(Place::StatusMessage) => {
            text(bytes_field(bytes_field(body, span::STATUS), status::MESSAGE))
        }
        Behind::Place(Place::EventName) => text(bytes_field(bytes_field(body, span::EVENTS), event::NAME)),
        Behind::Place(_) => text(bytes_field(body, span::NAME)),
        Behind::Key(_) => {
            let pair = bytes_field(body, span::ATTRIBUTES);
            if pair.is_empty() {
                return Some(None);
            }
            let (_, any) = key_and_value(pair);
            let mut reader = Reader::new(any);
            let Ok(Some(field)) = reader.next() else { return None };
            match (field.number, field.value) {
                (any_value::STRING, Value::Bytes(bytes)) => text(bytes),
                (any_value::INT, Value::Varint(int)) => {
                    let value = int.cast_signed().to_string();
                    Some(Some(TagValue { kind: TagValueKind::Int, value }))
                }
                (any_value::BOOL, Value::Varint(_)) => Some(Some(told.clone())),
                // How a number with a fraction is written is only known of one that stays.
                (any_value::DOUBLE, Value::Fixed64(bits)) => {
                    (told.value.parse() == Ok(f64::from_bits(bits))).then(|| Some(told.clone()))
                }
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
