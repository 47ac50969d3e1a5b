//! The kinds of things that can be found, and sets of them. `classes.toml` binds classes to their names.

/// What can be found in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Detector {
    // From the least severe to the most: where two claim the same bytes, the later one names them.
    Geo,
    DeviceId,
    Ipv4,
    Ipv6,
    Mac,
    Vin,
    Imsi,
    Imei,
    Crypto,
    Phone,
    Email,
    NationalId,
    Ssn,
    Iban,
    Pan,
    Sad,
    Jwt,
    Secret,
}

impl Detector {
    pub const ALL: &[Self] = &[
        Self::Geo,
        Self::DeviceId,
        Self::Ipv4,
        Self::Ipv6,
        Self::Mac,
        Self::Vin,
        Self::Imsi,
        Self::Imei,
        Self::Crypto,
        Self::Phone,
        Self::Email,
        Self::NationalId,
        Self::Ssn,
        Self::Iban,
        Self::Pan,
        Self::Sad,
        Self::Jwt,
        Self::Secret,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Geo => "geo",
            Self::DeviceId => "device_id",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Mac => "mac",
            Self::Vin => "vin",
            Self::Imsi => "imsi",
            Self::Imei => "imei",
            Self::Crypto => "crypto",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::NationalId => "national_id",
            Self::Ssn => "ssn",
            Self::Iban => "iban",
            Self::Pan => "pan",
            Self::Sad => "sad",
            Self::Jwt => "jwt",
            Self::Secret => "secret",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|detector| detector.name() == name)
    }
}

/// A set of detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Detectors(u64);

impl Detectors {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self((1 << Detector::ALL.len()) - 1);

    #[must_use]
    pub const fn with(self, detector: Detector) -> Self {
        Self(self.0 | (1 << detector as u8))
    }

    #[must_use]
    pub const fn without(self, detector: Detector) -> Self {
        Self(self.0 & !(1 << detector as u8))
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn contains(self, detector: Detector) -> bool {
        self.0 & (1 << detector as u8) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Detector> for Detectors {
    fn from_iter<T: IntoIterator<Item = Detector>>(detectors: T) -> Self {
        detectors.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_is_listed_once_and_read_by_its_name() {
        for (place, detector) in Detector::ALL.iter().enumerate() {
            assert_eq!(*detector as usize, place, "{detector:?} stands in its order");
            assert_eq!(Detector::parse(detector.name()), Some(*detector));
        }
        assert_eq!(Detector::parse("e-mail"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let set: Detectors = [Detector::Email, Detector::Pan].into_iter().collect();
        assert!(set.contains(Detector::Pan) && !set.contains(Detector::Iban));
        assert!(!set.without(Detector::Pan).contains(Detector::Pan));
        assert!(Detector::ALL.iter().all(|detector| Detectors::ALL.contains(*detector)));
        assert!(Detectors::NONE.is_empty() && !set.is_empty());
    }
}
