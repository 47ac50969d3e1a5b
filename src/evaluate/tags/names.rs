//! Which attributes there are, by scope.

use super::filter::{Asked, Filter, Found};
use super::limits::Distinct;
use super::stored::{self, Holder};
use super::{TagsError, filter};
use crate::evaluate::TraceRows;
use crate::model::search::Inspected;
use crate::model::tags::{TagLimits, TagNames, TagScope, TagsForm, TagsQuery};
use crate::traceql::lenient::condition_groups;
use crate::wire::otlp;

/// Gathers names from traces, fed in the order of their ids.
#[derive(Debug)]
pub struct TagNamesCollector {
    form: TagsForm,
    limits: TagLimits,
    scope: Option<TagScope>,
    filter: Option<Filter>,
    /// In the order of [`SCOPES`].
    found: [Distinct<String>; SCOPES.len()],
    inspected: Inspected,
}

/// Scopes that hold attributes, in the order in which a block is read for names.
const SCOPES: [TagScope; 5] =
    [TagScope::Resource, TagScope::Instrumentation, TagScope::Span, TagScope::Event, TagScope::Link];

/// What TraceQL knows without attributes, in the order in which Tempo names it.
const INTRINSICS: [&str; 25] = [
    "duration",
    "name",
    "status",
    "statusMessage",
    "kind",
    "rootServiceName",
    "rootName",
    "traceDuration",
    "event:name",
    "event:timeSinceStart",
    "link:spanID",
    "link:traceID",
    "instrumentation:name",
    "instrumentation:version",
    "trace:id",
    "span:id",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "span:duration",
    "span:name",
    "span:kind",
    "trace:rootName",
    "trace:rootService",
    "trace:duration",
];

impl TagNamesCollector {
    pub fn new(query: &TagsQuery) -> Result<Self, TagsError> {
        // The older endpoint has no filter.
        let text = query.query.as_deref().filter(|_| query.form == TagsForm::V2);
        let groups = text.map(condition_groups).transpose()?.unwrap_or_default();
        let filter = Filter::of(&groups, Asked::Names(query.scope))?;
        // Only bytes bound what is gathered, a little beyond what may be told, so that the end is noticed; counts
        // are applied to what is told.
        let bytes_max = match query.limits.bytes_max {
            0 => 0,
            bytes_max => bytes_max.saturating_add(1),
        };
        let of_scope = TagLimits { bytes_max, ..TagLimits::default() };
        Ok(Self {
            form: query.form,
            limits: query.limits,
            scope: query.scope,
            filter,
            found: std::array::from_fn(|_| Distinct::new(of_scope)),
            inspected: Inspected::default(),
        })
    }

    pub fn observe(&mut self, trace: &TraceRows<'_>) {
        if self.is_done() {
            return;
        }
        self.inspected.add(Inspected { traces: 1, spans: trace.rows().len() as u64, bytes: 0 });
        let Self { filter, scope, found, .. } = self;
        let mut take = |scope: TagScope, name: &str| {
            let at = SCOPES.iter().position(|known| *known == scope);
            if let Some(found) = at.and_then(|at| found.get_mut(at)) {
                found.offer_once(name, name.len());
            }
        };
        match filter {
            None => all_names(trace, *scope, &mut take),
            Some(filter) => {
                filter.run(trace, &mut |found| {
                    if let Found::Name(scope, name) = found {
                        take(scope, name);
                    }
                });
                filter::standing_names(trace, *scope, &mut take);
            }
        }
    }

    /// Takes what somebody else gathered. Intrinsics are told in any case.
    pub fn add(&mut self, names: &TagNames) {
        for (scope, names) in &names.scopes {
            let at = SCOPES.iter().position(|known| known == scope);
            if let Some(found) = at.and_then(|at| self.found.get_mut(at)) {
                names.iter().for_each(|name| found.offer_once(name.as_str(), name.len()));
            }
        }
    }

    /// Whether no trace can add a name any more.
    pub fn is_done(&self) -> bool {
        if !SCOPES.iter().any(|scope| wants(self.scope, *scope)) {
            return true;
        }
        // Of several scopes, only the end of the first one to be shown makes the others needless.
        let first = SCOPES.iter().zip(&self.found).find(|(scope, _)| wants(self.scope, **scope));
        first.is_some_and(|(_, found)| found.is_full())
    }

    pub fn finish(self) -> TagNames {
        self.so_far()
    }

    /// What [`Self::finish`] would give now.
    pub fn so_far(&self) -> TagNames {
        let inspected = self.inspected;
        let scopes = match self.form {
            TagsForm::V1 => self.flat(),
            TagsForm::V2 => self.by_scope(),
        };
        TagNames { scopes, inspected }
    }

    /// The names of the block as far as its bytes go, scope after scope, and sorted as its dictionaries are.
    fn of_block(&self) -> Vec<(TagScope, Vec<String>)> {
        let mut budget = Budget::new(self.limits.bytes_max);
        let mut scopes = Vec::new();
        for (scope, found) in SCOPES.iter().zip(&self.found) {
            let mut names = found.kept().to_vec();
            names.sort_unstable();
            names.retain(|name| budget.pays(name));
            if !names.is_empty() {
                scopes.push((*scope, names));
            }
            if budget.is_spent || found.is_full() {
                break;
            }
        }
        scopes
    }

