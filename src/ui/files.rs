//! The files of the page, in the executable, and their addresses.
//!
//! One digest over all of them is a part of every address: files name each other by relative paths, so that a change in
//! one is another address of all, and no file of one version ever meets one of another.

use std::sync::LazyLock;

/// Digits of the digest in an address: enough that two versions never share one.
const DIGEST_DIGITS: usize = 16;

/// What a browser is told that it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Html,
    Script,
    Style,
    Image,
    Text,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Image => "image/svg+xml",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// One file of the page.
#[derive(Debug)]
pub struct File {
    pub name: &'static str,
    pub kind: Kind,
    pub bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal $kind:ident,)*) => {
        [$(File { name: $name, kind: Kind::$kind, bytes: include_bytes!(concat!("assets/", $name)) }),*]
    };
}

pub static FILES: [File; 16] = files![
    "page.css" Style,
    "icon.svg" Image,
    "main.js" Script,
    "ask.js" Script,
    "caller.js" Script,
    "estate.js" Script,
    "search.js" Script,
    "complete.js" Script,
    "trace.js" Script,
    "model.js" Script,
    "waterfall.js" Script,
    "report.js" Script,
    "span.js" Script,
    "words.js" Script,
    "lit-html.js" Script,
    "lit-html.LICENSE" Text,
];

static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for file in &FILES {
        hasher.update(file.name.as_bytes());
        hasher.update(&(file.bytes.len() as u64).to_le_bytes());
        hasher.update(file.bytes);
    }
    hasher.finalize().to_hex().chars().take(DIGEST_DIGITS).collect()
});

/// Where a file is.
pub fn address(name: &str) -> String {
    format!("/ui/files/{}/{name}", *DIGEST)
}
