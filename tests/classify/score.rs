//! How well attributes are read: what leaks, what is touched that should not be. By values alone, with what keys and
//! structures tell, and where only what somebody told of is shown.

use std::collections::BTreeMap;
use std::ops::Range;

use tutti::classify::classifier::{self, Verdict};
use tutti::classify::detect::{self, Care, Context, Detector, Detectors, detect};
use tutti::classify::{Classifier, Look};
use tutti::config::policies::shipped;
use tutti::config::redactor_of;
use tutti::model::{Caller, ClassId, Jurisdiction, RegionName};
use tutti::policy::{Plan, RegionPlan};
use tutti::redaction::{KeyRing, Redactor};

use crate::corpus_privacy::{Attribute, Kind, Label};

/// A label leaks when less than this part of its bytes is covered: the rest would say who it is.
const COVERED_PERCENT: usize = 90;

/// How much is known of an attribute when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The value, and what the words of its key say to the detectors.
    Values(Care),
    /// The facts that are shipped: classes of keys, parts of structures, and values. Unknown keys and free texts are
    /// shown, but for what is found in them.
    Keys(Care),
    /// By the policies that are shipped, where it is stored.
    Home,
    /// The same across a border without a legal basis: nothing is shown that nobody told of.
    AllowList,
}

/// Reads attributes, with the classes that are shipped.
pub struct Reader {
    redactor: Redactor,
    looks: [Look; 4],
    values: detect::Scratch,
    scratch: classifier::Scratch,
}

/// What is not shown of a value: which bytes, and the detector that said so where one did.
type Covered = Vec<(Range<usize>, Option<Detector>)>;

impl Reader {
    pub fn new() -> Self {
        let eu = Jurisdiction::parse("EU").unwrap();
        let region = RegionName::parse("eu-1").unwrap();
        let plan = |delivered: &str| {
            let stored = [(region.clone(), eu.clone())];
            let policies =
                shipped(&stored, Jurisdiction::parse(delivered).unwrap()).expect("the baseline is good");
            let plan = policies.plan(&Caller::anonymous());
            (policies, plan)
        };
        let ((policies, home), (_, abroad)) = (plan("EU"), plan("US"));
        let redactor = redactor_of(&policies, KeyRing::of_this_run()).unwrap();
        let is_shown = |name: &str| redactor.classes().by_name(name).unwrap();
        let (safe, unknown) = (redactor.classes().safe(), redactor.classes().unknown());
        let free = is_shown("text.free");
        let look = |care: Care, shown: &[ClassId]| {
            redactor.classifier().look(|class| (u8::from(!shown.contains(&class)), care))
        };
        let looks = [
            look(Care::Balanced, &[safe, unknown, free]),
            look(Care::Paranoid, &[safe, unknown, free]),
            look_of(&redactor, &home, &region),
            look_of(&redactor, &abroad, &region),
        ];
        Self { looks, redactor, values: detect::Scratch::default(), scratch: classifier::Scratch::default() }
    }

    fn covered(&mut self, attribute: &Attribute, reading: Reading) -> Covered {
        let nth = match reading {
            Reading::Values(care) => {
                let context = Context::of_key(&attribute.key);
                let hits = detect(&attribute.value, context, care, Detectors::ALL, &mut self.values);
                return hits.iter().map(|hit| (hit.range.clone(), Some(hit.detector))).collect();
            }
            Reading::Keys(Care::Balanced) => 0,
            Reading::Keys(Care::Paranoid) => 1,
            Reading::Home => 2,
            Reading::AllowList => 3,
        };
        let classifier: &Classifier = self.redactor.classifier();
        let facts = classifier.key(&attribute.key);
        match classifier.text(facts, &attribute.value, &self.looks[nth], &mut self.scratch) {
            Verdict::Clean => Vec::new(),
            Verdict::Whole(_) | Verdict::Unparsable(_) => vec![(0..attribute.value.len(), None)],
            Verdict::Parts => {
                self.scratch.findings().iter().map(|found| (found.range.clone(), None)).collect()
            }
        }
    }
}

fn look_of(redactor: &Redactor, plan: &Plan, region: &RegionName) -> Look {
    let RegionPlan::Ruled(ruled) = plan.region(region) else { panic!("the baseline decides by class") };
    redactor.look(ruled)
}

/// How many of how many.
#[derive(Debug, Default, Clone, Copy)]
pub struct Share {
    pub count: usize,
    pub total: usize,
}

impl Share {
    pub fn add(&mut self, is_counted: bool) {
        self.count += usize::from(is_counted);
        self.total += 1;
    }

    pub fn percent(self) -> f64 {
        self.count as f64 * 100.0 / self.total.max(1) as f64
    }
}

