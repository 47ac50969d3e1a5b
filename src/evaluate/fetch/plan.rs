//! The conditions of one pass, sorted by the column of the block they look at.
//!
//! A block stores a few values in columns of their own and all other attributes in four columns by type.
//! Conditions on one column of a span are alternatives; those on generic attributes are alternatives of
//! *their type*, whichever attribute they name. Both follow from how Tempo lays out its blocks and decide
//! what a query finds.

use super::FetchError;
use super::test::{self, Stored, Test};
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::columns::{self, Takes};
use crate::traceql::fetch::{Comparison, Condition, Fetched};
use crate::traceql::pattern::PatternStore;
use hashbrown::{HashMap, HashSet};

/// So many names are compared one by one; more are hashed.
const COMPARED_MAX: usize = 16;

/// Where entries of a span are kept; the order is the one they are listed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Level {
    Trace,
    Resource,
    Scope,
    Span,
    Event,
    Link,
}

/// A column of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Intrinsic(Intrinsic),
    SpanStart,
    /// That of a named attribute, by its number among the named ones.
    Own(u16),
    /// An attribute that is not there, by its number among the named ones.
    Absent(u16),
}

/// The attribute of a resource that every block has a column for.
pub(super) const SERVICE_NAME: &str = "service.name";

/// The number of an entry's attribute among those the fetch knows.
pub(super) type Key = u16;

/// What attribute an entry is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyName {
    pub level: Level,
    pub name: AttributeName,
}

/// The attributes the passes of one fetch know.
#[derive(Debug, Default)]
pub(super) struct Keys {
    names: Vec<KeyName>,
    /// By bare name; a query may name thousands.
    by_name: HashMap<String, Vec<Key>>,
}

impl Keys {
    fn of(&mut self, level: Level, name: AttributeName) -> Key {
        let found = self.called(name.bare()).find(|(_, key)| key.level == level && key.name == name);
        if let Some((key, _)) = found {
            return key;
        }
        // A query of the greatest length names fewer than there are numbers.
        let key = Key::try_from(self.names.len()).unwrap_or(Key::MAX);
        self.by_name.entry_ref(name.bare()).or_default().push(key);
        self.names.push(KeyName { level, name });
        key
    }

    pub(super) fn name(&self, key: Key) -> Option<&AttributeName> {
        Some(&self.names.get(usize::from(key))?.name)
    }

    /// All of this bare name.
    pub(super) fn called(&self, name: &str) -> impl Iterator<Item = (Key, &KeyName)> {
        let keys = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        keys.iter().filter_map(|key| Some((*key, self.names.get(usize::from(*key))?)))
    }
}

/// What the passes of one fetch share while they are made.
#[derive(Debug)]
pub(super) struct Making<'s> {
    pub keys: Keys,
    pub patterns: &'s mut PatternStore,
}

/// A column and what is asked of it; its value is visible where one test accepts it.
#[derive(Debug)]
pub(super) struct Column {
    pub source: Source,
    pub key: Key,
    pub tests: Vec<Test>,
}

/// An attribute that is looked for by name.
#[derive(Debug)]
pub(super) struct Named {
    pub name: Box<str>,
    pub key: Key,
    /// Whether what is found among the generic attributes is an entry.
    pub is_generic: bool,
    pub own: Own,
}

/// Which values of an attribute have a column of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    None,
    /// Those of this type, arrays too.
    Of(Stored),
    /// Texts, but no arrays.
    Service,
}

/// The generic attributes of one level.
#[derive(Debug, Default)]
pub(super) struct Generic {
    pub named: Vec<Named>,
    by_name: HashMap<Box<[u8]>, u16>,
    /// By type; `None` where no column of this type is read.
    pub texts: Option<Vec<Test>>,
    pub ints: Option<Vec<Test>>,
    pub floats: Option<Vec<Test>>,
    pub bools: Option<Vec<Test>>,
    /// Whether any is read at all.
    pub is_read: bool,
    /// Whether what no test accepts vanishes, rather than being seen as nil: where all conditions must hold
    /// and are of one type.
    pub must_match: bool,
}

/// What one pass asks of one level.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub columns: Vec<Column>,
    pub generic: Generic,
    /// How many attributes the conditions name.
    pub distinct: usize,
    /// Whether there is any condition.
    pub is_asked: bool,
}

