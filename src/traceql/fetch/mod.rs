//! What a query lets its storage fetch: the conditions on single attributes in it, and whether all of them
//! must hold.
//!
//! An answer of Tempo is what its storage lets be seen, and then what the query makes of that; so the
//! conditions are part of what a query means. They are gathered here as Tempo gathers them, with all that is
//! peculiar about it (`1 < .a` asks storage for `.a < 1`, `!` changes nothing, one `||` anywhere frees all).
//! What storage does with them is told in `evaluate`.

mod extract;
mod metrics;

#[cfg(test)]
mod tests;

use super::ast::{AttributeName, MetricsFunction, Pipeline, Query, Root, Scope};
use super::value::Value;
use extract::Extractor;
use hashbrown::HashMap;

/// What is fetched for a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSpec {
    /// In the order Tempo gathers them.
    pub conditions: Vec<Condition>,
    /// Fetched afterwards, for the spans the query keeps; not seen while it runs.
    pub second_pass: Vec<Condition>,
    /// Whether the second pass fetches every attribute there is.
    pub second_pass_all: bool,
    /// Whether a span must meet all conditions.
    pub all_conditions: bool,
    /// Whether spans are fetched one by one rather than traces as wholes, as metrics are where no stage looks
    /// at more than one span. Then a failure drops its span rather than failing the query, and the conditions
    /// on events need not be met by one event.
    pub is_span_only: bool,
    /// Whether what is fetched is the answer already: Tempo then does not run the query's stages. Only of
    /// metrics, and not neutral: `{ duration * 2 > 1s } | rate()` counts every span.
    pub is_decided: bool,
}

/// What is asked of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub attribute: Fetched,
    pub comparison: Comparison,
}

/// An attribute of a query, or what only storage knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fetched {
    Attribute(AttributeName),
    /// When the span starts.
    SpanStart,
    /// Where the span stands in the tree, as far as `>>` and `<<` need it.
    Descendants,
    /// The same for `>` and `<`.
    Children,
    /// The same for `~`.
    Siblings,
}

/// How an attribute is compared; what is given is a constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// Whatever it is, and also where it is not there.
    Any,
    Exists,
    Missing,
    Equal(Value<'static>),
    NotEqual(Value<'static>),
    Less(Value<'static>),
    LessEqual(Value<'static>),
    Greater(Value<'static>),
    GreaterEqual(Value<'static>),
    /// Any of these patterns.
    Match(Vec<String>),
    /// None of these patterns.
    NotMatch(Vec<String>),
}

impl FetchSpec {
    /// For a search. Of a metrics query, what stands before its function is searched for, and what the function
    /// looks at is shown; `None` where there are several.
    pub fn of_search(query: &Query) -> Option<Self> {
        let mut spec = match &query.root {
            Root::Pipeline(pipeline) => Extractor::of_pipeline(pipeline),
            Root::Metrics(metrics) => {
                let (pipeline, function) = metrics.only_leaf()?;
                let mut spec = Extractor::of_pipeline(pipeline);
                metrics::look(&mut spec, function);
                spec
            }
        };
        spec.coalesce();
        Some(spec)
    }

    /// For one leaf of a metrics query. What exemplars need besides is not part of it: it decides nothing.
    pub fn of_metrics(pipeline: &Pipeline, function: &MetricsFunction) -> Self {
        metrics::spec(pipeline, function)
    }

    /// Joins conditions that fetch everything together anyway. Tempo does it where not all must hold.
    fn coalesce(&mut self) {
        if self.all_conditions {
            return;
        }
        let mut before = usize::MAX;
        while self.conditions.len() != before {
            before = self.conditions.len();
            let mut joined: Vec<Condition> = Vec::with_capacity(before);
            let mut of_attribute: HashMap<Fetched, Vec<usize>> = HashMap::new();
            for condition in self.conditions.drain(..) {
                let places = of_attribute.entry_ref(&condition.attribute).or_default();
                let both = places.iter().find_map(|at| Some((*at, joined.get(*at)?.with(&condition)?)));
                match both.and_then(|(at, both)| Some((joined.get_mut(at)?, both))) {
                    Some((one, both)) => *one = both,
                    None => {
                        places.push(joined.len());
                        joined.push(condition);
                    }
                }
            }
            self.conditions = joined;
        }
    }

    /// Whether any pass fetches it.
    fn has(&self, attribute: &Fetched) -> bool {
        self.conditions.iter().any(|condition| condition.attribute.covers(attribute))
            || self.second_pass_has(attribute)
    }

    fn second_pass_has(&self, attribute: &Fetched) -> bool {
        self.second_pass.iter().any(|condition| condition.attribute.covers(attribute))
    }
}

impl Condition {
    /// Whether what it fetches is an attribute.
    pub fn shows(&self) -> bool {
        matches!(self.attribute, Fetched::Attribute(_))
    }

    pub fn any(attribute: Fetched) -> Self {
        Self { attribute, comparison: Comparison::Any }
    }

    /// Both as one, where that fetches the same.
    fn with(&self, other: &Self) -> Option<Self> {
        if self.attribute != other.attribute {
            return None;
        }
        match (&self.comparison, &other.comparison) {
            (one, two) if one == two => Some(self.clone()),
            (Comparison::Any, _) | (_, Comparison::Any) => Some(Self::any(self.attribute.clone())),
            (Comparison::Equal(one), Comparison::NotEqual(two))
            | (Comparison::NotEqual(one), Comparison::Equal(two))
                if one == two && !is_array(one) =>
            {
                Some(Self::any(self.attribute.clone()))
            }
            _ => None,
        }
    }
}

/// "In" and "not in" are no `=` and `!=`.
fn is_array(value: &Value<'_>) -> bool {
    value.of_type().element().is_some()
}

impl Fetched {
    /// Whether fetching this fetches the other too: `.a` is looked for in spans and resources.
    fn covers(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        match (self, other) {
            (
                Self::Attribute(AttributeName::Named { parent: one, scope: Scope::Any, key }),
                Self::Attribute(AttributeName::Named {
                    parent: two,
                    scope: Scope::Span | Scope::Resource,
                    key: found,
                }),
            ) => one == two && key == found,
            _ => false,
        }
    }

    /// Whether it is no named attribute.
    pub fn is_intrinsic(&self) -> bool {
        !matches!(self, Self::Attribute(AttributeName::Named { .. }))
    }

    /// Whether every span has it.
    fn is_everywhere(&self) -> bool {
        self.is_intrinsic()
            || matches!(
                self,
                Self::Attribute(AttributeName::Named { parent: false, scope: Scope::Resource, key })
                    if key == "service.name"
            )
    }

    /// Whether it is a name without a scope.
    pub fn is_unscoped(&self) -> bool {
        matches!(self, Self::Attribute(AttributeName::Named { scope: Scope::Any, .. }))
    }
}

impl From<&Fetched> for Fetched {
    fn from(attribute: &Fetched) -> Self {
        attribute.clone()
    }
}

impl From<&AttributeName> for Fetched {
    fn from(name: &AttributeName) -> Self {
        Self::Attribute(name.clone())
    }
}
