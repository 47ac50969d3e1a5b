//! A key that makes tokens for development, and its public half as an issuer publishes it: made where there is none
//! yet, so that the first token is one command away.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::world::{Environment, World};
use crate::identity::publish;
use crate::proof::SigningKey;

/// A private key in PEM is some 120 bytes.
const KEY_BYTES_MAX: u64 = 64 << 10;

/// A key, and what of it a configuration names.
#[derive(Debug)]
pub struct DevelopmentKey {
    pub key: SigningKey,
    /// The file with its public half, as `jwks_file` takes it.
    pub published: PathBuf,
    /// It was made just now.
    pub is_new: bool,
}

/// Reads the key at `path`, or makes one there that only its owner can read. Its public half stands beside it, with
/// `.jwks.json` for an ending.
pub fn development_key(path: &Path) -> Result<DevelopmentKey, String> {
    let (key, is_new) = match path.exists() {
        true => (read(path)?, false),
        false => (make(path)?, true),
    };
    let published = path.with_extension("jwks.json");
    let text = publish(key.public());
    if std::fs::read_to_string(&published).ok().as_deref() != Some(&text) {
        let written = std::fs::write(&published, &text);
        written.map_err(|error| format!("`{}` cannot be written ({error})", published.display()))?;
    }
    Ok(DevelopmentKey { key, published, is_new })
}

fn read(path: &Path) -> Result<SigningKey, String> {
    let no_environment: Environment<'_> = &|_| None;
    let bytes = World::around(path, no_environment).read(path, KEY_BYTES_MAX);
    let text = bytes.map(|bytes| zeroize::Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()));
    let text = text.map_err(|why| format!("key `{}` {why}", path.display()))?;
    SigningKey::from_pem(&text).map_err(|why| format!("key `{}`: {why}", path.display()))
}

fn make(path: &Path) -> Result<SigningKey, String> {
    let key = SigningKey::generate().map_err(|why| why.to_string())?;
    let unwritable = |error: std::io::Error| format!("key `{}` cannot be written ({error})", path.display());
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(unwritable)?;
    file.write_all(key.to_pem().as_bytes()).map_err(unwritable)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::KeySet;

    #[test]
    fn a_key_is_made_once_and_published_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.pem");
        let made = development_key(&path).unwrap();
        let again = development_key(&path).unwrap();
        assert!(made.is_new && !again.is_new);
        assert_eq!(made.key.public(), again.key.public());
        assert_eq!(made.published, folder.path().join("dev.jwks.json"));
        assert_eq!(KeySet::parse(&std::fs::read(&made.published).unwrap()).unwrap().len(), 1);
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o077, 0, "only its owner reads it");
        }
    }

    #[test]
    fn what_is_no_key_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.pem");
        std::fs::write(&path, "notes").unwrap();
        assert!(development_key(&path).unwrap_err().contains("is no PEM of a private key"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes");
    }
}
