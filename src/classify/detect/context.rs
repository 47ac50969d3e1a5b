//! What the words of a key, or those shortly before a place in a value, say about what follows.
//!
//! A bare number means nothing; after `phone` it is one. The lists hold words only, of a few languages; a key
//! is taken apart first, so that `userPhoneNumber`, `user.phone_number` and `X-Phone` are the same here. The
//! class of a key as a whole is not decided here.

mod lists;
mod words;

use std::ops::BitOr;

/// The longest word that any list knows, and a little more.
const WORD_BYTES_MAX: usize = 32;

/// The same in scripts whose letters have two or three bytes, and how many words are looked at.
const FOREIGN_WORD_BYTES_MAX: usize = 40;
const FOREIGN_WORDS_MAX: usize = 3;

/// Kinds of words, as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Context(u32);

impl Context {
    pub const NONE: Self = Self(0);
    pub const CARD: Self = Self(1);
    /// Card verification values and tracks, which must not be recorded at all.
    pub const SAD: Self = Self(1 << 1);
    pub const BANK: Self = Self(1 << 2);
    pub const PHONE: Self = Self(1 << 3);
    pub const SSN: Self = Self(1 << 4);
    /// Numbers that a state, a tax office or an insurance gives to a person.
    pub const NATIONAL: Self = Self(1 << 5);
    pub const DEVICE: Self = Self(1 << 6);
    pub const GEO: Self = Self(1 << 7);
    pub const SECRET: Self = Self(1 << 8);
    pub const VEHICLE: Self = Self(1 << 9);
    pub const NETWORK: Self = Self(1 << 10);
    /// Versions, builds, object identifiers: four numbers with dots are not an address here.
    pub const VERSION: Self = Self(1 << 11);
    /// Times, sizes, counts, hashes, ids of traces: a number here is no one's.
    pub const MEASURE: Self = Self(1 << 12);
    /// `pass` words: what is assigned to them is a secret, however simple it is.
    pub const PASSWORD: Self = Self(1 << 13);
    /// Halves that mean something only together: `api` and `key`, `security` and `code`.
    /// Where a list goes on: tokens of pages are no secrets.
    pub const PAGE: Self = Self(1 << 19);
    /// Passports and licences to drive, which are of any letters and digits.
    pub const DOCUMENT: Self = Self(1 << 20);
    /// Orders, tickets and other things that have long numbers, too.
    pub const ORDER: Self = Self(1 << 23);
    /// The key is the name of a secret, by its last word, and does not only tell of one.
    pub const NAMED: Self = Self(1 << 24);
    const DRIVER: Self = Self(1 << 21);
    const LICENSE: Self = Self(1 << 22);
    pub(super) const KEY: Self = Self(1 << 14);
    const KEY_KIND: Self = Self(1 << 15);
    const SECURITY: Self = Self(1 << 16);
    const CODE: Self = Self(1 << 17);
    const SOCIAL: Self = Self(1 << 18);

    /// What the words of a key say.
    pub fn of_key(key: &str) -> Self {
        let whole = Self::of_parts(key.as_bytes()).whole();
        let last = key.rsplit(['.', '_', '-']).next().unwrap_or_default();
        let last = Self::of_last(last.as_bytes());
        let is_named = whole.meets(Self::SECRET) && last.meets(Self::SECRET | Self::KEY);
        if is_named { whole | Self::NAMED } else { whole }
    }

    /// What the last part of a word says: of `clientSecret` what `Secret` does, of `secretName` what `Name` does.
    pub(super) fn of_last(text: &[u8]) -> Self {
        if text.len() > WORD_BYTES_MAX {
            return Self::NONE;
        }
        let all = text.windows(2).rposition(|pair| {
            matches!(pair, [first, second] if first.is_ascii_lowercase() && second.is_ascii_uppercase())
        });
        Self::of_parts(text.get(all.map_or(0, |at| at + 1)..).unwrap_or_default())
    }

    /// What words of other scripts say, and those with accents, at the end of a text: the last few of them.
    pub(super) fn of_foreign(before: &[u8]) -> Self {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
        let mut found = Self::NONE;
        for word in
            before.rsplit(|byte| !is_part(byte)).filter(|word| !word.is_empty()).take(FOREIGN_WORDS_MAX)
        {
            if word.is_ascii() {
                continue;
            }
            let mut room = [0; FOREIGN_WORD_BYTES_MAX];
            let Some(lower) = room.get_mut(..word.len()) else { continue };
            lower.copy_from_slice(word);
            lower.make_ascii_lowercase();
            // Scripts without spaces end with the word that counts.
            let ends = [word.len(), 9, 6, 12].into_iter().filter_map(|last| word.len().checked_sub(last));
            let said = ends.filter_map(|from| words::meaning(lower.get(from..)?)).next();
            found = found | said.unwrap_or(Self::NONE);
        }
        found
    }

