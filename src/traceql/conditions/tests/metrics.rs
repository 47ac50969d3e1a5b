//! What each metrics function is split into.

use super::super::metrics::{Fold, Leaf, Merge, Way};
use super::*;

fn leaves(text: &str, withheld: &Withheld) -> Vec<Leaf> {
    let merge = super::super::metrics(&compile(text).expect(text), withheld).expect(text);
    let mut found = Vec::new();
    merge.leaves(&mut found);
    found.into_iter().cloned().collect()
}

fn leaf(text: &str) -> Leaf {
    leaves(text, &Withheld::nothing()).remove(0)
}

fn texts(queries: &[Query]) -> Vec<String> {
    let texts: Vec<String> = queries.iter().map(Query::to_string).collect();
    texts.iter().for_each(|text| drop(compile(text).expect(text)));
    texts
}

#[test]
fn what_adds_up_is_folded() {
    let table = [
        ("{ .a } | rate() by(.x)", Fold::AddPerSecond, "{ .a } | count_over_time() by(.x)"),
        ("{ .a } | count_over_time()", Fold::Add, "{ .a } | count_over_time()"),
        ("{ .a } | histogram_over_time(duration)", Fold::Add, "{ .a } | histogram_over_time(duration)"),
        ("{ .a } | min_over_time(.v) by(name)", Fold::Min, "{ .a } | min_over_time(.v) by(name)"),
        ("{ .a } | max_over_time(.v)", Fold::Max, "{ .a } | max_over_time(.v)"),
        ("{ .a } | sum_over_time(duration)", Fold::Add, "{ .a } | sum_over_time(duration)"),
        ("{ .v > 2 } | sum_over_time(.v)", Fold::Add, "{ .v > 2 } | sum_over_time(.v)"),
        (
            "{ nestedSetParent < 0 } | by(.x) | rate()",
            Fold::AddPerSecond,
            "{ nestedSetParent < 0 } | by(.x) | count_over_time()",
        ),
    ];
    for (text, fold, expected) in table {
        let Way::Fold { asked, fold: found } = leaf(text).way else { panic!("{text}") };
        assert_eq!((texts(&asked), found), (owned(&[expected]), fold), "{text}");
    }
}

#[test]
fn a_sum_takes_only_spans_that_have_the_value() {
    let Way::Fold { asked, fold: Fold::Add } = leaf("{ .a = `x` || .b } | sum_over_time(span.v)").way else {
        panic!()
    };
    assert_eq!(
        texts(&asked),
        [
            "{ ((.a = `x`) || .b) && (span.v >= minInt) } | sum_over_time(span.v)",
            "{ ((.a = `x`) || .b) && (span.v >= (-1.7976931348623157e+308)) } | sum_over_time(span.v)",
        ]
    );
    for text in [
        "{ !.a } | sum_over_time(.v)",
        "{ span.v = nil } | sum_over_time(.v)",
        "{ .a = .v } | avg_over_time(.v)",
        "{ .a } || { .b } | sum_over_time(.v)",
        "{ .a && true } | sum_over_time(.v)",
    ] {
        assert!(matches!(leaf(text).way, Way::Assembled { .. }), "{text}");
        assert_eq!(leaf(text).reasons.last().map(|reason| reason.cause), Some(Cause::Sparse), "{text}");
    }
}

#[test]
fn an_average_is_sums_and_counts() {
    let Way::Average { sums, counts } = leaf("{ } | avg_over_time(.v) by(.x)").way else { panic!() };
    assert_eq!(
        texts(&sums),
        [
            "{ .v >= minInt } | sum_over_time(.v) by(.x)",
            "{ .v >= (-1.7976931348623157e+308) } | sum_over_time(.v) by(.x)"
        ]
    );
    assert_eq!(
        texts(&counts),
        [
            "{ .v >= minInt } | count_over_time() by(.x)",
            "{ .v >= (-1.7976931348623157e+308) } | count_over_time() by(.x)"
        ]
    );
    let Way::Average { sums, counts } = leaf("{ !.a } | avg_over_time(duration)").way else { panic!() };
    assert_eq!((sums.len(), counts.len()), (1, 1));
}

#[test]
fn quantiles_are_buckets_and_comparisons_are_counts() {
    let Way::Quantiles { asked, quantiles } =
        leaf("{ .a } | quantile_over_time(duration, 0.5, 0.9) by(.x)").way
    else {
        panic!()
    };
    assert_eq!(
        (texts(&[asked]), quantiles),
        (owned(&["{ .a } | histogram_over_time(duration) by(.x)"]), vec![0.5, 0.9])
    );
    let Way::Compare { asked, top } = leaf("{ .a } | compare({ status = error }, 5, 10, 20)").way else {
        panic!()
    };
    assert_eq!((texts(&[asked]), top), (owned(&["{ .a } | compare({ status = error }, 1000, 10, 20)"]), 5));
}

