//! One TOML table, read key by key with its place. Knows the types of TOML and nothing of what a key
//! means. Every value that is not what it should be is a finding, and reading goes on.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Findings, Place, Source, quoted};
use super::given::{At, Given};
use super::quantity::{self, Wrong};
use super::words;

/// Characters of a key that a path repeats.
const KEY_CHARS_MAX: usize = 60;

/// A table and the keys that were asked of it: the known ones.
#[derive(Debug)]
pub(super) struct Table<'d> {
    /// None stands for a table that is absent.
    entries: Option<&'d DeTable<'d>>,
    pub place: Place,
    known: Vec<&'static str>,
    /// Keys that have been looked for only to refuse them.
    refused: Vec<&'static str>,
}

/// Reads a whole file. Faults of syntax are findings; what could be read besides them is returned.
pub(super) fn parse<'d>(
    source: &'d Arc<Source>,
    out: &mut Findings,
) -> (Spanned<DeTable<'d>>, /* is_whole */ bool) {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        let end = source.text.len();
        let span = error.span().unwrap_or(0..0);
        let place = Place { span: span.start.min(end)..span.end.min(end), ..Place::whole(source) };
        let remedy = "write it as TOML has it (https://toml.io); texts stand in double quotes";
        out.fault(&place, format!("this is no TOML: {}", error.message()), remedy);
    }
    (table, errors.is_empty())
}

impl<'d> Table<'d> {
    pub(super) fn root(source: &Arc<Source>, entries: &'d DeTable<'d>) -> Self {
        Self { entries: Some(entries), place: Place::whole(source), known: Vec::new(), refused: Vec::new() }
    }

