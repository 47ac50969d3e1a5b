//! What lies outside the configuration file: the environment, secrets, certificates, folders. Remembers
//! everything it looked at and how it was, so that a watch knows when to look again.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::credentials::GivenSecret;
use super::fault::{Findings, quoted};
use super::given::At;
use super::words;

/// A configuration of a hundred regions has some 50 kB; a larger file is another file.
pub(super) const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Tokens and passwords are sent in a header, and headers end at 8 or 16 kB nearly everywhere.
const SECRET_BYTES_MAX: u64 = 16 << 10;
/// The certificates of a whole operating system are some 250 kB.
pub(super) const PEM_BYTES_MAX: u64 = 1 << 20;
/// A folder of policies with more entries is another folder.
pub(super) const FOLDER_ENTRIES_MAX: usize = 1000;

/// The environment, as far as a configuration asks for it.
pub type Environment<'e> = &'e (dyn Fn(&str) -> Option<String> + Sync);

/// The environment of this process.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Every file and folder a configuration was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    looked_at: Vec<Look>,
}

/// One look at a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    path: PathBuf,
    at: LookAt,
    print: Print,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookAt {
    /// A file larger than this counts as unreadable, at every look alike.
    File {
        bytes_max: u64,
    },
    Folder,
}

/// How a file or folder was: what it held, or that it could not be read. Contents and not times,
/// because a file may be replaced by an older one and within one tick of a clock.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Print(Option<blake3::Hash>);

/// The world as seen from one configuration file.
pub(super) struct World<'e> {
    /// Paths are relative to the folder of the file that names them.
    base: PathBuf,
    environment: Environment<'e>,
    pub sources: Sources,
}

impl fmt::Debug for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Print(read)" } else { "Print(unreadable)" })
    }
}

impl Sources {
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.looked_at.iter().filter(|look| look.at != LookAt::Folder).map(|look| look.path.as_path())
    }

    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.looked_at.iter().filter(|look| look.at == LookAt::Folder).map(|look| look.path.as_path())
    }

    /// The same files and folders as they are now.
    pub(super) fn looked_at_again(&self) -> Self {
        let again = |look: &Look| {
            let print = match look.at {
                LookAt::File { bytes_max } => print_of(&read_capped(&look.path, bytes_max)),
                LookAt::Folder => print_of_names(&names_in(&look.path)),
            };
            Look { print, ..look.clone() }
        };
        Self { looked_at: self.looked_at.iter().map(again).collect() }
    }
}

impl<'e> World<'e> {
    pub(super) fn around(file: &Path, environment: Environment<'e>) -> Self {
        let base = file.parent().unwrap_or(Path::new("")).to_owned();
        Self { base, environment, sources: Sources::default() }
    }

    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.base.join(written)
    }

    /// Bytes of a file; the error is a sentence's end ("does not exist").
    pub(super) fn read(&mut self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
        let read = read_capped(path, bytes_max);
        let at = LookAt::File { bytes_max };
        self.sources.looked_at.push(Look { path: path.to_owned(), at, print: print_of(&read) });
        read.map_err(|error| why(&error))
    }

    /// Names in a folder, sorted.
    pub(super) fn names(&mut self, path: &Path) -> Result<Vec<String>, String> {
        let names = names_in(path);
        let print = print_of_names(&names);
        self.sources.looked_at.push(Look { path: path.to_owned(), at: LookAt::Folder, print });
        names.map_err(|error| why(&error))
    }

    /// Whether a name in a folder that was looked at is a folder itself.
    pub(super) fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    /// A secret from where it lies, that can be sent in a header. `Inline` is for the caller to allow.
    pub(super) fn secret(&mut self, given: &GivenSecret, out: &mut Findings) -> Option<SecretString> {
        let (text, at) = self.secret_text(given, out)?;
        if !words::is_header_value(&text) {
            let remedy = "use printable ASCII characters only, in one line";
            out.secret_fault(&at.place, "the value cannot be sent in a header", remedy);
            return None;
        }
        Some(SecretString::from(text))
    }

    /// A secret that may have several lines, as a key in PEM has.
    pub(super) fn secret_in_lines(
        &mut self,
        given: &GivenSecret,
        out: &mut Findings,
    ) -> Option<SecretString> {
        self.secret_text(given, out).map(|(text, _)| SecretString::from(text))
    }

    fn secret_text<'g>(
        &mut self,
        given: &'g GivenSecret,
        out: &mut Findings,
    ) -> Option<(String, &'g At<String>)> {
        let (text, at) = match given {
            GivenSecret::Environment(name) => (self.secret_of_environment(name, out)?, name),
            GivenSecret::File(path) => (self.secret_of_file(path, out)?, path),
            GivenSecret::Inline(text) => (text.value.clone(), text),
        };
        if text.is_empty() {
            out.fault(&at.place, "the value is empty", "put the secret there");
            return None;
        }
        Some((text, at))
    }

    fn secret_of_environment(&self, name: &At<String>, out: &mut Findings) -> Option<String> {
        let value = (self.environment)(&name.value);
        if value.is_none() {
            let what = format!("environment variable {} is not set", quoted(&name.value));
            out.fault(&name.place, what, "set it for the gateway's process, or write `{ file = \"path\" }`");
        }
        value
    }

    /// Without the line break that editors and `echo` leave at the end.
    fn secret_of_file(&mut self, at: &At<String>, out: &mut Findings) -> Option<String> {
        let bytes = self.file(at, SECRET_BYTES_MAX, out)?;
        match String::from_utf8(bytes) {
            Ok(text) => Some(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(_) => {
                out.fault(
                    &at.place,
                    format!("file {} is no text", quoted(&at.value)),
                    "put the secret there as text",
                );
                None
            }
        }
    }

    /// The bytes of a file that is named at `at`.
    pub(super) fn file(&mut self, at: &At<String>, bytes_max: u64, out: &mut Findings) -> Option<Vec<u8>> {
        let path = self.path(&at.value);
        match self.read(&path, bytes_max) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let remedy = "a path is relative to the folder of this file; the gateway's user must be able to read it";
                out.fault(&at.place, format!("file {} {why}", quoted(&at.value)), remedy);
                None
            }
        }
    }
}

fn read_capped(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn names_in(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)?.take(FOLDER_ENTRIES_MAX + 1) {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn print_of(read: &io::Result<Vec<u8>>) -> Print {
    Print(read.as_ref().ok().map(|bytes| blake3::hash(bytes)))
}

fn print_of_names(names: &io::Result<Vec<String>>) -> Print {
    Print(names.as_ref().ok().map(|names| blake3::hash(names.join("/").as_bytes())))
}

/// The end of a sentence that begins with the file.
fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read".to_owned(),
        io::ErrorKind::IsADirectory => "is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "is no folder".to_owned(),
        io::ErrorKind::FileTooLarge => "is too large to be what it should be".to_owned(),
        _ => format!("cannot be read ({error})"),
    }
}