/// The conditions of one pass.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub trace: Part,
    pub resource: Part,
    pub scope: Part,
    pub span: Part,
    pub event: Part,
    pub link: Part,
    /// Whether a span must meet all conditions.
    pub all: bool,
    /// Whether a span needs something visible.
    pub needs_any: bool,
    /// How many attributes all conditions name.
    pub distinct: usize,
    pub structure: Structure,
}

/// Which of a span's numbers in the tree are fetched for structural operators: whatever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Structure {
    pub left: bool,
    pub right: bool,
    pub parent: bool,
}

impl Pass {
    pub(super) fn of(
        conditions: &[Condition],
        all: bool,
        making: &mut Making<'_>,
    ) -> Result<Self, FetchError> {
        let mut pass = Self::default();
        let is_mingled = conditions.iter().any(|condition| condition.attribute.is_unscoped());
        pass.all = all && !is_mingled;
        for condition in conditions {
            pass.add(condition, making)?;
        }
        let all = pass.all;
        pass.parts_with_levels().into_iter().for_each(|(_, part)| part.generic.finish(all));
        pass.free_structure();
        pass.needs_any = !conditions.is_empty() && !pass.trace.is_asked;
        pass.distinct =
            conditions.iter().map(|condition| &condition.attribute).collect::<DistinctNames<'_>>().count();
        for (level, part) in pass.parts_with_levels() {
            let of_level = conditions.iter().map(|condition| &condition.attribute);
            part.distinct = of_level
                .filter(|attribute| levels(attribute).contains(&level))
                .collect::<DistinctNames<'_>>()
                .count();
        }
        Ok(pass)
    }

    fn parts_with_levels(&mut self) -> [(Level, &mut Part); 6] {
        [
            (Level::Trace, &mut self.trace),
            (Level::Resource, &mut self.resource),
            (Level::Scope, &mut self.scope),
            (Level::Span, &mut self.span),
            (Level::Event, &mut self.event),
            (Level::Link, &mut self.link),
        ]
    }

    /// A number in the tree that a structural operator fetches is visible whatever it is.
    fn free_structure(&mut self) {
        let Structure { left, right, parent } = self.structure;
        for column in &mut self.span.columns {
            let is_free = match column.source {
                Source::Intrinsic(Intrinsic::NestedSetLeft) => left,
                Source::Intrinsic(Intrinsic::NestedSetRight) => right,
                Source::Intrinsic(Intrinsic::NestedSetParent) => parent,
                _ => false,
            };
            if is_free {
                column.tests.push(Test::Any);
            }
        }
    }

    fn part(&mut self, level: Level) -> &mut Part {
        match level {
            Level::Trace => &mut self.trace,
            Level::Resource => &mut self.resource,
            Level::Scope => &mut self.scope,
            Level::Span => &mut self.span,
            Level::Event => &mut self.event,
            Level::Link => &mut self.link,
        }
    }

    fn add(&mut self, condition: &Condition, making: &mut Making<'_>) -> Result<(), FetchError> {
        for level in levels(&condition.attribute) {
            self.part(*level).is_asked = true;
            match &condition.attribute {
                Fetched::SpanStart => {
                    let tests = vec![Test::Any];
                    // The start is no attribute, so it has no key.
                    self.span.columns.push(Column { source: Source::SpanStart, key: Key::MAX, tests });
                }
                Fetched::Descendants => {
                    self.structure.left = true;
                    self.structure.right = true;
                }
                Fetched::Children => {
                    self.structure.left = true;
                    self.structure.parent = true;
                }
                Fetched::Siblings => self.structure.parent = true,
                Fetched::Attribute(name) => match name {
                    AttributeName::Intrinsic(intrinsic) => {
                        self.add_intrinsic(*level, *intrinsic, &condition.comparison, making)?;
                    }
                    AttributeName::Named { key, .. } => {
                        self.part(*level).add_named(*level, key, &condition.comparison, making)?;
                    }
                },
            }
        }
        Ok(())
    }

