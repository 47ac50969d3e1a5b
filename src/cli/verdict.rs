//! How a command that looks at something ended, and the exit code that says so: the same for all of them.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// It could be looked at, and something is at fault or not as it should be.
    Bad,
    /// What was asked for is not there, or cannot be read or understood.
    Unusable,
}

impl Verdict {
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Unusable => 2,
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(verdict.exit_code())
    }
}
