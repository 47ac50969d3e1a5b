//! Whether an answer is true: what it holds against what the regions hold, what it says is missing against when which
//! region was not well, and what it shows against the policy of that moment. Knows nothing of how it was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::estate::{Answered, InHeader};
use crate::seen::{self, Seen, SeenSpan};
use crate::world::{Held, REGIONS, SECRET, Trace, World, group_name};
use crate::{COMPLETE, REGION_DEADLINE, YOUNG_FOR};

/// Of a fault, how long it may still be felt: a question that was put while it lasted runs to the deadline of its
/// region, one that joined it ends with it; the circuit then pauses for up to a second, and is closed by a trial.
pub const FELT_FOR: Duration = Duration::from_secs(2 * REGION_DEADLINE.as_secs() + 2);
/// This process was not scheduled for so long: then no region was well, whatever it was told.
const STARVED: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    V1Json,
    V1Protobuf,
    V2Json,
    V2Protobuf,
    Search,
    Structural,
    Values,
}

/// Something that was asked.
pub struct Asked<'w> {
    pub kind: Kind,
    pub mode: &'static str,
    /// None of a search, or where there is no such trace.
    pub trace: Option<&'w Trace>,
    pub group: usize,
    pub began: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Whole,
    Partial,
    Refused,
    Shed,
}

/// When which policy was in force, and when this process was not scheduled.
#[derive(Default)]
pub struct Timeline {
    /// From when to when it was changed, and whether the key is hidden since.
    pub policies: Mutex<Vec<(Instant, Instant, bool)>>,
    pub starved: Mutex<Vec<(Instant, Instant)>>,
}

impl Timeline {
    /// In which forms a secret may be seen that is shown between these moments.
    fn forms(&self, from: Instant, to: Instant) -> BTreeSet<bool> {
        let mut forms = BTreeSet::from([false]);
        for (begin, end, is_hidden) in self.policies.lock().unwrap().iter() {
            if *end < from {
                forms.clear();
            }
            if *begin <= to {
                forms.insert(*is_hidden);
            }
        }
        forms
    }

    pub fn lagged(&self, from: Instant, to: Instant) {
        if to - from > STARVED {
            self.starved.lock().unwrap().push((from, to));
        }
    }

    fn was_starved(&self, from: Instant, to: Instant) -> bool {
        self.starved.lock().unwrap().iter().any(|(begin, end)| *begin <= to && *end >= from)
    }
}

pub struct Judge<'w> {
    pub world: &'w World,
    pub timeline: &'w Timeline,
}

type Verdict = Result<Outcome, String>;

macro_rules! hold {
    ($what:expr, $($why:tt)*) => {
        if !$what {
            return Err(format!($($why)*));
        }
    };
}

