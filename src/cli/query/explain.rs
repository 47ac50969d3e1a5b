//! How a query is answered over several regions, drawn from what the language knows: the tree with the class
//! of each part, what each region is asked, and why more can't be left to it.

use crate::backend::settings::{KindSettings, RegionSettings};
use crate::cli::text::{clean, wrap};
use crate::config::Settings;
use crate::federation::{self, Planner};
use crate::model::RegionName;
use crate::model::region::REGION_KEY;
use crate::traceql::ast::{MetricsExpr, Pipeline, Query, Root, SpansetExpr, Stage};
use crate::traceql::conditions::metrics::{Fold, Leaf, Way};
use crate::traceql::conditions::{self, About, Class, Conditions, Reason, Withheld, local};

/// A part of a query.
struct Node {
    text: String,
    class: &'static str,
    parts: Vec<Node>,
}

/// What no region can be asked, whoever asks.
fn unstored() -> Withheld {
    Withheld::nothing().and_said(REGION_KEY)
}

/// What each region is asked by a configuration: what is withheld there, and what is known of it.
pub fn by_region(query: &Query, settings: &Settings, columns: usize) -> String {
    let names: Vec<&RegionName> = settings.regions.iter().map(|region| &region.name).collect();
    let declared = &settings.federation.facts;
    let plan = settings.policies.plan(settings.identity.callers.anyone());
    let planner = Planner::new(names.clone(), &plan, &settings.redactor, declared);
    let asked = federation::questions(query, &planner);
    let mut out = Out { text: String::new(), columns };
    out.line("");
    out.line("by this configuration, for candidates");
    let width = names.iter().map(|name| name.as_str().len()).max().unwrap_or(0);
    for (name, asked) in names.iter().zip(asked) {
        let is_asked = !asked.is_empty();
        let retention = declared.get(*name).and_then(|facts| facts.retention).filter(|_| is_asked);
        let nothing = (!is_asked).then(|| "not asked: nothing there can match".to_owned());
        let age = retention.map(humantime::format_duration);
        let age = age.map(|age| format!("and not about what is older than {age}"));
        for (at, line) in asked.into_iter().chain(nothing).chain(age).enumerate() {
            let label = if at == 0 { name.as_str() } else { "" };
            out.asked(&format!("{label:width$}  "), &line);
        }
    }
    out.text
}

/// Where such a query is not answered by this configuration: why.
pub fn refused(query: &Query, settings: &Settings, columns: usize) -> String {
    let is_metrics = matches!(query.root, Root::Metrics(_));
    let far = |region: &&RegionSettings| !matches!(region.kind, KindSettings::Memory(_));
    let far: Vec<&str> = settings.regions.iter().filter(far).map(|region| region.name.as_str()).collect();
    let is_alone = match settings.regions.as_slice() {
        [region] => {
            !settings.policies.plan(settings.identity.callers.anyone()).region(&region.name).withholds()
                && !conditions::names_of_resource(query, REGION_KEY)
        }
        _ => false,
    };
    if !is_metrics || is_alone || far.is_empty() {
        return String::new();
    }
    let mut out = Out { text: String::new(), columns };
    out.line("");
    out.line("by this configuration, refused");
    out.paragraph(&federation::no_metrics_over(&far));
    out.text
}

pub fn explained(text: &str, query: &Query, columns: usize) -> String {
    let withheld = unstored();
    let mut out = Out { text: String::new(), columns };
    match (&query.root, conditions::metrics(query, &withheld)) {
        (Root::Pipeline(pipeline), _) => {
            let conditions = conditions::of(query, &withheld);
            out.tree(&search_node(pipeline));
            out.line("");
            out.search(&conditions);
            out.reasons(text, &conditions.reasons);
        }
        (Root::Metrics(metrics), Some(merge)) => {
            let mut leaves = Vec::new();
            merge.leaves(&mut leaves);
            out.tree(&metrics_node(metrics, &mut leaves.iter().copied()));
            leaves.iter().enumerate().for_each(|(at, leaf)| out.leaf(text, leaf, at, leaves.len()));
        }
        // Metrics are always split.
        (Root::Metrics(_), None) => {}
    }
    out.text
}

