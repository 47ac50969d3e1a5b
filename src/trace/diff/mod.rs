//! How one trace differs from another, as Tempo says it: span by span, and in sum.
//!
//! Both are put in a form that can be compared (`normal`): spans in the order of the tree, each with its place
//! and with what it is (service, name, kind), since ids of two traces have nothing in common. Then spans are
//! paired and their changes found (`patch`), with tolerances for what is never twice the same (`close`), and
//! the whole is looked at in sum (`summary`). `write` makes the documents.
//!
//! What a gateway appends to spans is not looked at. Everything is at most n log n in spans and attributes,
//! and no recursion follows a trace.

mod close;
mod normal;
mod patch;
mod span;
mod summary;
mod value;
mod warning;
mod write;

#[cfg(test)]
mod tests;

use normal::{Identities, Normal};
use patch::Patch;
use summary::Summary;
use write::Out;

use super::Assembled;
use crate::model::DiffFormat;

/// Bytes of the largest patch that is written. The path of a span names every ancestor, so a patch can be
/// far larger than its traces: a chain of so many spans has half the square of them.
pub const PATCH_BYTES_MAX: usize = 64 << 20;

/// Bytes up to which a patch is put beside its summary, as in Tempo.
const PATCH_BESIDE_BYTES_MAX: usize = 64 << 10;

/// The patch has so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the difference takes {0} bytes, and at most {PATCH_BYTES_MAX} are sent: ask for the format \
     `trace-summary-v0-native`"
)]
pub struct PatchTooLarge(pub usize);

/// The document of a difference.
pub fn document(base: &Assembled, compare: &Assembled, format: DiffFormat) -> Result<Vec<u8>, PatchTooLarge> {
    document_within(base, compare, format, PATCH_BYTES_MAX)
}

fn document_within(
    base: &Assembled,
    compare: &Assembled,
    format: DiffFormat,
    patch_bytes_max: usize,
) -> Result<Vec<u8>, PatchTooLarge> {
    let mut identities = Identities::default();
    let base = Normal::of(base, "base", &mut identities);
    let compare = Normal::of(compare, "compare", &mut identities);
    let patch = Patch::of(&base, &compare);
    let warnings = warning::merged(&base.warnings, &compare.warnings);
    let written_within = |bytes_max| {
        let mut out = Out::within(bytes_max);
        write::patch(&mut out, &base, &compare, &patch, &warnings);
        out.finish()
    };
    let summarised = |out: &mut Vec<u8>| {
        let summary = Summary::of(&base, &compare, &patch, &identities);
        write::summary(out, &base, &compare, &patch, &summary, &warnings);
    };
    let mut out = Vec::new();
    match format {
        DiffFormat::Patch => return written_within(patch_bytes_max).map_err(PatchTooLarge),
        DiffFormat::Summary => summarised(&mut out),
        DiffFormat::Composed => {
            out.extend_from_slice(b"{\"version\":\"trace-summary-v0-composed\",\"summary\":");
            summarised(&mut out);
            match written_within(PATCH_BESIDE_BYTES_MAX) {
                Ok(patch) => {
                    out.extend_from_slice(b",\"patch\":");
                    out.extend_from_slice(&patch);
                }
                Err(bytes) => {
                    let omitted =
                        format!(",\"patchOmitted\":{{\"bytes\":{bytes},\"reason\":\"over_budget\"}}");
                    out.extend_from_slice(omitted.as_bytes());
                }
            }
            out.push(b'}');
        }
    }
    Ok(out)
}