    /// Stands for the table at a key that is absent: nothing is in it, and its place is this one's.
    pub(super) fn empty(&self, key: &'static str) -> Self {
        Self {
            entries: None,
            place: self.sub_place(key, self.place.span.clone()),
            known: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    pub(super) fn text(&mut self, key: &'static str, out: &mut Findings) -> Given<String> {
        self.parsed(key, out, |text| match text {
            "" => Err(Wrong::new("an empty text says nothing", "write a value, or take the line away")),
            text => Ok(text.to_owned()),
        })
    }

    pub(super) fn duration(&mut self, key: &'static str, out: &mut Findings) -> Given<Duration> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        match value {
            DeValue::String(text) => settle(quantity::duration(text), place, out),
            other => wrong_type(other, "a number with a unit, in quotes: \"300ms\", \"5s\"", &place, out),
        }
    }

    /// A text that must parse as something.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        out: &mut Findings,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Given<T> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        match value {
            DeValue::String(text) => settle(parse(text), place, out),
            other => wrong_type(other, "a text in quotes", &place, out),
        }
    }

    pub(super) fn flag(&mut self, key: &'static str, out: &mut Findings) -> Given<bool> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        match value {
            DeValue::Boolean(value) => Given::Is(At { value: *value, place }),
            other => wrong_type(other, "`true` or `false`", &place, out),
        }
    }

    /// A whole number within a range.
    pub(super) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        out: &mut Findings,
    ) -> Given<u64> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        match value {
            DeValue::Integer(_) => settle(number(value, &range), place, out),
            other => wrong_type(other, "a whole number without quotes", &place, out),
        }
    }

    /// A share: a number from 0 to 1.
    pub(super) fn ratio(&mut self, key: &'static str, out: &mut Findings) -> Given<f64> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        let text = match value {
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            other => return wrong_type(other, "a number from 0 to 1 without quotes", &place, out),
        };
        let parsed = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        let wrong = || Wrong::new("this is no share of a whole", "write a number from 0 to 1, as 0.1");
        settle(parsed.ok_or_else(wrong), place, out)
    }

    /// A list of whole numbers within a range.
    pub(super) fn wholes(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        out: &mut Findings,
    ) -> Given<Vec<u64>> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        let DeValue::Array(items) = value else {
            return wrong_type(value, "a list of whole numbers: [1, 2]", &place, out);
        };
        let numbers: Result<Vec<u64>, Wrong> =
            items.iter().map(|item| number(item.get_ref(), &range)).collect();
        settle(numbers, place, out)
    }

    /// Bytes: a whole number, or a text with a unit.
    pub(super) fn size(&mut self, key: &'static str, min: u64, out: &mut Findings) -> Given<u64> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        let parsed = match value {
            DeValue::Integer(_) => number(value, &(0..=u64::MAX)),
            DeValue::String(text) => quantity::size(text),
            other => return wrong_type(other, "a size: 5000000 or \"5MB\"", &place, out),
        };
        let checked = parsed.and_then(|size| match size {
            size if size < min => {
                let what = format!("{size} is less than the least that works, {min}");
                Err(Wrong::new(what, "write a larger size, or take the line away for the default"))
            }
            size => Ok(size),
        });
        settle(checked, place, out)
    }

    /// A table at a key, to be closed by the caller.
    pub(super) fn table(&mut self, key: &'static str, out: &mut Findings) -> Given<Table<'d>> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        table_of(value, place, out)
    }

    /// Every table of `[[key]]`; nothing when there is none.
    pub(super) fn tables(&mut self, key: &'static str, out: &mut Findings) -> Given<Vec<Table<'d>>> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        let DeValue::Array(items) = value else {
            let wanted = format!("a list of tables: write `[[{key}]]`, in double brackets, for each");
            return wrong_type(value, &wanted, &place, out);
        };
        let mut tables = Vec::new();
        for (nth, item) in items.iter().enumerate() {
            let place = within(&place, format!("{}[{nth}]", place.key), item);
            if let Given::Is(table) = table_of(item.get_ref(), place, out) {
                tables.push(table.value);
            }
        }
        Given::Is(At { value: tables, place })
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str, out: &mut Findings) -> Given<Vec<At<String>>> {
        let Some((value, place)) = self.entry(key) else { return Given::Absent };
        texts_of(value, place, out)
    }

    /// The text at a key, when it is one: for values that may have several types.
    pub(super) fn peek_text(&mut self, key: &'static str) -> Option<At<String>> {
        let (value, place) = self.entry(key)?;
        value.as_str().map(|text| At { value: text.to_owned(), place })
    }

    /// Where a value stands that should be a table and is none: for keys whose value may be a secret.
    pub(super) fn peek_no_table(&mut self, key: &'static str) -> Option<Place> {
        let (value, place) = self.entry(key)?;
        (!value.is_table()).then_some(place)
    }

    /// Every entry, whatever its key: for tables whose keys a person chooses.
    pub(super) fn entries(&self) -> Vec<(At<String>, &'d DeValue<'d>, Place)> {
        let mut entries: Vec<_> = self
            .entries
            .into_iter()
            .flatten()
            .map(|(key, value)| {
                let name = key.get_ref().as_ref();
                let key_place = self.sub_place(name, key.span());
                let place = self.sub_place(name, value.span());
                (At { value: name.to_owned(), place: key_place }, value.get_ref(), place)
            })
            .collect();
        entries.sort_by_key(|(_, _, place)| place.span.start);
        entries
    }

    /// A key of the schema that this version does not have. Refused, because what it asks for would
    /// silently not happen. Tells where it stands, if it does.
    pub(super) fn refuse(
        &mut self,
        key: &'static str,
        what: &str,
        remedy: &str,
        out: &mut Findings,
    ) -> Option<Place> {
        self.refused.push(key);
        let value = self.entries?.get(key)?;
        let place = self.sub_place(key, value.span());
        out.fault(&place, what, remedy);
        Some(place)
    }

    /// Reports the keys that no one asked for.
    pub(super) fn close(self, out: &mut Findings) {
        for (key, value) in self.entries.into_iter().flatten() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) || self.refused.contains(&name) {
                continue;
            }
            let meant = quantity::closest(name, self.known.iter().copied());
            let remedy = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            let what = format!("{} is no key of {}", quoted(name), self.title());
            out.fault(&self.sub_place(name, key.span()), what, remedy);
            // A slip in the name of a secret must not show it.
            if meant.is_none_or(|meant| words::CREDENTIAL_KEYS.contains(&meant)) {
                out.hide(value.span());
            }
        }
    }

    fn entry(&mut self, key: &'static str) -> Option<(&'d DeValue<'d>, Place)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let value = self.entries?.get(key)?;
        Some((value.get_ref(), self.sub_place(key, value.span())))
    }

    fn sub_place(&self, key: &str, span: std::ops::Range<usize>) -> Place {
        let dot = if self.place.key.is_empty() { "" } else { "." };
        let key = format!("{}{dot}{}", self.place.key, bare_or_quoted(key));
        Place { source: self.place.source.clone(), span, key }
    }

    fn title(&self) -> String {
        if self.place.key.is_empty() { "the file".to_owned() } else { format!("`{}`", self.place.key) }
    }
}

