//! A query as a record may hold it: its shape in clear, and a token in place of whatever its writer put in. Names of
//! attributes stay where they look like names; one that holds an address or a number would be a value in disguise.

use super::token::Tokens;
use crate::traceql;
use crate::traceql::veil::{Said, veiled};

/// Bytes of a query that a record holds; the rest is cut off, and said to be.
pub const QUERY_BYTES_MAX: usize = 16 << 10;

/// Digits without a letter between them that make a name look like a number of somebody.
const DIGITS_MAX: usize = 5;

/// Letters of a name; longer ones are no names that people gave to attributes.
const NAME_BYTES_MAX: usize = 128;

/// A query, canonical where it is one, with tokens in place of its values. What cannot even be cut into words is one
/// token.
pub fn query(text: &str, tokens: &Tokens) -> String {
    let canonical = traceql::compile(text).map(|query| query.to_string());
    let canonical = canonical.as_deref().unwrap_or(text);
    let said = veiled(canonical, &mut |said| match said {
        Said::Value(value) => format!("`{}`", tokens.token(value)),
        Said::Name(name) => self::name(name, tokens),
    });
    cut(said.unwrap_or_else(|| tokens.token(text)))
}

/// The name of an attribute, or a token where it may be more than a name.
pub fn name(name: &str, tokens: &Tokens) -> String {
    if is_name(name) { name.to_owned() } else { tokens.token(name) }
}

fn is_name(name: &str) -> bool {
    let mut digits = 0;
    let is_fit = name.bytes().all(|byte| {
        // Numbers of cards, of people and of machines are written in groups, so only a letter ends one.
        digits = match byte {
            b'0'..=b'9' => digits + 1,
            _ if byte.is_ascii_alphabetic() => 0,
            _ => digits,
        };
        digits <= DIGITS_MAX && (byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte))
    });
    is_fit && !name.is_empty() && name.len() <= NAME_BYTES_MAX
}

/// At most as much as a record holds, and whether that was all.
pub fn cut(mut text: String) -> String {
    if text.len() > QUERY_BYTES_MAX {
        let end = (0..=QUERY_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn tokens() -> Tokens {
        Tokens::new(&Zeroizing::new([7; 32]))
    }

    /// The query with every token as `T`.
    fn shown(text: &str) -> String {
        let mut said = query(text, &tokens());
        while let Some(at) = said.find("t:") {
            said.replace_range(at..at + 18, "T");
        }
        said
    }

    #[test]
    fn the_shape_of_a_query_stays_and_its_values_go() {
        for (text, expected) in [
            ("{ .user.email = \"alice@example.com\" }", "{ .user.email = `T` }"),
            ("{.a=1&&name=`x`}", "{ (.a = `T`) && (name = `T`) }"),
            ("{ duration > 2s && status = error }", "{ (duration > 2s) && (status = error) }"),
            ("{ .ssn > 123456789s }", "{ .ssn > `T` }"),
            (
                "{ kind = server } | rate() by (resource.service.name)",
                "{ kind = server } | rate() by(resource.service.name)",
            ),
            (
                "{ } | quantile_over_time(duration, .9, .99)",
                "{ true } | quantile_over_time(duration, 0.9, 0.99)",
            ),
            ("{ .x = 4111111111111111 } | count() > 3 ", "{ .x = `T` } | (count()) > `T`"),
            ("{ span.\"alice@example.com\" = true }", "{ span.T = true }"),
            ("{ .a =~ \"alice.*\" } >> { } | select(.b)", "({ .a =~ `T` }) >> ({ true }) | select(.b)"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_query_shows_no_value_either() {
        for text in [
            "{ .user.email = alice@example.com",
            "{ .a = \"alice@example.com",
            "/* alice@example.com */ { } ",
            "alice@example.com",
            "{ } // alice@example.com",
            "{ .alice@example.com = 1 }",
            "{ .a = 1 } with(alice=\"alice@example.com\")",
            "{ .x = 'alice' }",
            "{ .4111-1111-1111-1111 = 1 }",
        ] {
            let said = query(text, &tokens());
            assert!(!said.contains("alice") && !said.contains("example.com"), "{text}: {said}");
        }
    }

    /// A function that nobody closed reaches no further than its place in the pipeline.
    #[test]
    fn a_number_behind_a_function_is_shown_only_within_it() {
        for text in [
            "topk(5 { .card = 4111111111111111 }",
            "{ } | topk(5 | count() > 4111111111111111",
            "{ } | topk(5 } .card = 4111111111111111",
        ] {
            let said = query(text, &tokens());
            assert!(said.contains('5') && !said.contains("4111"), "{text}: {said}");
        }
    }

    #[test]
    fn a_long_query_is_cut_at_a_letter() {
        let long = "é".repeat(QUERY_BYTES_MAX);
        assert!(cut(long).len() <= QUERY_BYTES_MAX + 3);
        assert_eq!(cut("short".to_owned()), "short");
    }

    #[test]
    fn a_name_that_may_be_a_value_is_none() {
        let tokens = tokens();
        for kept in ["http.status_code", "service.name", "k8s.pod.uid", "a/b:c-d"] {
            assert_eq!(name(kept, &tokens), kept);
        }
        for gone in [
            "alice@example.com",
            "user.4111111111111111",
            "4111-1111-1111-1111",
            "078-05-1120",
            "192.0.2.77",
            "",
            "two words",
            "ä",
        ] {
            assert!(name(gone, &tokens).starts_with("t:"), "{gone}");
        }
    }
}
