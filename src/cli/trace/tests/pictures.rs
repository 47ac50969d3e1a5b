//! Snapshots, without colours and at a fixed width.

use anstream::adapter::strip_str;

use super::estate::{deep, partial, three_regions, weird};
use crate::cli::trace::draw::draw;
use crate::cli::trace::layout::Limits;
use crate::cli::trace::read;

fn drawn(json: &str, limits: Limits, columns: usize) -> String {
    let mut out = Vec::new();
    draw(&read::document(json).unwrap(), limits, columns, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(json: &str, columns: usize) -> String {
    strip_str(&drawn(json, Limits::USUAL, columns)).to_string()
}

#[test]
fn a_trace_of_three_regions() {
    insta::assert_snapshot!(plain(&three_regions(), 110));
}

#[test]
fn a_trace_of_three_regions_in_narrow_terminals() {
    insta::assert_snapshot!(format!("{}\n{}", plain(&three_regions(), 72), plain(&three_regions(), 44)));
}

#[test]
fn a_trace_of_which_a_region_is_missing() {
    insta::assert_snapshot!(plain(&partial(), 110));
}

#[test]
fn a_trace_that_is_everything_it_should_not_be() {
    insta::assert_snapshot!(plain(&weird(), 110));
}

#[test]
fn a_trace_too_deep_to_indent() {
    insta::assert_snapshot!(plain(&deep(40), 80));
}

#[test]
fn every_span_on_a_line_of_its_own() {
    let all = drawn(&three_regions(), Limits::ALL, 110);
    assert_eq!(all.matches("redis HGETALL").count(), 12);
    assert!(!all.contains('×'));
    let few = strip_str(&drawn(&three_regions(), Limits { rows_max: 3, fold: true }, 110)).to_string();
    assert!(few.ends_with("… 17 more spans (use --all), 2 with errors\n"), "{few}");
}

#[test]
fn colours_mark_errors_and_what_is_missing() {
    let picture = drawn(&partial(), Limits::USUAL, 110);
    assert!(picture.contains("\u{1b}[1m\u{1b}[33mMISSING region eu-central: timeout\u{1b}[0m"), "{picture}");
    let picture = drawn(&three_regions(), Limits::USUAL, 110);
    assert!(picture.contains("\u{1b}[1m\u{1b}[31mcard declined\u{1b}[0m"), "{picture}");
}