impl Judge<'_> {
    /// What became of it, or what is wrong with it.
    pub fn of(&self, asked: &Asked<'_>, answer: &Answered, ended: Instant) -> Verdict {
        let regions = answer.regions();
        if answer.status == 503 && regions.is_empty() {
            hold!(!answer.header("retry-after").is_empty(), "turned away without a Retry-After");
            hold!(answer.outcome() == "refused", "turned away as `{}`", answer.outcome());
            return Ok(Outcome::Shed);
        }
        let names: Vec<&str> = regions.iter().map(|region| region.name.as_str()).collect();
        let declared: Vec<&str> = self.world.regions.iter().map(|region| region.name.as_str()).collect();
        hold!(names == declared, "{} with regions {names:?}: {}", answer.status, brief(answer));
        hold!(
            answer.took <= COMPLETE + Duration::from_secs(1) || self.timeline.was_starved(asked.began, ended),
            "took {:?}",
            answer.took
        );
        let missing: Vec<&InHeader> = regions.iter().filter(|region| !is_whole(region)).collect();
        for region in &missing {
            self.is_rightly_missing(asked, region, ended)?;
        }
        let shown = match (answer.status.as_u16(), answer.outcome()) {
            (200, "complete") | (404, "complete") => {
                hold!(missing.is_empty(), "whole without {}", listed(&missing));
                hold!(
                    answer.header("tutti-exactness") == "exact",
                    "whole, and {}",
                    answer.header("tutti-exactness")
                );
                Outcome::Whole
            }
            (200, "partial") => {
                hold!(asked.mode != "strict", "partial under strict");
                hold!(!missing.is_empty() || asked.mode == "fast", "partial, and nothing is missing");
                Outcome::Partial
            }
            (429 | 502 | 503 | 504, "refused") => {
                self.is_rightly_refused(asked, answer, &missing)?;
                return Ok(Outcome::Refused);
            }
            (status, outcome) => return Err(format!("{status} as `{outcome}`: {}", brief(answer))),
        };
        match asked.kind {
            Kind::Search | Kind::Structural => self.search(asked, answer, shown)?,
            Kind::Values => self.values(asked, answer, &regions, shown)?,
            _ => self.trace(asked, answer, &regions, (shown, ended))?,
        }
        Ok(shown)
    }

    fn is_rightly_missing(&self, asked: &Asked<'_>, region: &InHeader, ended: Instant) -> Result<(), String> {
        if region.status == "pending" {
            hold!(asked.mode == "fast", "`{}` is pending, and the mode is {}", region.name, asked.mode);
            return Ok(());
        }
        let own = self.world.regions.iter().find(|own| own.name == region.name).unwrap();
        let from = asked.began.checked_sub(FELT_FOR).unwrap_or(asked.began);
        let is_right = own.was_disturbed(from, ended) || self.timeline.was_starved(from, ended);
        hold!(is_right, "`{}` is called {} after {} ms, and was well", region.name, region.status, region.ms);
        Ok(())
    }

    /// An error is right where somebody is missing, and either everybody is asked for or nothing is known.
    fn is_rightly_refused(
        &self,
        asked: &Asked<'_>,
        answer: &Answered,
        missing: &[&InHeader],
    ) -> Result<(), String> {
        hold!(!missing.is_empty(), "{} and nobody is missing: {}", answer.status, brief(answer));
        for region in missing {
            hold!(answer.text().contains(&region.name), "{} does not name `{}`", answer.status, region.name);
        }
        let tells_when = !answer.header("retry-after").is_empty();
        hold!(
            tells_when || ![429, 503].contains(&answer.status.as_u16()),
            "{} without a Retry-After",
            answer.status
        );
        if asked.mode == "strict" || missing.len() == REGIONS {
            return Ok(());
        }
        let Some(trace) = asked.trace else {
            hold!(is_by_id(asked.kind), "refused though {} regions answered", REGIONS - missing.len());
            return Ok(());
        };
        // Nothing of the trace is where somebody answered: then nobody can say that there is no such trace.
        let regions = answer.regions();
        let held = trace.spans();
        let known = held
            .values()
            .find(|span| span.regions.iter().any(|rank| is_whole(&regions[*rank])) && span.is_due(asked));
        hold!(known.is_none(), "refused though a region that answered has spans of it: {}", listed(missing));
        Ok(())
    }

    fn trace(
        &self,
        asked: &Asked<'_>,
        answer: &Answered,
        regions: &[InHeader],
        (shown, ended): (Outcome, Instant),
    ) -> Result<(), String> {
        let is_v2 = matches!(asked.kind, Kind::V2Json | Kind::V2Protobuf);
        let Some(trace) = asked.trace else {
            hold!(shown == Outcome::Whole, "a partial answer of a trace that is nowhere");
            hold!(is_v2 == (answer.status == 200), "{} for a trace that is nowhere", answer.status);
            return Ok(());
        };
        hold!(answer.status == 200, "{} for a trace that is there", answer.status);
        let seen = match asked.kind {
            Kind::V1Json => seen::v1_json(answer),
            Kind::V1Protobuf => seen::v1_protobuf(answer),
            Kind::V2Json => seen::v2_json(answer),
            _ => seen::v2_protobuf(answer),
        };
        if is_v2 {
            hold!(seen.is_partial == (shown == Outcome::Partial), "{shown:?}, and its status says otherwise");
            for region in regions.iter().filter(|region| !is_whole(region)) {
                hold!(seen.message.contains(&region.name), "its message does not name `{}`", region.name);
            }
        }
        let held = trace.spans();
        let spans = by_id(&seen)?;
        self.is_as_held(&spans, &held, shown)?;
        for (id, span) in held.iter().filter(|(_, span)| span.is_due(asked)) {
            let owed = span.regions.iter().find(|rank| is_whole(&regions[**rank]));
            if let (Some(rank), false) = (owed, spans.contains_key(id)) {
                let cache = answer.header("tutti-cache");
                return Err(format!(
                    "{shown:?} ({cache}) without a span of region-{rank}, which is {}",
                    regions[*rank].status
                ));
            }
        }
        let forms: BTreeSet<bool> =
            spans.values().filter_map(|span| span.attribute(SECRET)).map(|text| text == HIDDEN).collect();
        let allowed = self.timeline.forms(asked.began, ended);
        hold!(forms.len() < 2, "one answer under two policies");
        hold!(forms.is_subset(&allowed), "a secret is hidden: {forms:?}, and by the policy: {allowed:?}");
        Ok(())
    }

    /// Each span is one of the trace, as it was written.
    fn is_as_held(
        &self,
        spans: &BTreeMap<Vec<u8>, &SeenSpan>,
        held: &BTreeMap<Vec<u8>, Held>,
        shown: Outcome,
    ) -> Result<(), String> {
        for (id, span) in spans {
            let Some(own) = held.get(id) else { return Err(format!("a span that nobody wrote: {span:?}")) };
            let from = span.resource.get("tutti.region").map_or("", String::as_str);
            let held_by: Vec<&str> =
                own.regions.iter().map(|rank| self.world.regions[*rank].name.as_str()).collect();
            // Of several, the one declared first counts; where one is missing, another may have told it.
            let is_theirs =
                if shown == Outcome::Whole { held_by[0] == from } else { held_by.contains(&from) };
            hold!(is_theirs, "a span of {held_by:?} is said to be of `{from}`");
            let (is, was) = (bare(span), bare(&own.span));
            hold!(is == was, "a span is not as it was written: {is:?} was {was:?}");
        }
        Ok(())
    }

    fn search(&self, asked: &Asked<'_>, answer: &Answered, shown: Outcome) -> Result<(), String> {
        let json = answer.json();
        let rows = json["traces"].as_array().map_or(&[][..], Vec::as_slice);
        let found: BTreeMap<&str, &serde_json::Value> =
            rows.iter().map(|row| (row["traceID"].as_str().unwrap_or_default(), row)).collect();
        hold!(found.len() == rows.len(), "one trace in two rows");
        let is_meant = |trace: &&Trace| {
            trace.group == Some(asked.group) && (asked.kind == Kind::Search || trace.has_kin)
        };
        let meant: BTreeMap<String, &Trace> = self
            .world
            .traces
            .iter()
            .filter(is_meant)
            .map(|trace| (trace.id.to_string().trim_start_matches('0').to_owned(), trace))
            .collect();
        for (id, row) in &found {
            let Some(trace) = meant.get(*id) else { return Err(format!("a row that does not match: {row}")) };
            let start = trace.start().to_string();
            hold!(
                shown == Outcome::Partial || row["startTimeUnixNano"] == start.as_str(),
                "a row with another start: {row}"
            );
        }
        hold!(
            shown == Outcome::Partial || found.len() == meant.len(),
            "whole with {} of {} rows",
            found.len(),
            meant.len()
        );
        Ok(())
    }

    fn values(
        &self,
        asked: &Asked<'_>,
        answer: &Answered,
        regions: &[InHeader],
        shown: Outcome,
    ) -> Result<(), String> {
        let json = answer.json();
        let values = json["tagValues"].as_array().map_or(&[][..], Vec::as_slice);
        let told: BTreeSet<String> =
            values.iter().filter_map(|value| Some(value["value"].as_str()?.to_owned())).collect();
        let all: BTreeSet<String> = (0..crate::world::GROUPS).map(group_name).collect();
        hold!(told.is_subset(&all), "values that nobody wrote: {told:?}");
        let ranks: Vec<usize> = (0..REGIONS).filter(|rank| is_whole(&regions[*rank])).collect();
        let must = match (shown, asked.mode) {
            (Outcome::Whole, _) => all,
            // What a region told is shown early only where nothing is hidden: else it waits for the others.
            (_, "fast") => BTreeSet::new(),
            _ => self.world.groups_in(&ranks),
        };
        hold!(must.is_subset(&told), "{shown:?} with {} values of {}", told.len(), must.len());
        Ok(())
    }
}

