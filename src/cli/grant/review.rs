//! Whether somebody looked at what grants were used for: by events, one JSON object a line, as gateways log them, send
//! them to whoever is notified, and as `tutti grant reviewed` writes them. Other lines are passed over.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::text::clean;
use crate::config::read_text;
use crate::identity::grants::at;
use crate::model::grant::{GrantEventKind, REVIEW_WITHIN};

/// Events of a year.
const EVENTS_BYTES_MAX: u64 = 64 << 20;

/// Fewer characters say nothing of what was found.
const FOUND_CHARS_MIN: usize = 10;

#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Events, one JSON object a line: the gateway's log in JSON, kept notices, written reviews; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub events: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ReviewedArgs {
    /// The grant.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Who signed it, as `tutti grant review` lists it.
    #[arg(long, value_name = "NAME")]
    pub signer: String,
    /// Until when it held, as `tutti grant review` lists it.
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    pub until: Duration,
    /// Who looked; not whom it was for.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// What was found.
    #[arg(long, value_name = "TEXT")]
    pub found: String,
}

#[derive(Debug, Default)]
struct Known {
    subject: String,
    ticket: String,
    /// The earliest time at which a review is due; none where it was not used.
    due: Option<Duration>,
    /// When it was last told that it was used.
    used: Option<Duration>,
    reviews: Vec<Review>,
}

#[derive(Debug)]
struct Review {
    by: String,
    at: Option<Duration>,
}

/// What makes two events be of the same grant: its id, its signer, and until when it held, as text. The id alone is
/// what somebody wrote.
type Key = (String, String, String);

/// Lists what is to be reviewed; false where something is overdue.
pub(super) fn list(
    args: &ReviewArgs,
    now: Duration,
    input: &mut dyn Read,
    out: &mut dyn Write,
) -> Result<bool, String> {
    let mut grants: BTreeMap<Key, Known> = BTreeMap::new();
    for path in &args.events {
        let text = if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = input.take(EVENTS_BYTES_MAX).read_to_string(&mut text);
            read.map_err(|error| format!("standard input: {error}"))?;
            text
        } else {
            read_text(path, EVENTS_BYTES_MAX)?
        };
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .for_each(|event| take(&event, &mut grants));
    }
    let (mut is_good, mut written) = (true, String::new());
    let mut used = 0;
    for ((id, signer, until), known) in &grants {
        let Some(due) = known.due else { continue };
        used += 1;
        // Whoever saw, and whoever let them, do not review themselves.
        let is_other =
            |by: &&String| !by.eq_ignore_ascii_case(&known.subject) && !by.eq_ignore_ascii_case(signer);
        // What was written before the use says nothing of it, nor does what has no time.
        let is_later = |review: &Review| review.at.is_some_and(|at| known.used.is_some_and(|used| at > used));
        if known.reviews.iter().any(|review| is_other(&&review.by) && is_later(review)) {
            continue;
        }
        let is_overdue = now > due;
        is_good &= !is_overdue;
        let word = if is_overdue { "overdue since" } else { "due by" };
        written.push_str(&format!(
            "{}  for {}, signed by {}, until {}, ticket {}: {word} {}\n",
            clean(id),
            clean(&known.subject),
            clean(signer),
            clean(until),
            clean(&known.ticket),
            at(due)
        ));
    }
    if written.is_empty() {
        written = format!("{used} grants were used, and all of them are reviewed\n");
    }
    out.write_all(written.as_bytes()).map_err(|error| error.to_string())?;
    Ok(is_good)
}

fn take(event: &Value, grants: &mut BTreeMap<Key, Known>) {
    let text = |names: [&str; 2]| {
        names.iter().find_map(|name| event.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let id = text(["id", "grant"]);
    let kind = text(["event", "event"]);
    if id.is_empty() {
        return;
    }
    let key = (id, text(["signer", "iss"]), text(["until", "until"]));
    if kind == GrantEventKind::Used.name() {
        let known = grants.entry(key).or_default();
        known.subject = text(["subject", "sub"]);
        known.ticket = text(["ticket", "ticket"]);
        // An event without its time is due at once, rather than never.
        let due = time(&text(["reviewDue", "review_due"])).unwrap_or_default();
        known.due = Some(known.due.map_or(due, |earlier| earlier.min(due)));
        // Events that several gateways wrote are of as many uses; a review is of all of them.
        let used = due.saturating_sub(REVIEW_WITHIN);
        known.used = Some(known.used.map_or(used, |other| other.max(used)));
    } else if kind == GrantEventKind::Reviewed.name() {
        let review = Review { by: text(["by", "by"]), at: time(&text(["at", "at"])) };
        grants.entry(key).or_default().reviews.push(review);
    }
}

fn time_of(text: &str) -> Result<Duration, String> {
    time(text).ok_or_else(|| "it is no time, as in 2026-11-21T18:00:00Z".to_owned())
}

fn time(text: &str) -> Option<Duration> {
    humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()
}

/// Writes the event of a review, to be kept beside the others.
pub(super) fn write(args: &ReviewedArgs, now: Duration, out: &mut dyn Write) -> Result<bool, String> {
    if args.found.trim().chars().count() < FOUND_CHARS_MIN || args.by.trim().is_empty() {
        return Err(format!("say who looked, and in {FOUND_CHARS_MIN} characters or more what was found"));
    }
    let event = json!({
        "event": GrantEventKind::Reviewed.name(), "id": args.id, "signer": args.signer, "until": at(args.until),
        "by": args.by, "found": args.found, "at": at(now),
        "within": humantime::format_duration(REVIEW_WITHIN).to_string(),
    });
    writeln!(out, "{event}").map_err(|error| error.to_string())?;
    Ok(true)
}
