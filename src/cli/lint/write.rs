//! What was seen, for a person and for a program. Counts, names and shapes; never a value.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::facts::snippet;
use super::seen::{Asked, Judged, Unknown};
use crate::classify::propose::{Proposed, Tally};
use crate::cli::json::pretty;
use crate::cli::text::clean;
use crate::model::tags::TagScope;
use crate::redaction::Redactor;

/// Shapes of a key that are shown.
const SHAPES_SHOWN: usize = 4;

pub(super) fn text(
    out: &mut dyn Write,
    judged: &Judged<'_>,
    asked: &[Asked],
    redactor: &Redactor,
) -> io::Result<()> {
    for asked in asked {
        writeln!(out, "{}", of_asked(asked))?;
    }
    if judged.left_out > 0 {
        writeln!(out, "there are too many keys: {} more were not looked at", judged.left_out)?;
    }
    for unknown in &judged.unknown {
        writeln!(out)?;
        write_unknown(out, unknown, redactor)?;
    }
    for contradicted in &judged.contradicted {
        let name = named(contradicted.scope, contradicted.tally);
        writeln!(out, "\n{name}\n  contradicts  {}", contradicted.contradiction.what)?;
        write_looks(out, contradicted.tally)?;
    }
    let snippet = snippet(judged, redactor);
    match snippet.as_str() {
        "" => writeln!(out, "\nno key is unknown"),
        lines => writeln!(
            out,
            "\nFor a classes.toml of your policies; read each line before you keep it:\n\n{}",
            lines.trim_end()
        ),
    }
}

fn of_asked(asked: &Asked) -> String {
    let who = asked.region.as_ref().map_or_else(|| "standard input".to_owned(), ToString::to_string);
    if let Some(why) = &asked.failure {
        return format!("{who}: could not be asked: {why}");
    }
    let mut line = format!("{who}: {} keys, {} of them unknown", asked.keys, asked.unknown);
    if asked.telling > 0 {
        line.push_str(&format!("; {} more are personal data themselves and not shown", asked.telling));
    }
    if asked.left > 0 {
        line.push_str(&format!("; the values of {} could not be had", asked.left));
    }
    line
}

fn named(scope: TagScope, tally: &Tally) -> String {
    format!("{}.{}", scope.as_str(), clean(tally.key()))
}

fn write_unknown(out: &mut dyn Write, unknown: &Unknown<'_>, redactor: &Redactor) -> io::Result<()> {
    let Unknown { scope, tally, proposal } = unknown;
    let more = if tally.is_cut() { " and more" } else { "" };
    writeln!(out, "{}", named(*scope, tally))?;
    writeln!(
        out,
        "  proposed     {}, {} confidence",
        proposed(proposal.proposed, redactor),
        proposal.confidence.as_str()
    )?;
    for reason in &proposal.reasons {
        writeln!(out, "  because      {reason}")?;
    }
    writeln!(out, "  values       {}{more}", tally.values())?;
    for found in tally.found() {
        let share = found.any * 100 / tally.values().max(1);
        let (name, any, strong) = (found.detector.name(), found.any, found.strong);
        writeln!(out, "  found        {name} in {any} ({share} %), {strong} of them certain")?;
    }
    write_looks(out, tally)
}

fn write_looks(out: &mut dyn Write, tally: &Tally) -> io::Result<()> {
    for (shape, count) in tally.shapes(SHAPES_SHOWN) {
        writeln!(out, "  looks like   {shape}  {count}")?;
    }
    Ok(())
}

fn proposed(proposed: Proposed, redactor: &Redactor) -> String {
    match proposed {
        Proposed::Class(class) => redactor.classes().get(class).name.clone(),
        Proposed::Safe => "[safe]".to_owned(),
        Proposed::Scan => "[scan]".to_owned(),
        Proposed::Undecided => "nothing".to_owned(),
    }
}

pub(super) fn json(
    out: &mut dyn Write,
    judged: &Judged<'_>,
    asked: &[Asked],
    redactor: &Redactor,
) -> io::Result<()> {
    let regions: Vec<Value> = asked
        .iter()
        .map(|asked| {
            json!({
                "region": asked.region.as_ref().map(ToString::to_string), "keys": asked.keys,
                "unknown": asked.unknown, "personalKeys": asked.telling, "notAsked": asked.left,
                "failure": asked.failure,
            })
        })
        .collect();
    let unknown: Vec<Value> = judged.unknown.iter().map(|unknown| of_unknown(unknown, redactor)).collect();
    let contradicted: Vec<Value> = judged
        .contradicted
        .iter()
        .map(|one| {
            let mut members = of_tally(one.scope, one.tally);
            members.insert("contradiction".to_owned(), Value::from(one.contradiction.what.as_str()));
            Value::Object(members)
        })
        .collect();
    let all = json!({
        "regions": regions, "unknown": unknown, "contradictions": contradicted, "leftOut": judged.left_out,
        "toml": snippet(judged, redactor),
    });
    pretty(&all.to_string(), out)?;
    writeln!(out)
}

fn of_unknown(unknown: &Unknown<'_>, redactor: &Redactor) -> Value {
    let mut members = of_tally(unknown.scope, unknown.tally);
    let proposal = &unknown.proposal;
    let class = match proposal.proposed {
        Proposed::Undecided => Value::Null,
        other => Value::from(proposed(other, redactor)),
    };
    members.insert("proposed".to_owned(), class);
    members.insert("confidence".to_owned(), Value::from(proposal.confidence.as_str()));
    members.insert("reasons".to_owned(), Value::from(proposal.reasons.clone()));
    Value::Object(members)
}

fn of_tally(scope: TagScope, tally: &Tally) -> Map<String, Value> {
    let found: Vec<Value> = tally
        .found()
        .map(|found| {
            let name = found.detector.name();
            json!({"detector": name, "values": found.any, "certain": found.strong, "whole": found.whole})
        })
        .collect();
    let shapes: Vec<Value> = tally
        .shapes(SHAPES_SHOWN)
        .iter()
        .map(|(shape, count)| json!({"shape": shape, "values": count}))
        .collect();
    [
        ("scope", Value::from(scope.as_str())),
        ("key", Value::from(tally.key())),
        ("values", Value::from(tally.values())),
        ("more", Value::from(tally.is_cut())),
        ("found", Value::from(found)),
        ("shapes", Value::from(shapes)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}
