//! `tutti audit search`: the records that fit, a line each, in their order.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::Value;

use super::{DirArg, Verdict};
use crate::audit::disk::Folder;
use crate::audit::read::{ReadError, Reader, Stored, checkpoint, tail};
use crate::audit::search::{Wanted, parse_time, text, time, value};
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
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<SystemTime>,
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

pub(super) fn run(args: &SearchArgs, out: &mut dyn Write) -> io::Result<Verdict> {
    let folder = Folder::at(&args.dir.dir);
    let size = match checkpoint(&folder) {
        Ok((_, checkpoint)) => checkpoint.size,
        Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
    };
    let reader = Reader::new(&folder, size);
    let wanted = Wanted {
        subject: args.subject.clone(),
        event: args.event.clone(),
        since: args.since,
        until: args.until,
        trace: args.trace,
        purpose: args.purpose.clone(),
    };
    let (mut found, mut gone) = (0u64, None);
    for number in 0..size.div_ceil(WIDTH) {
        match reader.bundle(number) {
            Ok((records, _)) => found += show(args, &wanted, &records, out)?,
            Err(ReadError::File { why, .. }) if why.kind() == io::ErrorKind::NotFound => {
                gone = Some((number + 1) * WIDTH);
            }
            Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
        }
    }
    match tail(&folder, size) {
        Ok(tail) => found += show(args, &wanted, &tail.records, out)?,
        Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
    }
    if let Some(before) = gone.filter(|_| !args.json) {
        writeln!(
            out,
            "some records before {before} are not there: `tutti audit verify` says whether that is so"
        )?;
    }
    Ok(if found > 0 { Verdict::Good } else { Verdict::Bad })
}

fn show(args: &SearchArgs, wanted: &Wanted, records: &[Stored], out: &mut dyn Write) -> io::Result<u64> {
    let mut found = 0;
    for record in records {
        let Some(value) = value(record).filter(|value| wanted.fits(value)) else { continue };
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
