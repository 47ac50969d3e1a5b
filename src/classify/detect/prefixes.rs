//! How tokens begin: the prefixes that their makers chose so that they can be found.

/// What follows a prefix.
pub struct Prefix {
    pub text: &'static [u8],
    pub body: fn(u8) -> bool,
    pub least: usize,
    pub most: usize,
    pub check: Check,
}

impl Prefix {
    /// Whether the first two bytes are its own: most words end here.
    pub const fn may_begin(&self, first: u8, second: u8) -> bool {
        matches!(self.text, [one, two, ..] if *one == first && *two == second)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Check {
    None,
    /// A digit is among them: the rest of a name of a thing has none.
    Digit,
    /// Capitals, small letters and digits are all there: a word of a text has not.
    Varied,
}

const fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn capitals(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7')
}

const fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

pub const fn url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const fn dotted(byte: u8) -> bool {
    url_safe(byte) || byte == b'.'
}

const fn dotted_or_padded(byte: u8) -> bool {
    dotted(byte) || byte == b'='
}

const fn sentry(byte: u8) -> bool {
    standard(byte) || byte == b'_'
}

pub const fn standard(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

const fn path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'/'
}

/// The shortest of all tokens with their prefix.
pub const BYTES_MIN: usize = 20;

/// The longest token that is followed to its end; what is longer is found all the same.
const LONG: usize = 512;

const fn of(text: &'static [u8], body: fn(u8) -> bool, least: usize, most: usize) -> Prefix {
    Prefix { text, body, least, most, check: Check::None }
}

const fn checked(
    text: &'static [u8],
    body: fn(u8) -> bool,
    least: usize,
    most: usize,
    check: Check,
) -> Prefix {
    Prefix { text, body, least, most, check }
}

const A: &[Prefix] = &[
    of(b"AKIA", capitals, 16, 20),
    of(b"ASIA", capitals, 16, 20),
    of(b"AROA", capitals, 16, 17),
    of(b"AIDA", capitals, 16, 17),
    of(b"ABIA", capitals, 16, 16),
    of(b"ACCA", capitals, 16, 16),
    checked(b"AIza", url_safe, 24, LONG, Check::Varied),
    of(b"AC", hex, 32, 32),
    checked(b"ATATT3", dotted_or_padded, 24, LONG, Check::Digit),
    of(b"AGE-SECRET-KEY-1", alnum, 40, 80),
];
const D: &[Prefix] = &[
    of(b"dop_v1_", hex, 64, 64),
    of(b"doo_v1_", hex, 64, 64),
    of(b"dor_v1_", hex, 64, 64),
    of(b"dapi", hex, 32, 34),
    of(b"dckr_pat_", url_safe, 20, LONG),
];
const E: &[Prefix] = &[
    of(b"eyJrIjoi", standard, 40, LONG),
    of(b"EAAA", url_safe, 60, 60),
    checked(b"EAA", alnum, 40, LONG, Check::Varied),
];
const G: &[Prefix] = &[
    checked(b"ghp_", alnum, 16, LONG, Check::Digit),
    checked(b"gho_", alnum, 16, LONG, Check::Digit),
    checked(b"ghu_", alnum, 16, LONG, Check::Digit),
    checked(b"ghs_", alnum, 16, LONG, Check::Digit),
    checked(b"ghr_", alnum, 16, LONG, Check::Digit),
    checked(b"github_pat_", url_safe, 16, LONG, Check::Digit),
    checked(b"glpat-", dotted, 14, LONG, Check::Digit),
    of(b"gldt-", url_safe, 20, 64),
    of(b"glrt-", url_safe, 20, 64),
    of(b"glptt-", hex, 40, 40),
    of(b"glsoat-", url_safe, 20, 64),
    of(b"glsa_", url_safe, 24, 64),
    of(b"glc_", standard, 32, LONG),
    of(b"GOCSPX-", url_safe, 20, 40),
];
const H: &[Prefix] = &[
    checked(b"hf_", alnum, 24, LONG, Check::Varied),
    of(b"hvs.", url_safe, 24, LONG),
    of(b"hvb.", url_safe, 24, LONG),
    of(b"hooks.slack.com/services/", path, 30, 100),
];
const F: &[Prefix] = &[checked(b"figd_", url_safe, 20, LONG, Check::Digit)];
const K: &[Prefix] = &[of(b"key-", hex, 32, 32)];
const L: &[Prefix] = &[of(b"lin_api_", alnum, 32, 64)];
const N: &[Prefix] = &[checked(b"npm_", alnum, 16, LONG, Check::Digit), of(b"NRAK-", alnum, 20, 40)];
const P: &[Prefix] = &[
    of(b"pypi-AgE", url_safe, 50, LONG),
    of(b"PMAK-", dotted, 59, 59),
    of(b"pscale_tkn_", url_safe, 32, 64),
];
const R: &[Prefix] = &[
    checked(b"rk_live_", alnum, 12, LONG, Check::Digit),
    checked(b"rk_test_", alnum, 12, LONG, Check::Digit),
    of(b"rubygems_", hex, 48, 48),
];
const S: &[Prefix] = &[
    checked(b"sk_live_", alnum, 12, LONG, Check::Digit),
    checked(b"sk_test_", alnum, 12, LONG, Check::Digit),
    of(b"sk-proj-", url_safe, 20, LONG),
    of(b"sk-ant-", url_safe, 20, LONG),
    of(b"sk-or-", url_safe, 20, LONG),
    checked(b"sk-", alnum, 32, 96, Check::Varied),
    of(b"SG.", dotted, 60, LONG),
    of(b"shpat_", hex, 32, 32),
    of(b"shpss_", hex, 32, 32),
    of(b"shpca_", hex, 32, 32),
    of(b"shppa_", hex, 32, 32),
    of(b"sq0atp-", url_safe, 22, 22),
    of(b"sq0csp-", url_safe, 43, 43),
    of(b"SK", hex, 32, 32),
    of(b"secret_", alnum, 43, 43),
    of(b"sntrys_", sentry, 30, LONG),
    of(b"sntryu_", hex, 32, 80),
];
const T: &[Prefix] = &[checked(b"tfp_", alnum, 30, LONG, Check::Digit)];
const W: &[Prefix] = &[of(b"whsec_", standard, 24, 80)];
const X: &[Prefix] = &[
    of(b"xoxb-", url_safe, 20, LONG),
    of(b"xoxp-", url_safe, 20, LONG),
    of(b"xoxa-", url_safe, 20, LONG),
    of(b"xoxr-", url_safe, 20, LONG),
    of(b"xoxs-", url_safe, 20, LONG),
    of(b"xoxe-", url_safe, 20, LONG),
    of(b"xoxe.", dotted, 20, LONG),
    of(b"xapp-", url_safe, 20, LONG),
];
const Y: &[Prefix] = &[of(b"ya29.", url_safe, 20, LONG)];

/// Those that begin with a letter.
pub const fn beginning(first: u8) -> &'static [Prefix] {
    match first {
        b'A' => A,
        b'd' => D,
        b'e' | b'E' => E,
        b'f' => F,
        b'g' | b'G' => G,
        b'h' => H,
        b'k' => K,
        b'l' => L,
        b'n' | b'N' => N,
        b'p' | b'P' => P,
        b'r' => R,
        b's' | b'S' => S,
        b't' => T,
        b'w' => W,
        b'x' => X,
        b'y' => Y,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_found_by_its_first_letter() {
        for first in 0..=u8::MAX {
            for prefix in beginning(first) {
                let letter = prefix.text.first().copied().unwrap();
                assert!(beginning(letter).iter().any(|other| other.text == prefix.text));
                assert!(prefix.text.len() + prefix.least >= BYTES_MIN);
                assert!(letter.eq_ignore_ascii_case(&first) && prefix.least <= prefix.most);
            }
        }
    }
}
