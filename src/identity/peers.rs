//! Where the statement of another gateway is taken to whoever can check it. What such a statement is, this room does
//! not know yet: a gateway that is told of no peers refuses every one.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use super::shown::{Known, Shown};
use super::unknown::Unknown;

/// Checks what another gateway says of whoever it asks for.
pub trait Statements: Send + Sync + fmt::Debug {
    /// `statement` is the value of the header; what proves the gateway itself is in `shown`. `now` is the time since
    /// the Unix epoch.
    fn who<'a>(
        &'a self,
        statement: &'a [u8],
        shown: &'a Shown<'a>,
        now: Duration,
    ) -> BoxFuture<'a, Result<Known, Unknown>>;
}
