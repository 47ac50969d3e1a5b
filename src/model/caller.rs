//! Who asks: what was told, and proven elsewhere, of a caller. Knows no token and no policy.

use std::collections::BTreeSet;

use super::region::Jurisdiction;

/// A caller by their claims. What may be seen depends on nothing else of them, and never on `subject`: the same
/// claims see the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller {
    /// Who it is, for the record of who asked.
    pub subject: String,
    pub roles: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub clearances: BTreeSet<String>,
    /// Where they sit, as they claim it. It can only take away.
    pub home: Option<Jurisdiction>,
    /// What for, as they state it.
    pub purpose: Option<String>,
}

/// The subject of whoever was not asked who they are.
pub const ANONYMOUS: &str = "anonymous";

/// Purposes that one token may name, and characters of each: they are words of a policy and no texts, and stand in
/// every record and in every statement to another gateway.
pub const PURPOSES_MAX: usize = 32;
pub const PURPOSE_CHARS_MAX: usize = 64;

/// Whether it may be stated: a word or a few, on one line.
pub fn is_purpose(text: &str) -> bool {
    !text.is_empty()
        && text.chars().take(PURPOSE_CHARS_MAX + 1).count() <= PURPOSE_CHARS_MAX
        && !text.contains(char::is_control)
}

impl Caller {
    /// Nobody in particular: no claim at all.
    pub fn anonymous() -> Self {
        Self {
            subject: ANONYMOUS.to_owned(),
            roles: BTreeSet::new(),
            groups: BTreeSet::new(),
            clearances: BTreeSet::new(),
            home: None,
            purpose: None,
        }
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self::anonymous()
    }
}
