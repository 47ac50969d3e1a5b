//! `[modes]`: which mode a question has that names none, by who asks.

use super::fault::{Findings, quoted};
use super::given::{At, Given};
use super::quantity::Wrong;
use super::table::{Table, table_of};
use crate::api::Modes;
use crate::model::Mode;

/// Roles that may be named; more are a directory and no rule.
const ROLES_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct GivenModes {
    default: Given<Mode>,
    roles: Vec<(At<String>, Mode)>,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenModes {
    let default = table.parsed("default", out, mode);
    let roles = table.table("roles", out).map(|roles| of_roles(&roles, out));
    table.close(out);
    GivenModes { default, roles: roles.into_value().unwrap_or_default() }
}

fn of_roles(table: &Table<'_>, out: &mut Findings) -> Vec<(At<String>, Mode)> {
    let entries = table.entries();
    if let Some((key, ..)) = entries.get(ROLES_MAX) {
        out.fault(&key.place, format!("more than {ROLES_MAX} roles"), "name those whose mode differs");
    }
    let mut roles = Vec::new();
    for (role, value, place) in entries {
        let text = value.as_str();
        match text.map(mode) {
            Some(Ok(mode)) => roles.push((role, mode)),
            Some(Err(wrong)) => out.fault(&place, wrong.what, wrong.remedy),
            None if matches!(table_of(value, place.clone(), &mut Findings::default()), Given::Is(_)) => {
                let what = format!("{} is read as a table, since a dot in a key is one", quoted(&role.value));
                out.fault(&place, what, "write the whole role in quotes: `roles.\"on.call\" = \"fast\"`");
            }
            None => out.fault(&place, "a mode is a text in quotes", "write it as in \"fast\""),
        }
    }
    roles
}

fn mode(text: &str) -> Result<Mode, Wrong> {
    let words = Mode::ALL.map(|mode| format!("`{}`", mode.as_str())).join(", ");
    Mode::parse(text)
        .ok_or_else(|| Wrong::new(format!("{} is no mode", quoted(text)), format!("write one of {words}")))
}

pub(super) fn resolve(given: &GivenModes) -> Modes {
    let roles = given.roles.iter().map(|(role, mode)| (role.value.clone(), *mode)).collect();
    Modes { default: given.default.or(Mode::default()), roles }
}
