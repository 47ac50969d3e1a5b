//! The journal: records that are acknowledged and not yet in tiles, in the batches in which they were written. A batch
//! is whole or it is not there: its sum says which, and one that is not was acknowledged to nobody. What stands before
//! the records has a sum of its own, so that a length that was changed is not taken for a write that was cut off.

use super::tile;

/// How every batch begins.
const MAGIC: &[u8; 8] = b"tuttiJ2\n";

/// The bytes before the records of a batch: how it begins, the sum of what follows up to the records, the sum of the
/// records, the first number, how many, how long.
const HEAD_BYTES: usize = 8 + 4 + SUMMED_BYTES;

/// As many of those have a sum.
const SUMMED_BYTES: usize = 4 + 8 + 4 + 4;

/// Records that were written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where it begins in the journal.
    pub at: u64,
    pub first: u64,
    pub entries: Vec<Vec<u8>>,
}

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Read {
    pub batches: Vec<Batch>,
    /// Where the last whole batch ends.
    pub end: u64,
    /// Where a batch is damaged that whole ones follow: that is no write that was cut off.
    pub damaged_at: Option<u64>,
    /// Whether what follows the last whole batch is no beginning of one: somebody changed it, or the disk wrote its end
    /// before what comes before that. A write that was cut off is as it began, and shorter.
    pub is_wrong: bool,
}

/// A batch as it is written; none where it would be too long.
pub fn batch(first: u64, entries: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(entries.iter().map(|entry| entry.len() + 2).sum());
    for entry in entries {
        if !tile::put_entry(&mut body, entry) {
            return None;
        }
    }
    let mut summed = crc32fast::hash(&body).to_be_bytes().to_vec();
    summed.extend_from_slice(&first.to_be_bytes());
    summed.extend_from_slice(&u32::try_from(entries.len()).ok()?.to_be_bytes());
    summed.extend_from_slice(&u32::try_from(body.len()).ok()?.to_be_bytes());
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&crc32fast::hash(&summed).to_be_bytes());
    out.extend_from_slice(&summed);
    out.extend_from_slice(&body);
    Some(out)
}

/// Reads as far as batches are whole.
pub fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    while let Some((batch, length)) = one(bytes, read.end) {
        read.batches.push(batch);
        read.end += length;
    }
    let rest = usize::try_from(read.end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
    let begins = memchr::memmem::find_iter(rest, MAGIC).skip_while(|at| *at == 0);
    let is_followed = |at: usize| one(bytes, read.end + at as u64).is_some();
    if begins.into_iter().any(is_followed) {
        read.damaged_at = Some(read.end);
    }
    read.is_wrong = !is_cut_off(rest);
    read
}

/// Whether these bytes, which are no whole batch, are the beginning of one, as far as that can be told: no sum is of
/// less than a head.
fn is_cut_off(rest: &[u8]) -> bool {
    if rest.len() < HEAD_BYTES {
        return rest.iter().zip(MAGIC).all(|(is, of)| is == of);
    }
    head(rest).is_some_and(|head| rest.len() < HEAD_BYTES + head.length)
}

/// What stands before the records of a batch.
struct Head {
    sum: u32,
    first: u64,
    count: usize,
    length: usize,
}

/// None too where it is not as its sum says.
fn head(bytes: &[u8]) -> Option<Head> {
    let (of_head, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    if crc32fast::hash(rest.get(..SUMMED_BYTES)?) != u32::from_be_bytes(*of_head) {
        return None;
    }
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    Some(Head {
        sum: u32::from_be_bytes(*sum),
        first: u64::from_be_bytes(*first),
        count: u32::from_be_bytes(*count) as usize,
        length: u32::from_be_bytes(*length) as usize,
    })
}

/// The batch that begins there, and its length.
fn one(bytes: &[u8], at: u64) -> Option<(Batch, u64)> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let Head { sum: written, first, count, length } = head(rest)?;
    let body = rest.get(HEAD_BYTES..)?.get(..length)?;
    if crc32fast::hash(body) != written {
        return None;
    }
    let (entries, over) = tile::entries(body);
    if over != 0 || entries.len() != count {
        return None;
    }
    let entries = entries.into_iter().map(|(_, entry)| entry.to_vec()).collect();
    Some((Batch { at, first, entries }, (HEAD_BYTES + length) as u64))
}

/// Where the records of a batch begin in it.
pub fn body_at(batch: &Batch) -> u64 {
    batch.at + HEAD_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        let of = |first, entries: &[&str]| {
            batch(first, &entries.iter().map(|entry| entry.as_bytes().to_vec()).collect::<Vec<_>>()).unwrap()
        };
        [of(7, &["a", "b"]), of(9, &["c"]), of(10, &["d", "", "f"])].concat()
    }

    #[test]
    fn batches_are_read_as_they_were_written() {
        let read = read(&three());
        assert_eq!(read.batches.iter().map(|batch| batch.first).collect::<Vec<_>>(), [7, 9, 10]);
        assert_eq!(read.batches[2].entries, [b"d".to_vec(), vec![], b"f".to_vec()]);
        assert_eq!((read.end, read.damaged_at), (three().len() as u64, None));
    }

    #[test]
    fn a_write_that_was_cut_off_anywhere_leaves_what_was_before() {
        let (whole, last) = (three(), read(&three()).batches[2].at as usize);
        for length in last..whole.len() {
            let read = read(&whole[..length]);
            assert_eq!((read.batches.len(), read.end as usize, read.damaged_at), (2, last, None), "{length}");
            assert!(!read.is_wrong, "{length}");
        }
    }

    /// Also where it is its beginning or its length that says so: a write that was cut off is not changed.
    #[test]
    fn a_last_batch_of_which_any_byte_was_changed_is_not_taken_for_one_that_was_cut_off() {
        let (whole, last) = (three(), read(&three()).batches[2].at as usize);
        for at in last..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                let read = read(&changed);
                assert_eq!((read.batches.len(), read.damaged_at, read.is_wrong), (2, None, true), "{at}");
                assert_eq!(read.end as usize, last);
            }
        }
        // As a disk may leave it: as long as it was to be, and nothing in it.
        let blank = [&whole[..last], vec![0; whole.len() - last].as_slice()].concat();
        assert!(read(&blank).is_wrong && !read(&whole).is_wrong);
    }

    #[test]
    fn a_damaged_batch_before_whole_ones_is_no_cut_off_write() {
        for at in 0..read(&three()).batches[1].at as usize {
            let mut damaged = three();
            damaged[at] ^= 0x10;
            assert_eq!(read(&damaged).damaged_at, Some(0), "{at}");
        }
    }
}
