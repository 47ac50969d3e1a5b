//! A query as it is being typed: groups of conditions, as far as the text already says any.
//!
//! Completion asks for names and values beside what stands in the line, so this never refuses: text that
//! makes no query filters nothing, and a matcher that still lacks its right side holds for every span. Only
//! the first filter counts; its alternatives become groups, of which a span has to meet one. What a
//! condition lets through is decided where spans are read.

use std::collections::{HashMap, HashSet};

use super::ast::{
    AttributeName, Binary, FieldExpr, Inner, Literal, MetricsExpr, Pipeline, Query, Root, SpansetExpr,
    SpansetFilter, Stage,
};
use super::fold::fold;
use super::lex::Lexer;
use super::number::float_text;
use super::token::{Lexeme, Token};
use super::types::Operator;
use super::{check, parse};

/// Alternatives that a filter may unfold into; Tempo's default.
pub const GROUPS_MAX: usize = 100;

/// The alternatives of a filter multiply to more than [`GROUPS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("maximum condition groups reached (limit: {GROUPS_MAX}): use fewer alternatives in the query")]
pub struct TooManyGroups;

/// What is asked of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub attribute: AttributeName,
    pub asks: Asks,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    /// Nothing: the attribute is only named.
    Nothing,
    Exists,
    Missing,
    /// The operator stands as written, on whichever side the constant is.
    Compares(Operator, Literal),
}

/// Conditions that must all be met.
pub type Group = Vec<Condition>;

/// The groups of conditions a text stands for; none where it filters nothing.
pub fn condition_groups(text: &str) -> Result<Vec<Group>, TooManyGroups> {
    let text = text.trim();
    let Some(query) = query_of(text) else { return Ok(Vec::new()) };
    let Some(filter) = first_filter(pipeline_of(&query)) else { return Ok(Vec::new()) };
    let (mut groups, is_cut) = unfold(&parts_of(&fold(&filter.field), None));
    for group in &mut groups {
        group.retain(|condition| condition.asks != Asks::Nothing);
    }
    // An alternative that asks for nothing holds for every span, and then so does the whole.
    if groups.iter().any(Vec::is_empty) {
        return Ok(Vec::new());
    }
    if is_cut { Err(TooManyGroups) } else { Ok(groups) }
}

/// The query, if need be with its unfinished matchers replaced.
fn query_of(text: &str) -> Option<Query> {
    if text.is_empty() {
        return None;
    }
    if let Ok(query) = parse(text) {
        return check(text, &query).is_ok().then_some(query);
    }
    let finished = finished(text)?;
    parse(&finished).ok().filter(|query| check(&finished, query).is_ok())
}

/// Of arithmetic between metrics queries, the leftmost: Tempo takes any of them.
fn pipeline_of(query: &Query) -> &Pipeline {
    let mut metrics = match &query.root {
        Root::Pipeline(pipeline) => return pipeline,
        Root::Metrics(metrics) => metrics,
    };
    loop {
        metrics = match metrics {
            MetricsExpr::Query { pipeline, .. } => return pipeline,
            MetricsExpr::Second { input, .. } | MetricsExpr::Scaled { input, .. } => input,
            MetricsExpr::Math { left, .. } => left,
        };
    }
}

fn first_filter(mut pipeline: &Pipeline) -> Option<&SpansetFilter> {
    loop {
        match pipeline.stages.first()? {
            Stage::Spanset(SpansetExpr::Filter(filter)) => return Some(filter),
            Stage::Spanset(SpansetExpr::Pipeline(inner)) => pipeline = inner,
            _ => return None,
        }
    }
}

/// The text with `true` for every matcher that ends before its right side, and its braces closed. What
/// follows the first `|` stays as it is. None where nothing can be made of it.
fn finished(text: &str) -> Option<String> {
    let words = words(text)?;
    let filter_end = words.iter().position(|word| is(word, "|")).unwrap_or(words.len());
    let (filter, rest) = words.split_at_checked(filter_end)?;
    let mut out = Rebuilt::default();
    let mut at = 0;
    while let Some(word) = filter.get(at) {
        let name = if is_scope(word) { at + 1 } else { at };
        let is_matcher = is_attribute(word) && filter.get(name + 1).is_some_and(is_comparison);
        if is_matcher && filter.get(name + 2).is_none_or(ends_matcher) {
            out.push("true", false);
            at = name + 2;
        } else {
            out.word(text, word);
            at += 1;
        }
    }
    rest.iter().for_each(|word| out.word(text, word));
    Some(out.closed())
}

