//! Values made coarser: enough left for statistics, too little for one person. What cannot be read as what its class
//! says is not made coarser, which the caller turns into a mark.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt::Write;

use super::{agent, date};
use crate::policy::Generalise;

/// Characters of a postal code that are left.
const POSTAL_CHARS: usize = 3;

/// Writes the coarser value; false, and nothing, where it has none.
pub(super) fn put(how: Generalise, value: &str, ninety: i32, out: &mut String) -> bool {
    let coarse = match how {
        Generalise::None => None,
        Generalise::Ip => ip(value),
        Generalise::Date => date::month(value),
        Generalise::BirthDate => date::birth_year(value, ninety),
        Generalise::Geo => geo(value),
        Generalise::UserAgent => agent::family(value),
        Generalise::PostalCode => postal_code(value),
    };
    coarse.is_some_and(|coarse| {
        out.push_str(&coarse);
        true
    })
}

fn ip(value: &str) -> Option<String> {
    Some(match address(value)? {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    })
}

/// An address, without its port, zone, brackets and length of a prefix. An IPv4 address that is written as an IPv6
/// one is the IPv4 address.
pub(super) fn address(value: &str) -> Option<IpAddr> {
    let value = value.trim();
    let bare = match value.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address)?,
        None => value.split('/').next().unwrap_or(value),
    };
    let bare = bare.split('%').next().unwrap_or(bare);
    let parsed = bare.parse().ok().or_else(|| {
        let (address, port) = bare.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        address.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    });
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// Each number of a place with one decimal. At most three: degrees, degrees and a height, which goes.
fn geo(value: &str) -> Option<String> {
    let numbers: Vec<&str> =
        value.split([',', ';', ' ', '/']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let mut out = String::new();
    if !(1..=3).contains(&numbers.len()) {
        return None;
    }
    for (nth, number) in numbers.iter().take(2).enumerate() {
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
        let degrees: f64 = number.parse().ok().filter(|degrees: &f64| is_plain && degrees.abs() <= 180.0)?;
        let tenths = (degrees * 10.0).round() / 10.0;
        // Written without a minus where nothing is left of it.
        let tenths = if tenths == 0.0 { 0.0 } else { tenths };
        write!(out, "{}{tenths:.1}", if nth > 0 { "," } else { "" }).ok()?;
    }
    Some(out)
}

fn postal_code(value: &str) -> Option<String> {
    let bare: String = value.trim().chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let is_code = (4..=10).contains(&bare.len())
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && bare.bytes().any(|byte| byte.is_ascii_digit());
    is_code.then(|| bare.chars().take(POSTAL_CHARS).map(|c| c.to_ascii_uppercase()).collect())
}
