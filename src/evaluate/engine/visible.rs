//! Which numbers of the tree the engine sees: each structural operator makes storage read its own, and
//! those after a `select` are read too late, when the engine has run.

use crate::evaluate::rows::Numbers;
use crate::traceql::ast::{Pipeline, Relation, SpansetExpr, SpansetOperator, Stage};

/// The columns of nested-set numbers that are read before the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Columns {
    left: bool,
    right: bool,
    parent: bool,
}

impl Columns {
    pub(super) fn read_by(pipeline: &Pipeline) -> Self {
        let mut columns = Self::default();
        columns.add(pipeline);
        columns
    }

    /// What is seen of a span's numbers.
    pub(super) fn of(self, numbers: Numbers) -> Numbers {
        let seen = |read: bool, number: i32| if read { number } else { 0 };
        Numbers {
            left: seen(self.left, numbers.left),
            right: seen(self.right, numbers.right),
            parent: seen(self.parent, numbers.parent),
            children: numbers.children,
        }
    }

    fn add(&mut self, pipeline: &Pipeline) {
        for stage in &pipeline.stages {
            match stage {
                Stage::Spanset(spanset) => self.add_spanset(spanset),
                Stage::Select { .. } => return,
                Stage::Scalar(_) | Stage::By { .. } | Stage::Coalesce { .. } => {}
            }
        }
    }

    fn add_spanset(&mut self, spanset: &SpansetExpr) {
        match spanset {
            SpansetExpr::Filter(_) => {}
            SpansetExpr::Pipeline(pipeline) => self.add(pipeline),
            SpansetExpr::Operation(operation) => {
                if let SpansetOperator::Structural { relation, .. } = operation.operator {
                    match relation {
                        Relation::Descendant | Relation::Ancestor => (self.left, self.right) = (true, true),
                        Relation::Child | Relation::Parent => (self.left, self.parent) = (true, true),
                        Relation::Sibling => self.parent = true,
                    }
                }
                self.add_spanset(&operation.left);
                self.add_spanset(&operation.right);
            }
        }
    }
}
