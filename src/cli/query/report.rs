//! What the headers of an answer say of its completeness.

use reqwest::header::HeaderMap;

use crate::cli::line::MISSING;
use crate::cli::text::{clean, wrap};

/// Regions that are read of one header.
const REGIONS_MAX: usize = 1_000;

/// The completeness of one answer. Empty of a server that says nothing of it.
#[derive(Debug, Default)]
pub struct Report {
    outcome: String,
    exactness: String,
    /// Name and status of every declared region.
    pub regions: Vec<(String, String)>,
    /// Where a search goes on.
    pub next: Option<String>,
}

impl Report {
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let regions = text("Tutti-Regions");
        let regions = regions.split(',').filter_map(|region| {
            let (name, rest) = region.trim().split_once(';')?;
            let status = rest.split(';').find_map(|field| field.trim().strip_prefix("status="))?;
            Some((clean(name), clean(status)))
        });
        Self {
            outcome: text("Tutti-Outcome"),
            exactness: text("Tutti-Exactness"),
            regions: regions.take(REGIONS_MAX).collect(),
            next: Some(text("Tutti-Next")).filter(|cursor| !cursor.is_empty()),
        }
    }

    /// The outcome by its word; empty where nothing is said of it.
    pub fn outcome(&self) -> &str {
        &self.outcome
    }

    /// Whether a budget of the gateway was reached: fewer rows may be within it.
    pub fn is_over_budget(&self) -> bool {
        self.exactness.ends_with("_budget")
    }

    /// One line for each thing that is missing; `message` is what the document says itself.
    pub fn missing(&self, message: Option<&str>) -> Vec<String> {
        // A region that was not asked since nothing there can match lacks nothing.
        let is_whole = |status: &str| matches!(status, "ok" | "not_needed");
        let failed = self.regions.iter().filter(|(_, status)| !is_whole(status));
        let mut missing: Vec<String> = failed.map(|(name, status)| format!("{name}: {status}")).collect();
        if missing.is_empty() && !matches!(self.outcome.as_str(), "" | "complete") {
            missing.push(format!("the gateway says `{}`", clean(&self.outcome)));
        }
        if !matches!(self.exactness.as_str(), "" | "exact" | "region_missing" | "region_partial") {
            missing.push(format!("not exact: {}", clean(&self.exactness)));
        }
        if missing.is_empty() {
            missing.extend(message.map(clean));
        }
        missing
    }
}

/// For the error stream, which carries what a picture must not.
pub fn told(missing: &[String], columns: usize) -> String {
    const HEAD: &str = "PARTIAL ";
    let mut lines = String::new();
    let rest = missing.join(" · ");
    for (at, line) in wrap(&rest, columns.saturating_sub(HEAD.len())).iter().enumerate() {
        let head = if at == 0 { HEAD } else { "        " };
        lines.push_str(&format!("{MISSING}{head}{MISSING:#}{line}\n"));
    }
    lines
}
