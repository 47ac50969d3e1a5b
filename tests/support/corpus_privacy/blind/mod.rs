//! Attributes written by hand, before anyone looked at what the detectors make of them: the phrasings, countries
//! and encodings that a stranger would try, and what looks like them and is nobody's.
//!
//! Each line is a key, `¦` and a value. What is personal stands between `«` and `»`; `⟨A0⟩` is the character of that
//! number; a `‖` is taken out, so that no line of the file is a token that a scanner of repositories would stop at.
//! `## email` says what stands between the marks from there on, by the name of a detector; `## id:..`, `## lure:..`
//! and `## ordinary` that nothing does.

use super::{Attribute, Kind, Label, Place};

const FILES: [&str; 5] = [
    include_str!("people.txt"),
    include_str!("things.txt"),
    include_str!("secrets.txt"),
    include_str!("clean.txt"),
    include_str!("later.txt"),
];

/// All of them, in the order of the files.
pub fn blind() -> Vec<Attribute> {
    FILES.into_iter().flat_map(of_file).collect()
}

fn of_file(text: &'static str) -> Vec<Attribute> {
    let mut all = Vec::new();
    let mut section = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            section = name.trim();
        } else if let Some((key, value)) = line.split_once(" ¦ ") {
            all.push(attribute(section, key, value));
        }
    }
    all
}

fn attribute(section: &'static str, key: &str, written: &str) -> Attribute {
    let kind = match section.split_once(':') {
        Some(("id", name)) => Kind::Id(name),
        Some(("lure", name)) => Kind::Lure(name),
        _ if section == "ordinary" => Kind::Ordinary,
        _ => Kind::Labelled,
    };
    let (mut value, mut labels, mut start) = (String::new(), Vec::new(), None);
    let mut rest = written.chars();
    while let Some(character) = rest.next() {
        match character {
            '‖' => {}
            '«' => start = Some(value.len()),
            '»' => {
                let range = start.take().unwrap_or_else(|| panic!("{written}: » without «"))..value.len();
                let is_encoded = value[range.clone()].contains('%');
                labels.push(Label { range, class: section, detector: Some(section), is_encoded });
            }
            '⟨' => {
                let number: String = rest.by_ref().take_while(|letter| *letter != '⟩').collect();
                value.push(char::from_u32(u32::from_str_radix(&number, 16).unwrap()).unwrap());
            }
            other => value.push(other),
        }
    }
    assert_eq!(labels.is_empty(), kind != Kind::Labelled, "{written}");
    let place = if kind == Kind::Labelled { Place::Text } else { Place::Clean };
    Attribute { key: key.to_owned(), value, place, labels, kind }
}
