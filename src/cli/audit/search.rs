//! `tutti audit search`: the records that fit, a line each, in their order.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::Value;

use super::{DirArg, Verdict, text, value};
use crate::audit::disk::Folder;
use crate::audit::read::{Reader, Stored, checkpoint, tail};
use crate::audit::tile::WIDTH;
use crate::model::TraceId;

#[derive(Debug, Args)]
pub struct SearchArgs {
    #[command(flatten)]
    pub dir: DirArg,
    /// Who it was, exactly.
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// What happened: `query`, `denied`, `break_glass.granted`; all that begin so.
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// From this time on: `2026-01-31` or `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Option<SystemTime>,
    /// Questions for this trace.
    #[arg(long, value_name = "ID", value_parser = parse_trace)]
    pub trace: Option<TraceId>,
    /// What for, exactly.
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Option<String>,
    /// One object a line, the record as it stands in the log.
    #[arg(long)]
    pub json: bool,
}

fn parse_trace(text: &str) -> Result<TraceId, String> {
    TraceId::parse(text).map_err(|why| why.to_string())
}

/// A day begins at midnight, UTC.
fn parse_time(text: &str) -> Result<SystemTime, String> {
    let time =
        humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&format!("{text}T00:00:00Z")));
    time.map_err(|_| "a time is written `2026-01-31` or `2026-01-31T12:00:00Z`".to_owned())
}

pub(super) fn run(args: &SearchArgs, out: &mut dyn Write) -> io::Result<Verdict> {
    let folder = Folder::at(&args.dir.dir);
    let size = match checkpoint(&folder) {
        Ok((_, checkpoint)) => checkpoint.size,
        Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
    };
    let reader = Reader::new(&folder, size);
    let mut found = 0u64;
    for number in 0..size.div_ceil(WIDTH) {
        match reader.bundle(number) {
            Ok((records, _)) => found += show(args, &records, out)?,
            Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
        }
    }
    match tail(&folder, size) {
        Ok(tail) => found += show(args, &tail.records, out)?,
        Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
    }
    Ok(if found > 0 { Verdict::Good } else { Verdict::Bad })
}

fn show(args: &SearchArgs, records: &[Stored], out: &mut dyn Write) -> io::Result<u64> {
    let mut found = 0;
    for record in records {
        let Some(value) = value(record).filter(|value| fits(args, value)) else { continue };
        found += 1;
        if args.json {
            writeln!(
                out,
                "{{\"index\":{},\"record\":{}}}",
                record.index,
                String::from_utf8_lossy(&record.bytes)
            )?;
        } else {
            writeln!(out, "{}", line(record.index, &value))?;
        }
    }
    Ok(found)
}

fn fits(args: &SearchArgs, value: &Value) -> bool {
    let is = |wanted: &Option<String>, path| wanted.as_ref().is_none_or(|wanted| text(value, path) == wanted);
    let since = args.since.is_none_or(|since| time(value).is_some_and(|at| at >= since));
    let event = args.event.as_ref().is_none_or(|event| text(value, "/event").starts_with(event.as_str()));
    let trace = args.trace.is_none_or(|id| {
        let id = id.to_string();
        let two = value.pointer("/asked/traces").and_then(Value::as_array);
        text(value, "/asked/trace") == id || two.is_some_and(|two| two.iter().any(|one| *one == *id))
    });
    is(&args.subject, "/who/subject") && is(&args.purpose, "/purpose") && since && event && trace
}

fn time(value: &Value) -> Option<SystemTime> {
    humantime::parse_rfc3339(text(value, "/time")).ok()
}

/// What a person looks for first.
fn line(index: u64, value: &Value) -> String {
    let time = time(value).unwrap_or(SystemTime::UNIX_EPOCH + Duration::ZERO);
    let time = humantime::format_rfc3339_seconds(time);
    let mut line = format!("{index:>8}  {time}  {:<13}", text(value, "/event"));
    for path in [
        "/who/subject",
        "/purpose",
        "/asked/route",
        "/asked/query",
        "/asked/trace",
        "/asked/tag",
        "/answer/outcome",
    ] {
        let said = text(value, path);
        if !said.is_empty() {
            line.push_str("  ");
            // A text of a record may hold anything; it shall not move the cursor.
            line.extend(said.chars().filter(|c| !c.is_control()));
        }
    }
    line
}
