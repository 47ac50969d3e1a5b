//! Finds what a span has for an attribute of the query, among the entries that are visible.
//!
//! A scoped attribute is looked for at its own level; one without a scope, and an intrinsic that is not there,
//! by bare name from the span outwards. The first entry counts, and nil is an entry: it hides what stands
//! behind it.

use super::plan::{Key, Keys, Level};
use super::visible::Visible;
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::value::Value;

/// How one attribute is found.
#[derive(Debug)]
pub(super) enum Lookup {
    /// Numbers in the tree are there for every span, and 0 where they are not fetched.
    Left,
    Right,
    Parent,
    Steps(Vec<Step>),
}

/// The entries at one level that answer.
#[derive(Debug)]
pub(super) struct Step {
    level: Level,
    keys: Vec<Key>,
}

/// From the span outwards.
const BY_NAME: [Level; 5] = [Level::Span, Level::Resource, Level::Event, Level::Link, Level::Scope];

/// Where intrinsics stand.
const INTRINSIC: [Level; 5] = [Level::Span, Level::Trace, Level::Event, Level::Link, Level::Scope];

impl Lookup {
    pub(super) fn of(name: &AttributeName, keys: &Keys) -> Self {
        let mut steps = Vec::new();
        match name {
            AttributeName::Intrinsic(Intrinsic::NestedSetLeft) => return Self::Left,
            AttributeName::Intrinsic(Intrinsic::NestedSetRight) => return Self::Right,
            AttributeName::Intrinsic(Intrinsic::NestedSetParent) => return Self::Parent,
            AttributeName::Intrinsic(intrinsic) => {
                steps.extend(INTRINSIC.map(|level| Step::of(level, name, keys)));
                steps.extend(by_name(intrinsic.word(), keys));
            }
            AttributeName::Named { scope, key, .. } => {
                let level = match scope {
                    Scope::Any => None,
                    Scope::Resource => Some(Level::Resource),
                    Scope::Span => Some(Level::Span),
                    Scope::Event => Some(Level::Event),
                    Scope::Link => Some(Level::Link),
                    Scope::Instrumentation => Some(Level::Scope),
                };
                match level {
                    Some(level) => steps.push(Step::of(level, name, keys)),
                    None => steps.extend(by_name(key, keys)),
                }
            }
        }
        steps.retain(|step| !step.keys.is_empty());
        Self::Steps(steps)
    }

    /// The first entry of several passes, the first pass first at every level.
    pub(super) fn find<'v, 't>(&self, passes: [Option<&'v Visible<'t>>; 2]) -> Found<'v, 't> {
        let number = |of: fn(&Visible<'t>) -> i32| {
            let all = passes.into_iter().flatten().map(of);
            Found::Number(i64::from(
                all.reduce(|first, second| if first != 0 { first } else { second }).unwrap_or(0),
            ))
        };
        let steps = match self {
            Self::Left => return number(|visible| visible.left),
            Self::Right => return number(|visible| visible.right),
            Self::Parent => return number(|visible| visible.parent),
            Self::Steps(steps) => steps,
        };
        for step in steps {
            for visible in passes.into_iter().flatten() {
                let list = visible.list(step.level);
                if let Some(entry) = list.iter().find(|entry| step.keys.contains(&entry.key)) {
                    return Found::Entry(&entry.value);
                }
            }
        }
        Found::Nothing
    }
}

/// What was found.
pub(super) enum Found<'v, 't> {
    Number(i64),
    Entry(&'v Value<'t>),
    Nothing,
}

impl<'t> Found<'_, 't> {
    pub(super) fn value(self) -> Value<'t> {
        match self {
            Self::Number(number) => Value::Int(number),
            Self::Entry(value) => value.clone(),
            Self::Nothing => Value::Nil,
        }
    }
}

impl Step {
    fn of(level: Level, name: &AttributeName, keys: &Keys) -> Self {
        let all = keys.called(name.bare());
        let all = all.filter(|(_, key)| key.level == level && key.name == *name);
        Self { level, keys: all.map(|(key, _)| key).collect() }
    }
}

/// Intrinsics have names too, and are found by them.
fn by_name(name: &str, keys: &Keys) -> impl Iterator<Item = Step> {
    let called = |level| keys.called(name).filter(move |(_, key)| key.level == level).map(|(key, _)| key);
    BY_NAME.map(|level| Step { level, keys: called(level).collect() }).into_iter()
}
