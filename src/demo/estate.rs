//! The three embedded regions of the demo and the trace worth showing. Whatever happens in the shop is
//! pushed to the region where it happened, and to no other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::journey::{Journey, SpanRef};
use super::otlp;
use super::requests::{self, Kind};
use super::shop::Site;
use crate::backend::memory::MemoryBackend;
use crate::backend::settings::MemorySettings;
use crate::model::{Jurisdiction, RegionName, TraceId};
use crate::task::clock::Clock;

/// Of each region. An hour of the shop's traffic takes about half of it in the busiest.
const REGION_BYTES_MAX: u64 = 64 << 20;

/// How long a region of the demo keeps a trace.
const REGION_AGE_MAX: Duration = Duration::from_secs(3600);

/// Checkouts that later work may refer to.
const PLACED_MAX: usize = 16;

/// Spans arrive after they ended: exporters send in batches.
const EXPORT_DELAY: Duration = Duration::from_millis(200);

/// How long before the start the shown checkout was made.
const HERO_AGO: Duration = Duration::from_secs(30);

/// Three regions and a shop.
#[derive(Debug)]
pub struct Estate {
    seed: u64,
    regions: [EstateRegion; 3],
    clock: Clock,
    hero: Hero,
    placed: Mutex<VecDeque<SpanRef>>,
}

/// One region of the estate.
#[derive(Debug, Clone)]
pub struct EstateRegion {
    pub name: RegionName,
    pub jurisdiction: Jurisdiction,
    pub backend: Arc<MemoryBackend>,
    /// What the gateway, in us-east, is to wait for each answer.
    pub distance: Duration,
    site: Site,
}

/// The trace that is shown, as the regions were told of it.
#[derive(Debug)]
struct Hero {
    trace: TraceId,
    exports: Vec<(Site, Bytes)>,
}

impl Estate {
    /// An estate with nothing in it but the trace worth showing; `traffic` does the rest. The same for
    /// the same seed, but for the time.
    pub fn new(seed: u64) -> Self {
        let clock = Clock::start();
        let (journey, order) = requests::hero(seed);
        let began = clock.now().saturating_sub(HERO_AGO);
        let hero = Hero { trace: journey.trace, exports: exports(&journey, began) };
        let estate = Self {
            seed,
            regions: Site::ALL.map(EstateRegion::new),
            clock,
            hero,
            placed: Mutex::new(VecDeque::from([order])),
        };
        estate.refresh_hero();
        estate
    }

    /// In the order us-east, us-west, eu-central.
    pub fn regions(&self) -> &[EstateRegion] {
        &self.regions
    }

    /// A slow checkout that crosses all three regions and fails in eu-central.
    pub fn hero(&self) -> TraceId {
        self.hero.trace
    }

    /// Sends the hero again, as an exporter without an answer would. A region keeps it once and
    /// counts its age anew, so the id that was printed works as long as the demo runs.
    pub(super) fn refresh_hero(&self) {
        self.push(&self.hero.exports);
    }

    /// Lets the shop serve its `number`th request, to end `ago` before now.
    pub(super) fn serve(&self, number: u64, ago: Duration) -> TraceId {
        let (trace, exports) = self.next(number, ago);
        self.push(&exports);
        trace
    }

    /// What each region would be sent of the shop's `number`th request, which ends now.
    pub fn written(&self, number: u64) -> Vec<(RegionName, Bytes)> {
        named(&self.next(number, Duration::ZERO).1)
    }

    /// What each region would be sent of the trace worth showing.
    pub fn hero_written(&self) -> Vec<(RegionName, Bytes)> {
        named(&self.hero.exports)
    }

    fn next(&self, number: u64, ago: Duration) -> (TraceId, Vec<(Site, Bytes)>) {
        let seed = seed_of(self.seed, number);
        let kind = Kind::of_mix(seed % 100);
        let placed: Vec<SpanRef> = self.placed().iter().copied().collect();
        let (journey, order) = requests::journey(kind, seed, &placed);
        if let Some(order) = order {
            let mut placed = self.placed();
            if placed.len() >= PLACED_MAX {
                placed.pop_front();
            }
            placed.push_back(order);
        }
        let began = self.clock.now().saturating_sub(ago + EXPORT_DELAY + journey.took());
        (journey.trace, exports(&journey, began))
    }

    fn push(&self, exports: &[(Site, Bytes)]) {
        for (site, export) in exports {
            for region in self.regions.iter().filter(|region| region.site == *site) {
                let ingested = region.backend.ingest(export.clone());
                debug_assert!(ingested.is_ok_and(|ingested| ingested.rejected.total() == 0));
            }
        }
    }

    fn placed(&self) -> std::sync::MutexGuard<'_, VecDeque<SpanRef>> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EstateRegion {
    fn new(site: Site) -> Self {
        let settings = MemorySettings { otlp: None, bytes_max: REGION_BYTES_MAX, age_max: REGION_AGE_MAX };
        Self {
            name: region_name(site),
            jurisdiction: jurisdiction(site),
            backend: Arc::new(MemoryBackend::new(settings)),
            distance: site.distance(),
            site,
        }
    }
}

#[expect(clippy::expect_used, reason = "the three names are constants, and a test parses them")]
fn region_name(site: Site) -> RegionName {
    RegionName::parse(site.name()).expect("a valid name")
}

#[expect(clippy::expect_used, reason = "the two names are constants, and a test parses them")]
fn jurisdiction(site: Site) -> Jurisdiction {
    Jurisdiction::parse(site.jurisdiction()).expect("a valid name")
}

fn named(exports: &[(Site, Bytes)]) -> Vec<(RegionName, Bytes)> {
    exports.iter().map(|(site, export)| (region_name(*site), export.clone())).collect()
}

fn exports(journey: &Journey, began: Duration) -> Vec<(Site, Bytes)> {
    let written = Site::ALL.into_iter().filter_map(|site| {
        let export = otlp::export(journey, site, began)?;
        Some((site, Bytes::from(export.encode_to_vec())))
    });
    written.collect()
}

/// A seed for each request, far from its neighbours' (the finalizer of SplitMix64).
fn seed_of(seed: u64, number: u64) -> u64 {
    let mut mixed = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
