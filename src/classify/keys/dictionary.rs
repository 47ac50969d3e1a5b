//! The dictionary: what is told of keys, kept so that a lookup allocates nothing and costs some tens of
//! nanoseconds. Exact names go before templates, longer templates before shorter ones, templates before words;
//! a template that says no more than that any text may stand there comes last.
//!
//! Upper and lower case are the same for ASCII; other letters are compared as they stand.

use hashbrown::HashMap;

use super::KeyClass;
use super::template::Templates;
use super::words::Words;

/// Stars of one template. Each is matched once from the left, so that the work for a key stays linear.
pub const TEMPLATE_STARS_MAX: usize = 4;

/// Words of one rule.
pub const WORDS_PER_RULE_MAX: usize = 4;

/// Bytes of an entry. A longer key cannot be listed, so that lower case fits a buffer on the stack.
pub const ENTRY_BYTES_MAX: usize = 128;

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    #[error("`{entry}` of `{second}` is already listed under `{first}`")]
    Twice { entry: String, first: String, second: String },
    #[error("`{entry}` of `{owner}` has no letter and no digit")]
    Empty { entry: String, owner: String },
    #[error("`{entry}` of `{owner}` has more than {ENTRY_BYTES_MAX} bytes")]
    Long { entry: String, owner: String },
    #[error(
        "the template `{entry}` of `{owner}` has {stars} stars; one to {TEMPLATE_STARS_MAX} are possible"
    )]
    Stars { entry: String, owner: String, stars: usize },
    #[error("the template `{entry}` of `{owner}` has two stars side by side")]
    StarsTouch { entry: String, owner: String },
    #[error("the key `{entry}` of `{owner}` has a star; stars belong into templates")]
    StarInKey { entry: String, owner: String },
    #[error("the rule `{entry}` of `{owner}` has {words} words; at most {WORDS_PER_RULE_MAX} are possible")]
    Words { entry: String, owner: String, words: usize },
    #[error("`{entry}` of `{owner}` is not one word")]
    NotOneWord { entry: String, owner: String },
}

/// What is told of keys. Immutable; built once.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    exact: HashMap<Box<[u8]>, KeyClass, foldhash::fast::FixedState>,
    templates: Templates,
    words: Words,
}

/// Takes entries in any order. `owner` is who lists the entry (a class by name, or `safe`); errors name it.
#[derive(Debug, Clone, Default)]
pub struct DictionaryBuilder {
    made: Dictionary,
    owners: HashMap<(Kind, Box<[u8]>), String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Key,
    Template,
    Words,
    Skip,
}

impl DictionaryBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// A whole key; upper and lower case are the same.
    pub fn key(&mut self, owner: &str, key: &str, says: KeyClass) -> Result<(), DictionaryError> {
        let name = checked(owner, key)?;
        if key.contains('*') {
            return Err(DictionaryError::StarInKey { entry: key.to_owned(), owner: owner.to_owned() });
        }
        self.owned(Kind::Key, name.clone(), owner, key)?;
        self.made.exact.insert(name, says);
        Ok(())
    }

    /// A key with stars: a star at the end stands for anything, any other for a part without a dot. None
    /// stands for nothing.
    pub fn template(&mut self, owner: &str, template: &str, says: KeyClass) -> Result<(), DictionaryError> {
        let name = checked(owner, template)?;
        let stars = template.matches('*').count();
        let (entry, of) = (template.to_owned(), owner.to_owned());
        if !(1..=TEMPLATE_STARS_MAX).contains(&stars) {
            return Err(DictionaryError::Stars { entry, owner: of, stars });
        }
        if template.contains("**") {
            return Err(DictionaryError::StarsTouch { entry, owner: of });
        }
        self.owned(Kind::Template, name.clone(), owner, template)?;
        self.made.templates.add(&name, says);
        Ok(())
    }

    /// Words that stand one after the other in the key, as `card number` does in `payment.cardNumber`. The
    /// same words without a space between them, and the last one with an `s`, are found as well, unless
    /// another rule says otherwise.
    pub fn words(&mut self, owner: &str, rule: &str, says: KeyClass) -> Result<(), DictionaryError> {
        checked(owner, rule)?;
        let words = super::words::split(rule.as_bytes());
        if words.len() > WORDS_PER_RULE_MAX {
            let (entry, owner) = (rule.to_owned(), owner.to_owned());
            return Err(DictionaryError::Words { entry, owner, words: words.len() });
        }
        self.owned(Kind::Words, words.join(&b' ').into_boxed_slice(), owner, rule)?;
        self.made.words.add(&words, says);
        Ok(())
    }

    /// A word that, after the words of a rule, says that the key tells of a thing and is not it, as `count` in
    /// `email.count`: the rule does not hold then, and no one told of the value.
    pub fn skip(&mut self, owner: &str, word: &str) -> Result<(), DictionaryError> {
        checked(owner, word)?;
        let mut words = super::words::split(word.as_bytes());
        let (Some(only), true) = (words.pop(), words.is_empty()) else {
            return Err(DictionaryError::NotOneWord { entry: word.to_owned(), owner: owner.to_owned() });
        };
        self.owned(Kind::Skip, only.clone().into_boxed_slice(), owner, word)?;
        self.made.words.skip(&only);
        Ok(())
    }

    pub fn build(self) -> Dictionary {
        let mut made = self.made;
        made.templates.settle();
        made.words.settle();
        made
    }

    fn owned(
        &mut self,
        kind: Kind,
        name: Box<[u8]>,
        owner: &str,
        entry: &str,
    ) -> Result<(), DictionaryError> {
        let (entry, second) = (entry.to_owned(), owner.to_owned());
        match self.owners.insert((kind, name), second.clone()) {
            None => Ok(()),
            Some(first) => Err(DictionaryError::Twice { entry, first, second }),
        }
    }
}

