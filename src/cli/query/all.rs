//! `--all`: page after page of a search until the last, written out as they come.
//!
//! The rows of all pages are one answer with one order. What is printed stands; so when a page fails, the rows
//! before it remain, and the end says that they are not all.

use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ask::Ask;
use super::report::{self, Report};
use super::rows::{ID_COLUMNS, Table};
use super::{QueryArgs, QueryError, asked, read};
use crate::cli::gateway::Gateway;
use crate::cli::output::{self, Exit};
use crate::cli::text::{count, thousands};

/// Rows of a page. A late one costs as much as an early one, so that larger ones only let a person wait.
const PAGE_ROWS: u32 = 500;
/// A page that reached a budget is asked for again with so many times fewer rows.
const SMALLER: u32 = 5;

/// Rows of a page as they came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw<'j> {
    #[serde(borrow)]
    traces: Vec<&'j RawValue>,
}

/// What has been written.
struct Written {
    table: Option<Table>,
    rows: u32,
    /// Whether anybody still reads.
    is_read: bool,
}

/// How it ended.
enum End {
    /// No page is left.
    Last,
    /// So many as were asked for, and there are more.
    Bounded,
    /// The reader has seen enough.
    Unread,
    Partial(Report),
}

pub async fn answer(
    gateway: &Gateway,
    ask: Ask,
    args: &QueryArgs,
    columns: usize,
) -> Result<Exit, QueryError> {
    let table = (!args.json).then(|| Table::new(ID_COLUMNS, columns));
    let mut written = Written { table, rows: 0, is_read: true };
    let mut regions = 0;
    let end = pages(gateway, ask, args, &mut written, &mut regions).await;
    written.end(&end)?;
    match end? {
        End::Partial(report) => {
            let missing = report.missing(None);
            // Nothing is left to be done for a stream that is closed.
            let _ = anstream::stderr().write_all(report::told(&missing, columns).as_bytes());
            Ok(Exit::Partial)
        }
        _ if written.rows == 0 => Err(QueryError::Nothing((regions > 0).then(|| count(regions, "region")))),
        End::Last | End::Bounded | End::Unread => Ok(Exit::Whole),
    }
}

async fn pages(
    gateway: &Gateway,
    mut ask: Ask,
    args: &QueryArgs,
    written: &mut Written,
    regions: &mut u64,
) -> Result<End, QueryError> {
    let mut size = PAGE_ROWS;
    let mut cursor: Option<String> = None;
    // Each round writes at least a row or makes the pages smaller.
    loop {
        ask.page(size.min(args.max.saturating_sub(written.rows)), cursor.as_deref());
        let (json, report) = asked(gateway, &ask, args).await?;
        *regions = report.regions.len() as u64;
        if report.is_over_budget() && size > 1 {
            size = (size / SMALLER).max(1);
            continue;
        }
        let rows = written.page(gateway, &json)?;
        if !report.missing(None).is_empty() {
            return Ok(End::Partial(report));
        }
        let Some(next) = report.next else { return Ok(End::Last) };
        if rows == 0 || cursor.as_ref() == Some(&next) {
            return Err(gateway.not_tutti("its pages do not end").into());
        }
        if !written.is_read {
            return Ok(End::Unread);
        }
        if written.rows >= args.max {
            return Ok(End::Bounded);
        }
        cursor = Some(next);
    }
}

impl Written {
    /// Writes a page, and how many rows it has.
    fn page(&mut self, gateway: &Gateway, json: &str) -> Result<u32, QueryError> {
        let unreadable =
            |error: serde_json::Error| gateway.not_tutti(&format!("its answer cannot be read: {error}"));
        let (text, rows) = match self.table {
            Some(table) => {
                let found = read::search(json).map_err(unreadable)?;
                let head =
                    if self.rows == 0 && !found.traces.is_empty() { table.head() } else { String::new() };
                (head + &table.rows(&found.traces), found.traces.len())
            }
            None => {
                let found: Raw<'_> = serde_json::from_str(json).map_err(unreadable)?;
                let mut text = String::with_capacity(json.len());
                for (at, row) in found.traces.iter().enumerate() {
                    let is_first = self.rows == 0 && at == 0;
                    text.push_str(if is_first { "{\"traces\":[\n" } else { ",\n" });
                    text.push_str(row.get());
                }
                (text, found.traces.len())
            }
        };
        self.is_read &= output::print_on(|out| out.write_all(text.as_bytes()))?;
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.rows = self.rows.saturating_add(rows);
        Ok(rows)
    }

    /// Says how it ended, whatever it was.
    fn end(&self, end: &Result<End, QueryError>) -> Result<(), QueryError> {
        let outcome = match end {
            Ok(End::Last | End::Unread) => "complete",
            Ok(End::Bounded) => "bounded",
            Ok(End::Partial(_)) => "partial",
            Err(_) => "failed",
        };
        let text = match self.table {
            None => {
                let begin = if self.rows == 0 { "{\"traces\":[" } else { "" };
                format!("{begin}\n],\"outcome\":\"{outcome}\"}}\n")
            }
            Some(_) if self.rows == 0 => return Ok(()),
            Some(table) => {
                let more = match end {
                    Ok(End::Last | End::Unread) => String::new(),
                    Ok(End::Bounded) => {
                        format!("; there are more than {}: --max", thousands(self.rows.into()))
                    }
                    Ok(End::Partial(_)) | Err(_) => "; not all: see below".to_owned(),
                };
                table.foot(&format!("{}{more}", count(self.rows.into(), "trace")))
            }
        };
        Ok(output::print(|out| out.write_all(text.as_bytes()))?)
    }
}
