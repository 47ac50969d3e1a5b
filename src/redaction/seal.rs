//! The two types of the valve.

use std::fmt;
use std::ops::Deref;

/// What a region sent, before the policy. Anyone may seal; no one outside `redaction` may look.
///
/// ```compile_fail
/// let raw = tutti::redaction::Raw::seal(bytes::Bytes::from_static(b"jane@example.com"));
/// let peeked: &bytes::Bytes = raw.open(); // private
/// ```
///
/// ```compile_fail
/// let raw = tutti::redaction::Raw::seal(bytes::Bytes::from_static(b"jane@example.com"));
/// let peeked = raw.0; // private
/// ```
///
/// ```compile_fail
/// let raw = tutti::redaction::Raw::seal(bytes::Bytes::from_static(b"jane@example.com"));
/// let peeked: &[u8] = &*raw; // no Deref
/// ```
pub struct Raw<T>(T);

impl<T> Raw<T> {
    pub fn seal(value: T) -> Self {
        Self(value)
    }

    pub(super) fn open(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Raw<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raw(..)")
    }
}

/// What this caller may see. Made only by `redaction`; caches and encoders accept nothing else.
///
/// ```compile_fail
/// let forged = tutti::redaction::Redacted(bytes::Bytes::from_static(b"jane@example.com"));
/// ```
///
/// ```compile_fail
/// let forged = tutti::redaction::Redacted::pass(bytes::Bytes::from_static(b"jane@example.com"));
/// ```
#[derive(Clone)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    pub(super) fn pass(value: T) -> Self {
        Self(value)
    }

    /// Shapes what may be seen into something else that may be seen. Nothing raw can be reached from
    /// `f`, since nothing outside this room can open `Raw`.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Redacted<U> {
        Redacted(f(self.0))
    }

    /// Lets another view become part of what is made of views.
    pub fn absorb<U, R>(&mut self, view: Redacted<U>, f: impl FnOnce(&mut T, U) -> R) -> R {
        f(&mut self.0, view.0)
    }

    /// Several views as one.
    pub fn join(parts: Vec<Self>) -> Redacted<Vec<T>> {
        Redacted(parts.into_iter().map(|part| part.0).collect())
    }
}

impl<T> Redacted<Vec<T>> {
    /// Each of several views on its own.
    pub fn each(self) -> Vec<Redacted<T>> {
        self.0.into_iter().map(Redacted).collect()
    }
}

impl<T: Default> Redacted<T> {
    /// Nothing hides nothing.
    pub fn nothing() -> Self {
        Self(T::default())
    }
}

impl<T> Deref for Redacted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
