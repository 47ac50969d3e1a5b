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
