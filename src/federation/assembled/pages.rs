//! A search page by page: whatever the pages are like, together they are the one large answer.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::estate::*;
use super::far::{WHOLE, far, settled, traces};
use super::tests::*;
use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::{Backend, Behaviour, Distance, Simulated};
use crate::federation::FederationSettings;
use crate::model::search::{Page, SearchAnswer, TraceRow, Window};
use crate::model::{Outcome, SearchQuery};
use crate::policy::Plan;

/// More pages than any of these searches has.
const PAGES_MAX: usize = 1000;

async fn page(
    federation: &Arc<Federation>,
    text: &str,
    limit: u32,
    window: Option<Window>,
    page: Page,
) -> Answer<Redacted<SearchAnswer>> {
    let query = SearchQuery { page: Some(page), ..searching(text, limit, window).query };
    federation.search(question(query)).await.unwrap()
}

/// All rows of all pages, each of another size; `between` is called before each but the first.
async fn paged(
    federation: &Arc<Federation>,
    text: &str,
    window: Option<Window>,
    mut size: impl FnMut() -> u32,
    mut between: impl FnMut(usize),
) -> Vec<TraceRow> {
    let (mut rows, mut at) = (Vec::new(), Page::First);
    for number in 1..PAGES_MAX {
        let limit = size();
        let answer = page(federation, text, limit, window, at).await;
        assert_eq!(answer.coverage.outcome(), Outcome::Complete, "{text}");
        rows.extend(answer.value.traces.iter().cloned());
        let Some(next) = answer.value.next else { return rows };
        assert_eq!(answer.value.traces.len(), limit as usize, "{text}: a page that is not the last is full");
        at = Page::After(next);
        between(number);
    }
    panic!("{text} does not end");
}

async fn at_once(federation: &Arc<Federation>, text: &str, window: Option<Window>) -> Vec<TraceRow> {
    federation.search(searching(text, 10_000, window)).await.unwrap().value.traces.clone()
}

fn places(rows: &[TraceRow]) -> Vec<(u64, TraceId)> {
    rows.iter().map(|row| (row.start, row.id)).collect()
}

#[tokio::test]
async fn pages_of_any_size_are_together_the_one_large_answer() {
    let middle = Some(Window { start: (BEGIN + 100) as u32, end: (BEGIN + 400) as u32 });
    let mut several = 0;
    for seed in 90..93 {
        let spans = traces(seed, 40);
        let parts = spread(&spans, seed);
        let whole = federation(&[spans.concat()], Plan::allow_all());
        let decided = federation(&[spans.concat()], treating_nothing());
        let three = federation(&parts, Plan::allow_all());
        let mut chance = StdRng::seed_from_u64(seed);
        // Each seed takes a third of the queries.
        for text in SEARCHES.iter().skip(seed as usize % 3).step_by(3) {
            for window in [None, WHOLE, middle] {
                let Ok(all) = whole.search(searching(text, 10_000, window)).await else { continue };
                let all = &all.value.traces;
                let most = [3, 20][chance.random_range(0..2)];
                for federation in [&whole, &decided, &three] {
                    let rows =
                        paged(federation, text, window, || chance.random_range(1..=most), |_| ()).await;
                    assert_eq!(places(&rows), places(all), "seed {seed}: {text} {window:?}");
                    assert_eq!(&rows, all, "seed {seed}: {text} {window:?}");
                    several += usize::from(rows.len() > most as usize);
                }
            }
        }
    }
    assert!(several > 50, "{several}");
}

#[tokio::test]
async fn traces_of_the_same_start_are_shown_once_each() {
    let mut spans = traces(93, 50);
    for made in spans.iter_mut().flatten() {
        made.span.start_time_unix_nano = (BEGIN + 5) * 1_000_000_000;
    }
    for federation in
        [federation(&[spans.concat()], Plan::allow_all()), federation(&spread(&spans, 93), Plan::allow_all())]
    {
        let rows = paged(&federation, "{ }", WHOLE, || 7, |_| ()).await;
        assert_eq!(places(&rows), places(&at_once(&federation, "{ }", WHOLE).await));
        assert_eq!(rows.len(), 50);
    }
}

/// New traces whose starts are shifted by seconds.
fn arriving(seed: u64, seconds: u64) -> Vec<Vec<Made>> {
    let mut new = traces(seed, 10);
    for made in new.iter_mut().flatten() {
        made.span.start_time_unix_nano += seconds * 1_000_000_000;
        made.span.end_time_unix_nano += seconds * 1_000_000_000;
    }
    new
}