/// The words up to the end or to the first that is broken: a string without its end, a number that is none.
/// A scope without a name makes no query whatever follows.
fn words(text: &str) -> Option<Vec<Lexeme>> {
    let mut lexer = Lexer::new(text);
    let mut words = Vec::new();
    loop {
        match lexer.next() {
            Ok(Lexeme { token: Token::End, .. }) => break,
            Ok(word) => words.push(word),
            Err(error) => {
                let broken = text.get(error.place.start as usize..).unwrap_or("");
                let begins = broken.trim_start_matches('.');
                if begins.starts_with(['"', '`', '\\', '/'])
                    || begins.starts_with(|c: char| c.is_ascii_digit())
                {
                    break;
                }
                return None;
            }
        }
    }
    (!words.is_empty()).then_some(words)
}

/// Words put together to a text again.
#[derive(Default)]
struct Rebuilt {
    text: String,
    braces_open: usize,
    is_glued: bool,
}

impl Rebuilt {
    fn word(&mut self, text: &str, word: &Lexeme) {
        match &word.token {
            Token::Fixed("{") => self.braces_open += 1,
            Token::Fixed("}") => self.braces_open = self.braces_open.saturating_sub(1),
            // Tempo writes a whole float without its point, and reads it back as an integer.
            Token::Float(float) => {
                return self.push(float_text(*float).trim_end_matches(".0"), false);
            }
            _ => {}
        }
        let said = text.get(word.place.start as usize..word.place.end as usize).unwrap_or("");
        self.push(said, is_scope(word));
    }

    fn push(&mut self, said: &str, glues: bool) {
        if !self.text.is_empty() && !self.is_glued {
            self.text.push(' ');
        }
        self.text.push_str(said);
        self.is_glued = glues;
    }

    fn closed(mut self) -> String {
        self.text.push_str(&" }".repeat(self.braces_open));
        self.text
    }
}

fn is(word: &Lexeme, sign: &str) -> bool {
    matches!(word.token, Token::Fixed(fixed) if fixed == sign)
}

fn is_scope(word: &Lexeme) -> bool {
    matches!(word.token, Token::Fixed("trace:" | "span:" | "event:" | "link:" | "instrumentation:"))
}

fn is_attribute(word: &Lexeme) -> bool {
    match word.token {
        Token::Attribute { .. } | Token::Unknown(_) => true,
        Token::Fixed(fixed) => is_scope(word) || INTRINSICS.contains(&fixed),
        _ => false,
    }
}

/// The words that name what a span is asked for.
const INTRINSICS: [&str; 20] = [
    "duration",
    "childCount",
    "name",
    "status",
    "statusMessage",
    "kind",
    "rootName",
    "rootServiceName",
    "rootService",
    "traceDuration",
    "nestedSetLeft",
    "nestedSetRight",
    "nestedSetParent",
    "id",
    "traceID",
    "spanID",
    "parentID",
    "timeSinceStart",
    "version",
    "parent",
];

fn is_comparison(word: &Lexeme) -> bool {
    let Token::Fixed(sign) = word.token else { return false };
    Operator::of_sign(sign).is_some_and(|operator| operator.is_comparison() || operator.is_match())
}

fn ends_matcher(word: &Lexeme) -> bool {
    ["}", ")", "&&", "||"].into_iter().any(|sign| is(word, sign))
}

/// What must be met: the conditions of every branch, or of one.
struct Part {
    is_choice: bool,
    branches: Vec<Group>,
}

impl Part {
    fn all(conditions: Group) -> Self {
        Self { is_choice: false, branches: vec![conditions] }
    }
}

/// The parts of an expression under an operator. Under `||`, each part is one branch.
fn parts_of(field: &FieldExpr, parent: Option<Operator>) -> Vec<Part> {
    let FieldExpr::Chain(chain) = field else {
        let mut conditions = Vec::new();
        gather(field, &mut conditions);
        return vec![Part::all(conditions)];
    };
    let mut operators = chain.rest.iter().map(|(operator, _)| *operator).skip(1).map(Some);
    let first = chain.rest.first().map(|(operator, _)| *operator);
    let mut left = parts_of(&chain.first, first);
    for (operator, field) in &chain.rest {
        // A chain is read from the left: what follows is what this step stands under.
        let above = operators.next().unwrap_or(parent);
        left.extend(parts_of(field, Some(*operator)));
        left = match (above, operator) {
            (Some(Operator::Or), Operator::And) => vec![Part::all(together(left))],
            (Some(Operator::Or), _) | (_, Operator::And) => left,
            _ => {
                let branches = distinct(left.into_iter().flat_map(|part| part.branches));
                vec![Part { is_choice: true, branches }]
            }
        };
    }
    left
}