    /// Intrinsics come first, so that they are not what a bound leaves out. The first scope with more names than
    /// the limit ends all that come after it. Tempo takes scopes in any order; here such a scope comes last, so
    /// that as much as possible is told.
    fn by_scope(&self) -> Vec<(TagScope, Vec<String>)> {
        let mut budget = Budget::new(self.limits.bytes_max);
        let intrinsics = matches!(self.scope, None | Some(TagScope::Intrinsic)).then(|| {
            let names: Vec<String> = INTRINSICS.iter().map(|name| (*name).to_owned()).collect();
            (TagScope::Intrinsic, names)
        });
        let limit = match self.limits.count_max {
            0 => usize::MAX,
            count_max => count_max as usize,
        };
        let (within, beyond): (Vec<_>, Vec<_>) =
            self.of_block().into_iter().partition(|(_, names)| names.len() <= limit);
        let cut = beyond.into_iter().next().map(|(scope, mut names)| {
            names.truncate(limit);
            (scope, names)
        });
        let mut out = Vec::new();
        for (scope, mut names) in intrinsics.into_iter().chain(within).chain(cut) {
            names.retain(|name| budget.pays(name));
            if !names.is_empty() {
                names.sort_unstable();
                out.push((scope, names));
            }
        }
        out.sort_by_key(|(scope, _)| *scope);
        out
    }

    /// All scopes as one list: the limit counts names whatever their scope. Each is told for the first scope it
    /// has.
    fn flat(&self) -> Vec<(TagScope, Vec<String>)> {
        let mut names: Vec<(String, TagScope)> = self
            .of_block()
            .into_iter()
            .flat_map(|(scope, names)| names.into_iter().map(move |name| (name, scope)))
            .collect();
        names.sort();
        names.dedup_by(|one, other| one.0 == other.0);
        if self.scope == Some(TagScope::Intrinsic) {
            names = INTRINSICS.iter().map(|name| ((*name).to_owned(), TagScope::Intrinsic)).collect();
        }
        let mut kept = Distinct::new(TagLimits { stale_max: 0, ..self.limits });
        for (name, _) in &names {
            kept.offer(name.as_str(), name.len());
        }
        let mut out: Vec<(TagScope, Vec<String>)> = Vec::new();
        for (name, scope) in names.into_iter().take(kept.kept().len()) {
            match out.iter_mut().find(|(known, _)| *known == scope) {
                Some((_, names)) => names.push(name),
                None => out.push((scope, vec![name])),
            }
        }
        out.iter_mut().for_each(|(_, names)| names.sort_unstable());
        out.sort_by_key(|(scope, _)| *scope);
        out
    }
}

/// Bytes of names in all scopes together; the name that would go beyond is left out, and all after it.
struct Budget {
    max: u64,
    spent: u64,
    is_spent: bool,
}

impl Budget {
    fn new(max: u64) -> Self {
        Self { max, spent: 0, is_spent: false }
    }

    fn pays(&mut self, name: &str) -> bool {
        let spent = self.spent.saturating_add(name.len() as u64);
        self.is_spent |= self.max > 0 && spent > self.max;
        if !self.is_spent {
            self.spent = spent;
        }
        !self.is_spent
    }
}

pub(super) fn wants(asked: Option<TagScope>, scope: TagScope) -> bool {
    asked.is_none_or(|asked| asked == scope)
}

/// Every name in a trace. A resource always has a service, be it nameless.
fn all_names(trace: &TraceRows<'_>, asked: Option<TagScope>, take: &mut impl FnMut(TagScope, &str)) {
    let wants = |scope| wants(asked, scope);
    for holder in stored::holders(trace) {
        match holder {
            Holder::Resource { wire, .. } if wants(TagScope::Resource) => {
                take(TagScope::Resource, stored::SERVICE_NAME);
                stored::keys(wire, otlp::resource::ATTRIBUTES).for_each(|key| take(TagScope::Resource, key));
            }
            Holder::Scope { wire, .. } if wants(TagScope::Instrumentation) => {
                stored::keys(wire, otlp::scope::ATTRIBUTES)
                    .for_each(|key| take(TagScope::Instrumentation, key));
            }
            Holder::Span { wire, .. } => {
                if wants(TagScope::Span) {
                    stored::keys(wire, otlp::span::ATTRIBUTES).for_each(|key| take(TagScope::Span, key));
                }
                if wants(TagScope::Event) {
                    stored::messages(wire, otlp::span::EVENTS)
                        .flat_map(|event| stored::keys(event, otlp::event::ATTRIBUTES))
                        .for_each(|key| take(TagScope::Event, key));
                }
                if wants(TagScope::Link) {
                    stored::messages(wire, otlp::span::LINKS)
                        .flat_map(|link| stored::keys(link, otlp::link::ATTRIBUTES))
                        .for_each(|key| take(TagScope::Link, key));
                }
            }
            _ => {}
        }
    }
}
