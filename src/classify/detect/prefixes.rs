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
    /// The last six are the CRC-32 of the others.
    Crc32,
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
    of(b"AKIA", capitals, 16, 16),
    of(b"ASIA", capitals, 16, 16),
    of(b"AROA", capitals, 16, 17),
    of(b"AIDA", capitals, 16, 17),
    of(b"ABIA", capitals, 16, 16),
    of(b"ACCA", capitals, 16, 16),
    of(b"AIza", url_safe, 35, 35),
    of(b"AGE-SECRET-KEY-1", alnum, 58, 58),
];
const D: &[Prefix] = &[
    of(b"dop_v1_", hex, 64, 64),
    of(b"doo_v1_", hex, 64, 64),
    of(b"dor_v1_", hex, 64, 64),
    of(b"dapi", hex, 32, 34),
    of(b"dckr_pat_", url_safe, 27, LONG),
];
const E: &[Prefix] = &[of(b"eyJrIjoi", standard, 40, LONG), of(b"EAAA", url_safe, 60, 60)];
const G: &[Prefix] = &[
    checked(b"ghp_", alnum, 36, 36, Check::Crc32),
    checked(b"gho_", alnum, 36, 36, Check::Crc32),
    checked(b"ghu_", alnum, 36, 36, Check::Crc32),
    checked(b"ghs_", alnum, 36, 36, Check::Crc32),
    checked(b"ghr_", alnum, 36, 76, Check::Crc32),
    of(b"github_pat_", url_safe, 60, LONG),
    of(b"glpat-", dotted, 20, 64),
    of(b"gldt-", url_safe, 20, 64),
    of(b"glrt-", url_safe, 20, 64),
    of(b"glptt-", hex, 40, 40),
    of(b"glsoat-", url_safe, 20, 64),
    of(b"glsa_", url_safe, 40, 48),
    of(b"glc_", standard, 32, LONG),
    of(b"GOCSPX-", url_safe, 28, 28),
];
const H: &[Prefix] = &[
    checked(b"hf_", alnum, 30, 40, Check::None),
    of(b"hvs.", url_safe, 24, LONG),
    of(b"hvb.", url_safe, 24, LONG),
    of(b"hooks.slack.com/services/", path, 30, 100),
];
const L: &[Prefix] = &[of(b"lin_api_", alnum, 40, 40)];
const N: &[Prefix] = &[checked(b"npm_", alnum, 36, 36, Check::Crc32), of(b"NRAK-", alnum, 27, 27)];
const P: &[Prefix] = &[
    of(b"pypi-AgE", url_safe, 50, LONG),
    of(b"PMAK-", dotted, 59, 59),
    of(b"pscale_tkn_", url_safe, 32, 64),
];
const R: &[Prefix] =
    &[of(b"rk_live_", alnum, 24, 247), of(b"rk_test_", alnum, 24, 247), of(b"rubygems_", hex, 48, 48)];
const S: &[Prefix] = &[
    of(b"sk_live_", alnum, 16, 247),
    of(b"sk_test_", alnum, 16, 247),
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
];
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
        b'g' | b'G' => G,
        b'h' => H,
        b'l' => L,
        b'n' | b'N' => N,
        b'p' | b'P' => P,
        b'r' => R,
        b's' | b'S' => S,
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
