//! What is legal but unwise, of a file that could be read, and the border, which is a rule. Changes nothing.

use std::time::Duration;

use super::RawEgress;
use super::fault::{Findings, Place, quoted};
use super::file::{GivenFile, GivenRegion};
use super::given::Given;
use crate::backend::settings::RegionSettings;
use crate::identity::Mode;

/// After this long Grafana stops waiting for a data source, unless told otherwise.
const GRAFANA_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn find(given: &GivenFile, regions: &[RegionSettings], egress: &[RawEgress], out: &mut Findings) {
    deadlines(given, out);
    limits(given, out);
    policies(given, out);
    in_the_open(given, out);
    if let ([only], [_]) = (given.regions.as_slice(), regions) {
        let remedy = "declare the other regions, or ask this one's Tempo itself";
        out.warn(&only.place, "only one region is declared: there is nothing to put together", remedy);
    }
    for region in &given.regions {
        border(region, egress, out);
    }
    alike(given, out);
}

fn deadlines(given: &GivenFile, out: &mut Findings) {
    if let Some(complete) = given.deadlines.complete.is()
        && complete.value >= GRAFANA_TIMEOUT
    {
        let what = "Grafana gives up after 30s by default, so it may never see what arrives later";
        out.warn(
            &complete.place,
            what,
            "write less than 30s, or raise `timeout` of the data source in Grafana too",
        );
    }
    if let Some(listen) = given.gateway.listen.is()
        && listen.value.port() == 0
    {
        out.warn(&listen.place, "a free port is taken at every start", "write a port that clients can know");
    }
}

/// What proves somebody is as good to whoever reads it on the way.
fn in_the_open(given: &GivenFile, out: &mut Findings) {
    if let Some(listen) = given.gateway.listen.is()
        && !super::is_loopback(listen.value)
        && given.identity.mode.or(Mode::Open) == Mode::Required
        && given.gateway.tls.is_absent()
    {
        let what = "tokens and secrets come in without TLS: whoever reads them on the way can use them";
        out.warn(&listen.place, what, "write [gateway.tls], or let a proxy before the gateway speak TLS");
    }
}

fn limits(given: &GivenFile, out: &mut Findings) {
    if let Some(bytes) = given.limits.trace_bytes_max.is()
        && bytes.value == 0
    {
        let what = "0 is no limit: one huge trace may take all the memory there is";
        out.warn(&bytes.place, what, "write a size, as in \"50MB\"");
    }
}

fn policies(given: &GivenFile, out: &mut Findings) {
    if !given.gateway.policies.is_absent() {
        return;
    }
    match &given.gateway.packs {
        Given::Is(packs) if packs.value.is_empty() => {
            let what = "no policies: every attribute of every region is shown to everyone, as it is stored";
            let remedy = "take the line away for the built-in baseline, or write `policies = \"policies\"` for your own";
            out.warn(&packs.place, what, remedy);
        }
        Given::Absent => {
            let place = Place { key: "gateway.policies".to_owned(), ..given.gateway.place.clone() };
            let what = "no policies are named, so that the built-in `baseline` is in force";
            let remedy = "nothing to do; `policies = \"policies\"` names your own, and `packs = []` shows everything as it is stored";
            out.note(&place, what, remedy);
        }
        // What is named has been said, or is what holds anyway.
        Given::Is(_) | Given::Faulty => {}
    }
}

/// Raw spans that leave their jurisdiction, and a permission that permits nothing.
fn border(region: &GivenRegion, egress: &[RawEgress], out: &mut Findings) {
    let crossing = region.name.is().and_then(|name| egress.iter().find(|egress| egress.region == name.value));
    let allowed = region.allow_raw_egress.is().filter(|at| at.value);
    match (crossing, allowed) {
        (Some(RawEgress { from, to, .. }), None) => {
            let place = region.jurisdiction.is().map_or(&region.place, |at| &at.place);
            let what = format!("raw spans of {from} would cross into {to} before any rule is applied");
            let remedy = "run a gateway in that region and write kind = \"tutti\", or write `allow_raw_egress = true` here if someone answers for it";
            out.fault(place, what, remedy);
        }
        (Some(RawEgress { from, to, .. }), Some(allowed)) => {
            let what = format!("raw spans of {from} cross into {to}, as allowed here");
            out.note(
                &allowed.place,
                what,
                "nothing to do while someone answers for it; a gateway in that region would end it",
            );
        }
        (None, Some(allowed)) if region.kind.is().is_some() && region.jurisdiction.is().is_some() => {
            let what = "nothing leaves its jurisdiction here, so `allow_raw_egress` does nothing";
            out.note(&allowed.place, what, "take it away, so that it does not allow something later");
        }
        (None, _) => {}
    }
}

/// Two regions that are probably one, and jurisdictions that are probably one.
fn alike(given: &GivenFile, out: &mut Findings) {
    for (nth, region) in given.regions.iter().enumerate() {
        let earlier = given.regions.get(..nth).unwrap_or_default();
        if let Some(url) = region.tempo.url.is()
            && earlier.iter().any(|other| asks_the_same(region, other))
        {
            let what = "another region has this URL and tenant: the same spans are asked for twice";
            out.warn(&url.place, what, "write this region's own URL or tenant");
        }
        if let Some(here) = region.jurisdiction.is()
            && let Some(other) = earlier.iter().filter_map(|other| other.jurisdiction.is()).find(|other| {
                other.value != here.value && other.value.as_str().eq_ignore_ascii_case(here.value.as_str())
            })
        {
            let what = format!(
                "{} and {} are two jurisdictions",
                quoted(here.value.as_str()),
                quoted(other.value.as_str())
            );
            out.warn(&here.place, what, "write both alike if they are one");
        }
    }
}

fn asks_the_same(a: &GivenRegion, b: &GivenRegion) -> bool {
    let url = |region: &GivenRegion| region.tempo.url.value();
    url(a).is_some() && url(a) == url(b) && a.tempo.tenant.value() == b.tempo.tenant.value()
}
