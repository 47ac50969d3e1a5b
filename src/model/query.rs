//! What a caller asks of one trace.

use super::TraceId;

/// A lookup by id as every region is asked it. What must run after the merge (`q`, pruning) is not
/// part of it: a region that filtered its own half would break the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceQuery {
    pub id: TraceId,
    /// Unix seconds; prunes blocks in a region, never spans.
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub scope: LookupScope,
    /// Block id bounds, already checked to be UUIDs.
    pub block_start: Option<String>,
    pub block_end: Option<String>,
}

/// Tempo's `mode` parameter: which of its stores are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LookupScope {
    #[default]
    All,
    Ingesters,
    Blocks,
    External,
}

impl TraceQuery {
    pub fn of(id: TraceId) -> Self {
        Self { id, start: None, end: None, scope: LookupScope::All, block_start: None, block_end: None }
    }
}

impl LookupScope {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "ingesters" => Some(Self::Ingesters),
            "blocks" => Some(Self::Blocks),
            "external" => Some(Self::External),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ingesters => "ingesters",
            Self::Blocks => "blocks",
            Self::External => "external",
        }
    }
}