const HIDDEN: &str = "<redacted>";

impl Held {
    /// Whether an answer must have it: what came in a moment ago may not be in one that is remembered for as long.
    fn is_due(&self, asked: &Asked<'_>) -> bool {
        self.written + YOUNG_FOR + COMPLETE <= asked.began
    }
}

fn is_by_id(kind: Kind) -> bool {
    !matches!(kind, Kind::Search | Kind::Structural | Kind::Values)
}

fn is_whole(region: &InHeader) -> bool {
    ["ok", "not_needed"].contains(&region.status.as_str())
}

fn listed(regions: &[&InHeader]) -> String {
    regions.iter().map(|region| format!("{} ({})", region.name, region.status)).collect::<Vec<_>>().join(", ")
}

fn brief(answer: &Answered) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    text.chars().filter(|c| *c != '\n').take(120).collect()
}

fn by_id(seen: &Seen) -> Result<BTreeMap<Vec<u8>, &SeenSpan>, String> {
    let spans: BTreeMap<Vec<u8>, &SeenSpan> = seen.real().map(|span| (span.id.clone(), span)).collect();
    hold!(spans.len() == seen.real().count(), "one span twice");
    Ok(spans)
}

/// Without what the gateway adds, and without what the policy may hide, which is looked at by itself.
fn bare(span: &SeenSpan) -> SeenSpan {
    let mut bare = span.clone();
    bare.resource.retain(|key, _| !key.starts_with("tutti."));
    bare.attributes.retain(|key, _| !key.starts_with("tutti.") && key != SECRET);
    bare
}
