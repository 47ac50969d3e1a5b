//! How pages follow each other, and what is known after each.

use super::*;

fn candidate(id: u128, start: u64) -> Candidate {
    Candidate { id: TraceId::from_bytes(id.to_be_bytes()), start }
}

fn listing(queries: usize, regions: usize, reach: Option<Reach>, first: u32) -> Listing {
    let queries = (0..queries).map(|number| vec![Some(format!("{{ .a = {number} }}")); regions]).collect();
    let wanted = Wanted { queries, reach, order: Order::Newest, first, per_row: 1, latest: u64::MAX };
    Listing::new(wanted, &SearchSettings::default())
}

fn listed(listing: &Listing) -> Vec<Candidate> {
    listing.candidates().iter().map(|listed| Candidate { id: listed.id, start: listed.start }).collect()
}

fn asked(listing: &mut Listing) -> Vec<(usize, usize, Option<Window>, u32)> {
    let next = listing.next().into_iter();
    next.map(|(number, rank, query)| (number, rank, query.window, query.limit)).collect()
}

const HOUR: u32 = 3600;

fn reach(start: u64, end: u64) -> Option<Reach> {
    Some(Reach { start: start * NANOS, end: end * NANOS })
}

#[test]
fn a_trace_starts_no_later_than_its_earliest_part() {
    let mut listing = listing(1, 2, None, 9);
    listing.next();
    listing.take(0, 0, &[candidate(1, 50), candidate(2, 40)], true);
    listing.take(0, 1, &[candidate(2, 60), candidate(1, 30)], true);
    assert_eq!(listing.horizon(), None);
    assert_eq!(listed(&listing), [candidate(2, 40), candidate(1, 30)]);
    assert!(!listing.can_go_on());
}

#[test]
fn a_region_that_listed_all_it_may_hides_what_is_older() {
    let mut listing = listing(1, 3, None, 2);
    assert_eq!(listing.horizon(), Some(u64::MAX));
    listing.next();
    listing.take(0, 0, &[candidate(1, 50), candidate(2, 40)], true);
    listing.take(0, 1, &[candidate(3, 70), candidate(4, 60)], true);
    listing.take(0, 2, &[candidate(5, 10)], true);
    assert_eq!(listing.horizon(), Some(60));
    assert_eq!(listed(&listing), [candidate(3, 70), candidate(4, 60)]);
    // Only who has more is asked again, for more.
    assert_eq!(asked(&mut listing), [(0, 0, None, 8), (0, 1, None, 8)]);
}

#[test]
fn the_next_page_ends_where_the_last_one_began() {
    let mut listing = listing(1, 1, reach(10_000, 20_000), 2);
    let end = 20_001 + HOUR;
    assert_eq!(asked(&mut listing), [(0, 0, Some(Window { start: 6400, end }), 2)]);
    listing.take(0, 0, &[candidate(1, 19_000 * NANOS), candidate(2, 18_000 * NANOS + 1)], true);
    assert_eq!(asked(&mut listing), [(0, 0, Some(Window { start: 6400, end: 18_001 }), 8)]);
    // Less than asked for: that was all.
    listing.take(0, 0, &[candidate(2, 18_000 * NANOS + 1)], true);
    assert_eq!((listing.horizon(), listing.can_go_on()), (None, false));
}

#[test]
fn a_second_with_more_traces_than_a_page_is_asked_for_with_a_larger_one() {
    let mut listing = listing(1, 1, reach(10_000, 20_000), 2);
    listing.next();
    let page = [candidate(1, 15_000 * NANOS + 2), candidate(2, 15_000 * NANOS + 1)];
    listing.take(0, 0, &page, true);
    let window = Some(Window { start: 6400, end: 15_001 });
    assert_eq!(asked(&mut listing), [(0, 0, window, 8)]);
    let full: Vec<Candidate> = (1..=8).map(|id| candidate(id, 15_000 * NANOS + 1)).collect();
    listing.take(0, 0, &full, true);
    assert_eq!(asked(&mut listing), [(0, 0, window, 32)]);
    assert!(listing.can_go_on());
}

#[test]
fn a_region_that_lists_the_same_for_ever_is_given_up() {
    let mut listing = listing(1, 1, reach(10_000, 20_000), 100_000);
    for round in 0..10 {
        if !listing.can_go_on() {
            break;
        }
        let page = asked(&mut listing)[0].3;
        let full: Vec<Candidate> = (1..=u128::from(page)).map(|id| candidate(id, u64::MAX)).collect();
        listing.take(0, 0, &full, true);
        assert!(round < 9);
    }
    assert!(!listing.can_go_on());
    assert!(listing.horizon().is_some(), "what it did not list is not known");
}