impl Dictionary {
    /// What the key says: exact name, else the longest template, else the rule with the most words. A template
    /// that only says that any text may stand there gives way to words that say what it is.
    pub fn of(&self, key: &str) -> KeyClass {
        let key = key.as_bytes();
        let known = self.exact(key).or_else(|| match self.templates.of(key) {
            Some(open @ (KeyClass::Scan | KeyClass::Unknown)) => self.words.of(key).or(Some(open)),
            template => template.or_else(|| self.words.of(key)),
        });
        known.unwrap_or(KeyClass::Unknown)
    }

    /// What a name within a structure says: as `parent.key` if that is listed, else alone, else by the words of
    /// both. `parent` may be empty.
    pub fn of_within(&self, parent: &str, key: &str) -> KeyClass {
        let mut buffer = [0; 2 * ENTRY_BYTES_MAX];
        let Some(joined) = joined(&mut buffer, parent.as_bytes(), key.as_bytes()) else {
            return self.of(key);
        };
        if let Some(says) = self.exact(joined) {
            return says;
        }
        let template = self.templates.of(joined);
        let alone = || Some(self.of(key)).filter(|says| *says != KeyClass::Unknown);
        let is_told = |says: &KeyClass| !matches!(says, KeyClass::Scan | KeyClass::Unknown);
        let known = template.filter(is_told).or_else(alone);
        known.or_else(|| self.words.of(joined)).or(template).unwrap_or(KeyClass::Unknown)
    }

    fn exact(&self, key: &[u8]) -> Option<KeyClass> {
        let mut buffer = [0; ENTRY_BYTES_MAX];
        let lower = buffer.get_mut(..key.len())?;
        lower.copy_from_slice(key);
        lower.make_ascii_lowercase();
        self.exact.get(&*lower).copied()
    }
}

fn joined<'b>(buffer: &'b mut [u8], parent: &[u8], key: &[u8]) -> Option<&'b [u8]> {
    if parent.is_empty() {
        return None;
    }
    let all = buffer.get_mut(..parent.len() + 1 + key.len())?;
    all.get_mut(..parent.len())?.copy_from_slice(parent);
    *all.get_mut(parent.len())? = b'.';
    all.get_mut(parent.len() + 1..)?.copy_from_slice(key);
    Some(all)
}

fn checked(owner: &str, entry: &str) -> Result<Box<[u8]>, DictionaryError> {
    let (text, of) = (entry.to_owned(), owner.to_owned());
    if !entry.chars().any(char::is_alphanumeric) {
        return Err(DictionaryError::Empty { entry: text, owner: of });
    }
    if entry.len() > ENTRY_BYTES_MAX {
        return Err(DictionaryError::Long { entry: text, owner: of });
    }
    Ok(entry.to_ascii_lowercase().into_bytes().into_boxed_slice())
}
