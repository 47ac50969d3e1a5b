//! The name of an attribute, wherever its text is kept: in the query or in the bytes of a span.

use crate::traceql::ast::{AttributeName, Intrinsic, Scope};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named<'n> {
    Intrinsic(Intrinsic),
    Key { parent: bool, scope: Scope, key: &'n str },
}

impl<'n> Named<'n> {
    /// As [`AttributeName::bare`].
    pub fn bare(self) -> &'n str {
        match self {
            Self::Intrinsic(intrinsic) => intrinsic.word(),
            Self::Key { key, .. } => key,
        }
    }

    pub fn to_name(self) -> AttributeName {
        match self {
            Self::Intrinsic(intrinsic) => AttributeName::Intrinsic(intrinsic),
            Self::Key { parent, scope, key } => AttributeName::Named { parent, scope, key: key.to_owned() },
        }
    }
}

impl<'n> From<&'n AttributeName> for Named<'n> {
    fn from(name: &'n AttributeName) -> Self {
        match name {
            AttributeName::Intrinsic(intrinsic) => Self::Intrinsic(*intrinsic),
            AttributeName::Named { parent, scope, key } => Self::Key { parent: *parent, scope: *scope, key },
        }
    }
}
