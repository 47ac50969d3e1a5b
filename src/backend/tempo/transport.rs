//! From what the connection did to the fault it stands for.
//!
//! The client's errors are chains of errors of several crates; this is the one place that looks along
//! such a chain. Their texts may hold addresses and whatever a peer sent, so they go to the log only, and without the URL: a query
//! stands in it.

use std::error::Error;
use std::io;
use std::iter::successors;

use crate::backend::{Fault, fault};
use crate::model::RegionStatus;

/// Chains are about six errors long.
const CHAIN_MAX: usize = 16;

/// No headers came.
pub(in crate::backend) fn before_answer(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    tracing::debug!(error = %chain_text(&error), "no answer from a region");
    if error.is_dns() {
        return fault::unreachable("its name could not be resolved");
    }
    if has::<rustls::Error>(&error) {
        return fault::unreachable("no secure connection could be agreed on");
    }
    if error.is_timeout() {
        return fault::unreachable("no connection in the time that is set for it");
    }
    if error.is_connect() {
        return match io_kind(&error) {
            Some(io::ErrorKind::ConnectionRefused) => fault::refused(),
            _ => fault::unreachable("no connection could be made"),
        };
    }
    let is_nonsense =
        find::<hyper::Error>(&error).is_some_and(|e| e.is_parse() && !e.is_incomplete_message());
    if is_nonsense {
        return Fault::new(RegionStatus::Malformed, "it answered with something that is no http");
    }
    fault::broke_before_answer()
}

/// Headers came, and the body did not end.
pub(in crate::backend) fn within_body(error: &(dyn Error + 'static)) -> Fault {
    tracing::debug!(error = %chain_text(error), "an answer broke off");
    // A connection that ends is the connection's own error, or an end where the decompression needed
    // more; all else that decompression reports is about the bytes themselves.
    let is_connection = has::<hyper::Error>(error);
    match io_kind(error) {
        Some(kind) if !is_connection && kind != io::ErrorKind::UnexpectedEof => fault::bad_encoding(),
        _ => fault::cut_off(),
    }
}

/// The errors of a chain. An `io::Error` that wraps another hides it from `source`, so it is opened.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
    .take(CHAIN_MAX)
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

fn has<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    find::<E>(error).is_some()
}

/// The kind of the innermost `io::Error`, which knows best.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

fn chain_text(error: &(dyn Error + 'static)) -> String {
    /// What a peer sent may be in these texts, so they are held short.
    const TEXT_CHARS_MAX: usize = 300;
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.join(": ").chars().take(TEXT_CHARS_MAX).collect()
}
