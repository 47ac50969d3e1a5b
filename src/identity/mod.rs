//! Who is asking: from what a request shows to a [`Caller`](crate::model::Caller). Knows no policy, no region and no
//! status code.
//!
//! What stands here is for one machine: everyone is the same caller, or shows a token that the configuration maps to
//! claims. A gateway with nothing better listens on loopback only, which `config` sees to. No header authorises that
//! is not such a token: whoever can send a request could write it.

mod callers;
mod statements;

pub use callers::{Callers, Unknown};
pub use statements::{Peers, REMEMBERED_MAX, ShownByPeer, Trust};
