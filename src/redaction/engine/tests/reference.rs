//! What the engine should do, done plainly: decode the trace, treat value by value, encode it again. Without memory of
//! what came up before and without keeping bytes; the classifier and the treatments are the same.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

use super::*;
use crate::classify::classifier::Scratch;
use crate::classify::keys::KeyClass;
use crate::classify::{KeyFacts, Look, Place, Verdict};
use crate::model::ClassId;
use crate::redaction::engine::echo::{Echo, Found, Memory};
use crate::redaction::treat::{MARK_OF_BYTES, MARK_OF_ECHO, Treater};

pub struct Reference<'a> {
    redactor: &'a Redactor,
    look: Look,
    treater: Treater<'a>,
    found: Option<Found>,
    echo: Option<Echo>,
}

type Kept<T> = Option<T>;

impl<'a> Reference<'a> {
    /// The trace as it should be shown.
    pub fn view(redactor: &'a Redactor, ruled: &'a Ruled, trace: &TracesData) -> TracesData {
        let treater = Treater::new(ruled, redactor.keys().keys(ruled.tokens()), 2026);
        let mut this =
            Self { redactor, look: redactor.look(ruled), treater, found: Some(Found::default()), echo: None };
        let mut first = trace.clone();
        this.trace(&mut first);
        this.echo = this.found.take().unwrap().search();
        let mut second = trace.clone();
        this.trace(&mut second);
        second
    }

    fn trace(&mut self, trace: &mut TracesData) {
        for batch in &mut trace.resource_spans {
            if let Some(resource) = &mut batch.resource {
                self.pairs(&mut resource.attributes);
            }
            self.place(Place::SchemaUrl, &mut batch.schema_url);
            for scope in &mut batch.scope_spans {
                self.place(Place::SchemaUrl, &mut scope.schema_url);
                if let Some(own) = &mut scope.scope {
                    self.place(Place::ScopeName, &mut own.name);
                    self.place(Place::ScopeVersion, &mut own.version);
                    self.pairs(&mut own.attributes);
                }
                scope.spans.iter_mut().for_each(|span| self.span(span));
            }
        }
    }

    fn span(&mut self, span: &mut Span) {
        self.place(Place::SpanName, &mut span.name);
        self.place(Place::TraceState, &mut span.trace_state);
        self.pairs(&mut span.attributes);
        for event in &mut span.events {
            self.place(Place::EventName, &mut event.name);
            self.pairs(&mut event.attributes);
        }
        for link in &mut span.links {
            self.place(Place::TraceState, &mut link.trace_state);
            self.pairs(&mut link.attributes);
        }
        if let Some(status) = &mut span.status {
            self.place(Place::StatusMessage, &mut status.message);
        }
    }

    fn place(&mut self, place: Place, text: &mut String) {
        let facts = self.redactor.classifier().place(place);
        // A field that is not there is not looked at.
        if !text.is_empty() {
            let seen = self.text(facts, text);
            *text = seen.unwrap_or_else(|class| self.mark(class));
        }
    }

    fn pairs(&mut self, pairs: &mut Vec<KeyValue>) {
        let siblings: HashMap<String, String> = pairs
            .iter()
            .rev()
            .filter_map(|pair| match &pair.value {
                Some(AnyValue { value: Some(Value::StringValue(text)) }) => {
                    Some((pair.key.clone(), text.clone()))
                }
                _ => None,
            })
            .collect();
        let system =
            siblings.get("db.system.name").or(siblings.get("db.system")).cloned().unwrap_or_default();
        self.list(None, pairs, &system);
    }

    fn list(&mut self, parent: Option<(&str, KeyFacts)>, pairs: &mut Vec<KeyValue>, system: &str) {
        let mut renamed = 0;
        let kept: Vec<KeyValue> = std::mem::take(pairs)
            .into_iter()
            .filter_map(|mut pair| {
                let classifier = self.redactor.classifier();
                let (path, facts) = match parent {
                    None => (pair.key.clone(), classifier.key(&pair.key)),
                    Some((path, facts)) => {
                        (format!("{path}.{}", pair.key), classifier.key_within(path, facts, &pair.key))
                    }
                };
                let is_telling = classifier.is_telling_key(&pair.key, &self.look, &mut Scratch::default())
                    || facts.class == KeyClass::Unknown
                        && match &self.echo {
                            None => false,
                            Some(Echo::TooMany) => true,
                            Some(Echo::Search(search)) => search.may_be_in(&pair.key, &mut Memory::default()),
                        };
                if is_telling {
                    renamed += 1;
                    pair.key = format!("‹key {renamed}›");
                }
                let read = match facts.class {
                    KeyClass::Structured(structure, class) => {
                        KeyClass::Structured(structure.of_database(system), class)
                    }
                    class => class,
                };
                let read = KeyFacts { class: read, ..facts };
                // Without a value the key decides.
                if pair.value.as_ref().is_none_or(|any| any.value.is_none())
                    && self.whole(read).is_some_and(|class| self.treater.rung(class) == Rung::Dropped)
                {
                    return None;
                }
                if let Some(any) = pair.value.take() {
                    pair.value = Some(self.any(&path, facts, read, any, system)?);
                }
                Some(pair)
            })
            .collect();
        *pairs = kept;
    }

    fn whole(&self, facts: KeyFacts) -> Option<ClassId> {
        self.redactor.classifier().whole(facts).filter(|class| self.look.treats(*class))
    }