    /// What the parts of a word say, each for itself.
    fn of_parts(bytes: &[u8]) -> Self {
        let mut found = Self::NONE;
        let mut word = LowerWord::default();
        let mut before = 0u8;
        for (place, byte) in bytes.iter().copied().enumerate() {
            let after = bytes.get(place + 1).copied().unwrap_or(0);
            // `userPhone` ends a word before `P`; so does `IMEINumber` before `N`.
            let is_hump = byte.is_ascii_uppercase()
                && (before.is_ascii_lowercase() || before.is_ascii_uppercase() && after.is_ascii_lowercase());
            if is_hump || !byte.is_ascii_alphanumeric() {
                found = found | word.take();
            }
            if byte.is_ascii_alphanumeric() {
                word.push(byte);
            }
            before = byte;
        }
        found | word.take()
    }

    /// What one word of a value says; its halves are still apart.
    pub(crate) fn of_word(text: &[u8]) -> Self {
        if text.len() > WORD_BYTES_MAX {
            return Self::NONE;
        }
        Self::of_parts(text)
    }

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in it.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Puts the halves together.
    pub(crate) const fn whole(self) -> Self {
        let mut bits = self.0;
        if self.contains(Self(Self::KEY.0 | Self::KEY_KIND.0)) {
            bits |= Self::SECRET.0;
        }
        if self.contains(Self(Self::SECURITY.0 | Self::CODE.0)) {
            bits |= Self::SAD.0;
        }
        if self.contains(Self(Self::DRIVER.0 | Self::LICENSE.0)) {
            bits |= Self::DOCUMENT.0 | Self::NATIONAL.0;
        }
        if self.contains(Self(Self::SECURITY.0 | Self::SOCIAL.0)) {
            bits |= Self::SSN.0 | Self::NATIONAL.0;
        }
        Self(bits)
    }
}

impl BitOr for Context {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A word in lower case, without its home on the heap.
#[derive(Default)]
struct LowerWord {
    bytes: [u8; WORD_BYTES_MAX],
    len: usize,
}

impl LowerWord {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte.to_ascii_lowercase();
        }
        self.len += 1;
    }

    /// What the word says, and an empty one in its place.
    fn take(&mut self) -> Context {
        let len = std::mem::take(&mut self.len);
        match self.bytes.get(..len) {
            Some(word) if len >= 2 => meaning(word),
            _ => Context::NONE,
        }
    }
}

/// What a word says: by itself, or by its end.
fn meaning(word: &[u8]) -> Context {
    words::meaning(word).unwrap_or_else(|| by_ending(word))
}

/// Words that were written together: `homephone`, `dbpassword`, `accesstoken`.
fn by_ending(word: &[u8]) -> Context {
    if word.len() <= 5 {
        return Context::NONE;
    }
    if word.ends_with(b"phone") || word.starts_with(b"phone") || word.starts_with(b"mobile") {
        Context::PHONE
    } else if word.ends_with(b"password") || word.ends_with(b"passwd") {
        Context(Context::SECRET.0 | Context::PASSWORD.0)
    } else if word.ends_with(b"secret") || word.ends_with(b"token") || word.ends_with(b"apikey") {
        Context::SECRET
    } else if word.ends_with(b"timestamp") || word.ends_with(b"millis") || word.ends_with(b"nanos") {
        Context::MEASURE
    } else if word.ends_with(b"version") {
        Context::VERSION
    } else {
        Context::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_apart_at_humps_and_signs() {
        for key in
            ["userPhone", "user.phone", "user_phone", "X-Phone", "phoneNumber", "UserPHONE", "homephone"]
        {
            assert!(Context::of_key(key).contains(Context::PHONE), "{key}");
        }
        assert!(Context::of_key("IMEINumber").contains(Context::DEVICE));
        assert!(Context::of_key("geo.location.lat").contains(Context::GEO));
        assert!(Context::of_key("os.version").contains(Context::VERSION));
    }

    #[test]
    fn halves_mean_something_only_together() {
        assert!(Context::of_key("X-Api-Key").contains(Context::SECRET));
        assert!(!Context::of_key("messaging.kafka.message.key").meets(Context::SECRET));
        assert!(!Context::of_key("api.name").meets(Context::SECRET));
        assert!(Context::of_key("card.securityCode").contains(Context::SAD));
        assert!(!Context::of_key("http.status_code").meets(Context::SAD));
        assert!(Context::of_key("social_security_no").contains(Context::SSN));
    }

    #[test]
    fn an_ordinary_key_says_nothing() {
        for key in ["", "a", "http.route", "messaging.system", "exception.message", "é.ü", "k8s.pod.name"] {
            assert_eq!(Context::of_key(key), Context::NONE, "{key}");
        }
    }
}
