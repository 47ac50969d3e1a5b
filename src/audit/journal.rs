//! The journal: records that are acknowledged and not yet in tiles, in the batches in which they were written. A batch
//! is whole or it is not there: its sum says which, and one that is not was acknowledged to nobody.

use super::tile;

/// How every batch begins.
const MAGIC: &[u8; 8] = b"tuttiJ1\n";

/// The bytes before the records of a batch: how it begins, its sum, its first number, how many, how long.
const HEAD_BYTES: usize = 8 + 4 + 8 + 4 + 4;

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
    /// Whether what follows the last whole batch has all its bytes, and not those that its sum is of: somebody changed
    /// it, or the disk wrote its end before what comes before that. A write that was cut off is shorter.
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
    let mut head = first.to_be_bytes().to_vec();
    head.extend_from_slice(&u32::try_from(entries.len()).ok()?.to_be_bytes());
    head.extend_from_slice(&u32::try_from(body.len()).ok()?.to_be_bytes());
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&sum(&head, &body).to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(&body);
    Some(out)
}

fn sum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
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
    read.is_wrong = head(rest).is_some_and(|head| rest.len() >= HEAD_BYTES + head.length);
    read
}

/// What stands before the records of a batch.
struct Head {
    sum: u32,
    first: u64,
    count: usize,
    length: usize,
}

fn head(bytes: &[u8]) -> Option<Head> {
    let (sum, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
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
    let summed = rest.get(HEAD_BYTES - 16..HEAD_BYTES)?;
    if sum(summed, body) != written {
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
        // As a disk may leave it: the end is there, and what comes before is not.
        let mut torn = whole.clone();
        torn[last + 9] ^= 1;
        let read = read(&torn);
        assert_eq!((read.batches.len(), read.damaged_at, read.is_wrong), (2, None, true));
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
