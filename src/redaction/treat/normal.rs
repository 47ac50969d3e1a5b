//! Values in the form that is keyed: written differently, the same address has the same token.

use std::borrow::Cow;

use super::generalise::address;
use super::mask::{bare_iban, phone_number};
use crate::policy::{ClassFacts, Generalise, Mask};

/// The normal form of a value of a class; what is not of its shape stays as it is.
pub(super) fn of<'v>(facts: &ClassFacts, value: &'v str) -> Cow<'v, str> {
    let normal = match (facts.mask, facts.generalise) {
        (Mask::Email, _) => email(value),
        (Mask::Phone, _) => phone_number(value),
        (Mask::Iban | Mask::Pan, _) => Some(bare_iban(value)),
        (_, Generalise::Ip) => address(value).map(|address| address.to_string()),
        _ => None,
    };
    normal.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The domain in lower case. What stands before it may tell upper from lower case, and a key must not join two.
fn email(value: &str) -> Option<String> {
    let (local, domain) = value.rsplit_once('@')?;
    Some(format!("{local}@{}", domain.to_ascii_lowercase()))
}
