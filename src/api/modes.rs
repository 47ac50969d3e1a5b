//! Which mode a question has that names none, by who asks. A header and a path are the word of whoever asks and come
//! before it; an alert rule is strict whatever stands here.

use std::collections::BTreeMap;

use crate::model::{Caller, Mode};

/// What a configuration says of modes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modes {
    /// Of whoever has no role that is named.
    pub default: Mode,
    /// By role.
    pub roles: BTreeMap<String, Mode>,
}

impl Modes {
    /// Of several roles the strictest holds: a whole answer serves whoever would take less.
    pub(super) fn of(&self, caller: &Caller) -> Mode {
        let named: Vec<Mode> = caller.roles.iter().filter_map(|role| self.roles.get(role)).copied().collect();
        Mode::ALL.into_iter().find(|mode| named.contains(mode)).unwrap_or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_the_roles_holds_and_else_the_default() {
        let roles = [("sre", Mode::Fast), ("auditor", Mode::Strict)];
        let roles = roles.map(|(role, mode)| (role.to_owned(), mode)).into();
        let modes = Modes { default: Mode::BestEffort, roles };
        let of = |roles: &[&str]| {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            modes.of(&Caller { roles, ..Caller::anonymous() })
        };
        assert_eq!((of(&[]), of(&["guest"])), (Mode::BestEffort, Mode::BestEffort));
        assert_eq!((of(&["sre"]), of(&["auditor", "sre"])), (Mode::Fast, Mode::Strict));
    }
}
