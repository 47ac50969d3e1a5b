//! The body of a trace that is kept: the bytes that were written of it before, in the form that is wanted. The second
//! who asks has it written, and every other is sent the same bytes.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};
use std::io::Write;

use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::audit::Unpacked;
use super::encode::{self, Beside};
use super::layers::COMPRESSED_BYTES_MIN;
use super::params::{self, Format};
use super::report;
use crate::cache::{Form, FormEndpoint, Written};
use crate::federation::{KeptBodies, Lookup};
use crate::task;

/// A trace larger than this is written anew for each who asks, frame by frame: it would push out too many others.
const BODY_BYTES_MAX: usize = 8 << 20;

/// From here on, writing leaves the threads that serve requests.
const LONG_WORK_BYTES: usize = 1 << 20;

/// The whole answer, where the trace is kept and the form is one that is.
pub(super) async fn response(
    endpoint: FormEndpoint,
    lookup: &Lookup,
    headers: &HeaderMap,
) -> Option<Response> {
    let kept = lookup.kept.as_ref()?;
    let is_json = match params::format(headers) {
        Format::Json => true,
        Format::Protobuf => false,
        Format::Llm => return None,
    };
    if lookup.answer.value.trace.protobuf_len() > BODY_BYTES_MAX {
        return None;
    }
    let form = Form { endpoint, is_json, is_gzip: false };
    let packed = Form { is_gzip: true, ..form };
    let (written, is_packed) = match wants_gzip(headers) {
        Wants::Plain => (written(kept, lookup, form, true).await?, false),
        Wants::Gzip => match kept.body(packed) {
            Some(body) => (body.clone(), true),
            None => pack(kept, packed, written(kept, lookup, form, false).await?).await?,
        },
        // Left to the layer that weighs encodings.
        Wants::Else => return None,
    };
    let mut response = encode::kept(written.bytes, is_json);
    if is_packed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response.extensions_mut().insert(Unpacked(written.length));
    }
    report::put_headers(response.headers_mut(), &lookup.answer.coverage, lookup.is_from_memory);
    Some(response)
}

/// The plain body; where it was not written before, it is now, and kept if it is what is sent.
async fn written(kept: &KeptBodies, lookup: &Lookup, form: Form, is_sent: bool) -> Option<Written> {
    if let Some(body) = kept.body(form) {
        return Some(body.clone());
    }
    let found = &lookup.answer.value;
    let (trace, is_long) = (found.trace.clone(), found.trace.protobuf_len() >= LONG_WORK_BYTES);
    // A whole trace has no message beside it.
    let beside = Beside { inspected_bytes: found.inspected_bytes, message: None };
    let work = move || match form.endpoint {
        FormEndpoint::V1 => encode::v1_whole(&trace, form.is_json),
        FormEndpoint::V2 => encode::v2_whole(&trace, &beside, form.is_json),
    };
    let bytes = if is_long { task::blocking(work).await.ok()? } else { work() }.ok()?;
    let written = Written { length: bytes.len() as u64, bytes: bytes.into() };
    if is_sent {
        kept.keep_body(form, written.clone());
    }
    Some(written)
}

/// The packed body, which is kept; a short one is sent as it is.
async fn pack(kept: &KeptBodies, form: Form, plain: Written) -> Option<(Written, bool)> {
    if plain.length < COMPRESSED_BYTES_MIN {
        kept.keep_body(Form { is_gzip: false, ..form }, plain.clone());
        return Some((plain, false));
    }
    let (bytes, length) = (plain.bytes, plain.length);
    let work = move || -> std::io::Result<Vec<u8>> {
        // At the same level as the layer does, so that it makes no difference who packs.
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&bytes)?;
        packer.finish()
    };
    let packed = task::blocking(work).await.ok()?.ok()?;
    let written = Written { bytes: packed.into(), length };
    kept.keep_body(form, written.clone());
    Some((written, true))
}

enum Wants {
    Plain,
    Gzip,
    /// Something to be weighed.
    Else,
}

/// What nearly every client says, without weights.
fn wants_gzip(headers: &HeaderMap) -> Wants {
    let mut said = headers.get_all(ACCEPT_ENCODING).iter();
    let (Some(first), None) = (said.next(), said.next()) else {
        return if headers.contains_key(ACCEPT_ENCODING) { Wants::Else } else { Wants::Plain };
    };
    match first.to_str() {
        Ok("identity") => Wants::Plain,
        Ok(codings) if !codings.contains([';', '*']) => {
            let has_gzip = codings.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("gzip"));
            if has_gzip { Wants::Gzip } else { Wants::Plain }
        }
        _ => Wants::Else,
    }
}