#[tokio::test]
async fn what_arrives_between_pages_changes_nothing_of_what_was_there() {
    let window = Some(Window { start: BEGIN as u32 - 10, end: BEGIN as u32 + 100_000 });
    for regions in [1, 3] {
        let spans = traces(94, 80);
        let parts = if regions == 1 { vec![spans.concat()] } else { spread(&spans, 94) };
        let backends: Vec<Arc<MemoryBackend>> = parts.iter().map(|part| backend(part)).collect();
        let federation =
            of(backends.iter().map(|it| it.clone() as Arc<dyn Backend>).collect(), Plan::allow_all());
        for (text, seconds) in [("{ }", 2000), ("{ .n = 1 } >> { }", 3000), ("{ .n = 1 } && { .n = 2 }", 0)] {
            let before = places(&at_once(&federation, text, window).await);
            let mut seed = 1000 + seconds;
            let rows = paged(
                &federation,
                text,
                window,
                || 5,
                |number| {
                    seed += 1;
                    let to = &backends[number % backends.len()];
                    for export in exports(&arriving(seed, seconds).concat()) {
                        to.ingest(export).unwrap();
                    }
                },
            );
            let rows = places(&rows.await);
            let distinct: HashSet<_> = rows.iter().collect();
            assert_eq!(distinct.len(), rows.len(), "{text}: nothing is shown twice");
            assert!(rows.is_sorted_by_key(|(start, id)| (std::cmp::Reverse(*start), *id)), "{text}");
            let (of_before, new): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| before.contains(row));
            assert_eq!(of_before, before, "{text}: nothing of what was there is lost");
            // What is newer than the first page is in none; what is older may well be.
            assert_eq!(new.is_empty(), seconds > 0, "{text}");
            assert!(places(&at_once(&federation, text, window).await).len() > before.len(), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn far_regions_are_paged_alike_and_a_late_page_costs_no_more_than_an_early_one() {
    let spans = traces(95, 600);
    let one = federation(&[spans.concat()], Plan::allow_all());
    let (regions, three) = far(&spread(&spans, 95), Plan::allow_all(), SearchSettings::default());
    // The last is not told in outline.
    for text in ["{ }", "{ .n = 1 }", "{ .n = 1 } >> { .n = 2 }", "{ .n = 1 } && { .n = 2 && event.k != 7 }"]
    {
        let all = at_once(&one, text, WHOLE).await;
        let (mut costs, mut before) = (Vec::new(), 0);
        let rows = paged(
            &three,
            text,
            WHOLE,
            || 30,
            |_| {
                let sent = regions[0].sent.load(Ordering::SeqCst) + regions[0].told.load(Ordering::SeqCst);
                costs.push(sent - std::mem::replace(&mut before, sent));
            },
        );
        assert_eq!(settled(&rows.await), settled(&all), "{text}");
        for count in regions.iter().flat_map(|region| [&region.sent, &region.told]) {
            count.store(0, Ordering::SeqCst);
        }
        let (first, most) = (costs[0], costs.iter().max().unwrap());
        assert!(*most <= 3 * first.max(BATCH_FIRST), "{text}: {costs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_rows_are_paged_within_the_limits_of_one_page() {
    let spans: Vec<Vec<Made>> = traces(96, 10_050)
        .into_iter()
        .map(|mut trace| {
            trace.truncate(2);
            trace
        })
        .collect();
    let settings = SearchSettings { traces_max: 2000, candidates_max: 9000, ..SearchSettings::default() };
    let settings = FederationSettings { search: settings, ..FederationSettings::default() };
    let three = with_settings(&spread(&spans, 96), settings);
    let rows = paged(&three, "{ }", WHOLE, || 1000, |_| ()).await;
    assert_eq!(rows.len(), 10_050);
    let all = federation(&[spans.concat()], Plan::allow_all());
    let all = all.search(searching("{ }", 20_000, WHOLE)).await.unwrap();
    assert_eq!(places(&rows), places(&all.value.traces));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_lacks_something_does_not_say_where_to_go_on() {
    let parts = spread(&traces(97, 40), 97);
    let simulated: Vec<_> =
        parts.iter().map(|part| Arc::new(Simulated::new(backend(part), Distance::default(), 1))).collect();
    let estate = of(simulated.iter().map(|it| it.clone() as Arc<dyn Backend>).collect(), Plan::allow_all());
    let first = page(&estate, "{ }", 10, WHOLE, Page::First).await;
    let second = Page::After(first.value.next.unwrap());
    simulated[1].behave(Behaviour::Down);
    let partial = page(&estate, "{ }", 10, WHOLE, second).await;
    assert_eq!((partial.coverage.outcome(), partial.value.next), (Outcome::Partial, None));
    assert_eq!(partial.value.traces.len(), 10);
    let settings = SearchSettings { traces_max: 5, ..SearchSettings::default() };
    let settings = FederationSettings { search: settings, ..FederationSettings::default() };
    let spent = page(&with_settings(&parts, settings), "{ }", 4, WHOLE, Page::First).await;
    assert_eq!(spent.coverage.outcome(), Outcome::Complete);
    assert!(spent.value.next.is_some());
    let settings = SearchSettings { traces_max: 3, ..SearchSettings::default() };
    let settings = FederationSettings { search: settings, ..FederationSettings::default() };
    let spent = page(&with_settings(&parts, settings), "{ }", 4, WHOLE, Page::First).await;
    assert_eq!((spent.coverage.outcome(), spent.value.next), (Outcome::Partial, None));
}

#[tokio::test]
async fn a_trace_that_meets_a_condition_only_by_a_late_part_is_on_its_page() {
    let span = |trace: usize, id: u8, seconds: u64, n: i64| {
        let mut made = traces(98, 2)[trace][0].clone();
        let start = (BEGIN + seconds) * 1_000_000_000;
        (made.span.start_time_unix_nano, made.span.end_time_unix_nano) = (start, start + 1_000_000_000);
        made.span.span_id = vec![0xab, 0, 0, 0, 0, 0, 0, id];
        made.span.attributes = vec![attribute("n", Any::IntValue(n))];
        made
    };
    let eu = vec![span(0, 1, 0, 1), span(1, 1, 50, 1), span(1, 2, 50, 2)];
    let us = vec![span(0, 2, 100, 2)];
    for text in ["{ .n = 1 } && { .n = 2 }", "{ .n = 2 } && { .n = 1 }"] {
        let two = federation(&[eu.clone(), us.clone()], Plan::allow_all());
        let rows = paged(&two, text, WHOLE, || 1, |_| ()).await;
        assert_eq!(rows.len(), 2, "{text}");
        assert_eq!(rows, at_once(&two, text, WHOLE).await, "{text}");
    }
}
