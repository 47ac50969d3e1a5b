//! What many values are and no one's: not looked for.

/// In order, in small letters.
const COMMON: &[&[u8]] = &[
    b"account",
    b"accounts",
    b"admin",
    b"administrator",
    b"anonymous",
    b"backend",
    b"client",
    b"customer",
    b"default",
    b"deploy",
    b"development",
    b"empty",
    b"example",
    b"external",
    b"false",
    b"frontend",
    b"gateway",
    b"guest",
    b"internal",
    b"local",
    b"localhost",
    b"member",
    b"nobody",
    b"object",
    b"owner",
    b"postgres",
    b"private",
    b"production",
    b"public",
    b"redacted",
    b"server",
    b"service",
    b"session",
    b"staging",
    b"string",
    b"system",
    b"tester",
    b"undefined",
    b"unknown",
    b"users",
    b"value",
    b"viewer",
    b"worker",
];

/// Whether a value is one of them, in the form in which it is compared.
pub(super) fn is_common(form: &[u8]) -> bool {
    COMMON.binary_search(&form).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        assert!(COMMON.is_sorted() && is_common(b"admin") && !is_common(b"jane roe"));
    }
}
