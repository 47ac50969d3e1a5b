//! The files of a log (C2SP tlog-tiles): hashes in tiles of 256, records in bundles of 256, each found by its number.
//! A file that is full never changes again; the last of each level has its width in its name.

use super::tree::{Hash, leaf, node};

/// Hashes of a full tile, records of a full bundle.
pub const WIDTH: u64 = 256;

/// log2 of it.
pub const HEIGHT: u32 = 8;

/// Bytes of one hash.
pub const HASH_BYTES: usize = 32;

/// Bytes of one record: its length is written with two bytes.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Levels of tiles that 2^64 records would need.
pub const LEVELS_MAX: u32 = 8;

/// Where a tile of hashes lies; `width` of a full one is 256.
pub fn of_hashes(level: u32, number: u64, width: u64) -> String {
    format!("tile/{level}/{}", numbered(number, width))
}

/// Where the records of a bundle lie.
pub fn of_entries(number: u64, width: u64) -> String {
    format!("tile/entries/{}", numbered(number, width))
}

/// 1234067 is `x001/x234/067`.
fn numbered(number: u64, width: u64) -> String {
    let mut text = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH {
        text.push_str(&format!(".p/{width}"));
    }
    text
}

/// What a file of a log holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// None of records.
    pub level: Option<u32>,
    pub number: u64,
    pub width: u64,
}

/// Reads what `of_hashes` and `of_entries` write, and nothing else: it may come from outside.
pub fn named(name: &str) -> Option<Named> {
    let (level, rest) = name.strip_prefix("tile/")?.split_once('/')?;
    let level = if level == "entries" { None } else { Some(level.parse().ok()?) };
    let (path, width) = rest.split_once(".p/").map_or((rest, None), |(path, width)| (path, Some(width)));
    let width = width.map_or(Some(WIDTH), |width| width.parse().ok())?;
    let mut number = 0u64;
    for part in path.split('/') {
        let part: u64 = part.trim_start_matches('x').parse().ok()?;
        number = number.checked_mul(1000)?.checked_add(part)?;
    }
    let of = level.map_or_else(|| of_entries(number, width), |level| of_hashes(level, number, width));
    let is_one = of == name && width > 0 && level.unwrap_or(0) < LEVELS_MAX;
    is_one.then_some(Named { level, number, width })
}

/// How wide tile `number` of a level is in a tree of so many leaves.
pub fn width(level: u32, number: u64, size: u64) -> u64 {
    let hashes = size.checked_shr(level * HEIGHT).unwrap_or(0);
    hashes.saturating_sub(number.saturating_mul(WIDTH)).min(WIDTH)
}

/// A record as it stands in a bundle.
pub fn put_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else { return false };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// The records of a bundle with the offset at which each begins, and how many bytes at the end are none.
pub fn entries(bundle: &[u8]) -> (Vec<(u64, &[u8])>, usize) {
    let (mut rest, mut found) = (bundle, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let Some((entry, after)) = after.split_at_checked(u16::from_be_bytes(*length).into()) else { break };
        found.push(((bundle.len() - rest.len()) as u64, entry));
        rest = after;
    }
    (found, rest.len())
}

/// The hashes of a tile; nothing where its length is no multiple of theirs.
pub fn hashes(tile: &[u8]) -> Option<Vec<Hash>> {
    let (whole, rest) = tile.as_chunks::<HASH_BYTES>();
    rest.is_empty().then(|| whole.iter().map(|bytes| Hash(*bytes)).collect())
}

pub fn to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The root of a full tile, or of any number of hashes that is a power of two.
pub fn root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node(*left, *right),
                other => other.first().copied().unwrap_or_else(super::tree::empty),
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(super::tree::empty)
}

/// The hashes of records.
pub fn leaves<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Vec<Hash> {
    entries.into_iter().map(leaf).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_found_by_its_number() {
        assert_eq!(of_hashes(0, 0, 256), "tile/0/000");
        assert_eq!(of_hashes(3, 1_234_067, 256), "tile/3/x001/x234/067");
        assert_eq!(of_hashes(1, 1000, 7), "tile/1/x001/000.p/7");
        assert_eq!(of_entries(256, 1), "tile/entries/256.p/1");
        assert_eq!(
            [width(0, 0, 70_000), width(0, 273, 70_000), width(1, 1, 70_000), width(2, 0, 70_000)],
            [256, 112, 17, 1]
        );
        assert_eq!([width(0, 274, 70_000), width(3, 0, 70_000), width(9, 0, 70_000)], [0, 0, 0]);
    }

    #[test]
    fn a_name_is_read_in_its_one_spelling() {
        for (level, number, width) in [(0, 0, 256), (3, 1_234_067, 256), (1, 1000, 7), (7, 999, 255)] {
            let read = named(&of_hashes(level, number, width));
            assert_eq!(read, Some(Named { level: Some(level), number, width }));
            assert_eq!(named(&of_entries(number, width)), Some(Named { level: None, number, width }));
        }
        for other in [
            "tile/0/0",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/007",
            "tile/8/000",
            "tile/00/000",
            "tile/0/../../key.pem",
            "tile/0/x000/000",
            "tile/0/xx001/000",
            "tile/-1/000",
            "tile/entries/",
            "tile/0/000/",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "key.pem",
        ] {
            assert_eq!(named(other), None, "{other}");
        }
    }

    #[test]
    fn records_are_found_again_in_their_bundle() {
        let mut bundle = Vec::new();
        for entry in [b"one".as_slice(), b"", b"three"] {
            assert!(put_entry(&mut bundle, entry));
        }
        let expected: Vec<(u64, &[u8])> = vec![(0, b"one"), (5, b""), (7, b"three")];
        assert_eq!(entries(&bundle), (expected, 0));
        let (found, rest) = entries(&bundle[..bundle.len() - 1]);
        assert_eq!((found.len(), rest), (2, 6));
        assert!(!put_entry(&mut bundle, &vec![0; ENTRY_BYTES_MAX + 1]));
    }
}
