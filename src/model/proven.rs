//! How it is known who asks, for the record of who saw what. Decides nothing: what a caller may see depends on their
//! claims alone.

/// By what a caller was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProvenBy {
    /// Nothing was asked for: everyone is the same caller.
    #[default]
    Nothing,
    /// A token for development, of the configuration.
    Development,
    /// A bearer token of an issuer.
    Issuer,
    /// An id token of a Grafana, and what shows that this Grafana sent it.
    Grafana,
    /// The secret or the certificate of one data source.
    DataSource,
    /// The statement of a gateway of another region.
    Peer,
}

impl ProvenBy {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Development => "development",
            Self::Issuer => "issuer",
            Self::Grafana => "grafana",
            Self::DataSource => "data-source",
            Self::Peer => "peer",
        }
    }
}

/// How a caller was proven.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Proven {
    pub by: ProvenBy,
    /// Who vouches for them: an issuer, a Grafana, a data source, a gateway.
    pub voucher: Option<String>,
    /// A digest of the token, which tells two tokens apart and is no token.
    pub token: Option<String>,
    /// The gateways between the caller and this one, the nearest to the caller first.
    pub through: Vec<String>,
}
