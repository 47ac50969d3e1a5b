//! What is known of a region's spans without asking it, so that it need not be asked where nothing of it can
//! match.
//!
//! Some of it the gateway says itself (an attribute that no region stores), the rest somebody declared. Either
//! way it only ever takes a region out of a question: what may hold is still asked. A declaration that is not
//! true makes rows go missing.

use std::collections::{BTreeSet, HashMap};

use crate::traceql::ast::{AttributeName, Literal, Scope};
use crate::traceql::pattern::Patterns;
use crate::traceql::types::Operator;

/// The resource's attribute that storage always has a text for, "" where none was sent.
const SERVICE_NAME: &str = "service.name";

/// What is known of one region, by the key of a resource's attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    known: HashMap<String, Known>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// Every resource has this value, and no span has an attribute of this name. Not stored in the region.
    Said(String),
    /// A resource has one of these.
    Only(BTreeSet<String>),
    /// No resource has one of these.
    Never(BTreeSet<String>),
}

impl Facts {
    /// Nothing is known.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The gateway says this of every resource, and lets no span say otherwise.
    pub fn saying(mut self, key: &str, value: &str) -> Self {
        self.known.insert(key.to_owned(), Known::Said(value.to_owned()));
        self
    }

    /// Spans there are of these services, or name none.
    pub fn with_services(mut self, services: impl IntoIterator<Item = String>) -> Self {
        let only = services.into_iter().chain([String::new()]).collect();
        self.known.insert(SERVICE_NAME.to_owned(), Known::Only(only));
        self
    }

    /// No resource there has one of these values. Of the service's name the services themselves say more.
    pub fn without(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values: BTreeSet<String> = values.into_iter().collect();
        match self.known.get_mut(key) {
            Some(Known::Never(never)) => never.extend(values),
            Some(Known::Only(only)) => only.retain(|value| !values.contains(value)),
            Some(Known::Said(_)) => {}
            None => {
                self.known.insert(key.to_owned(), Known::Never(values));
            }
        }
        self
    }

    /// Whether the gateway says this attribute itself.
    pub(super) fn says(&self, name: &AttributeName) -> bool {
        matches!(name, AttributeName::Named { parent: false, scope: Scope::Resource | Scope::Any, key }
            if matches!(self.known.get(key), Some(Known::Said(_))))
    }

    /// Whether a span of the region may pass this test.
    pub fn may_hold(&self, name: &AttributeName, operator: Operator, literal: &Literal) -> bool {
        let AttributeName::Named { parent: false, scope, key } = name else { return true };
        let Literal::Text(text) = literal else { return true };
        match (self.known.get(key), scope) {
            (Some(Known::Said(value)), Scope::Resource | Scope::Any) => passes(value, operator, text),
            // Without its scope, a span could answer too.
            (Some(Known::Only(values)), Scope::Resource) => {
                values.iter().any(|value| passes(value, operator, text))
            }
            (Some(Known::Never(values)), Scope::Resource) => {
                !(operator == Operator::Equal && values.contains(text))
            }
            _ => true,
        }
    }
}

/// Whether a text passes a test; what is no test of texts is left to who evaluates it.
fn passes(value: &str, operator: Operator, text: &str) -> bool {
    let matches = || Patterns::brief(text).map(|patterns| patterns.is_match(value));
    match operator {
        Operator::Equal => value == text,
        Operator::NotEqual => value != text,
        Operator::Less => value < text,
        Operator::LessEqual => value <= text,
        Operator::Greater => value > text,
        Operator::GreaterEqual => value >= text,
        Operator::Match => matches().unwrap_or(true),
        Operator::NotMatch => !matches().unwrap_or(false),
        _ => true,
    }
}
