//! Regions and jurisdictions by name.

use std::fmt;
use std::sync::Arc;

/// The attribute of a resource that says which region it is of. No region stores it: the gateway says it itself,
/// and what spans bring along under this name is taken away.
pub const REGION_KEY: &str = "tutti.region";

/// The attribute of a resource, `true`, that says that its spans are copies: kept beside originals that lie in
/// another region. A copy counts only where its original is not there.
pub const REPLICA_KEY: &str = "tutti.replica";

/// The name of a declared region: 1 to 63 of `[a-z0-9-]`. Safe to print anywhere, so it is also a
/// metric label and part of a header.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionName(Arc<str>);

/// Where bytes lie in law (`EU`, `US`): 1 to 32 of `[A-Za-z0-9-]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Jurisdiction(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a region name is 1 to 63 of a-z, 0-9 and -, not `{0}`")]
    Region(String),
    #[error("a jurisdiction is 1 to 32 of A-Z, a-z, 0-9 and -, not `{0}`")]
    Jurisdiction(String),
}

impl RegionName {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fits = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(NameError::Region(text.to_owned())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Jurisdiction {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fits =
            (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(NameError::Jurisdiction(text.to_owned())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Padded where a table asks for it.
        f.pad(&self.0)
    }
}

impl fmt::Debug for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionName({})", self.0)
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Padded where a table asks for it.
        f.pad(&self.0)
    }
}

impl fmt::Debug for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jurisdiction({})", self.0)
    }
}
