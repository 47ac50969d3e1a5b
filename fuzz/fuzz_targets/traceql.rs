//! Any text as a query: it is parsed or refused at a place within it, and what is parsed prints as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tutti::traceql::parse;

fuzz_target!(|text: &str| {
    let Ok(query) = parse(text) else { return };
    let printed = query.to_string();
    let again = parse(&printed).expect("what is printed is TraceQL");
    assert_eq!(again.to_string(), printed);
});
