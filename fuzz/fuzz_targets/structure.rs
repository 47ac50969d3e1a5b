//! Any text as any structure: pieces are in order and at characters, and an error leaves nothing behind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tutti::classify::structure::{Dialect, Structure, parse};

const DIALECTS: [Dialect; 10] = [
    Dialect::Any,
    Dialect::Ansi,
    Dialect::Postgres,
    Dialect::Mysql,
    Dialect::Mssql,
    Dialect::Oracle,
    Dialect::Sqlite,
    Dialect::Clickhouse,
    Dialect::Google,
    Dialect::Cassandra,
];

fuzz_target!(|text: &str| {
    let named = Structure::names().filter_map(Structure::parse);
    for structure in named.chain(DIALECTS.map(Structure::Sql)) {
        let mut pieces = Vec::new();
        if parse(structure, text, &mut pieces).is_err() {
            assert!(pieces.is_empty());
            continue;
        }
        let mut end = 0;
        for piece in &pieces {
            assert!(piece.range.start >= end, "{structure:?}: in order");
            assert!(text.get(piece.range.clone()).is_some(), "{structure:?}: at characters");
            end = piece.range.end;
        }
    }
});
