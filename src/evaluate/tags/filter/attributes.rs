//! Conditions on attributes in the common columns, and the names or values asked for among them.

use super::Ready;
use super::join::{Collect, Hits, Level, join, left_join};
use super::predicate::Test;
use super::scopes::Run;
use crate::evaluate::tags::stored::Column;
use crate::model::tags::TagScope;

const COLUMNS: [Column; 4] = [Column::Text, Column::Int, Column::Float, Column::Bool];

/// Where the attributes of a scope meet their own values, and where their holder.
fn levels(scope: TagScope) -> (Level, Level) {
    match scope {
        TagScope::Resource => (Level::Scope, Level::Resource),
        // Attributes of scopes meet attribute by attribute: two conditions never hold together.
        TagScope::Instrumentation => (Level::Span, Level::Span),
        TagScope::Event | TagScope::Link => (Level::Attribute, Level::Event),
        _ => (Level::Event, Level::Span),
    }
}

impl<'t> Run<'_, 't> {
    /// The holders that meet the conditions, with what is asked for. None where there is nothing to look at.
    pub(super) fn attributes(&self, scope: TagScope, conditions: &[&Ready]) -> Option<Hits<'t>> {
        let (at_attribute, at_holder) = levels(scope);
        let mut columns = Vec::new();
        // Whether null elements are of interest to the attribute asked for.
        let mut asked: Vec<(&str, bool)> = Vec::new();
        for condition in conditions {
            match condition.test {
                // On other attributes both are passed over.
                Test::Seen | Test::Exists => {
                    if condition.may_be_asked {
                        asked.push((&condition.key, matches!(condition.test, Test::Seen)));
                    }
                }
                _ => columns.extend(self.compared(scope, at_attribute, condition)),
            }
        }
        if !asked.is_empty() {
            columns.push(self.asked_for(scope, at_attribute, &asked));
        }
        let wants_names = self.asked.wants_names(scope);
        if columns.is_empty() && !wants_names {
            return None;
        }
        Some(if wants_names {
            let keys = self.columns.keys(scope, true, |_| true);
            if columns.is_empty() {
                join(at_holder, vec![keys], Collect::Names(scope))
            } else {
                left_join(at_holder, columns, vec![keys], Collect::Names(scope))
            }
        } else {
            join(at_holder, columns, Collect::Pass)
        })
    }

    /// The attributes of a key with an element that passes.
    fn compared(&self, scope: TagScope, level: Level, condition: &Ready) -> Option<Hits<'t>> {
        let column = condition.test.column()?;
        let selects = condition.may_be_asked;
        let keys = self.columns.keys(scope, selects, |key| key == Some(&condition.key));
        let elements = self.columns.elements(scope, column, selects, |value| condition.test.keeps(value));
        Some(join(level, vec![keys, elements], Collect::Pass))
    }

    /// The attributes of the keys asked for, with their values.
    fn asked_for(&self, scope: TagScope, level: Level, asked: &[(&str, bool)]) -> Hits<'t> {
        let keys = self.columns.keys(scope, true, |key| asked.iter().any(|(wanted, _)| key == Some(wanted)));
        let takes_null = asked.iter().any(|(_, takes_null)| *takes_null);
        let elements =
            |column| self.columns.elements(scope, column, true, |value| takes_null || value.is_some());
        left_join(level, vec![keys], COLUMNS.into_iter().map(elements).collect(), Collect::LastElement)
    }
}
