//! Traces in outline: of each span what a query reads, and no more, as one search by ids tells it.
//!
//! A far region sends a trace whole and one at a time; a search sends what was selected of many at once. From
//! that a trace is built again, thin, and the query is decided on it as on the whole one. This is right only
//! where nothing of the trace can be missing and nothing that was left out can matter, so an outline is made
//! of few queries ([`Outline::of`]) and holds of a trace only where its rows show it
//! ([`Outline::read`], [`agree`]). Where one does not hold, whoever asked fetches the trace itself.
//!
//! Each span is a group of its own (`by(span:id)`): a Tempo that has a trace in several blocks shows of one
//! group only the larger part, and of several all. Putting groups together takes it a time that grows with
//! their square, so what has more spans than [`SPANS_MAX`] is only named, by a second question.
//!
//! Knows nothing of regions, and not who is asked.

mod read;
mod shape;
mod thin;

use std::fmt::Write as _;

use crate::model::TraceId;
use crate::traceql::ast::{AttributeName, Intrinsic, Query, Root, Scope};
use crate::traceql::columns::{self, Takes};
use crate::traceql::fetch::{Comparison, Condition, FetchSpec, Fetched};
use crate::traceql::value::Value;

pub use read::{Fragment, Settled, agree};

/// Spans that a block may hold of a trace for it to be told in outline.
pub const SPANS_MAX: usize = 64;

/// Spans shown of a group. There is one in each, and a second one shows that ids are shared.
pub const SPANS_PER_SET: u32 = 2;

/// Attributes that are told of each span, and those of them whose place is asked for by groups.
const KEYS_MAX: usize = 16;
const GROUPS_MAX: usize = 6;

const SERVICE_NAME: &str = "service.name";

/// What is shown where there is nothing.
const NIL: &str = "nil";

/// What is told of every span, whatever is asked: row, root and tree are made of it.
const ALWAYS: &str = "name, kind, status, span:parentID, resource.service.name";

/// What a query reads of spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    keys: Vec<Key>,
    reads_message: bool,
}

/// An attribute that the query names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    holder: Holder,
    name: String,
    /// Where it has a column in a block: what is missing there is shown as the text "nil".
    column: Option<Takes>,
}

/// Where the query looks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Span,
    Resource,
    /// In the span and then in its resource.
    Either,
}

impl Outline {
    /// Nothing where the answer may depend on what an outline does not tell: on events, links, scopes and
    /// the order in which spans are stored, and on whether a value is missing or only of no known type.
    pub fn of(query: &Query) -> Option<Self> {
        let Root::Pipeline(pipeline) = &query.root else { return None };
        let spec = FetchSpec::of_search(query).filter(|spec| !spec.second_pass_all)?;
        if !shape::is_told(pipeline) {
            return None;
        }
        // A value of no known type counts as there where all must be, and an outline does not tell it.
        if spec.all_conditions && spec.conditions.iter().any(takes_anything) {
            return None;
        }
        let mut outline = Self { keys: Vec::new(), reads_message: false };
        for condition in spec.conditions.iter().chain(&spec.second_pass) {
            outline.add(condition)?;
        }
        let groups = outline.groups().count();
        (outline.keys.len() <= KEYS_MAX && groups <= GROUPS_MAX).then_some(outline)
    }

    fn add(&mut self, condition: &Condition) -> Option<()> {
        use Intrinsic as I;
        match &condition.attribute {
            Fetched::SpanStart | Fetched::Descendants | Fetched::Children | Fetched::Siblings => Some(()),
            Fetched::Attribute(AttributeName::Intrinsic(intrinsic)) => match intrinsic {
                I::Duration | I::Name | I::Status | I::Kind | I::ChildCount | I::TraceId => Some(()),
                I::RootName | I::RootServiceName | I::TraceDuration => Some(()),
                I::StatusMessage => {
                    self.reads_message = true;
                    Some(())
                }
                // All other numbers in the tree depend on the order of spans.
                I::NestedSetParent => (condition.comparison == Comparison::Less(Value::Int(0))).then_some(()),
                _ => None,
            },
            Fetched::Attribute(AttributeName::Named { parent: false, scope, key }) => {
                let holder = match scope {
                    Scope::Span => Holder::Span,
                    Scope::Resource => Holder::Resource,
                    Scope::Any => Holder::Either,
                    Scope::Event | Scope::Link | Scope::Instrumentation => return None,
                };
                let asks_whether = matches!(condition.comparison, Comparison::Exists | Comparison::Missing);
                let is_service = holder == Holder::Resource && key == SERVICE_NAME;
                if (asks_whether && !is_service) || shape::is_called_as_an_intrinsic(key) {
                    return None;
                }
                self.add_key(holder, key, &condition.comparison)
            }
            Fetched::Attribute(AttributeName::Named { .. }) => None,
        }
    }

