//! What a caller sees of each name in each region: whether they may ask for it, and how much of what they ask the
//! region may be told.

use super::asked::Asked;
use super::reading::Reading;
use super::{Denial, Right};
use crate::classify::keys::KeyClass;
use crate::model::region::REGION_KEY;
use crate::model::{ClassId, RegionName};
use crate::policy::{Cell, Plan, RegionPlan, Ruled, Rung};
use crate::traceql::ast::{AttributeName, Intrinsic, Scope};
use crate::traceql::conditions::{Discretion, Latitude};

/// The key of what is stored beside a span and read like its name.
const SERVICE_NAME: &str = "service.name";

/// Every region with its plan, by rank.
#[derive(Debug, Clone)]
pub struct Sights<'a> {
    regions: Vec<(&'a RegionName, &'a RegionPlan)>,
    reading: &'a Reading,
}

/// What stands behind a name.
enum Behind<'n> {
    /// What no treatment touches: ids, times, kinds, numbers of the tree.
    Untouchable,
    /// A text with no key: anything may stand in it.
    Text,
    Key(&'n str),
}

impl<'a> Sights<'a> {
    pub fn new(
        regions: impl IntoIterator<Item = &'a RegionName>,
        plan: &'a Plan,
        reading: &'a Reading,
    ) -> Self {
        let regions = regions.into_iter().map(|region| (region, plan.region(region)));
        Self { regions: regions.collect(), reading }
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
        let Behind::Key(key) = behind(&asked.name) else { return None };
        let class = self.class_of(ruled, key)?;
        (!may(ruled.cell(class), asked.right)).then(|| Denial {
            region: (*region).clone(),
            attribute: asked.written.clone(),
            class: ruled.classes().get(class).name.clone(),
            right: asked.right,
        })
    }

    /// Whether what a region computed over values of this name is the same over the values as they are shown.
    pub fn is_untouched(&self, rank: usize, name: &AttributeName) -> bool {
        self.latitude(rank, name) == Latitude::Everything
    }

    /// The class by whose rights a key is asked; none for a key that may hold any text.
    fn class_of(&self, ruled: &Ruled, key: &str) -> Option<ClassId> {
        match self.reading.key(key) {
            KeyClass::Whole(class) | KeyClass::Structured(_, class) => Some(class),
            KeyClass::Safe => Some(ruled.classes().safe()),
            KeyClass::Unknown => Some(ruled.classes().unknown()),
            KeyClass::Scan => None,
        }
    }

    fn of_key(&self, ruled: &Ruled, key: &str) -> Latitude {
        if ruled.keys().treatment(key.as_bytes()).is_some() || !self.reading.is_clean("", key) {
            // A key that is itself treated is shown under another name.
            return Latitude::Nothing;
        }
        let rung = |class| ruled.cell(class).rung;
        match self.reading.key(key) {
            KeyClass::Scan => of_text(ruled),
            KeyClass::Safe => of_rung(rung(ruled.classes().safe()), ruled),
            KeyClass::Unknown => of_rung(rung(ruled.classes().unknown()), ruled),
            KeyClass::Whole(class) => of_rung(rung(class), ruled),
            // Its parts are treated each in its own way, and what can't be taken apart is taken away.
            KeyClass::Structured(..) => of_text(ruled).min_with(Latitude::Existence),
        }
    }
}

trait Least {
    fn min_with(self, most: Self) -> Self;
}

impl Least for Latitude {
    /// All or, of less than all, at most this.
    fn min_with(self, most: Self) -> Self {
        if self == Self::Everything { self } else { self.min(most) }
    }
}

impl Discretion for Sights<'_> {
    fn latitude(&self, region: usize, name: &AttributeName) -> Latitude {
        let Some((_, plan)) = self.regions.get(region) else { return Latitude::Nothing };
        match (plan, behind(name)) {
            (_, Behind::Untouchable) | (RegionPlan::AllowAll, _) => Latitude::Everything,
            (RegionPlan::Keys(_), Behind::Text) => Latitude::Everything,
            (RegionPlan::Keys(keys), Behind::Key(key)) => match keys.treatment(key.as_bytes()) {
                Some(_) => Latitude::Nothing,
                None => Latitude::Everything,
            },
            (RegionPlan::Ruled(ruled), Behind::Text) => of_text(ruled),
            (RegionPlan::Ruled(ruled), Behind::Key(key)) => {
                let own = self.of_key(ruled, key);
                // Without a scope, the name of a span may answer too.
                let is_word = matches!(name, AttributeName::Named { scope: Scope::Any, .. })
                    && Intrinsic::of_word(key).is_some();
                if is_word { own.min(of_text(ruled)) } else { own }
            }
        }
    }

    fn is_clean(&self, _: usize, name: &AttributeName, text: &str) -> bool {
        match behind(name) {
            Behind::Untouchable => true,
            Behind::Text => self.reading.is_clean("", text),
            Behind::Key(key) => self.reading.is_clean(key, text),
        }
    }
}

fn behind(name: &AttributeName) -> Behind<'_> {
    match name {
        // The gateway says it itself.
        AttributeName::Named { key, .. } if key == REGION_KEY => Behind::Untouchable,
        AttributeName::Named { key, .. } => Behind::Key(key),
        AttributeName::Intrinsic(intrinsic) => match intrinsic {
            Intrinsic::Name
            | Intrinsic::RootName
            | Intrinsic::StatusMessage
            | Intrinsic::EventName
            | Intrinsic::InstrumentationName
            | Intrinsic::InstrumentationVersion => Behind::Text,
            Intrinsic::RootServiceName => Behind::Key(SERVICE_NAME),
            Intrinsic::Duration
            | Intrinsic::Status
            | Intrinsic::Kind
            | Intrinsic::ChildCount
            | Intrinsic::SpanId
            | Intrinsic::ParentId
            | Intrinsic::Parent
            | Intrinsic::TraceDuration
            | Intrinsic::TraceId
            | Intrinsic::NestedSetLeft
            | Intrinsic::NestedSetRight
            | Intrinsic::NestedSetParent
            | Intrinsic::EventTimeSinceStart
            | Intrinsic::LinkTraceId
            | Intrinsic::LinkSpanId => Behind::Untouchable,
        },
    }
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
        Rung::Generalised | Rung::Pseudonymised | Rung::Masked => Latitude::Existence,
        Rung::Dropped => Latitude::Nothing,
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
