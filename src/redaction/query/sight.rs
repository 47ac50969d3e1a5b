//! What a caller sees of each name in each region: whether they may ask for it, and how much of what they ask the
//! region may be told.

use super::asked::Asked;
use super::behind::{Behind, behind};
use super::reading::Reading;
use super::{Denial, Permitted, Right};
use crate::classify::keys::KeyClass;
use crate::model::{ClassId, MetricsAnswer, MetricsQuery, RegionName};
use crate::policy::{Cell, Plan, RegionPlan, Ruled, Rung};
use crate::redaction::Redactor;
use crate::traceql;
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::conditions::{Discretion, Latitude};
use crate::traceql::mentions::compares;

/// Said of a comparison in which attributes of the spans are missing.
const LEFT_OUT: &str = "attributes are left out that you may not group by";

/// Classes that a line names.
const CLASSES_SHOWN_MAX: usize = 6;

/// Every region with its plan, by rank.
#[derive(Debug, Clone)]
pub struct Sights<'a> {
    pub(super) regions: Vec<(&'a RegionName, &'a RegionPlan)>,
    pub(super) reading: Reading<'a>,
}

impl<'a> Sights<'a> {
    pub fn new(
        regions: impl IntoIterator<Item = &'a RegionName>,
        plan: &'a Plan,
        redactor: &'a Redactor,
    ) -> Self {
        let regions = regions.into_iter().map(|region| (region, plan.region(region)));
        Self { regions: regions.collect(), reading: Reading(redactor) }
    }

    pub fn len(&self) -> usize {
        self.regions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// Why the region of this rank may not be asked this; nothing where it may.
    pub(super) fn denial(&self, rank: usize, asked: &Asked) -> Option<Denial> {
        let (region, plan) = self.regions.get(rank)?;
        let RegionPlan::Ruled(ruled) = plan else { return None };
        let behind = behind(&asked.name);
        let class = match (self.says(&behind)?, &behind) {
            (KeyClass::Whole(class), _) => class,
            // What stands in a name is classed by itself, and everyone may ask for names.
            (_, Behind::Place(_)) => return None,
            (says, _) => class_of(ruled, says)?,
        };
        (!may(ruled.cell(class), asked.right)).then(|| Denial {
            region: (*region).clone(),
            attribute: asked.written.clone(),
            class: ruled.classes().get(class).name.clone(),
            right: asked.right,
        })
    }

    /// Whether whatever stands under this name is shown as it is stored.
    pub fn is_shown_as_stored(&self, rank: usize, name: &AttributeName) -> bool {
        self.latitude(rank, name) == Latitude::Everything
    }

    /// Of a comparison of everything, the series of attributes that may be grouped by wherever they may come from.
    /// Which attributes these are is decided by their names alone.
    pub fn shown_of_comparison(
        &self,
        query: &Permitted<MetricsQuery>,
        answer: MetricsAnswer,
    ) -> MetricsAnswer {
        let asked: &MetricsQuery = query;
        if !traceql::compile(&asked.query).is_ok_and(|query| compares(&query)) {
            return answer;
        }
        let may_group = |label: &str| {
            // Two underscores begin what is said of a series itself; what else is no name is shown to no one.
            let Ok(attribute) = traceql::identifier(label) else { return label.starts_with("__") };
            let asked = Asked { name: attribute.name, written: String::new(), right: Right::Group };
            let asked_of = (0..self.len()).filter(|rank| !query.is_denied(*rank));
            asked_of.into_iter().all(|rank| self.denial(rank, &asked).is_none())
        };
        let MetricsAnswer { mut series, partial, inspected } = answer;
        let all = series.len();
        series.retain(|series| series.labels.iter().all(|(label, _)| may_group(label)));
        let partial = partial.or_else(|| (series.len() < all).then(|| LEFT_OUT.to_owned()));
        MetricsAnswer { series, partial, inspected }
    }

    /// Of a comparison of everything, what is left out for the region of this rank, as one line. It is said of every
    /// such question, and by class: whether a trace has an attribute that is left out is not to be seen.
    pub fn left_out_of_comparison(&self, rank: usize, query: &Permitted<MetricsQuery>) -> Option<String> {
        let asked: &MetricsQuery = query;
        let (_, RegionPlan::Ruled(ruled)) = self.regions.get(rank)? else { return None };
        if query.is_denied(rank) || !traceql::compile(&asked.query).is_ok_and(|query| compares(&query)) {
            return None;
        }
        let classes = ruled.classes().iter().filter(|(class, _)| !may(ruled.cell(*class), Right::Group));
        let names: Vec<&str> = classes.map(|(_, facts)| facts.name.as_str()).collect();
        let shown = names.get(..names.len().min(CLASSES_SHOWN_MAX))?.join(", ");
        let more = match names.len().saturating_sub(CLASSES_SHOWN_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!names.is_empty())
            .then(|| format!("compare() leaves out attributes that may not be grouped by: {shown}{more}"))
    }

    /// What the facts say of it; nothing of what no treatment touches.
    pub(super) fn says(&self, behind: &Behind<'_>) -> Option<KeyClass> {
        match behind {
            Behind::Untouchable => None,
            Behind::Place(place) => Some(self.reading.place(*place)),
            Behind::Key(key) => Some(self.reading.key(key)),
        }
    }

    fn in_ruled(&self, ruled: &Ruled, behind: &Behind<'_>) -> Latitude {
        let Some(says) = self.says(behind) else { return Latitude::Everything };
        // A key that is itself treated is shown under another name.
        let is_other = |key: &str| {
            ruled.keys().treatment(key.as_bytes()).is_some() || !self.reading.is_clean(key, key, false)
        };
        if matches!(behind, Behind::Key(key) if is_other(key)) {
            return Latitude::Nothing;
        }
        let rung = |class| of_rung(ruled.cell(class).rung, ruled);
        match says {
            KeyClass::Scan => of_text(ruled),
            KeyClass::Safe => rung(ruled.classes().safe()),
            KeyClass::Unknown => rung(ruled.classes().unknown()),
            KeyClass::Whole(class) => rung(class),
            // What is left of a part shows that it was one.
            KeyClass::Structured(..) if matches!(behind, Behind::Place(_)) => of_text(ruled),
            // Its parts are treated each in its own way, and what can't be taken apart may be taken away.
            KeyClass::Structured(..) if ruled.withholds() => Latitude::Existence,
            KeyClass::Structured(..) => Latitude::Everything,
        }
    }
}

/// The class by whose rights something is asked for. What may hold any text is asked for by whoever may ask for
/// what is safe.
fn class_of(ruled: &Ruled, says: KeyClass) -> Option<ClassId> {
    match says {
        KeyClass::Whole(class) | KeyClass::Structured(_, class) => Some(class),
        KeyClass::Safe | KeyClass::Scan => Some(ruled.classes().safe()),
        KeyClass::Unknown => Some(ruled.classes().unknown()),
    }
}

impl Discretion for Sights<'_> {
    fn latitude(&self, region: usize, name: &AttributeName) -> Latitude {
        let Some((_, plan)) = self.regions.get(region) else { return Latitude::Nothing };
        match (plan, behind(name)) {
            (_, Behind::Untouchable) | (RegionPlan::AllowAll, _) => Latitude::Everything,
            (RegionPlan::Keys(_), Behind::Place(_)) => Latitude::Everything,
            (RegionPlan::Keys(keys), Behind::Key(key)) => match keys.treatment(key.as_bytes()) {
                Some(_) => Latitude::Nothing,
                None => Latitude::Everything,
            },
            (RegionPlan::Ruled(ruled), own) => {
                let own = self.in_ruled(ruled, &own);
                // Without a scope, the name of a span may answer too.
                let other = match name {
                    AttributeName::Named { scope: Scope::Any, key, .. } => Intrinsic::of_word(key),
                    _ => None,
                };
                let other = other.map(|word| self.latitude(region, &AttributeName::Intrinsic(word)));
                other.map_or(own, |other| own.min(other))
            }
        }
    }

