//! What people and machines do in the shop: each kind of request as the journey it makes.

mod account;
mod browsing;
mod buying;
mod fulfilment;
mod settlement;

use super::journey::{Journey, SpanRef};

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Browse,
    Search,
    Login,
    Checkout,
    Fulfilment,
    Settlement,
}

/// How a checkout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payment {
    Paid,
    Declined,
    /// The acquirer answers too late, twice, after a fraud check that took its time.
    TimedOut,
}

impl Kind {
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] =
        [Self::Browse, Self::Search, Self::Login, Self::Checkout, Self::Fulfilment, Self::Settlement];

    /// A mix as a shop has it, from a number below 100.
    pub(super) fn of_mix(percent: u64) -> Self {
        match percent {
            0..36 => Self::Browse,
            36..58 => Self::Search,
            58..72 => Self::Login,
            72..88 => Self::Checkout,
            88..97 => Self::Fulfilment,
            _ => Self::Settlement,
        }
    }
}

/// Makes a journey of a kind. `placed` are checkouts that later work refers to; the checkout's own
/// root comes back for that.
pub(super) fn journey(kind: Kind, seed: u64, placed: &[SpanRef]) -> (Journey, Option<SpanRef>) {
    let mut journey = Journey::new(seed);
    let mut order = None;
    match kind {
        Kind::Browse => browsing::browse(&mut journey),
        Kind::Search => browsing::search(&mut journey),
        Kind::Login => account::login(&mut journey),
        Kind::Checkout => {
            let payment = if journey.happens(9) { Payment::Declined } else { Payment::Paid };
            order = Some(buying::checkout(&mut journey, payment));
        }
        Kind::Fulfilment => fulfilment::fulfil(&mut journey, placed),
        Kind::Settlement => settlement::settle(&mut journey, placed),
    }
    (journey, order)
}

/// The journey worth showing: a slow checkout that crosses every border and fails far away.
pub(super) fn hero(seed: u64) -> (Journey, SpanRef) {
    let mut journey = Journey::new(seed);
    let order = buying::checkout(&mut journey, Payment::TimedOut);
    (journey, order)
}
