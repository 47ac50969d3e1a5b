//! Why it is not known who asks: one line each, for whoever has to put it right.

use std::sync::Arc;

use super::token::TokenFault;

/// Nobody that is known here. Of a token nothing is repeated but names that stand in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// With what would be something.
    #[error("nothing shows who asks: {0}")]
    Nobody(Arc<str>),
    #[error(
        "the bearer token is not known here: send one that [[identity.token]] of the gateway's configuration \
         names, or none"
    )]
    Token,
    #[error("`Authorization` is no bearer token: send one, as in `Authorization: Bearer TOKEN`, or none")]
    Scheme,
    #[error("`{0}` stands there twice: send one")]
    Twice(&'static str),
    #[error("{what}: {fault}")]
    Faulty { what: &'static str, fault: TokenFault },
    /// Signed by a Grafana, sent by anyone who was given it.
    #[error(
        "`X-Grafana-Id` alone proves nobody, since Grafana sends it to every data source: give this one the secret \
         header or the client certificate that [[identity.grafana]] names"
    )]
    GrafanaAlone,
    #[error("the value of `{0}` is not known here: it is no secret of the gateway's configuration")]
    Secret(String),
    #[error("what is shown is of two data sources, `{0}` and `{1}`: show what one of them has")]
    Ambiguous(String, String),
    #[error("purpose `{stated}` is none that the token allows: {allowed}")]
    Purpose { stated: String, allowed: String },
    /// Of another gateway.
    #[error("{0}")]
    Statement(String),
}

impl Unknown {
    /// One word for it, for numbers of how often.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Nobody(_) => "nobody",
            Self::Token => "token",
            Self::Scheme => "scheme",
            Self::Twice(_) => "twice",
            Self::Faulty { fault, .. } => fault.reason(),
            Self::GrafanaAlone => "grafana_alone",
            Self::Secret(_) => "secret",
            Self::Ambiguous(..) => "ambiguous",
            Self::Purpose { .. } => "purpose",
            Self::Statement(_) => "statement",
        }
    }

    /// Nothing was shown at all, which streaming from Grafana often looks like.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody(_))
    }
}
