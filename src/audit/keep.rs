//! Records that are no longer kept: whole bundles of them, the oldest first. Their hashes stay, so every proof over the
//! rest and over the whole is what it was, and a record of the log says up to where records are gone: verification takes
//! no other one's word for it (`verify`).

use std::io;
use std::time::SystemTime;

use super::disk::Disk;
use super::json::Json;
use super::read::{ReadError, Reader, Stored};
use super::record::{Event, Record};
use super::search::{time, value};
use super::tile::{self, WIDTH};

/// Bundles that one step looks at. A bundle has 256 records.
const BUNDLES_MAX: u64 = 4096;

/// The key, in the details of the record, of the first record that is kept.
const BEFORE: &str = "before";

/// Up to where every record is older than this, of whole bundles from `from` on, as far as one step looks. Bundles that
/// are gone already are older.
pub fn old(disk: &dyn Disk, from: u64, size: u64, than: SystemTime) -> Result<u64, ReadError> {
    let reader = Reader::new(disk, size);
    let mut before = from;
    for number in (from / WIDTH..size / WIDTH).take(BUNDLES_MAX as usize) {
        match reader.bundle(number) {
            Ok((records, _)) => {
                let is_old =
                    records.last().and_then(value).and_then(|last| time(&last)).is_some_and(|at| at < than);
                if !is_old {
                    break;
                }
            }
            Err(ReadError::File { why, .. }) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
        before = (number + 1) * WIDTH;
    }
    Ok(before)
}

/// What says that records before this one are gone.
pub fn record(before: u64) -> Record {
    Record { details: Json::map([(BEFORE, Json::Whole(before))]), ..Record::of(Event::PRUNED) }
}

/// Up to where records are gone, if this record says that.
pub fn said(record: &Stored) -> Option<u64> {
    // Nearly all say something else, which their bytes tell sooner.
    memchr::memmem::find(&record.bytes, Event::PRUNED.as_str().as_bytes())?;
    let value = value(record)?;
    let is_pruned = value.get("event")?.as_str()? == Event::PRUNED.as_str();
    value.get("details")?.get(BEFORE)?.as_u64().filter(|_| is_pruned)
}

/// Takes these records away, once a checkpoint speaks of the record that says so. Answers with how many bytes they had.
pub fn take_away(disk: &dyn Disk, from: u64, before: u64) -> io::Result<u64> {
    let mut bytes = 0;
    for number in from / WIDTH..before / WIDTH {
        let name = tile::of_entries(number, WIDTH);
        match disk.read(&name) {
            Ok(bundle) => {
                disk.remove(&name)?;
                bytes += bundle.len() as u64;
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
    }
    Ok(bytes)
}

/// Whether any of these records is there.
pub fn is_any_there(disk: &dyn Disk, from: u64, before: u64) -> bool {
    let mut numbers = from / WIDTH..before / WIDTH;
    numbers.any(|number| disk.read(&tile::of_entries(number, WIDTH)).is_ok())
}