    fn is_clean(&self, region: usize, name: &AttributeName, text: &str) -> bool {
        let may_be_coarser = self.regions.get(region).is_none_or(|(_, plan)| makes_coarser(plan));
        match behind(name) {
            Behind::Untouchable => true,
            Behind::Place(_) => self.reading.is_clean("", text, may_be_coarser),
            Behind::Key(key) => self.reading.is_clean(key, text, may_be_coarser),
        }
    }
}

fn makes_coarser(plan: &RegionPlan) -> bool {
    let RegionPlan::Ruled(ruled) = plan else { return false };
    ruled.classes().iter().any(|(class, _)| ruled.cell(class).rung == Rung::Generalised)
}

/// Where any text may stand, and whatever is found in it is treated by its own class.
fn of_text(ruled: &Ruled) -> Latitude {
    if ruled.withholds() { Latitude::Clean } else { Latitude::Everything }
}

/// Of a value that is of one class as a whole.
fn of_rung(rung: Rung, ruled: &Ruled) -> Latitude {
    match rung {
        // What else stands in it is looked for all the same.
        Rung::Raw => of_text(ruled),
        // A list of pairs has no value in TraceQL, and the text it becomes has one: not even that there is a value
        // can be asked.
        Rung::Generalised | Rung::Pseudonymised | Rung::Masked | Rung::Dropped => Latitude::Nothing,
    }
}

fn may(cell: Cell, right: Right) -> bool {
    match right {
        Right::Filter => cell.may_filter,
        Right::Group => cell.may_group,
        Right::List => cell.may_list,
        Right::Read => cell.rung == Rung::Raw,
    }
}