fn class_word(class: Class) -> &'static str {
    match class {
        Class::SpanLocal => "span-local",
        Class::WholeTrace => "whole trace",
    }
}

fn search_node(pipeline: &Pipeline) -> Node {
    let withheld = unstored();
    let class = class_word(local::pipeline(pipeline, &withheld, &mut Vec::new()));
    let parts = pipeline.stages.iter().map(stage_node).collect();
    Node { text: "search".to_owned(), class, parts }
}

fn stage_node(stage: &Stage) -> Node {
    if let Stage::Spanset(spanset) = stage {
        return spanset_node(spanset);
    }
    let class = class_word(local::stage(stage, &unstored(), &mut Vec::new()));
    Node { text: format!("| {stage}"), class, parts: Vec::new() }
}

fn spanset_node(spanset: &SpansetExpr) -> Node {
    let class = class_word(local::spanset(spanset, &unstored(), &mut Vec::new()));
    match spanset {
        SpansetExpr::Filter(filter) => Node { text: filter.to_string(), class, parts: Vec::new() },
        SpansetExpr::Pipeline(pipeline) => Node { text: "(..)".to_owned(), ..search_node(pipeline) },
        SpansetExpr::Operation(operation) => Node {
            text: operation.operator.sign().to_owned(),
            class,
            parts: vec![spanset_node(&operation.left), spanset_node(&operation.right)],
        },
    }
}

fn metrics_node<'l>(metrics: &MetricsExpr, leaves: &mut impl Iterator<Item = &'l Leaf>) -> Node {
    const AFTER: &str = "after the merge";
    match metrics {
        MetricsExpr::Query { pipeline, function, .. } => {
            let class = leaves.next().map_or("", way_word);
            Node { text: format!("| {function}"), class, parts: vec![search_node(pipeline)] }
        }
        MetricsExpr::Second { input, stage, .. } => {
            let text = stage.to_string().trim().to_owned();
            Node { text, class: AFTER, parts: vec![metrics_node(input, leaves)] }
        }
        MetricsExpr::Scaled { operator, constant, constant_first, input, .. } => {
            let sign = operator.sign();
            let text = if *constant_first {
                format!("{constant} {sign} ..")
            } else {
                format!(".. {sign} {constant}")
            };
            Node { text, class: AFTER, parts: vec![metrics_node(input, leaves)] }
        }
        MetricsExpr::Math { operator, left, right, .. } => {
            let parts = vec![metrics_node(left, leaves), metrics_node(right, leaves)];
            Node { text: operator.sign().to_owned(), class: AFTER, parts }
        }
    }
}

fn way_word(leaf: &Leaf) -> &'static str {
    match &leaf.way {
        Way::Fold { fold: Fold::Add | Fold::AddPerSecond, .. } => "adds up",
        Way::Fold { .. } => "folds",
        Way::Average { .. } | Way::Quantiles { .. } | Way::Compare { .. } => "computed from what adds up",
        Way::RootJoin(_) => "by the ids of the roots",
        Way::Assembled { .. } => "whole trace",
    }
}

struct Out {
    text: String,
    columns: usize,
}

impl Out {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Queries are never cut: a person copies them.
    fn asked(&mut self, label: &str, query: &str) {
        self.line(&format!("  {label}{}", clean_whole(query)));
    }

    fn tree(&mut self, node: &Node) {
        self.branch(node, "", "");
    }

    fn branch(&mut self, node: &Node, own: &str, below: &str) {
        self.line(&format!("{own}{}  [{}]", clean_whole(&node.text), node.class));
        for (at, part) in node.parts.iter().enumerate() {
            let is_last = at + 1 == node.parts.len();
            let (mark, rest) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.branch(part, &format!("{below}{mark}"), &format!("{below}{rest}"));
        }
    }

