//! The body of an export: read and unpacked, never further than its cap.

use std::io::Read;

use axum::body::Body;
use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyFault {
    #[error("the body is larger than {0} bytes, send smaller batches")]
    TooLarge(usize),
    #[error("the body ended before it was whole")]
    CutOff,
    #[error("the body is not valid gzip")]
    NotGzip,
}

pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, BodyFault> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge(bytes_max)),
        Err(_) => Err(BodyFault::CutOff),
    }
}

/// A small body may unpack into a huge one, so what comes out is counted, whatever it says of itself.
pub(super) fn unpack(body: Bytes, compression: Compression, bytes_max: usize) -> Result<Bytes, BodyFault> {
    if compression == Compression::None {
        return Ok(body);
    }
    let mut unpacked = Vec::new();
    let mut capped = MultiGzDecoder::new(body.reader()).take(bytes_max as u64 + 1);
    capped.read_to_end(&mut unpacked).map_err(|_| BodyFault::NotGzip)?;
    if unpacked.len() > bytes_max {
        return Err(BodyFault::TooLarge(bytes_max));
    }
    Ok(Bytes::from(unpacked))
}
