//! Tables of texts and what is left of them. A text is shown with its pieces in marks: `‹›` for a literal, `‹key›`
//! for what has a name, `‹@›` for users, and so on; everything outside of marks is the shape.

mod documents;
mod laws;
mod processes;
mod statements;
mod web;

use super::*;

/// The text with a mark in the place of each piece.
pub(super) fn shown(text: &str, pieces: &[Piece<'_>]) -> String {
    let mut out = String::new();
    let mut at = 0;
    for piece in pieces {
        out.push_str(text.get(at..piece.range.start).unwrap());
        let mark = match &piece.what {
            PieceKind::Literal => "‹›".to_owned(),
            PieceKind::Named { parent: "", key } => format!("‹{key}›"),
            PieceKind::Named {
                parent: "url.query" | "http.request.header" | "http.cookie" | "baggage",
                key,
            } => {
                format!("‹{key}›")
            }
            PieceKind::Named { parent, key } => format!("‹{parent}.{key}›"),
            PieceKind::OddName => "‹odd›".to_owned(),
            PieceKind::UserInfo => "‹@›".to_owned(),
            PieceKind::Fragment => "‹#›".to_owned(),
            PieceKind::PathSegment { is_id: true } => "‹id›".to_owned(),
            PieceKind::PathSegment { is_id: false } => {
                format!("«{}»", text.get(piece.range.clone()).unwrap())
            }
            PieceKind::Message => "‹msg›".to_owned(),
            PieceKind::HomeDirectory => "‹home›".to_owned(),
        };
        out.push_str(&mark);
        at = piece.range.end;
    }
    out + text.get(at..).unwrap()
}

#[track_caller]
pub(super) fn check(structure: Structure, text: &str, expected: &str) {
    let mut pieces = Vec::new();
    match parse(structure, text, &mut pieces) {
        Ok(()) => assert_eq!(shown(text, &pieces), expected, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[track_caller]
pub(super) fn refused(structure: Structure, text: &str) {
    let mut pieces = vec![Piece { range: 0..0, what: PieceKind::Literal }];
    let done = parse(structure, text, &mut pieces);
    assert!(done.is_err(), "{text}: {}", shown(text, &pieces));
    assert_eq!(pieces.len(), 1, "what was there stays, and nothing else");
}

#[test]
fn every_structure_is_read_by_its_name() {
    for name in Structure::names() {
        let structure = Structure::parse(name).unwrap();
        assert_eq!(structure.name(), name);
    }
    assert_eq!(Structure::parse("xml"), None);
    assert_eq!(Structure::Sql(Dialect::Oracle).name(), "sql");
}

#[test]
fn a_database_tells_the_language_of_its_statements() {
    assert_eq!(Structure::Statement.of_database("postgresql"), Structure::Sql(Dialect::Postgres));
    assert_eq!(Structure::Statement.of_database("redis"), Structure::Redis);
    assert_eq!(Structure::Statement.of_database("mongodb"), Structure::Document);
    assert_eq!(Structure::Statement.of_database("h2"), Structure::Sql(Dialect::Any));
    assert_eq!(Structure::Sql(Dialect::Any).of_database("mysql"), Structure::Sql(Dialect::Mysql));
    assert_eq!(Structure::Url.of_database("mysql"), Structure::Url);
}

#[test]
fn a_text_that_is_too_long_or_has_too_many_parts_is_refused() {
    refused(Structure::Cookie, &"x".repeat(TEXT_BYTES_MAX + 1));
    let many = format!("[{}1]", "1,".repeat(PIECES_MAX));
    refused(Structure::Json, &many);
    let fits = format!("[{}1]", "1,".repeat(PIECES_MAX - 1));
    let mut pieces = Vec::new();
    parse(Structure::Json, &fits, &mut pieces).unwrap();
    assert_eq!(pieces.len(), PIECES_MAX);
}