    fn add_intrinsic(
        &mut self,
        level: Level,
        intrinsic: Intrinsic,
        comparison: &Comparison,
        making: &mut Making<'_>,
    ) -> Result<(), FetchError> {
        let name = AttributeName::Intrinsic(intrinsic);
        let word = intrinsic.word();
        let test = match intrinsic {
            Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::LinkSpanId => {
                test::id(word, comparison, true)?
            }
            Intrinsic::TraceId | Intrinsic::LinkTraceId => test::id(word, comparison, false)?,
            Intrinsic::Duration | Intrinsic::TraceDuration => test::duration(word, comparison)?,
            Intrinsic::Status
            | Intrinsic::Kind
            | Intrinsic::ChildCount
            | Intrinsic::NestedSetLeft
            | Intrinsic::NestedSetRight
            | Intrinsic::NestedSetParent
            | Intrinsic::EventTimeSinceStart => test::int(word, comparison)?,
            _ => test::text(word, comparison, making.patterns)?,
        };
        let key = making.keys.of(level, name);
        self.part(level).add_column(level, Source::Intrinsic(intrinsic), key, test);
        Ok(())
    }
}

impl Part {
    /// Conditions on one column of a span are alternatives, and so are those on a dedicated one; elsewhere each
    /// is a column of its own.
    fn add_column(&mut self, level: Level, source: Source, key: Key, test: Test) {
        let is_joined = level == Level::Span || self.is_dedicated(source);
        let same = match is_joined {
            true => self.columns.iter_mut().find(|column| column.source == source),
            false => None,
        };
        match same {
            Some(column) => column.tests.push(test),
            None => self.columns.push(Column { source, key, tests: vec![test] }),
        }
    }

    fn add_named(
        &mut self,
        level: Level,
        name: &str,
        comparison: &Comparison,
        making: &mut Making<'_>,
    ) -> Result<(), FetchError> {
        let own = AttributeName::Named { parent: false, scope: scope_of(level), key: name.to_owned() };
        let key = making.keys.of(level, own);
        let stored = test::stored_type(comparison);
        let column = self.own_column(level, name, key);
        let at = match column {
            Some((Source::Own(at), _)) => at,
            _ => self.generic.name(name, key, Own::None),
        };
        let settles = matches!(comparison, Comparison::Any | Comparison::Exists | Comparison::Missing);
        if let Some((source, of_type)) = column
            && (settles || stored == Some(of_type))
        {
            let test = test::typed(of_type, name, comparison, making.patterns)?;
            // Absence is asked apart from the rest, and not joined with it.
            if *comparison == Comparison::Missing {
                self.columns.push(Column { source, key, tests: vec![test] });
            } else {
                self.add_column(level, source, key, test);
            }
            return Ok(());
        }
        if *comparison == Comparison::Missing {
            self.columns.push(Column { source: Source::Absent(at), key, tests: vec![Test::Any] });
            return Ok(());
        }
        if let Some(named) = self.generic.named.get_mut(usize::from(at)) {
            named.is_generic = true;
        }
        self.generic.add(name, comparison, stored, making.patterns)
    }
}

impl Part {
    /// The column of its own that an attribute has at this level, and its type.
    fn own_column(&mut self, level: Level, name: &str, key: Key) -> Option<(Source, Stored)> {
        let (own, stored) = if level == Level::Resource && name == SERVICE_NAME {
            (Own::Service, Stored::Text)
        } else {
            // A trace has no attributes of its own.
            let scope = Some(level).filter(|level| *level != Level::Trace).map(scope_of)?;
            let stored = match columns::own(scope, name)? {
                Takes::Texts => Stored::Text,
                Takes::Integers => Stored::Int,
            };
            (Own::Of(stored), stored)
        };
        Some((Source::Own(self.generic.name(name, key, own)), stored))
    }

    fn is_dedicated(&self, source: Source) -> bool {
        let Source::Own(at) = source else { return false };
        let named = self.generic.named.get(usize::from(at));
        named.is_some_and(|named| matches!(named.own, Own::Of(_)))
    }
}

impl Generic {
    /// The number of the name.
    fn name(&mut self, name: &str, key: Key, own: Own) -> u16 {
        if let Some(at) = self.by_name.get(name.as_bytes()) {
            return *at;
        }
        let at = u16::try_from(self.named.len()).unwrap_or(u16::MAX);
        self.named.push(Named { name: name.into(), key, is_generic: false, own });
        self.by_name.insert(name.as_bytes().into(), at);
        at
    }

