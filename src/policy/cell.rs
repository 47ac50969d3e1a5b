//! One decision: what becomes of one class of data of one region, and what may be asked about it. Knows neither
//! how it was decided nor what the class is.

/// What becomes of a value, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rung {
    /// As it is stored.
    Raw,
    /// Coarser: a network in place of an address, a month in place of a day.
    Generalised,
    /// A keyed token: equal values have equal tokens within one region, purpose and epoch.
    Pseudonymised,
    /// A shape of fixed length in its place.
    Masked,
    /// Key and value are taken away.
    Dropped,
}

/// How carefully values are looked at where no key tells what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Care {
    /// A find that is likely by chance needs a word beside it that speaks for it.
    Balanced,
    /// Every find counts. The allow-list is this, with the class `unknown` dropped.
    Paranoid,
}

/// Policies that settled a cell, as numbers of the set they are of: forbids that denied a milder rung, then the
/// permits of the rung. Names: [`Ruled::rule_names`](super::Ruled::rule_names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RuleId {
    numbers: [u16; RULES_MAX],
    count: u8,
}

/// Policies that one cell remembers; the rest of a longer list is found again by explaining it.
pub const RULES_MAX: usize = 5;

/// The decision for one class of one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    pub rung: Rung,
    pub may_filter: bool,
    pub may_group: bool,
    pub may_list: bool,
    pub care: Care,
    pub rule: RuleId,
}

impl Rung {
    pub const ALL: [Self; 5] =
        [Self::Raw, Self::Generalised, Self::Pseudonymised, Self::Masked, Self::Dropped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Generalised => "generalised",
            Self::Pseudonymised => "pseudonymised",
            Self::Masked => "masked",
            Self::Dropped => "dropped",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.as_str() == text)
    }
}

impl Care {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Paranoid => "paranoid",
        }
    }
}

impl RuleId {
    /// No policy had a word in it: nothing permits.
    pub const NONE: Self = Self { numbers: [0; RULES_MAX], count: 0 };

    pub fn of(numbers: impl IntoIterator<Item = u16>) -> Self {
        let mut rule = Self::NONE;
        for number in numbers {
            let Some(slot) = rule.numbers.get_mut(usize::from(rule.count)) else { break };
            *slot = number;
            rule.count += 1;
        }
        rule
    }

    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        self.numbers.iter().take(usize::from(self.count)).copied()
    }
}

impl Cell {
    /// Shown as it is stored, and everything may be asked.
    pub const OPEN: Self = Self {
        rung: Rung::Raw,
        may_filter: true,
        may_group: true,
        may_list: true,
        care: Care::Balanced,
        rule: RuleId::NONE,
    };

    /// Not shown, and nothing may be asked: what holds where nobody decided otherwise.
    pub const SHUT: Self = Self {
        rung: Rung::Dropped,
        may_filter: false,
        may_group: false,
        may_list: false,
        care: Care::Paranoid,
        rule: RuleId::NONE,
    };

    /// Whether values of the class stay as they are and anything may be asked about them.
    pub fn is_open(&self) -> bool {
        self.rung == Rung::Raw && self.may_filter && self.may_group && self.may_list
    }
}
