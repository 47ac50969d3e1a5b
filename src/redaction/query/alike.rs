//! Whether a question has the same answer over the values of a region as they are stored and as they are shown.
//!
//! Then the region may be asked the question itself, and what it says of names is treated on its way (`told`). A
//! region is asked in that way only where every test of the question comes out alike on every span: structure, times
//! and counts are never treated, so the rest follows. Rather no than yes: the traces are looked at then.

use super::behind::behind;
use super::sight::Sights;
use crate::classify::keys::KeyClass;
use crate::model::tags::TagsForm;
use crate::policy::RegionPlan;
use crate::redaction::told::is_of_itself;
use crate::traceql::ast::{AttributeName, Binary, FieldExpr, Literal, MetricsExpr, Query, Root, Scope};
use crate::traceql::conditions::{Discretion, Latitude};
use crate::traceql::lenient::{Asks, condition_groups};
use crate::traceql::mentions::{Named, Purpose, compares, each};
use crate::traceql::types::Operator;

/// Integers of fewer digits are shown as they are stored.
const SHORT_INTEGER_MAX: u64 = 100_000;

impl Sights<'_> {
    /// Whether the region of this rank counts the same over what it stores, up to the names of its series.
    ///
    /// `max_series` is how many series are asked for, 0 for all.
    pub fn is_counted_alike(&self, rank: usize, query: &Query, max_series: u32) -> bool {
        if compares(query) {
            return false;
        }
        // Whatever else looks at the groups of a question (a count of one, the highest of them, another series beside
        // it, a limit) makes numbers or their choice of values that may be shown as one. Only where each group is a
        // series of the answer, by its own name, is it seen on its way whether that name is shown as it is stored.
        let is_each_a_series =
            max_series == 0 && matches!(&query.root, Root::Metrics(MetricsExpr::Query { .. }));
        let mut is_alike = true;
        each(query, &mut |named, purpose| {
            let alike = match (named, purpose) {
                (Named::Field(field), Purpose::Tested) => self.is_field_alike(rank, field),
                (_, Purpose::Shown) => true,
                (Named::Attribute(attribute), Purpose::Grouped) if is_each_a_series => {
                    self.is_told(rank, &attribute.name)
                }
                // A `by` of a function names attributes, and one within a pipeline fields.
                (Named::Field(field), Purpose::Grouped | Purpose::Measured) => self.is_untouched(rank, field),
                (Named::Attribute(attribute), Purpose::Grouped | Purpose::Measured | Purpose::Tested) => {
                    self.latitude(rank, &attribute.name) == Latitude::Everything
                }
            };
            is_alike &= alike;
        });
        is_alike
    }

    /// Whether a filter as it is typed leaves the same spans of what is stored.
    pub fn is_filtered_alike(&self, rank: usize, filter: Option<&str>, form: TagsForm) -> bool {
        let filter = filter.filter(|_| form == TagsForm::V2);
        let groups = filter.map(condition_groups).transpose();
        let Ok(groups) = groups else { return false };
        groups.unwrap_or_default().iter().flatten().all(|condition| match &condition.asks {
            Asks::Nothing => true,
            Asks::Exists | Asks::Missing => self.is_there_alike(rank, &condition.attribute),
            Asks::Compares(operator, literal) => {
                self.is_compared_alike(rank, &condition.attribute, *operator, literal)
            }
        })
    }

    /// Whether what the region tells of values of this name can be treated value by value.
    pub fn are_values_told(&self, rank: usize, name: &AttributeName) -> bool {
        self.latitude(rank, name) == Latitude::Everything || self.is_each_of_itself(rank, name)
    }

    fn is_told(&self, rank: usize, name: &AttributeName) -> bool {
        match self.latitude(rank, name) {
            Latitude::Everything => true,
            Latitude::Clean => self.is_each_of_itself(rank, name),
            Latitude::Existence | Latitude::Nothing => false,
        }
    }

    fn is_each_of_itself(&self, rank: usize, name: &AttributeName) -> bool {
        match self.regions.get(rank) {
            Some((_, RegionPlan::AllowAll | RegionPlan::Keys(_))) => true,
            Some((_, RegionPlan::Ruled(ruled))) => {
                self.says(&behind(name)).is_none_or(|says| is_of_itself(ruled, says))
            }
            None => false,
        }
    }

    /// Nothing of it is treated, whatever it is made of.
    fn is_untouched(&self, rank: usize, field: &FieldExpr) -> bool {
        let mut names = Vec::new();
        field.attributes(&mut names);
        names.iter().all(|attribute| self.latitude(rank, &attribute.name) == Latitude::Everything)
    }

    fn is_field_alike(&self, rank: usize, field: &FieldExpr) -> bool {
        let mut open = vec![field];
        // Every operand is visited once.
        while let Some(field) = open.pop() {
            match field {
                FieldExpr::Literal { .. } => {}
                FieldExpr::Chain(chain) => {
                    open.push(&chain.first);
                    open.extend(chain.rest.iter().map(|(_, field)| field));
                }
                FieldExpr::Not(inner) => open.push(&inner.field),
                FieldExpr::Exists(inner) | FieldExpr::Missing(inner) => match &inner.field {
                    FieldExpr::Attribute(attribute) if self.is_there_alike(rank, &attribute.name) => {}
                    other if self.is_untouched(rank, other) => {}
                    _ => return false,
                },
                FieldExpr::Binary(binary) if self.is_binary_alike(rank, binary) => {}
                other if self.is_untouched(rank, other) => {}
                _ => return false,
            }
        }
        true
    }

    fn is_binary_alike(&self, rank: usize, binary: &Binary) -> bool {
        match (&binary.left, &binary.right) {
            (FieldExpr::Attribute(attribute), FieldExpr::Literal { value, .. }) => {
                self.is_compared_alike(rank, &attribute.name, binary.operator, value)
            }
            _ => false,
        }
    }

    fn is_compared_alike(
        &self,
        rank: usize,
        name: &AttributeName,
        operator: Operator,
        literal: &Literal,
    ) -> bool {
        match self.latitude(rank, name) {
            Latitude::Everything => true,
            // A long number becomes a text, so that the one is not and the other is another text than any.
            Latitude::Clean if operator == Operator::Equal && self.is_found_alike(rank, name) => {
                match literal {
                    Literal::Text(text) => self.is_clean(rank, name, text),
                    Literal::Int(int) => int.unsigned_abs() < SHORT_INTEGER_MAX,
                    Literal::Bool(_) => true,
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Whether the same value is found for a name. Bytes are taken away under keys that are not safe, and without a
    /// scope, what stands further out is found then.
    fn is_found_alike(&self, rank: usize, name: &AttributeName) -> bool {
        let is_anywhere = matches!(name, AttributeName::Named { scope: Scope::Any, .. });
        self.is_each_of_itself(rank, name) && (!is_anywhere || self.is_safe(name))
    }

    /// Whether a value is there alike.
    fn is_there_alike(&self, rank: usize, name: &AttributeName) -> bool {
        match self.latitude(rank, name) {
            Latitude::Everything => true,
            Latitude::Clean => self.is_safe(name),
            Latitude::Existence | Latitude::Nothing => false,
        }
    }

    fn is_safe(&self, name: &AttributeName) -> bool {
        matches!(self.says(&behind(name)), None | Some(KeyClass::Safe))
    }
}
