//! How well values are read: what leaks, what is touched that should not be.

use std::collections::BTreeMap;

use tutti::classify::detect::{Care, Context, Detector, Detectors, Hit, Scratch, detect};

use crate::corpus_privacy::{Attribute, Kind, Label};

/// A label leaks when less than this part of its bytes is covered: the rest would say who it is.
const COVERED_PERCENT: usize = 90;

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
    /// Labels of a detector that it found, by its name.
    pub found: BTreeMap<&'static str, Share>,
    /// Clean attributes with a hit, and which.
    pub touched: Share,
    pub touched_ids: Share,
    pub touched_ordinary: Share,
    pub touched_by_kind: BTreeMap<&'static str, Share>,
    /// Examples for whoever reads a failure.
    pub examples: Vec<String>,
}

pub fn score(corpus: &[Attribute], care: Care) -> Score {
    let mut score = Score::default();
    let mut scratch = Scratch::default();
    for attribute in corpus {
        let context = Context::of_key(&attribute.key);
        let hits = detect(&attribute.value, context, care, Detectors::ALL, &mut scratch);
        for label in &attribute.labels {
            score.label(attribute, label, hits);
        }
        score.clean(attribute, hits);
    }
    score
}

impl Score {
    fn label(&mut self, attribute: &Attribute, label: &Label, hits: &[Hit]) {
        let Some(name) = label.detector else { return };
        let detector = Detector::parse(name).unwrap();
        let overlap = |hit: &Hit| {
            hit.range.end.min(label.range.end).saturating_sub(hit.range.start.max(label.range.start))
        };
        let covered: usize = hits.iter().map(overlap).sum();
        let is_leaked = covered * 100 < label.range.len() * COVERED_PERCENT;
        self.leaked.add(is_leaked);
        self.leaked_by_class.entry(label.class).or_default().add(is_leaked);
        if label.is_encoded {
            self.leaked_encoded.add(is_leaked);
        }
        let is_found = hits
            .iter()
            .any(|hit| hit.detector == detector && overlap(hit) * 100 >= label.range.len() * COVERED_PERCENT);
        self.found.entry(name).or_default().add(is_found);
        if !is_found {
            self.example(name, attribute, hits);
        }
    }

    fn clean(&mut self, attribute: &Attribute, hits: &[Hit]) {
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
            self.example("clean", attribute, hits);
        }
    }

    fn example(&mut self, what: &str, attribute: &Attribute, hits: &[Hit]) {
        let hits: Vec<_> =
            hits.iter().map(|hit| (hit.detector.name(), &attribute.value[hit.range.clone()])).collect();
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
