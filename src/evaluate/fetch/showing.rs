//! What is shown of candidates, one after the other: everything that both passes made visible of each.
//!
//! What was read of a trace, a resource or a scope is kept for the next span of it: reading all of it again for
//! every span would cost more than the spans do.

use super::everything::Everything;
use super::name::Named;
use super::plan::Level;
use super::read::PassReader;
use super::{Loaded, Repeats};
use crate::evaluate::shown::shown;
use crate::model::value::ShownValue;
use crate::traceql::ast::Intrinsic;
use crate::traceql::value::Value;
use hashbrown::HashMap;

/// A name, a value, and how often it is listed.
pub type Every<'t> = (Named<'t>, Value<'t>, u32);

/// Reads candidates again for what is shown of them.
#[derive(Debug)]
pub struct Showing<'l, 't> {
    loaded: &'l Loaded<'t>,
    first: Option<PassReader<'t, 't>>,
    second: Option<PassReader<'t, 't>>,
    everything: Option<Everything<'t>>,
    places: HashMap<Named<'t>, usize>,
}

impl<'l, 't> Showing<'l, 't> {
    pub(super) fn of(loaded: &'l Loaded<'t>) -> Self {
        let fetch = loaded.fetch;
        Self {
            loaded,
            first: PassReader::of(&fetch.first, loaded.trace, fetch.is_span_only),
            second: if fetch.has_second { fetch.second_pass(loaded.trace) } else { None },
            everything: fetch.second_is_all.then(|| Everything::of(loaded.trace)),
            places: HashMap::new(),
        }
    }

    /// The span's name where a search row shows it, which is where a condition loaded it; and the attributes the
    /// row shows for a candidate, by bare name: all that any condition loaded, but for those the row says by
    /// itself.
    pub fn row(&mut self, candidate: u32) -> (&'t str, Vec<(String, ShownValue)>) {
        let mut all: Vec<(Named<'t>, Value<'t>)> = Vec::new();
        let mut has_name = false;
        self.places.clear();
        for (name, value, _) in self.every_repeated(candidate, Repeats::default()) {
            has_name |= name == Named::Intrinsic(Intrinsic::Name);
            if value == Value::Nil || is_said_by_row(name) {
                continue;
            }
            // Of one attribute the last counts, as in Tempo's map of them.
            match self.places.get(&name).and_then(|place| all.get_mut(*place)) {
                Some((_, known)) => *known = value,
                None => {
                    self.places.insert(name, all.len());
                    all.push((name, value));
                }
            }
        }
        let wire = self.loaded.trace.wire(self.loaded.row(candidate)).filter(|_| has_name);
        let attributes = all.iter().map(|(name, value)| (name.bare().to_owned(), shown(value)));
        (wire.map_or("", |wire| wire.wire_name()), attributes.collect())
    }

    /// Everything both passes made visible of a candidate, in Tempo's order, nil and repetitions included:
    /// what the first pass loaded, the second may load again. The spans before it left their own in Tempo's buffers,
    /// with how often each is listed: a number, because writing each out would be quadratic in the spans of a trace.
    pub fn every_repeated(&mut self, candidate: u32, repeats: Repeats) -> Vec<Every<'t>> {
        const ORDER: [Level; 6] =
            [Level::Trace, Level::Resource, Level::Scope, Level::Span, Level::Event, Level::Link];
        let Self { loaded, first, second, everything, .. } = self;
        let (fetch, row) = (loaded.fetch, loaded.row(candidate));
        if let Some(reader) = first {
            reader.read(row);
            if fetch.has_second {
                loaded.forget(&mut reader.visible);
            }
        }
        if let Some(reader) = second {
            reader.read(row);
        }
        if let Some(everything) = everything {
            everything.read(row);
        }
        let mut all = Vec::new();
        for level in ORDER {
            for (pass, is_first) in [(&*first, true), (&*second, false)] {
                let Some(pass) = pass else { continue };
                let times = if is_first { repeats.at(level) } else { 1 };
                all.extend(pass.visible.list(level).iter().filter_map(|entry| {
                    Some((fetch.keys.name(entry.key)?.into(), entry.value.clone(), times))
                }));
            }
            let found = everything.iter().flat_map(|everything| everything.at(level));
            all.extend(found.map(|(name, value)| (*name, value.clone(), 1)));
        }
        all
    }
}

/// What a search row shows in places of its own.
fn is_said_by_row(name: Named<'_>) -> bool {
    matches!(
        name,
        Named::Intrinsic(
            Intrinsic::Name
                | Intrinsic::Duration
                | Intrinsic::TraceDuration
                | Intrinsic::RootServiceName
                | Intrinsic::RootName
                | Intrinsic::TraceId
                | Intrinsic::SpanId
        )
    )
}