#[test]
fn a_window_that_is_longer_than_a_region_takes_is_asked_in_slices() {
    let settings = SearchSettings { duration_max: Duration::from_secs(5000), ..SearchSettings::default() };
    let wanted = Wanted {
        queries: vec![vec![Some("{ }".to_owned())]],
        reach: reach(10_000, 15_000),
        order: Order::Newest,
        first: 5,
        per_row: 1,
        latest: u64::MAX,
    };
    let mut listing = Listing::new(wanted, &settings);
    let mut slices = Vec::new();
    while listing.can_go_on() {
        let window = asked(&mut listing)[0].2.unwrap();
        assert!(window.end - window.start <= 5000);
        slices.push((window.start, window.end));
        listing.take(0, 0, &[], true);
    }
    assert_eq!(slices, [(13_601, 18_601), (8601, 13_601), (6400, 8601)]);
}

#[test]
fn of_several_conditions_a_trace_meets_every_one_that_is_listed_whole() {
    let mut listing = listing(2, 2, None, 3);
    assert_eq!(asked(&mut listing).len(), 4);
    // Everything that meets the first, in either region; only the newest of the second.
    listing.take(0, 0, &[candidate(1, 50)], true);
    listing.take(0, 1, &[candidate(2, 40)], true);
    listing.take(1, 0, &[candidate(1, 50), candidate(3, 49), candidate(4, 48)], true);
    listing.take(1, 1, &[], true);
    assert_eq!(listed(&listing), [candidate(1, 50), candidate(2, 40)]);
    assert_eq!(listing.horizon(), None, "the first condition alone lists every trace");
    assert!(!listing.can_go_on());
}

#[test]
fn what_is_not_listed_for_a_condition_is_older_than_all_that_is() {
    let mut listing = listing(2, 2, None, 2);
    listing.next();
    listing.take(0, 0, &[candidate(1, 90), candidate(2, 80)], true);
    listing.take(0, 1, &[candidate(3, 70), candidate(4, 30)], true);
    listing.take(1, 0, &[candidate(1, 95), candidate(5, 60)], true);
    listing.take(1, 1, &[candidate(3, 71)], true);
    // The first condition is known back to 80, the second to 60.
    assert_eq!(listing.horizon(), Some(60));
    // Only the first trace is listed for both as far as both are known. What was listed for the second alone meets
    // the first no later than 80, if it does.
    assert_eq!(listed(&listing), [candidate(1, 90), candidate(3, 70), candidate(2, 60), candidate(5, 60)]);
    let seen: Vec<u64> = listing.candidates().iter().map(|listed| listed.seen).collect();
    assert_eq!(seen, [90, 70, 80, 60], "what is known of its parts stays");
}

#[test]
fn a_condition_that_a_region_failed_to_list_makes_nothing_impossible() {
    let mut listing = listing(2, 2, None, 3);
    listing.next();
    listing.take(0, 0, &[candidate(1, 50)], true);
    listing.fail(0, 1);
    listing.take(1, 0, &[candidate(1, 50), candidate(2, 40)], true);
    listing.take(1, 1, &[candidate(3, 30)], false);
    assert_eq!(listed(&listing), [candidate(1, 50), candidate(2, 40), candidate(3, 30)]);
}

#[test]
fn of_what_is_not_asked_of_a_region_nothing_is_missing() {
    let queries = vec![vec![Some("{ .a }".to_owned()), None], vec![None, None]];
    let wanted = |queries| Wanted {
        queries,
        reach: None,
        order: Order::Newest,
        first: 3,
        per_row: 1,
        latest: u64::MAX,
    };
    let mut listing = Listing::new(wanted(queries), &SearchSettings::default());
    assert_eq!(asked(&mut listing), [(0, 0, None, 3)]);
    listing.take(0, 0, &[candidate(1, 50)], true);
    // No trace meets the second.
    assert_eq!((listed(&listing), listing.horizon(), listing.can_go_on()), (vec![], None, false));
    let mut listing = Listing::new(wanted(vec![vec![None, None]]), &SearchSettings::default());
    assert_eq!((asked(&mut listing), listing.horizon()), (vec![], None));
}

#[test]
fn a_window_is_widened_by_the_longest_trace_and_never_to_nothing() {
    let hour = Duration::from_hours(1);
    let some = reach(10_000, 20_000).unwrap();
    assert_eq!(widened(some, hour), Window { start: 6400, end: 23_601 });
    assert_eq!(widened(some, Duration::from_secs(1)), Window { start: 9999, end: 20_002 });
    assert_eq!(widened(Reach { start: NANOS, end: u64::MAX }, hour), Window { start: 1, end: u32::MAX });
}