#[test]
fn the_second_stages_wait_for_the_merge() {
    let query = compile("({ .a } | rate()) / ({ } | rate()) * 100 > 5 | topk(3)").unwrap();
    let merge = super::super::metrics(&query, &Withheld::nothing()).unwrap();
    let Merge::Second { input, stage: crate::traceql::ast::SecondStage::Top { limit: 3, bottom: false } } =
        &merge
    else {
        panic!("{merge:?}")
    };
    assert!(matches!(&**input, Merge::Second { .. }));
    let mut found = Vec::new();
    merge.leaves(&mut found);
    assert_eq!(
        found.iter().map(|leaf| leaf.query.to_string()).collect::<Vec<_>>(),
        ["{ .a } | rate()", "{ true } | rate()"]
    );
    assert_eq!(super::super::metrics(&compile("{ }").unwrap(), &Withheld::nothing()), None);
}

#[test]
fn what_the_root_knows_is_joined_by_ids() {
    let Way::RootJoin(join) = leaf("{ rootName = `r` && .a = `x` } | rate() by(.x, rootServiceName)").way
    else {
        panic!()
    };
    assert_eq!(texts(std::slice::from_ref(&join.roots)), ["{ (nestedSetParent < 0) && (rootName = `r`) }"]);
    assert_eq!(join.labels.iter().map(ToString::to_string).collect::<Vec<_>>(), ["rootServiceName"]);
    assert!(join.is_exact);
    let Some(Way::Fold { asked, fold: Fold::AddPerSecond }) = join.second(&owned(&["1", "2"])) else {
        panic!()
    };
    assert_eq!(
        texts(&asked),
        ["{ ((trace:id = `1`) || (trace:id = `2`)) && (.a = `x`) } | count_over_time() by(.x)"]
    );
    assert_eq!(join.second(&[]), None);
    // As many ids as are allowed still make a text that a region reads.
    let ids: Vec<String> = (0..super::super::metrics::IDS_MAX + 5).map(|at| format!("{at:032x}")).collect();
    let Some(Way::Fold { asked, .. }) = join.second(&ids) else { panic!() };
    assert!(texts(&asked)[0].len() < crate::traceql::QUERY_BYTES_MAX);

    let Way::RootJoin(join) = leaf("{ .a } | quantile_over_time(duration, 0.5) by(rootName)").way else {
        panic!()
    };
    assert!(!join.is_exact);
    for text in [
        "{ rootName != `r` } | rate()",
        "{ rootName =~ `.*` } | rate()",
        "{ rootName = `r` || .a } | rate()",
        "{ !.a } | rate() by(rootName)",
        "{ rootName = `r` && traceDuration > 1s } | rate()",
        "{ rootName = `r` } > { } | rate()",
        "{ } | compare({ rootName = `r` })",
        "{ rootName = `r` } | rate() by(span:childCount)",
    ] {
        assert!(matches!(leaf(text).way, Way::Assembled { .. }), "{text}");
    }
}

#[test]
fn what_is_not_local_is_counted_on_assembled_traces() {
    for (text, cause) in [
        ("{ .a } > { .b } | rate()", Cause::Structure),
        ("{ .a } | count() > 2 | rate()", Cause::Aggregate),
        ("{ traceDuration > 1s } | rate()", Cause::Trace),
        ("{ } | rate() by(span:childCount)", Cause::Grouping),
        ("{ } | sum_over_time(traceDuration)", Cause::Trace),
    ] {
        let leaf = leaf(text);
        assert!(matches!(leaf.way, Way::Assembled { .. }), "{text}");
        assert_eq!(leaf.reasons[0].cause, cause, "{text}");
    }
    let Way::Assembled { candidates } = leaf("{ .a } > { .b } | rate()").way else { panic!() };
    assert_eq!(shown(&candidates), ["{ .a = true }", "{ .b = true }"]);
}

#[test]
fn a_withheld_name_keeps_a_leaf_from_the_regions() {
    let withheld: Withheld = [attribute("span.x")].into_iter().collect();
    for text in [
        "{ .x } | rate()",
        "{ } | rate() by(span.x)",
        "{ } | max_over_time(.x)",
        "{ } | compare({ .y })",
        "{ rootName = `r` && .x } | rate()",
    ] {
        let leaf = leaves(text, &withheld).remove(0);
        assert!(matches!(leaf.way, Way::Assembled { .. }), "{text}");
    }
    let Way::Assembled { candidates } = leaves("{ .x && .y } | rate()", &withheld).remove(0).way else {
        panic!()
    };
    assert_eq!(shown(&candidates), ["{ .y = true }"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_question_compiles(query in generated::query()) {
        let text = query.to_string();
        if check(&text, &query).is_ok() && let Some(merge) = super::super::metrics(&query, &Withheld::nothing()) {
            let mut found = Vec::new();
            merge.leaves(&mut found);
            for leaf in found {
                let asked: Vec<&Query> = match &leaf.way {
                    Way::Fold { asked, .. } => asked.iter().collect(),
                    Way::Average { sums, counts } => sums.iter().chain(counts).collect(),
                    Way::Quantiles { asked, .. } | Way::Compare { asked, .. } => vec![asked],
                    Way::RootJoin(join) => vec![&join.roots],
                    Way::Assembled { candidates } => vec![&candidates.any],
                };
                for query in asked {
                    let said = query.to_string();
                    prop_assert!(compile(&said).is_ok(), "{} of {}", said, text);
                }
            }
        }
    }
}
