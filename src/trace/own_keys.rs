//! Keys of what the gateway says on spans and resources of a whole trace. Where spans bring such a key along (someone
//! played a downloaded trace back, or made it up), it is taken off before they are joined (`redaction/rewrite.rs`): the
//! gateway's word stands once, and is its own.

pub const FROM: &str = "tutti.network.from";
pub const TO: &str = "tutti.network.to";
pub const LATENCY: &str = "tutti.network.latency";
pub const LATENCY_MS: &str = "tutti.network.latency_ms";
pub const ERROR_MS: &str = "tutti.network.error_ms";
pub const CLOCK_OFFSET_MS: &str = "tutti.clock.offset_ms";
pub const CLOCK_ERROR_MS: &str = "tutti.clock.error_ms";
pub const CYCLE: &str = "tutti.cycle";

/// On a resource whose times were moved.
pub const CLOCK_ADJUSTED_MS: &str = "tutti.clock.adjusted_ms";

/// What may stand on a span that crosses regions.
pub const CROSSING: [&str; 7] = [FROM, TO, LATENCY, LATENCY_MS, ERROR_MS, CLOCK_OFFSET_MS, CLOCK_ERROR_MS];

/// On spans that stand for others.
pub const SYNTHETIC: &str = "tutti.synthetic";
pub const PLACEHOLDER: &str = "tutti.placeholder";
pub const MISSING_REGION: &str = "tutti.missing.region";
pub const MISSING_STATUS: &str = "tutti.missing.status";
pub const LOOK_AGAIN_S: &str = "tutti.missing.look_again_s";

/// What no region can say of its spans: whether one stands for another, or crosses regions, is found out here.
pub fn never_sent() -> impl Iterator<Item = &'static str> {
    let of_stand_ins = [SYNTHETIC, PLACEHOLDER, MISSING_REGION, MISSING_STATUS, LOOK_AGAIN_S];
    of_stand_ins.into_iter().chain([CYCLE]).chain(CROSSING)
}