#[derive(Debug, Default)]
pub struct Score {
    /// Labels that a pattern can find, and of which too little is covered; by class as well.
    pub leaked: Share,
    pub leaked_by_class: BTreeMap<&'static str, Share>,
    pub leaked_encoded: Share,
    /// Labels of a detector that are covered: by that detector where values alone are read.
    pub found: BTreeMap<&'static str, Share>,
    /// Clean attributes of which anything is covered, and which.
    pub touched: Share,
    pub touched_ids: Share,
    pub touched_ordinary: Share,
    pub touched_by_kind: BTreeMap<&'static str, Share>,
    /// Labels of which too little is covered, as they are read.
    pub leaks: Vec<String>,
    /// Examples for whoever reads a failure.
    pub examples: Vec<String>,
}

pub fn score(corpus: &[Attribute], reading: Reading) -> Score {
    let mut score = Score::default();
    let mut reader = Reader::new();
    for attribute in corpus {
        let covered = reader.covered(attribute, reading);
        for label in &attribute.labels {
            score.label(attribute, label, &covered);
        }
        score.clean(attribute, &covered);
    }
    score
}

impl Score {
    fn label(&mut self, attribute: &Attribute, label: &Label, hits: &Covered) {
        let Some(name) = label.detector else { return };
        let detector = Detector::parse(name).unwrap();
        let overlap = |range: &Range<usize>| {
            range.end.min(label.range.end).saturating_sub(range.start.max(label.range.start))
        };
        let is_enough = |covered: usize| covered * 100 >= label.range.len() * COVERED_PERCENT;
        let is_leaked = !is_enough(hits.iter().map(|(range, _)| overlap(range)).sum());
        self.leaked.add(is_leaked);
        self.leaked_by_class.entry(label.class).or_default().add(is_leaked);
        if label.is_encoded {
            self.leaked_encoded.add(is_leaked);
        }
        let is_it = |by: &Option<Detector>| by.is_none_or(|by| by == detector);
        let is_found = hits.iter().any(|(range, by)| is_it(by) && is_enough(overlap(range)))
            || is_known(hits, is_leaked);
        self.found.entry(name).or_default().add(is_found);
        if is_leaked {
            self.leaks.push(attribute.value[label.range.clone()].to_owned());
            self.example(&format!("leaked {name}"), attribute, hits);
        } else if !is_found {
            self.example(name, attribute, hits);
        }
    }

    fn clean(&mut self, attribute: &Attribute, hits: &Covered) {
        let is_touched = !hits.is_empty();
        match attribute.kind {
            Kind::Labelled => return,
            Kind::Id(kind) => {
                self.touched_ids.add(is_touched);
                self.touched_by_kind.entry(kind).or_default().add(is_touched);
            }
            Kind::Lure(kind) => self.touched_by_kind.entry(kind).or_default().add(is_touched),
            Kind::Ordinary => self.touched_ordinary.add(is_touched),
        }
        self.touched.add(is_touched);
        if is_touched {
            self.example("touched", attribute, hits);
        }
    }

    fn example(&mut self, what: &str, attribute: &Attribute, hits: &Covered) {
        let hits: Vec<_> = hits
            .iter()
            .map(|(range, by)| (by.map_or("", Detector::name), &attribute.value[range.clone()]))
            .collect();
        let Attribute { key, value, place, kind, .. } = attribute;
        self.examples.push(format!("{what} {place:?} {kind:?}: {key} = {value:?} -> {hits:?}"));
    }

    pub fn report(&self, title: &str) -> String {
        let line = |(name, share): (&&str, &Share)| {
            format!("    {name:<20} {:>5} of {:>5} {:>6.2} %\n", share.count, share.total, share.percent())
        };
        let some = |shares: &BTreeMap<&'static str, Share>| {
            shares.iter().filter(|(_, share)| share.count > 0).map(line).collect::<String>()
        };
        let one = |name: &str, share: Share| line((&name, &share));
        format!(
            "{title}\n{}{}{}{}{}  found, by detector\n{}  leaked, by class\n{}  touched, by kind\n{}",
            one("leaked", self.leaked),
            one("leaked, encoded", self.leaked_encoded),
            one("touched", self.touched),
            one("touched ids", self.touched_ids),
            one("touched ordinary", self.touched_ordinary),
            self.found.iter().map(|(name, share)| line((name, share))).collect::<String>(),
            some(&self.leaked_by_class),
            some(&self.touched_by_kind),
        )
    }
}

/// With keys and structures a label may be covered in several parts, each by its own name.
fn is_known(hits: &Covered, is_leaked: bool) -> bool {
    !is_leaked && hits.iter().all(|(_, by)| by.is_none())
}
