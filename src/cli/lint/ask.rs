//! Regions asked for the names of their attributes, and for the values of each, by the questions that a person's
//! completion asks. What comes back is opened in `redaction::inspect` alone.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;

use super::seen::{Asked, KEYS_MAX, Seen};
use crate::backend::{Call, Region};
use crate::classify::keys::KeyClass;
use crate::classify::propose::VALUES_MAX;
use crate::model::search::Window;
use crate::model::tags::{TagLimits, TagScope, TagsForm};
use crate::model::{TagValuesQuery, TagsQuery};
use crate::redaction::{Redactor, inspect};
use crate::task::Deadline;
use crate::task::clock::wall_nanos;

/// One question waits no longer; a region is done with all of them in the other time.
const QUESTION_MAX: Duration = Duration::from_secs(20);
const REGION_MAX: Duration = Duration::from_secs(180);

/// Questions to one region at one time: what a person's browser would ask side by side.
const SIDE_BY_SIDE: usize = 4;

/// Keys of one region whose values are asked for, unknown ones first.
const QUESTIONS_MAX: usize = 1000;

/// Bytes of one answer.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// All regions, one after the other.
pub(super) async fn all(
    regions: &[Region],
    redactor: &Redactor,
    since: Duration,
    seen: &mut Seen,
) -> Vec<Asked> {
    let mut asked = Vec::with_capacity(regions.len());
    for region in regions {
        let of_region = one(region, redactor, window(since), seen).await;
        asked.push(of_region.unwrap_or_else(|why| Asked::failed(region.name(), why)));
    }
    asked
}

fn window(since: Duration) -> Option<Window> {
    let now = Duration::from_nanos(wall_nanos());
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Some(Window { start: seconds(now.saturating_sub(since)), end: seconds(now) })
}

async fn one(
    region: &Region,
    redactor: &Redactor,
    window: Option<Window>,
    seen: &mut Seen,
) -> Result<Asked, String> {
    let deadline = Deadline::starting_now(REGION_MAX);
    let limits = TagLimits {
        count_max: u32::try_from(KEYS_MAX).unwrap_or(u32::MAX),
        stale_max: 0,
        bytes_max: ANSWER_BYTES_MAX,
    };
    let query = TagsQuery { scope: None, query: None, window, limits, form: TagsForm::V2 };
    let answer = region.tag_names(Call { query, deadline: deadline.at_most(QUESTION_MAX) }).await;
    let answer = answer.map_err(|fault| fault.detail)?;
    let inspected = inspect::names(answer.answer, redactor.classifier());
    let mut names = inspected.names.clone();
    let says = |key: &str| redactor.classifier().key(key).class;
    // Of what is known only some is wrong.
    names.sort_by_key(|(_, key)| says(key) != KeyClass::Unknown);
    let mut asked = Asked {
        region: Some(region.name().clone()),
        keys: names.len(),
        unknown: names.iter().filter(|(_, key)| says(key) == KeyClass::Unknown).count(),
        telling: inspected.telling,
        ..Asked::default()
    };
    let questions = stream::iter(names.into_iter().enumerate()).map(|(nth, (scope, key))| async move {
        let is_late = deadline.remaining().is_zero() || nth >= QUESTIONS_MAX;
        let limits = TagLimits {
            count_max: u32::try_from(VALUES_MAX).unwrap_or(u32::MAX),
            stale_max: 0,
            bytes_max: ANSWER_BYTES_MAX,
        };
        let name = identifier(scope, &key);
        let query = TagValuesQuery { name, query: None, window, limits, form: TagsForm::V2 };
        let call = Call { query, deadline: deadline.at_most(QUESTION_MAX) };
        let answer = if is_late { None } else { region.tag_values(call).await.ok() };
        (scope, key, answer)
    });
    let mut answers = questions.buffered(SIDE_BY_SIDE);
    while let Some((scope, key, answer)) = answers.next().await {
        let Some(tally) = seen.of(scope, &key, redactor) else { continue };
        match answer {
            Some(answer) => inspect::values(answer.answer, tally),
            None => asked.left += 1,
        }
    }
    Ok(asked)
}

/// A key in the words of the language; any character may stand between the quotation marks.
fn identifier(scope: TagScope, key: &str) -> String {
    let key = key.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{}.\"{key}\"", scope.as_str())
}