    fn search(&mut self, conditions: &Conditions) {
        if conditions.class == Class::SpanLocal {
            self.paragraph("Each region finds its own spans; from the whole come only root, duration and services of a row.");
            self.line("");
            self.line("each region is asked");
            self.asked("", &conditions.any.to_string());
            return;
        }
        if conditions.is_open() {
            self.paragraph("No region can leave any trace out: all are assembled and decided by the gateway, newest first.");
            return;
        }
        self.paragraph("Regions name candidates; the gateway assembles each from all regions and decides.");
        self.line("");
        self.line("each region is asked, and a candidate passes every one in some region");
        for condition in &conditions.each {
            let label = match condition.about {
                About::Span => "",
                About::Root => "of the root: ",
            };
            self.asked(label, &condition.to_string());
        }
        if conditions.each.len() > 1 {
            self.line("or in one question");
            self.asked("", &conditions.any.to_string());
        }
    }

    fn leaf(&mut self, text: &str, leaf: &Leaf, at: usize, of: usize) {
        self.line("");
        if of > 1 {
            self.line(&format!("part {} of {of}: {}", at + 1, clean_whole(&leaf.query.to_string())));
        }
        self.way("each region is asked", &leaf.way);
        self.reasons(text, &leaf.reasons);
    }

    fn way(&mut self, heading: &str, way: &Way) {
        let texts = |queries: &[Query]| -> Vec<String> { queries.iter().map(ToString::to_string).collect() };
        match way {
            Way::Fold { asked, fold } => {
                self.each(heading, &texts(asked));
                self.line(match fold {
                    Fold::Add => "and samples are added",
                    Fold::AddPerSecond => "and samples are added, then divided by the seconds of a step",
                    Fold::Min => "and the lowest sample counts",
                    Fold::Max => "and the highest sample counts",
                });
            }
            Way::Average { sums, counts } => {
                self.each(heading, &[texts(sums), texts(counts)].concat());
                self.line("and all sums are divided by all counts");
            }
            Way::Quantiles { asked, .. } => {
                self.each(heading, &[asked.to_string()]);
                self.line("and buckets are added, and the quantiles computed from them");
            }
            Way::Compare { asked, top } => {
                self.each(heading, &[asked.to_string()]);
                self.line(&format!("and counts are added, then {top} values of each attribute kept"));
            }
            Way::RootJoin(join) => {
                self.each(
                    "each region is asked first, for the traces whose root fits",
                    &[join.roots.to_string()],
                );
                if let Some(second) = join.second(&["..".to_owned()]) {
                    self.way("then of the ids that were found, each region", &second);
                }
                if !join.is_exact {
                    self.paragraph(
                        "Traces whose root is in no region belong to no value of it: they are assembled.",
                    );
                }
            }
            Way::Assembled { candidates } => self.search(candidates),
        }
    }

    fn each(&mut self, heading: &str, asked: &[String]) {
        self.line(heading);
        asked.iter().for_each(|query| self.asked("", query));
    }

    fn paragraph(&mut self, sentence: &str) {
        for line in wrap(sentence, self.columns) {
            self.line(&line);
        }
    }

    fn reasons(&mut self, text: &str, reasons: &[Reason]) {
        if reasons.is_empty() {
            return;
        }
        self.line("");
        self.line("why");
        for reason in reasons {
            let (line, column) = reason.place.line_and_column(text);
            let place = if text.contains('\n') { format!("{line}:{column}") } else { column.to_string() };
            let sentence = clean(&reason.sentence());
            for (at, part) in wrap(&sentence, self.columns.saturating_sub(8)).iter().enumerate() {
                let head = if at == 0 { place.as_str() } else { "" };
                self.line(&format!("  {head:>4}  {part}"));
            }
        }
    }
}

/// A whole text without anything a terminal would act on.
fn clean_whole(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(500).map(|piece| clean(&piece.iter().collect::<String>())).collect()
}
