//! Files as a log needs them: whole ones that are either there or not, and one that grows. Everything is on the disk
//! when a call returns. Behind a trait, so that a test can take the disk away.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// No file of a log is larger: a bundle of 256 records of 64 kB each, and a journal that is cut at as much.
pub const FILE_BYTES_MAX: u64 = 128 << 20;

/// Folders within folders of a log: `tile/entries/x001/x234/067.p/7`, with room.
const DEPTH_MAX: usize = 12;

/// How a file is called until it is whole.
const BESIDE: &str = ".new";

/// How the folder of states of a file is called that is not full.
const PARTIAL: &str = ".p";

/// A folder of files, by their names in it.
pub trait Disk: Send + Sync + fmt::Debug {
    /// A whole file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Puts a whole file there, or leaves what was there.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Puts bytes at a place of a file that ends there; what a write that failed left behind is cut off first.
    fn append(&self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file off.
    fn truncate(&self, name: &str, to: u64) -> io::Result<()>;

    /// Takes a file away, if it is there.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A folder of the operating system.
pub struct Folder {
    path: PathBuf,
    /// The file that grows stays open.
    growing: Mutex<Option<(String, File)>>,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Folder").field(&self.path).finish()
    }
}

impl Folder {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), growing: Mutex::new(None) }
    }

    /// The same, made if it is not there: for its owner alone.
    pub fn make(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        make_folders(&path)?;
        Ok(Self::at(path))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock of the one who may write here, held as long as what is returned.
    pub fn lock(&self, name: &str) -> io::Result<File> {
        let file = open_own().truncate(false).open(self.path.join(name))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// A secret, for its owner alone.
    pub fn write_secret(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.path.join(name);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync_folder(&self.path)
    }

    /// Another name for a file.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        sync_folder(&self.path)
    }

    /// Bytes of all files here.
    pub fn used(&self) -> io::Result<u64> {
        let (mut folders, mut bytes) = (vec![(self.path.clone(), 0)], 0u64);
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() && depth < DEPTH_MAX {
                    folders.push((entry.path(), depth + 1));
                } else if kind.is_file() {
                    bytes = bytes.saturating_add(entry.metadata()?.len());
                }
            }
        }
        Ok(bytes)
    }

    /// Takes away what a process that was killed has left: files that were not whole yet, and folders of states of
    /// those files that `is_done` names.
    pub fn sweep(&self, is_done: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let mut folders = vec![(self.path.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let name = folder.strip_prefix(&self.path).ok().and_then(Path::to_str).unwrap_or_default();
            let is_over = name.strip_suffix(PARTIAL).is_some_and(is_done);
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                let is_beside = entry.file_name().to_string_lossy().ends_with(BESIDE);
                if kind.is_dir() && depth < DEPTH_MAX {
                    folders.push((entry.path(), depth + 1));
                } else if kind.is_file() && (is_over || is_beside) {
                    fs::remove_file(entry.path())?;
                }
            }
            if is_over {
                fs::remove_dir(&folder)?;
            }
        }
        Ok(())
    }

    /// Makes the folder of a file, and sees to it that it stays.
    fn make_folder_of(&self, file: &Path) -> io::Result<()> {
        let Some(folder) = file.parent() else { return Ok(()) };
        if folder.is_dir() {
            return Ok(());
        }
        make_folders(folder)?;
        for made in folder.ancestors().take_while(|made| *made != self.path.as_path()) {
            made.parent().map_or(Ok(()), sync_folder)?;
        }
        Ok(())
    }
}

impl Disk for Folder {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        self.make_folder_of(&path)?;
        // Beside its place and not in a folder of its own, so that it is never renamed across a mount.
        let mut beside = path.clone().into_os_string();
        beside.push(BESIDE);
        let mut file = open_own().truncate(true).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, &path)?;
        path.parent().map_or(Ok(()), sync_folder)
    }

    fn append(&self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = growing.as_ref().is_some_and(|(open, _)| open == name);
        if !is_open {
            let path = self.path.join(name);
            let is_new = !path.exists();
            let file = open_own().truncate(false).read(true).open(&path)?;
            if is_new {
                sync_folder(&self.path)?;
            }
            *growing = Some((name.to_owned(), file));
        }
        let Some((_, file)) = growing.as_ref() else { return Err(io::ErrorKind::NotFound.into()) };
        if file.metadata()?.len() != at {
            file.set_len(at)?;
        }
        file.write_all_at(bytes, at)?;
        file.sync_data()
    }

    fn truncate(&self, name: &str, to: u64) -> io::Result<()> {
        match OpenOptions::new().write(true).open(self.path.join(name)) {
            Ok(file) => {
                file.set_len(to)?;
                file.sync_all()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What people did is for the owner of the folder alone, whatever the process leaves to others otherwise. A folder that
/// is there already stays as its owner made it.
fn make_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The same for a file that is written.
fn open_own() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

/// Names of new files stay only when their folder is written out.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
