//! A record as it stands in the log: its canonical text, in which the hash of the record before it is put at the moment
//! it is written. So every record says what came before, also where the tree is not at hand.

use super::json::{Json, Map};
use super::tree::{Hash, leaf};

/// The key of the hash of the record before.
pub const PREVIOUS: &str = "prev";

/// A record that waits for its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Up to where the hash belongs, and from there on.
    before: String,
    after: String,
}

impl Entry {
    /// Of a record's fields, to which the hash is added.
    pub fn of(fields: Map) -> Self {
        let (mut before, mut after) = (String::from("{"), String::new());
        for (key, value) in fields {
            let is_before = key.as_str() < PREVIOUS;
            let part = if is_before { &mut before } else { &mut after };
            if !is_before {
                part.push(',');
            }
            super::json::write_text(&key, part);
            part.push(':');
            value.write(part);
            if is_before {
                part.push(',');
            }
        }
        after.push('}');
        Self { before, after }
    }

    /// Bytes it will have.
    pub fn len(&self) -> usize {
        self.before.len() + self.after.len() + PREVIOUS.len() + "\"\":\"\"".len() + 44
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    /// With the hash of the record before it.
    pub fn after(&self, previous: Hash) -> Vec<u8> {
        let Self { before, after } = self;
        format!("{before}\"{PREVIOUS}\":\"{}\"{after}", previous.to_base64()).into_bytes()
    }
}

/// What the first record of a log has in place of the hash of one before.
pub fn beginning(origin: &str) -> Hash {
    Hash::of(origin.as_bytes())
}

/// The hash by which the next record names this one.
pub fn hash(entry: &[u8]) -> Hash {
    leaf(entry)
}

/// What a record says of the one before, and whether it is written in the one way it can be.
pub fn look(entry: &[u8]) -> Result<(Hash, serde_json::Value), Fault> {
    let value: serde_json::Value = serde_json::from_slice(entry).map_err(|_| Fault::NoJson)?;
    let previous = value.get(PREVIOUS).and_then(|text| Hash::from_base64(text.as_str()?));
    let previous = previous.ok_or(Fault::NoPrevious)?;
    let is_canonical = Json::of(&value).is_some_and(|json| json.canonical().as_bytes() == entry);
    if is_canonical { Ok((previous, value)) } else { Err(Fault::NotCanonical) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("it is no JSON")]
    NoJson,
    #[error("it does not say which record was before it")]
    NoPrevious,
    #[error("it is not in canonical form")]
    NotCanonical,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_canonical_with_the_hash_in_its_place() {
        for keys in [vec!["a", "z"], vec!["a"], vec!["z"], vec!["preu", "prew", "b"]] {
            let fields: Map = keys.iter().map(|key| ((*key).to_owned(), Json::text("x"))).collect();
            let entry = Entry::of(fields);
            let bytes = entry.after(Hash::of(b"before"));
            let (previous, value) = look(&bytes).unwrap();
            assert_eq!((previous, bytes.len()), (Hash::of(b"before"), entry.len()), "{keys:?}");
            assert_eq!(value.as_object().unwrap().len(), keys.len() + 1);
        }
    }

    #[test]
    fn what_is_no_record_is_named() {
        assert_eq!(look(b"{").unwrap_err(), Fault::NoJson);
        assert_eq!(look(b"{}").unwrap_err(), Fault::NoPrevious);
        let bytes = Entry::of(Map::new()).after(Hash::of(b""));
        let spaced = String::from_utf8(bytes).unwrap().replace(':', ": ");
        assert_eq!(look(spaced.as_bytes()).unwrap_err(), Fault::NotCanonical);
    }
}
