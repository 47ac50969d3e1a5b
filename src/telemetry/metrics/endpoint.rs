//! What a gateway can be asked, by the words that metrics, logs and spans have for it.

/// Answers a gateway can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    TraceV1,
    TraceV2,
    TraceReport,
    TraceStream,
    TraceDiff,
    Search,
    TagsV1,
    TagsV2,
    TagValuesV1,
    TagValuesV2,
    MetricsRange,
    MetricsInstant,
}

impl Endpoint {
    pub const ALL: [Self; 12] = [
        Self::TraceV1,
        Self::TraceV2,
        Self::TraceReport,
        Self::TraceStream,
        Self::TraceDiff,
        Self::Search,
        Self::TagsV1,
        Self::TagsV2,
        Self::TagValuesV1,
        Self::TagValuesV2,
        Self::MetricsRange,
        Self::MetricsInstant,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TraceV1 => "traces_v1",
            Self::TraceV2 => "traces_v2",
            Self::TraceReport => "trace_report",
            Self::TraceStream => "trace_stream",
            Self::TraceDiff => "trace_diff",
            Self::Search => "search",
            Self::TagsV1 => "tags_v1",
            Self::TagsV2 => "tags_v2",
            Self::TagValuesV1 => "tag_values_v1",
            Self::TagValuesV2 => "tag_values_v2",
            Self::MetricsRange => "metrics_range",
            Self::MetricsInstant => "metrics_instant",
        }
    }

    /// Whether it looks up one trace by its id.
    pub fn is_lookup(self) -> bool {
        matches!(self, Self::TraceV1 | Self::TraceV2 | Self::TraceReport | Self::TraceStream)
    }
}
