//! What the shop is made of: sites, the distances and clocks between them, and the services at each.

use std::time::Duration;

/// A region of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Site {
    UsEast,
    UsWest,
    EuCentral,
}

/// A service, deployed at one site.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) site: Site,
    pub(super) version: &'static str,
    pub(super) language: Language,
    pub(super) port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Go,
    Java,
    Node,
    Python,
}

impl Site {
    pub(super) const ALL: [Self; 3] = [Self::UsEast, Self::UsWest, Self::EuCentral];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UsEast => "us-east",
            Self::UsWest => "us-west",
            Self::EuCentral => "eu-central",
        }
    }

    pub(super) fn jurisdiction(self) -> &'static str {
        match self {
            Self::UsEast | Self::UsWest => "US",
            Self::EuCentral => "EU",
        }
    }

    /// As clouds name it.
    pub(super) fn cloud_region(self) -> &'static str {
        match self {
            Self::UsEast => "us-east-1",
            Self::UsWest => "us-west-2",
            Self::EuCentral => "eu-central-1",
        }
    }

    /// What a gateway in us-east waits for an answer, there and back.
    pub(super) fn distance(self) -> Duration {
        Duration::from_millis(match self {
            Self::UsEast => 2,
            Self::UsWest => 60,
            Self::EuCentral => 95,
        })
    }

    /// One way of a packet, at best.
    pub(super) fn latency_to(self, other: Self) -> Duration {
        use Site::{EuCentral, UsEast, UsWest};
        Duration::from_micros(match (self, other) {
            (UsEast, UsWest) | (UsWest, UsEast) => 30_000,
            (UsEast, EuCentral) | (EuCentral, UsEast) => 45_000,
            (UsWest, EuCentral) | (EuCentral, UsWest) => 72_000,
            (UsEast, UsEast) | (UsWest, UsWest) | (EuCentral, EuCentral) => 250,
        })
    }

    /// How far the clocks of this site run ahead of true time, in nanoseconds; behind where negative.
    pub(super) fn clock_ahead(self) -> i64 {
        match self {
            Self::UsEast => 0,
            Self::UsWest => -7_000_000,
            Self::EuCentral => 38_000_000,
        }
    }
}

const fn service(
    name: &'static str,
    site: Site,
    version: &'static str,
    language: Language,
    port: u16,
) -> Service {
    Service { name, site, version, language, port }
}

pub(super) static STOREFRONT: Service =
    service("storefront", Site::UsEast, "2026.11.3", Language::Node, 8080);
pub(super) static CATALOG: Service = service("catalog", Site::UsEast, "5.2.0", Language::Go, 8081);
pub(super) static SEARCH: Service = service("search", Site::UsEast, "1.19.4", Language::Java, 8082);
pub(super) static RECOMMENDATIONS: Service =
    service("recommendations", Site::UsEast, "0.44.1", Language::Python, 8083);
pub(super) static CART: Service = service("cart", Site::UsEast, "3.7.2", Language::Node, 8084);
pub(super) static CHECKOUT: Service = service("checkout", Site::UsEast, "4.0.1", Language::Java, 8085);
pub(super) static ORDERS: Service = service("orders", Site::UsEast, "4.3.0", Language::Java, 8086);
pub(super) static ANALYTICS: Service = service("analytics", Site::UsEast, "1.2.8", Language::Python, 8087);
pub(super) static INVENTORY: Service = service("inventory", Site::UsWest, "2.11.0", Language::Go, 8081);
pub(super) static WAREHOUSE: Service = service("warehouse", Site::UsWest, "2.0.5", Language::Go, 8082);
pub(super) static SHIPPING: Service = service("shipping", Site::UsWest, "1.8.3", Language::Python, 8083);
pub(super) static ACCOUNTS: Service = service("accounts", Site::EuCentral, "7.1.2", Language::Java, 8081);
pub(super) static PAYMENTS: Service = service("payments", Site::EuCentral, "3.14.1", Language::Java, 8082);
pub(super) static FRAUD: Service = service("fraud", Site::EuCentral, "0.9.7", Language::Python, 8083);
pub(super) static ACQUIRER: Service = service("acquirer", Site::EuCentral, "1.6.0", Language::Go, 8084);
pub(super) static LEDGER: Service = service("ledger", Site::EuCentral, "6.0.0", Language::Go, 8085);
pub(super) static NOTIFICATIONS: Service =
    service("notifications", Site::EuCentral, "2.2.9", Language::Node, 8086);
pub(super) static SETTLEMENT: Service =
    service("settlement", Site::EuCentral, "1.0.12", Language::Java, 8087);

impl Service {
    pub(super) fn host(&self) -> String {
        format!("{}.{}.shop.internal", self.name, self.site.name())
    }
}

impl Language {
    /// As `telemetry.sdk.language` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Java => "java",
            Self::Node => "nodejs",
            Self::Python => "python",
        }
    }

    pub(super) fn sdk_version(self) -> &'static str {
        match self {
            Self::Go => "1.38.0",
            Self::Java => "1.55.0",
            Self::Node => "2.1.0",
            Self::Python => "1.37.0",
        }
    }
}
