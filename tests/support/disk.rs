//! A disk for an audit log that can be full.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tutti::audit::disk::{Disk, Folder};

/// A disk that is full from the moment at which it is said to be.
pub fn weak(folder: Folder, is_full: Arc<AtomicBool>) -> Arc<dyn Disk> {
    Arc::new(Weak(folder, is_full))
}

/// A disk that can be full.
#[derive(Debug)]
struct Weak(Folder, Arc<AtomicBool>);

impl Weak {
    fn check(&self) -> io::Result<()> {
        if self.1.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for Weak {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.check().and_then(|()| self.0.write(name, bytes))
    }

    fn append(&self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.check().and_then(|()| self.0.append(name, at, bytes))
    }

    fn truncate(&self, name: &str, to: u64) -> io::Result<()> {
        self.check().and_then(|()| self.0.truncate(name, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
}