/// Everything that parts ask for. The first is added to: a chain comes here at each of its steps.
fn together(parts: Vec<Part>) -> Group {
    let mut branches = parts.into_iter().flat_map(|part| part.branches);
    let mut all = branches.next().unwrap_or_default();
    branches.for_each(|branch| all.extend(branch));
    all
}

/// Each branch once. Only branches of one length can be the same, so a long one is rarely looked into.
fn distinct(branches: impl Iterator<Item = Group>) -> Vec<Group> {
    let branches: Vec<Group> = branches.collect();
    let mut of_length: HashMap<usize, usize> = HashMap::new();
    for branch in &branches {
        *of_length.entry(branch.len()).or_default() += 1;
    }
    let is_alone = |branch: &Group| of_length.get(&branch.len()) == Some(&1);
    let mut seen = HashSet::new();
    branches.into_iter().filter(|branch| is_alone(branch) || seen.insert(format!("{branch:?}"))).collect()
}

/// One group for each way to choose a branch of every choice; and whether there were too many ways.
fn unfold(parts: &[Part]) -> (Vec<Group>, bool) {
    let choices = || parts.iter().filter(|part| part.is_choice);
    let ways = choices().fold(1usize, |ways, part| ways.saturating_mul(part.branches.len()));
    let count = ways.min(GROUPS_MAX);
    let mut groups = vec![Group::new(); count];
    // How many groups in a row take the same branch.
    let mut run = 1usize;
    for part in parts {
        for (at, group) in groups.iter_mut().enumerate() {
            if part.is_choice {
                let branch = (at / run).checked_rem(part.branches.len()).unwrap_or(0);
                group.extend(part.branches.get(branch).into_iter().flatten().cloned());
            } else {
                group.extend(part.branches.iter().flatten().cloned());
            }
        }
        if part.is_choice {
            run = run.saturating_mul(part.branches.len()).min(GROUPS_MAX);
        }
    }
    (groups, ways > GROUPS_MAX)
}

/// The conditions of an expression, as storage is asked for them.
fn gather(field: &FieldExpr, into: &mut Group) {
    match field {
        FieldExpr::Literal { .. } => {}
        FieldExpr::Attribute(attribute) => into.push(condition(&attribute.name, Asks::Nothing)),
        // Storage is asked for what is inside; what a `!` turns around is decided later, if at all.
        FieldExpr::Negative(inner) | FieldExpr::Not(inner) => gather(&inner.field, into),
        FieldExpr::Exists(inner) => existence(inner, Asks::Exists, into),
        FieldExpr::Missing(inner) => existence(inner, Asks::Missing, into),
        FieldExpr::Binary(binary) => gather_binary(binary, into),
        FieldExpr::Chain(chain) => {
            let mut rest = chain.rest.iter();
            match rest.next() {
                Some((operator, second)) => gather_pair(*operator, &chain.first, second, into),
                None => gather(&chain.first, into),
            }
            rest.for_each(|(_, field)| gather(field, into));
        }
    }
}

fn existence(inner: &Inner, asks: Asks, into: &mut Group) {
    match &inner.field {
        FieldExpr::Attribute(attribute) => into.push(condition(&attribute.name, asks)),
        field => gather(field, into),
    }
}

fn gather_binary(binary: &Binary, into: &mut Group) {
    gather_pair(binary.operator, &binary.left, &binary.right, into);
}

fn gather_pair(operator: Operator, left: &FieldExpr, right: &FieldExpr, into: &mut Group) {
    match (left, right) {
        (FieldExpr::Attribute(attribute), FieldExpr::Literal { value, .. })
        | (FieldExpr::Literal { value, .. }, FieldExpr::Attribute(attribute)) => {
            let compares = operator.is_comparison() || operator.is_match();
            let asks = if compares { Asks::Compares(operator, value.clone()) } else { Asks::Nothing };
            into.push(condition(&attribute.name, asks));
        }
        _ => {
            gather(left, into);
            gather(right, into);
        }
    }
}

fn condition(attribute: &AttributeName, asks: Asks) -> Condition {
    Condition { attribute: attribute.clone(), asks }
}

#[cfg(test)]
mod tests;
