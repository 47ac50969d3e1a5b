//! Why something can't be decided by one region, in a sentence for people.

use crate::traceql::place::Place;

/// A part of a query that was widened, or that keeps the query from being decided region by region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub cause: Cause,
    /// In the text of the query.
    pub place: Place,
    /// The part, in canonical text.
    pub part: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// `>>`, `!~`, `&&` between spansets.
    Structure,
    /// `count() > 2`
    Aggregate,
    /// The root's name or service.
    Root,
    /// The trace's duration, numbers or child counts.
    Trace,
    /// `by(rootName)`
    Grouping,
    /// `select(rootName)`: the spans are exact, what is shown of them is not.
    Shown,
    /// May not be sent to the region.
    Withheld,
    /// The gateway says it itself, and no region stores it.
    Said,
    /// `!(...)`
    Negation,
    /// `x = nil`
    Missing,
    /// A number on an attribute is looked for as integer and as float.
    Number,
    /// `1 < .x`
    LiteralLeft,
    /// Attributes compared with each other, arithmetic.
    Computed,
    /// Another shape of which nothing can be said.
    Shape,
    /// More than one condition, one of them on events or links.
    Event,
    /// A name that other conditions of the query bring into view under another scope.
    Name,
    /// `avg_over_time` and `sum_over_time` of what not every span has.
    Sparse,
    /// `compare()` shows every attribute.
    Everything,
}

impl Reason {
    pub(super) fn new(cause: Cause, place: Place, part: &dyn std::fmt::Display) -> Self {
        Self { cause, place, part: part.to_string() }
    }

    /// What is the matter, for people.
    pub fn sentence(&self) -> String {
        let part = &self.part;
        match self.cause {
            Cause::Structure => format!("`{part}` relates spans that may be held by different regions"),
            Cause::Aggregate => format!("`{part}` is computed over all spans of the trace"),
            Cause::Root => {
                format!("`{part}` is known only where the root span is, so it is asked on its own")
            }
            Cause::Trace => format!("`{part}` belongs to the whole trace, of which a region holds a part"),
            Cause::Grouping => format!("`{part}` groups by what only the whole trace knows"),
            Cause::Shown => format!("`{part}` shows what only the whole trace knows"),
            Cause::Withheld => format!("`{part}` may not be asked of a region for this caller"),
            Cause::Said => format!("`{part}` is said by the gateway itself: no region stores it"),
            Cause::Negation => {
                format!("`{part}`: what is negated may be seen only beside the query's other conditions")
            }
            Cause::Missing => format!("`{part}`: what is missing shows nothing a region could find"),
            Cause::Number => {
                format!(
                    "`{part}`: a region is asked for integers and floats, as the whole query may see both"
                )
            }
            Cause::LiteralLeft => {
                format!("`{part}`: with the constant on the left, only whether there is a value can be asked")
            }
            Cause::Computed => {
                format!("`{part}` is computed from values; a region is asked whether they exist")
            }
            Cause::Shape => format!("`{part}` is no condition on a value, so it is left to the gateway"),
            Cause::Event => {
                format!("`{part}`: beside other conditions, which event or link is seen is not settled")
            }
            Cause::Name => {
                format!(
                    "`{part}` may be answered by another attribute of that name which the query brings in"
                )
            }
            Cause::Sparse => {
                format!("`{part}` counts spans without the value too, so its parts don't add up")
            }
            Cause::Everything => format!("`{part}` shows every attribute, also those withheld"),
        }
    }
}