/// A value that should be a list of texts.
pub(super) fn texts_of(value: &DeValue<'_>, place: Place, out: &mut Findings) -> Given<Vec<At<String>>> {
    let DeValue::Array(items) = value else {
        return wrong_type(value, "a list of texts: [\"a\", \"b\"]", &place, out);
    };
    let mut texts = Vec::new();
    for (nth, item) in items.iter().enumerate() {
        let place = within(&place, format!("{}[{nth}]", place.key), item);
        match item.get_ref() {
            DeValue::String(text) => texts.push(At { value: text.clone().into_owned(), place }),
            other => drop(wrong_type::<()>(other, "a text in quotes", &place, out)),
        }
    }
    // A list of nothing but wrong values is not an empty list.
    if texts.is_empty() && !items.is_empty() {
        return Given::Faulty;
    }
    Given::Is(At { value: texts, place })
}

/// A value that should be a table.
pub(super) fn table_of<'d>(value: &'d DeValue<'d>, place: Place, out: &mut Findings) -> Given<Table<'d>> {
    match value {
        DeValue::Table(entries) => Given::Is(At {
            value: Table {
                entries: Some(entries),
                place: place.clone(),
                known: Vec::new(),
                refused: Vec::new(),
            },
            place,
        }),
        other => wrong_type(other, "a table", &place, out),
    }
}

fn settle<T>(parsed: Result<T, Wrong>, place: Place, out: &mut Findings) -> Given<T> {
    match parsed {
        Ok(value) => Given::Is(At { value, place }),
        Err(wrong) => {
            out.fault(&place, wrong.what, wrong.remedy);
            Given::Faulty
        }
    }
}

fn wrong_type<T>(value: &DeValue<'_>, wanted: &str, place: &Place, out: &mut Findings) -> Given<T> {
    let found = match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    out.fault(place, format!("{found} stands here"), format!("this key takes {wanted}"));
    Given::Faulty
}

fn number(value: &DeValue<'_>, range: &RangeInclusive<u64>) -> Result<u64, Wrong> {
    let (min, max) = (*range.start(), *range.end());
    let parsed = value.as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
    match parsed {
        Some(number) if range.contains(&number) => Ok(number),
        _ if max == u64::MAX => {
            Err(Wrong::new("this number does not fit", format!("write a whole number from {min}")))
        }
        _ => Err(Wrong::new("this number does not fit", format!("write a whole number from {min} to {max}"))),
    }
}

fn within<T>(place: &Place, key: String, value: &Spanned<T>) -> Place {
    Place { source: place.source.clone(), span: value.span(), key }
}

/// A key as a path names it: short, and safe to print.
fn bare_or_quoted(key: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let is_bare = (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(is_plain);
    if is_bare {
        return key.to_owned();
    }
    let cut = if key.chars().nth(KEY_CHARS_MAX).is_some() { "..." } else { "" };
    let short: String = key.chars().take(KEY_CHARS_MAX).collect();
    format!("{:?}", short + cut)
}
