//! What is said of clocks and networks where the times contradict each other, are absent, or where the trace
//! has no root.

use super::*;
use crate::trace::crossing::Crossings;

const MS: u64 = 1_000_000;

fn timed(number: u64, parent: u64, kind: i32, (start, end): (u64, u64)) -> Span {
    let time = |ms: u64| (1_000_000 + ms) * MS;
    Span { end_time_unix_nano: time(end), ..span_of(number, parent, kind, time(start)) }
}

/// Calls from region 0 to region 1, whose clock is 100 ms ahead: 40 ms there and back. Clients are 1000 and up,
/// servers 2000 and up.
fn calls(root_parent: u64, count: u64) -> (Vec<Span>, Vec<Span>) {
    let mut from = vec![timed(999, root_parent, 1, (0, 90_000))];
    from.extend((0..count).map(|n| timed(1000 + n, 999, 3, (n, 100 + n))));
    let to = (0..count).map(|n| timed(2000 + n, 1000 + n, 2, (140 + n, 160 + n))).collect();
    (from, to)
}

fn joined((from, to): (Vec<Span>, Vec<Span>)) -> (Joined, Tree) {
    let part = |spans| scan(Bytes::from(trace_of(vec![spans]).encode_to_vec()), Some(&id())).unwrap();
    let joined = Joined::of(vec![(0, part(from)), (1, part(to))]).unwrap();
    let tree = Tree::of(&joined);
    (joined, tree)
}

fn adjusted(parts: (Vec<Span>, Vec<Span>)) -> BTreeMap<(Vec<u8>, i32), Span> {
    let (mut joined, tree) = joined(parts);
    let crossings = Crossings::of(&joined, &tree);
    crossings.adjust(&mut joined, &tree).unwrap();
    let trace = Assembled::of(joined, &tree).unwrap();
    by_identity(&TracesData::decode(to_protobuf(&trace).as_slice()).unwrap())
}

#[test]
fn a_call_that_contradicts_the_clocks_has_no_latency() {
    let (mut from, mut to) = calls(0, 20);
    // By its times the server's clock would be five seconds ahead.
    from.push(timed(1500, 999, 3, (0, 10)));
    to.push(timed(2500, 1500, 2, (5_000, 5_001)));
    let (joined, tree) = joined((from, to));
    let crossings = Crossings::of(&joined, &tree);
    assert_eq!(crossings.spans.len(), 21);
    for crossing in &crossings.spans {
        let is_liar = joined.span(crossing.span).unwrap().id == 2500;
        assert_eq!(crossing.latency.is_none(), is_liar, "{crossing:?}");
    }
}

#[test]
fn clocks_are_brought_together_though_the_root_is_missing() {
    let found = adjusted(calls(77, 3));
    let server = &found[&(2000u64.to_be_bytes().to_vec(), 2)];
    assert_eq!(server.start_time_unix_nano, (1_000_000 + 40) * MS);
}

#[test]
fn an_absent_time_stays_absent_where_clocks_are_brought_together() {
    // The root is in the region whose clock is ahead, so the other's times are moved up.
    let (mut from, mut to) = calls(0, 3);
    from.retain(|span| span.kind != 1);
    for client in &mut from {
        client.parent_span_id = 3000u64.to_be_bytes().to_vec();
    }
    to.push(timed(3000, 0, 1, (0, 90_000)));
    let event = Event { name: "no time".to_owned(), ..Default::default() };
    let absent = span_of(2900, 3000, 1, 0);
    from.push(Span { start_time_unix_nano: 0, end_time_unix_nano: 0, events: vec![event], ..absent });
    let found = adjusted((from, to));
    let moved = &found[&(1000u64.to_be_bytes().to_vec(), 3)];
    assert_eq!(moved.start_time_unix_nano, (1_000_000 + 100) * MS, "the region is moved");
    let absent = &found[&(2900u64.to_be_bytes().to_vec(), 1)];
    assert_eq!((absent.start_time_unix_nano, absent.end_time_unix_nano), (0, 0));
    assert_eq!(absent.events[0].time_unix_nano, 0);
}
