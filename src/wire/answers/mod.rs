//! Tempo's answers to searches, questions for tags and metrics queries, written from the words of the model:
//! JSON as `jsonpb` writes it, protobuf, and the document for language models where Tempo has one.
//!
//! JSON: members in the order the `.proto` declares them, 64-bit numbers quoted, zeros left out, an empty
//! list written where Tempo's is one and left out where Tempo's is none. Never a member Tempo does not have:
//! its own client and Grafana read strictly. Field numbers are of Tempo's public `tempo.proto`.
//!
//! This room does not know what a status code or a header is, nor who may see what is written.

mod metrics;
mod object;
mod read;
mod search;
mod shown;
mod tags;

#[cfg(test)]
mod tests;

pub use metrics::{Incomplete, instant_json, range_json};
pub use read::{
    ReadError, read_instant, read_range, read_search, read_tag_names, read_tag_names_v2, read_tag_values,
    read_tag_values_v2,
};
pub use search::{search_json, search_protobuf};
pub use tags::{
    tag_names_json, tag_names_protobuf, tag_names_v2_json, tag_names_v2_protobuf, tag_values_json,
    tag_values_protobuf, tag_values_v2_json, tag_values_v2_llm, tag_values_v2_protobuf,
};

/// Parts of the work, and how many of them were done: for a gateway, its regions. Grafana shows the ratio as
/// progress, and a strict reader knows both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Jobs {
    pub completed: u32,
    pub total: u32,
}