    /// An answer shows attributes by their bare names, so one key is looked for in one way only. A value of
    /// another type than its column is not shown, and does not matter where it is not looked for.
    fn add_key(&mut self, holder: Holder, name: &str, comparison: &Comparison) -> Option<()> {
        let column = match holder {
            Holder::Span => columns::own(Scope::Span, name),
            Holder::Resource => columns::own(Scope::Resource, name),
            Holder::Either => columns::of_key(name).map(|(_, takes)| takes),
        };
        let of_service = (name == SERVICE_NAME).then_some(Takes::Texts);
        if column.or(of_service).is_some_and(|takes| !is_of(takes, comparison)) {
            return None;
        }
        // Without a scope, what is asked of the column also finds what stands there for nothing.
        if holder == Holder::Either && column == Some(Takes::Texts) {
            return None;
        }
        if let Some(known) = self.keys.iter().find(|known| known.name == name) {
            return (known.holder == holder).then_some(());
        }
        self.keys.push(Key { holder, name: name.to_owned(), column });
        Some(())
    }

    /// What groups are made by, after the id: for a key without a scope what is found for it and what the
    /// resource has; for a column of texts whether it holds the text that is shown where it holds none.
    fn groups(&self) -> impl Iterator<Item = String> {
        self.keys.iter().flat_map(|key| match (key.holder, key.column) {
            (Holder::Either, _) => vec![key.text(), key.text_in(Scope::Resource)],
            (_, Some(Takes::Texts)) => vec![format!("{} =~ `{NIL}`", key.text())],
            _ => Vec::new(),
        })
    }

    /// Every name that is told of a span: what is not read is not asked for, nor looked at if it comes.
    pub fn names(&self) -> Vec<AttributeName> {
        let message = self.reads_message.then_some(Intrinsic::StatusMessage);
        let intrinsics = [Intrinsic::Name, Intrinsic::Kind, Intrinsic::Status, Intrinsic::ParentId];
        let service = (Scope::Resource, SERVICE_NAME);
        let keys = self.keys.iter().map(|key| (key.holder.scope(), key.name.as_str()));
        let named = keys.chain([service]).map(|(scope, key)| AttributeName::Named {
            parent: false,
            scope,
            key: key.to_owned(),
        });
        intrinsics.into_iter().chain(message).map(AttributeName::Intrinsic).chain(named).collect()
    }

    /// What tells these traces in outline, as far as they have few spans.
    pub fn question(&self, ids: &[TraceId]) -> String {
        let mut text = format!("{} | count() <= {SPANS_MAX} | by(span:id)", one_of(ids));
        for group in self.groups() {
            let _ = write!(text, " | by({group})");
        }
        let _ = write!(text, " | select({ALWAYS}");
        if self.reads_message {
            text.push_str(", statusMessage");
        }
        let told = self.keys.iter().filter(|key| key.holder != Holder::Either);
        for key in told.filter(|key| !key.is_service()) {
            let _ = write!(text, ", {}", key.text());
        }
        text.push(')');
        text
    }

    /// What names those of these traces that have more.
    pub fn question_for_larger(ids: &[TraceId]) -> String {
        format!("{} | count() > {SPANS_MAX}", one_of(ids))
    }
}

impl Holder {
    fn scope(self) -> Scope {
        match self {
            Self::Span => Scope::Span,
            Self::Resource => Scope::Resource,
            Self::Either => Scope::Any,
        }
    }
}

impl Key {
    fn is_service(&self) -> bool {
        self.holder == Holder::Resource && self.name == SERVICE_NAME
    }

    fn text(&self) -> String {
        self.text_in(self.holder.scope())
    }

    fn text_in(&self, scope: Scope) -> String {
        AttributeName::Named { parent: false, scope, key: self.name.clone() }.to_string()
    }
}

fn takes_anything(condition: &Condition) -> bool {
    let is_named = matches!(&condition.attribute,
        Fetched::Attribute(AttributeName::Named { key, .. }) if key != SERVICE_NAME);
    is_named && condition.comparison == Comparison::Any
}

/// Whether a condition looks at a column and nowhere else.
fn is_of(takes: Takes, comparison: &Comparison) -> bool {
    use Comparison as C;
    match comparison {
        C::Any | C::Exists | C::Missing => true,
        C::Match(_) | C::NotMatch(_) => takes == Takes::Texts,
        C::Equal(value)
        | C::NotEqual(value)
        | C::Less(value)
        | C::LessEqual(value)
        | C::Greater(value)
        | C::GreaterEqual(value) => match value {
            Value::Text(_) | Value::Texts(_) => takes == Takes::Texts,
            Value::Int(_) | Value::Ints(_) => takes == Takes::Integers,
            _ => false,
        },
    }
}

fn one_of(ids: &[TraceId]) -> String {
    let each: Vec<String> = ids.iter().map(|id| format!("trace:id=\"{id}\"")).collect();
    format!("{{{}}}", each.join("||"))
}

#[cfg(test)]
mod tests;
