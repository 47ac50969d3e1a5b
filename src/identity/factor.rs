//! Whether a request shows a secret or a certificate of the configuration. Secrets are compared by digests, so that
//! how long it takes says nothing of them.

use super::callers::digest;
use super::settings::{CertificateOf, Factor, Secret};
use super::shown::{Once, Shown, ShownCertificate};

/// Whether everything that it names is shown. One that names nothing never is.
pub(super) fn is_shown(factor: &Factor, shown: &Shown<'_>) -> bool {
    let Factor { secret, certificate } = factor;
    (secret.is_some() || certificate.is_some())
        && secret.as_ref().is_none_or(|secret| has_secret(secret, shown))
        && certificate
            .as_ref()
            .is_none_or(|of| shown.certificate.is_some_and(|shown| is_certificate(of, shown)))
}

/// Whether one of two factors that are both shown asks for all that the other does, and for more.
pub(super) fn is_stronger(one: &Factor, other: &Factor) -> bool {
    // Both are of the certificate that is shown, whether by its name or its fingerprint.
    let has_certificate = one.certificate.is_some() || other.certificate.is_none();
    let has_secret = one.secret == other.secret || other.secret.is_none();
    let has_both = |factor: &Factor| factor.secret.is_some() && factor.certificate.is_some();
    has_certificate && has_secret && has_both(one) && !has_both(other)
}

pub(super) fn has_secret(secret: &Secret, shown: &Shown<'_>) -> bool {
    match Once::of(shown.headers, &secret.header) {
        Once::Is(value) => digest(value) == secret.digest,
        // Of two values nobody knows which one was meant to prove something.
        Once::Absent | Once::Several => false,
    }
}

fn is_certificate(of: &CertificateOf, shown: &ShownCertificate) -> bool {
    match of {
        CertificateOf::Print(print) => shown.print() == print,
        CertificateOf::Name(name) => shown.is_of(name),
    }
}