    /// The number of an attribute's name, where it is looked for. Few names are compared one by one.
    #[inline(always)]
    pub(super) fn number(&self, name: &[u8]) -> Option<usize> {
        if self.named.len() <= COMPARED_MAX {
            return self.named.iter().position(|named| named.name.as_bytes() == name);
        }
        self.hashed_number(name)
    }

    #[inline(never)]
    fn hashed_number(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).map(|at| usize::from(*at))
    }

    fn add(
        &mut self,
        name: &str,
        comparison: &Comparison,
        stored: Option<Stored>,
        patterns: &mut PatternStore,
    ) -> Result<(), FetchError> {
        match (comparison, stored) {
            (Comparison::Any | Comparison::Exists, _) => {
                for tests in [&mut self.texts, &mut self.ints, &mut self.floats, &mut self.bools] {
                    tests.get_or_insert_default().push(Test::Present);
                }
            }
            (comparison, Some(stored)) => {
                let test = test::typed(stored, name, comparison, patterns)?;
                let tests = match stored {
                    Stored::Text => &mut self.texts,
                    Stored::Int => &mut self.ints,
                    Stored::Float => &mut self.floats,
                    Stored::Bool => &mut self.bools,
                };
                tests.get_or_insert_default().push(test);
            }
            // Durations, statuses and kinds are found among no attributes; the name is looked for all the
            // same.
            (_, None) => {}
        }
        Ok(())
    }

    fn finish(&mut self, all: bool) {
        let read = [&self.texts, &self.ints, &self.floats, &self.bools];
        let types = read.into_iter().filter(|tests| tests.is_some()).count();
        self.is_read = types > 0;
        self.must_match = all && types == 1;
        if !self.is_read {
            self.named.iter_mut().for_each(|named| named.is_generic = false);
        }
    }
}

/// The levels a condition is read at.
fn levels(attribute: &Fetched) -> &'static [Level] {
    let name = match attribute {
        Fetched::Attribute(name) => name,
        Fetched::SpanStart | Fetched::Descendants | Fetched::Children | Fetched::Siblings => {
            return &[Level::Span];
        }
    };
    match name {
        AttributeName::Named { scope, .. } => match scope {
            Scope::Any => &[Level::Span, Level::Resource],
            Scope::Resource => &[Level::Resource],
            Scope::Span => &[Level::Span],
            Scope::Event => &[Level::Event],
            Scope::Link => &[Level::Link],
            Scope::Instrumentation => &[Level::Scope],
        },
        AttributeName::Intrinsic(intrinsic) => match intrinsic {
            Intrinsic::RootName
            | Intrinsic::RootServiceName
            | Intrinsic::TraceDuration
            | Intrinsic::TraceId => &[Level::Trace],
            Intrinsic::EventName | Intrinsic::EventTimeSinceStart => &[Level::Event],
            Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => &[Level::Link],
            Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => &[Level::Scope],
            _ => &[Level::Span],
        },
    }
}

pub(super) fn scope_of(level: Level) -> Scope {
    match level {
        Level::Resource => Scope::Resource,
        Level::Scope => Scope::Instrumentation,
        Level::Event => Scope::Event,
        Level::Link => Scope::Link,
        Level::Trace | Level::Span => Scope::Span,
    }
}

/// The names of attributes, each once; scopes do not count.
struct DistinctNames<'c>(HashSet<&'c str>);

impl DistinctNames<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }
}

impl<'c> FromIterator<&'c Fetched> for DistinctNames<'c> {
    fn from_iter<I: IntoIterator<Item = &'c Fetched>>(all: I) -> Self {
        Self(all.into_iter().map(counted_name).collect())
    }
}

fn counted_name(attribute: &Fetched) -> &str {
    match attribute {
        Fetched::Attribute(name) => name.bare(),
        // An attribute of this name counts as the same, in Tempo too.
        Fetched::SpanStart => "spanStartTime",
        // Not counted: with a structural operator, not all conditions must hold.
        Fetched::Descendants | Fetched::Children | Fetched::Siblings => "",
    }
}
