//! The attributes that may not be sent to a region: a condition on one would be an oracle for its value, or no
//! region stores it.

use std::collections::HashSet;

use super::reason::Cause;
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};

/// Attributes that no condition may name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Withheld {
    names: HashSet<AttributeName>,
    /// The keys of the names with a scope, because an unscoped name reads every scope.
    keys: HashSet<String>,
    /// Keys withheld in every scope.
    unscoped: HashSet<String>,
    /// Keys of resources that the gateway says itself: no region stores them.
    said: HashSet<String>,
}

impl Withheld {
    /// Nothing is withheld.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// And an attribute of resources that no region stores.
    pub fn and_said(mut self, key: &str) -> Self {
        self.said.insert(key.to_owned());
        self
    }

    /// Why a condition may not name this; nothing where it may.
    pub(super) fn cause(&self, name: &AttributeName) -> Option<Cause> {
        match name {
            _ if self.is_withheld(name) => Some(Cause::Withheld),
            AttributeName::Named { scope: Scope::Resource | Scope::Any, key, .. } => {
                self.said.contains(key).then_some(Cause::Said)
            }
            _ => None,
        }
    }

    /// Whether a condition may not name this.
    pub fn covers(&self, name: &AttributeName) -> bool {
        self.cause(name).is_some()
    }

    /// Whether nothing is withheld; what the gateway says itself is no secret.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Because it is withheld, because it would also read what is withheld (`.x` where `span.x` is), or because
    /// it is made of it (a root's name is a span's name).
    fn is_withheld(&self, name: &AttributeName) -> bool {
        if self.names.contains(name) {
            return true;
        }
        match name {
            AttributeName::Named { scope: Scope::Any, key, .. } => {
                self.unscoped.contains(key) || self.keys.contains(key) || self.has_intrinsic_of_word(key)
            }
            AttributeName::Named { key, .. } => self.unscoped.contains(key),
            AttributeName::Intrinsic(Intrinsic::RootName) => {
                self.is_withheld(&AttributeName::Intrinsic(Intrinsic::Name))
            }
            AttributeName::Intrinsic(Intrinsic::RootServiceName) => self.is_withheld(&AttributeName::Named {
                parent: false,
                scope: Scope::Resource,
                key: "service.name".to_owned(),
            }),
            AttributeName::Intrinsic(_) => false,
        }
    }

    fn has_intrinsic_of_word(&self, key: &str) -> bool {
        Intrinsic::of_word(key)
            .is_some_and(|intrinsic| self.names.contains(&AttributeName::Intrinsic(intrinsic)))
    }
}

impl FromIterator<AttributeName> for Withheld {
    fn from_iter<T: IntoIterator<Item = AttributeName>>(names: T) -> Self {
        let mut withheld = Self::default();
        for name in names {
            if let AttributeName::Named { scope, key, .. } = &name {
                let keys = if *scope == Scope::Any { &mut withheld.unscoped } else { &mut withheld.keys };
                keys.insert(key.clone());
            }
            withheld.names.insert(name);
        }
        withheld
    }
}
