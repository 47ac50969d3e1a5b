//! The dictionary: what is told of keys, kept so that a lookup allocates nothing.

use super::KeyClass;

/// Stars of one template. Each is matched once from the left, so that the sum of work stays linear.
pub const TEMPLATE_STARS_MAX: usize = 4;

/// Words of one rule.
pub const WORDS_PER_RULE_MAX: usize = 4;

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    #[error("`{entry}` of `{second}` is already listed under `{first}`")]
    Twice { entry: String, first: String, second: String },
    #[error("`{entry}` of `{owner}` is empty, or has no letter or digit")]
    Empty { entry: String, owner: String },
    #[error(
        "the template `{entry}` of `{owner}` has {stars} stars; one to {TEMPLATE_STARS_MAX} are possible"
    )]
    Stars { entry: String, owner: String, stars: usize },
    #[error("the rule `{entry}` of `{owner}` has {words} words; at most {WORDS_PER_RULE_MAX} are possible")]
    Words { entry: String, owner: String, words: usize },
}

/// What is told of keys. Immutable; built once.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {}

/// Takes entries in any order. `owner` is who lists the entry (a class by name, or `safe`); errors name it.
#[derive(Debug, Clone, Default)]
pub struct DictionaryBuilder {}

impl DictionaryBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// A whole key; upper and lower case are the same.
    pub fn key(&mut self, _owner: &str, _key: &str, _says: KeyClass) -> Result<(), DictionaryError> {
        Ok(())
    }

    /// A key with stars: a star at the end stands for anything, any other for a part without a dot.
    pub fn template(
        &mut self,
        _owner: &str,
        _template: &str,
        _says: KeyClass,
    ) -> Result<(), DictionaryError> {
        Ok(())
    }

    /// Words that stand one after the other in the key, as `card number` does in `payment.cardNumber`.
    pub fn words(&mut self, _owner: &str, _rule: &str, _says: KeyClass) -> Result<(), DictionaryError> {
        Ok(())
    }

    /// A last word that says that the key tells of a thing and is not it, as in `email.count`: no rule of words
    /// holds for such keys, and their values are scanned.
    pub fn skip(&mut self, _owner: &str, _word: &str) -> Result<(), DictionaryError> {
        Ok(())
    }

    pub fn build(self) -> Dictionary {
        Dictionary {}
    }
}

impl Dictionary {
    /// What the key says: exact name, else the longest template, else the longest rule of words.
    pub fn of(&self, _key: &str) -> KeyClass {
        KeyClass::Unknown
    }

    /// What a name within a structure says: first as `parent.key`, then alone. `parent` may be empty.
    pub fn of_within(&self, _parent: &str, key: &str) -> KeyClass {
        self.of(key)
    }
}
