//! What was found at a key: a value with its place, nothing, or something that has been reported.

use super::fault::Place;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub place: Place,
}

/// What was found at a key. `Faulty` has been reported already: no one else complains about it.
#[derive(Debug, Clone)]
pub(super) enum Given<T> {
    Absent,
    Faulty,
    Is(At<T>),
}

impl<T> Given<T> {
    pub(super) fn is(&self) -> Option<&At<T>> {
        match self {
            Self::Is(at) => Some(at),
            Self::Absent | Self::Faulty => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(super) fn into_value(self) -> Option<T> {
        match self {
            Self::Is(at) => Some(at.value),
            Self::Absent | Self::Faulty => None,
        }
    }

    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Self::Is(At { value, place }) => Given::Is(At { value: f(value), place }),
            Self::Absent => Given::Absent,
            Self::Faulty => Given::Faulty,
        }
    }

    /// The value made into another with its place at hand, for findings.
    pub(super) fn map_at<U>(self, f: impl FnOnce(T, Place) -> U) -> Given<U> {
        match self {
            Self::Is(At { value, place }) => Given::Is(At { value: f(value, place.clone()), place }),
            Self::Absent => Given::Absent,
            Self::Faulty => Given::Faulty,
        }
    }

    pub(super) fn and_then<U>(self, f: impl FnOnce(T) -> Given<U>) -> Given<U> {
        match self {
            Self::Is(at) => f(at.value),
            Self::Absent => Given::Absent,
            Self::Faulty => Given::Faulty,
        }
    }
}

impl<T: Clone> Given<T> {
    pub(super) fn value(&self) -> Option<T> {
        self.is().map(|at| at.value.clone())
    }

    pub(super) fn or(&self, default: T) -> T {
        self.value().unwrap_or(default)
    }
}