    fn any(
        &mut self,
        path: &str,
        own: KeyFacts,
        facts: KeyFacts,
        any: AnyValue,
        system: &str,
    ) -> Kept<AnyValue> {
        let string = |text: String| AnyValue { value: Some(Value::StringValue(text)) };
        let Some(value) = any.value else { return Some(any) };
        let whole = self.whole(facts);
        let is_dropped = whole.is_some_and(|class| self.treater.rung(class) == Rung::Dropped);
        let of_structure = match facts.class {
            KeyClass::Structured(_, class) => Some(class).filter(|class| self.look.treats(*class)),
            _ => None,
        };
        Some(match value {
            Value::StringValue(text) => string(self.text(facts, &text).ok()?),
            Value::IntValue(int) => {
                let seen = self.number(facts, &int.to_string())?;
                seen.map_or(AnyValue { value: Some(Value::IntValue(int)) }, |text| match text.parse() {
                    Ok(int) => AnyValue { value: Some(Value::IntValue(int)) },
                    Err(_) => string(text),
                })
            }
            Value::DoubleValue(double) => {
                let seen = self.number(facts, &double.to_string())?;
                seen.map_or(AnyValue { value: Some(Value::DoubleValue(double)) }, |text| match text.parse() {
                    Ok(double) => AnyValue { value: Some(Value::DoubleValue(double)) },
                    Err(_) => string(text),
                })
            }
            _ if is_dropped => return None,
            Value::BoolValue(_) if let Some(class) = of_structure => {
                if self.treater.rung(class) == Rung::Dropped {
                    return None;
                }
                string(self.mark(class))
            }
            Value::BoolValue(_) | Value::KvlistValue(_) if whole.is_some() => {
                string(self.mark(whole.unwrap()))
            }
            Value::ArrayValue(list) => {
                let bytes = || string(MARK_OF_BYTES.to_owned());
                let values = list.values.into_iter();
                let values = values
                    .map(|item| self.any(path, own, facts, item, system).unwrap_or_else(bytes))
                    .collect();
                AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) }
            }
            Value::KvlistValue(mut list) => {
                self.list(Some((path, own)), &mut list.values, system);
                AnyValue { value: Some(Value::KvlistValue(KeyValueList { values: list.values })) }
            }
            Value::BytesValue(bytes) => {
                let is_kept = facts.class == KeyClass::Safe
                    && whole.is_none()
                    && std::str::from_utf8(&bytes)
                        .map_or(true, |text| self.text(facts, text).as_deref() == Ok(text));
                AnyValue { value: Some(is_kept.then_some(Value::BytesValue(bytes))?) }
            }
            other => AnyValue { value: Some(other) },
        })
    }

    /// None where it goes; none within where it stays.
    fn number(&mut self, facts: KeyFacts, number: &str) -> Kept<Option<String>> {
        let class = match facts.class {
            KeyClass::Structured(_, class) if self.look.treats(class) => KeyClass::Whole(class),
            KeyClass::Structured(..) => KeyClass::Scan,
            class => class,
        };
        let facts = KeyFacts { class, ..facts };
        let digits = number.chars().filter(char::is_ascii_digit).count();
        if self.whole(facts).is_none() && digits < 9 {
            if digits < 6 || facts.class == KeyClass::Safe {
                return Some(None);
            }
            let seen = self.treated(number, Scratch::default(), true);
            return Some((seen != number).then_some(seen));
        }
        let seen = self.text(facts, number).ok()?;
        Some((seen != number).then_some(seen))
    }

    /// The text as it is shown; the class where it goes.
    fn text(&mut self, facts: KeyFacts, text: &str) -> Result<String, ClassId> {
        let mut scratch = Scratch::default();
        match self.redactor.classifier().text(facts, text, &self.look, &mut scratch) {
            Verdict::Whole(class) => {
                self.take_echo(class, text);
                if self.treater.rung(class) == Rung::Dropped {
                    return Err(class);
                }
                let mut out = String::new();
                self.treater.put(class, text, &mut out);
                return Ok(out);
            }
            Verdict::Unparsable(class) => return Ok(self.mark(class)),
            Verdict::Clean | Verdict::Parts => {}
        }
        Ok(self.treated(text, scratch, facts.class != KeyClass::Safe))
    }

    /// The text without what was found in it, and where echoes are looked for, without these.
    fn treated(&mut self, text: &str, mut scratch: Scratch, has_echoes: bool) -> String {
        match &self.echo {
            _ if !has_echoes => {}
            Some(Echo::TooMany) => return MARK_OF_ECHO.to_owned(),
            Some(Echo::Search(search)) => {
                let found = search.find(text, &mut Memory::default()).unwrap().to_vec();
                scratch.add(found, &self.look);
            }
            None => {}
        }
        let mut out = text.to_owned();
        for finding in scratch.findings().iter().rev() {
            let mut treated = String::new();
            let found = text.get(finding.range.clone()).unwrap();
            self.take_echo(finding.class, found);
            self.treater.put(finding.class, found, &mut treated);
            out.replace_range(finding.range.clone(), &treated);
        }
        out
    }

    fn take_echo(&mut self, class: ClassId, text: &str) {
        if let Some(found) = &mut self.found
            && self.treater.classes().get(class).echo
        {
            found.add(text, class, &self.look);
        }
    }

    fn mark(&self, class: ClassId) -> String {
        let mut mark = String::new();
        self.treater.put_mark(class, &mut mark);
        mark
    }
}
