//! What is accepted, and what is refused with which words at which place.

use tutti::traceql::{compile, parse};

use crate::evaluated::{cases, files, folder};

/// A refused query and the picture of its fault.
pub struct Refused {
    pub query: String,
    pub picture: String,
}

/// One query a line; `\n` stands for a line feed.
pub fn accepted() -> Vec<String> {
    let text = std::fs::read_to_string(folder("accepted.txt")).unwrap();
    let queries = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    queries.map(|line| line.replace("\\n", "\n")).collect()
}

/// A query after `?`, then the lines of its picture after `>`.
pub fn refused() -> Vec<Refused> {
    let mut all: Vec<Refused> = Vec::new();
    for line in std::fs::read_to_string(folder("refused.txt")).unwrap().lines() {
        if let Some(query) = line.strip_prefix('?') {
            let query = query.strip_prefix(' ').unwrap_or(query).replace("\\n", "\n");
            all.push(Refused { query, picture: String::new() });
        } else if let Some(line) = line.strip_prefix('>') {
            let case = all.last_mut().expect("a query before its picture");
            case.picture.push_str(line.strip_prefix(' ').unwrap_or(line));
            case.picture.push('\n');
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "no line of refusals: {line}");
        }
    }
    all
}

#[test]
fn what_is_accepted_is_printed_and_read_again_as_the_same() {
    let of_cases = files("cases").into_iter().flat_map(|file| cases(&file));
    let of_cases = of_cases.filter(|case| !case.theirs.starts_with("> refused"));
    let queries: Vec<String> =
        accepted().into_iter().chain(of_cases.map(|case| case.question.query().to_owned())).collect();
    assert!(queries.len() > 700, "{}", queries.len());
    for query in queries {
        let tree = compile(&query).unwrap_or_else(|error| panic!("{}", error.caret(&query)));
        let printed = tree.to_string();
        let again = parse(&printed).unwrap_or_else(|error| panic!("{query}\n{}", error.caret(&printed)));
        assert_eq!(again, tree, "{query}\n{printed}");
        assert_eq!(again.to_string(), printed, "{query}");
    }
}

#[test]
fn what_is_refused_is_refused_with_these_words_at_this_place() {
    let refused = refused();
    assert!(refused.len() > 100, "{}", refused.len());
    let mut faults = Vec::new();
    let mut pictures = String::from("# Refused queries and what is said of them.\n");
    for case in refused {
        let Err(error) = compile(&case.query) else {
            faults.push(format!("accepted: {}", case.query));
            continue;
        };
        let picture: String =
            error.caret(&case.query).lines().map(|line| format!("{}\n", line.trim_end())).collect();
        pictures.push_str(&format!("? {}\n", case.query.replace('\n', "\\n")));
        picture.lines().for_each(|line| pictures.push_str(&format!("> {line}\n")));
        let expected: String = case.picture.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        if picture != expected {
            faults.push(format!("? {}\nexpected\n{expected}but\n{picture}", case.query));
        }
    }
    if std::env::var_os("TRACEQL_WRITE_REFUSALS").is_some() {
        std::fs::write(folder("refused.txt"), pictures).unwrap();
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
