//! A whole set of policies, loaded and checked. Immutable; a reload makes another.

use std::sync::Arc;

use super::classes::Classes;
use super::plan::Plan;
use crate::model::Caller;

/// What decides for everyone.
#[derive(Debug, Clone)]
pub struct Policies {
    classes: Arc<Classes>,
    everyone: Arc<Plan>,
}

impl Policies {
    /// Everything is shown to everyone.
    pub fn allow_all() -> Self {
        Self::of_plan(Plan::allow_all())
    }

    /// The same plan for everyone: listed keys, or cells that are fixed.
    pub fn of_plan(plan: Plan) -> Self {
        Self { classes: Arc::new(Classes::none()), everyone: Arc::new(plan) }
    }

    /// 16 hex digits that change whenever the set does.
    pub fn digest(&self) -> &str {
        self.everyone.digest()
    }

    /// What this caller may see. The same caller gets the same plan back.
    pub fn plan(&self, _caller: &Caller) -> Arc<Plan> {
        self.everyone.clone()
    }

    pub fn classes(&self) -> &Arc<Classes> {
        &self.classes
    }
}
