//! Numbers that states give to persons, made from the rules they publish.

use super::{CAPITALS, Dice, between, digits, letters};

/// The digits of a text as numbers.
fn worth(text: &str) -> Vec<i64> {
    text.bytes().map(|byte| i64::from(byte - b'0')).collect()
}

fn sum(text: &str, weights: &[i64]) -> i64 {
    assert!(weights.len() >= text.len(), "{text} has a weight for each digit");
    worth(text).iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// Adds what a body needs so that doubling every second digit from the right makes a multiple of ten.
pub fn with_luhn(body: &str) -> String {
    let mut total = 0;
    for (place, digit) in worth(body).into_iter().rev().enumerate() {
        let doubled = if place % 2 == 0 { digit * 2 } else { digit };
        total += doubled / 10 + doubled % 10;
    }
    format!("{body}{}", (10 - total % 10) % 10)
}

/// Tries until a rule gives a check.
fn until(dice: &mut Dice, mut attempt: impl FnMut(&mut Dice) -> Option<String>) -> String {
    for _ in 0..10_000 {
        if let Some(number) = attempt(dice) {
            return number;
        }
    }
    panic!("no number came of ten thousand tries");
}

struct Day {
    year: u64,
    month: u64,
    day: u64,
}

fn day(dice: &mut Dice) -> Day {
    Day { year: between(dice, 1940, 2005), month: between(dice, 1, 12), day: between(dice, 1, 28) }
}

impl Day {
    fn ymd(&self) -> String {
        format!("{:02}{:02}{:02}", self.year % 100, self.month, self.day)
    }

    fn dmy(&self) -> String {
        format!("{:02}{:02}{:02}", self.day, self.month, self.year % 100)
    }
}

pub fn france(dice: &mut Dice) -> String {
    let born = day(dice);
    let department = between(dice, 1, 95);
    let is_corsican = dice.percent(10);
    let department =
        if is_corsican { (*dice.of(&["2A", "2B"])).to_owned() } else { format!("{department:02}") };
    let sex = between(dice, 1, 2);
    let body = format!(
        "{sex}{:02}{:02}{department}{}{}",
        born.year % 100,
        born.month,
        digits(dice, 3),
        digits(dice, 3)
    );
    let number: u64 = body.replace("2A", "19").replace("2B", "18").parse().unwrap();
    let key = 97 - number % 97;
    if dice.percent(40) && !is_corsican {
        let part = |from: usize, to: usize| &body[from..to];
        return format!(
            "{} {} {} {} {} {} {key:02}",
            part(0, 1),
            part(1, 3),
            part(3, 5),
            part(5, 7),
            part(7, 10),
            part(10, 13),
        );
    }
    format!("{body}{key:02}")
}

const DNI: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

pub fn spain(dice: &mut Dice) -> String {
    let number = between(dice, 1_000_000, 99_999_999);
    let letter = char::from(DNI[(number % 23) as usize]);
    let sign = if dice.percent(15) { "-" } else { "" };
    format!("{number:08}{sign}{letter}")
}

pub fn spain_foreign(dice: &mut Dice) -> String {
    let lead = dice.below(3);
    let body = between(dice, 0, 9_999_999);
    let letter = char::from(DNI[((lead * 10_000_000 + body) % 23) as usize]);
    format!("{}{body:07}{letter}", ["X", "Y", "Z"][lead as usize])
}

pub fn italy(dice: &mut Dice) -> String {
    // The table as the ministry prints it, for places counted from one.
    const ODD: [(&str, i64); 26] = [
        ("0A", 1),
        ("1B", 0),
        ("2C", 5),
        ("3D", 7),
        ("4E", 9),
        ("5F", 13),
        ("6G", 15),
        ("7H", 17),
        ("8I", 19),
        ("9J", 21),
        ("K", 2),
        ("L", 4),
        ("M", 18),
        ("N", 20),
        ("O", 11),
        ("P", 3),
        ("Q", 6),
        ("R", 8),
        ("S", 12),
        ("T", 14),
        ("U", 16),
        ("V", 10),
        ("W", 22),
        ("X", 25),
        ("Y", 24),
        ("Z", 23),
    ];
    let born = day(dice);
    let month = letters(dice, 1, "ABCDEHLMPRST");
    let shift = 40 * dice.below(2);
    let consonants = "BCDFGHLMNPRSTVZ";
    let body = format!(
        "{}{:02}{month}{:02}{}{}",
        letters(dice, 6, consonants),
        born.year % 100,
        born.day + shift,
        letters(dice, 1, "ABCDEFGHILM"),
        digits(dice, 3),
    );
    let total: i64 = body
        .chars()
        .enumerate()
        .map(|(place, sign)| {
            if place % 2 == 0 {
                ODD.iter().find(|(signs, _)| signs.contains(sign)).unwrap().1
            } else {
                sign.to_digit(10).map_or_else(|| i64::from(sign as u8 - b'A'), i64::from)
            }
        })
        .sum();
    format!("{body}{}", char::from(b'A' + (total % 26) as u8))
}

pub fn sweden(dice: &mut Dice) -> String {
    let born = day(dice);
    let number = with_luhn(&format!("{}{}", born.ymd(), digits(dice, 3)));
    match dice.below(4) {
        0 => format!("{}{}-{}", born.year / 100, &number[..6], &number[6..]),
        _ => format!("{}-{}", &number[..6], &number[6..]),
    }
}

pub fn finland(dice: &mut Dice) -> String {
    let born = day(dice);
    let number = between(dice, 2, 899);
    let sign = if born.year < 2000 { '-' } else { 'A' };
    let whole: u64 = format!("{}{number:03}", born.dmy()).parse().unwrap();
    let check = char::from(b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(whole % 31) as usize]);
    format!("{}{sign}{number:03}{check}", born.dmy())
}

pub fn britain_insurance(dice: &mut Dice) -> String {
    let prefix = dice.of(&["AB", "CE", "JG", "LX", "NA", "PW", "SK", "TW", "YZ", "ZE"]);
    let body = digits(dice, 6);
    let suffix = letters(dice, 1, "ABCD");
    if dice.percent(40) {
        return format!("{prefix} {} {} {} {suffix}", &body[..2], &body[2..4], &body[4..]);
    }
    format!("{prefix}{body}{suffix}")
}

pub fn ireland(dice: &mut Dice) -> String {
    let body = digits(dice, 7);
    let second = *dice.of(&["", "A", "W"]);
    let extra = if second == "A" { 9 } else { 0 };
    let place = (sum(&body, &[8, 7, 6, 5, 4, 3, 2]) + extra) % 23;
    format!("{body}{}{second}", char::from(b"WABCDEFGHIJKLMNOPQRSTUV"[place as usize]))
}

pub fn czechia(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let born = day(dice);
        let month = born.month + 50 * dice.below(2);
        let body = format!("{:02}{month:02}{:02}{}", born.year % 100, born.day, digits(dice, 4));
        let is_one = born.year >= 1954 && body.parse::<u64>().unwrap() % 11 == 0;
        is_one.then(|| format!("{}/{}", &body[..6], &body[6..]))
    })
}

pub fn switzerland(dice: &mut Dice) -> String {
    let body = format!("756{}", digits(dice, 9));
    let check = (10 - sum(&body, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10;
    let number = format!("{body}{check}");
    if dice.percent(70) {
        return format!("{}.{}.{}.{}", &number[..3], &number[3..7], &number[7..11], &number[11..]);
    }
    number
}

pub fn belgium(dice: &mut Dice) -> String {
    let born = day(dice);
    let body = format!("{}{:03}", born.ymd(), between(dice, 1, 997));
    let lead = if born.year >= 2000 { "2" } else { "" };
    let number: u64 = format!("{lead}{body}").parse().unwrap();
    let check = 97 - number % 97;
    if dice.percent(60) {
        return format!("{}.{}.{}-{}.{check:02}", &body[..2], &body[2..4], &body[4..6], &body[6..]);
    }
    format!("{body}{check:02}")
}

pub fn netherlands(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let body = format!("{}{}", between(dice, 1, 9), digits(dice, 7));
        let rest = sum(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        (rest < 10).then(|| format!("{body}{rest}"))
    })
}

pub fn portugal(dice: &mut Dice) -> String {
    let body = format!("{}{}", dice.of(&[1, 2, 3, 5]), digits(dice, 7));
    let rest = sum(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    format!("{body}{}", if rest < 2 { 0 } else { 11 - rest })
}

pub fn poland(dice: &mut Dice) -> String {
    let born = day(dice);
    let month = born.month + if born.year >= 2000 { 20 } else { 0 };
    let body = format!("{:02}{month:02}{:02}{}", born.year % 100, born.day, digits(dice, 4));
    format!("{body}{}", (10 - sum(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10)
}

pub fn romania(dice: &mut Dice) -> String {
    let born = day(dice);
    let lead = if born.year < 2000 { between(dice, 1, 2) } else { between(dice, 5, 6) };
    let body = format!("{lead}{}{:02}{}", born.ymd(), between(dice, 1, 46), digits(dice, 3));
    let rest = sum(&body, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    format!("{body}{}", if rest == 10 { 1 } else { rest })
}

/// The check digit of ISO 7064 mod 11,10, step by step.
fn hybrid(body: &str) -> i64 {
    let mut product = 10;
    for digit in worth(body) {
        let mut sum = (digit + product) % 10;
        if sum == 0 {
            sum = 10;
        }
        product = sum * 2 % 11;
    }
    (11 - product) % 10
}

pub fn germany(dice: &mut Dice) -> String {
    // Ten digits of which one comes twice and one is missing, and none is first a zero.
    let body = until(dice, |dice| {
        let mut all: Vec<u8> = (b'0'..=b'9').collect();
        dice.shuffle(&mut all);
        let twice = all[1 + dice.below(9) as usize];
        all[0] = twice;
        dice.shuffle(&mut all);
        (all[0] != b'0').then(|| String::from_utf8(all).unwrap())
    });
    let number = format!("{body}{}", hybrid(&body));
    if dice.percent(25) {
        return format!("{} {} {} {}", &number[..2], &number[2..5], &number[5..8], &number[8..]);
    }
    number
}

pub fn croatia(dice: &mut Dice) -> String {
    let body = digits(dice, 10);
    format!("{body}{}", hybrid(&body))
}

pub fn estonia(dice: &mut Dice) -> String {
    let born = day(dice);
    let lead = if born.year < 2000 { between(dice, 3, 4) } else { between(dice, 5, 6) };
    let body = format!("{lead}{}{}", born.ymd(), digits(dice, 3));
    let first = sum(&body, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = sum(&body, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = match (first, second) {
        (0..=9, _) => first,
        (_, 0..=9) => second,
        _ => 0,
    };
    format!("{body}{check}")
}

pub fn latvia(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let born = day(dice);
        let century = if born.year < 2000 { 1 } else { 2 };
        let body = format!("{}{century}{}", born.dmy(), digits(dice, 3));
        let check = (1101 - sum(&body, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) % 11;
        (check < 10).then(|| format!("{}-{}{check}", &body[..6], &body[6..]))
    })
}

pub fn bulgaria(dice: &mut Dice) -> String {
    let born = day(dice);
    let month = born.month + if born.year >= 2000 { 40 } else { 0 };
    let body = format!("{:02}{month:02}{:02}{}", born.year % 100, born.day, digits(dice, 3));
    format!("{body}{}", sum(&body, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10)
}

pub fn austria(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let born = day(dice).dmy();
        let serial = between(dice, 100, 999).to_string();
        let check = (sum(&serial, &[3, 7, 9]) + sum(&born, &[5, 8, 4, 2, 1, 6])) % 11;
        let sign = if dice.percent(40) { " " } else { "" };
        (check < 10).then(|| format!("{serial}{check}{sign}{born}"))
    })
}

pub fn greece(dice: &mut Dice) -> String {
    let born = day(dice).dmy();
    with_luhn(&format!("{born}{}", digits(dice, 4)))
}

pub fn norway(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let body = format!("{}{}", day(dice).dmy(), digits(dice, 3));
        let first = (11 - sum(&body, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
        let with_first = format!("{body}{first}");
        if first == 10 {
            return None;
        }
        let second = (11 - sum(&with_first, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        (second < 10).then(|| format!("{with_first}{second}"))
    })
}

pub fn britain_health(dice: &mut Dice) -> String {
    let number = until(dice, |dice| {
        let body = format!("{}{}", dice.of(&[4, 6, 7, 9]), digits(dice, 8));
        let check = 11 - sum(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        (check != 10).then(|| format!("{body}{}", check % 11))
    });
    if dice.percent(50) {
        return format!("{} {} {}", &number[..3], &number[3..6], &number[6..]);
    }
    number
}

pub fn denmark(dice: &mut Dice) -> String {
    format!("{}-{}", day(dice).dmy(), digits(dice, 4))
}

pub fn slovenia(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let born = day(dice);
        let body = format!("{:02}{:02}{:03}50{}", born.day, born.month, born.year % 1000, digits(dice, 3));
        let check = 11 - sum(&body, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        (check != 10).then(|| format!("{body}{}", check % 11))
    })
}

pub fn brazil(dice: &mut Dice) -> String {
    let check = |body: &str, weights: &[i64]| match sum(body, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    let body = digits(dice, 9);
    let first = check(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let longer = format!("{body}{first}");
    let second = check(&longer, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    format!("{}.{}.{}-{first}{second}", &body[..3], &body[3..6], &body[6..])
}

/// Seventeen characters whose ninth is their check.
pub fn vehicle(dice: &mut Dice) -> String {
    let value = |sign: char| match sign {
        '0'..='9' => i64::from(sign as u8 - b'0'),
        // As the table counts: A to H are 1 to 8, J to N 1 to 5, P 7, R 9, S to Z 2 to 9.
        _ => "ABCDEFGH".find(sign).map(|at| at + 1).or("JKLMN".find(sign).map(|at| at + 1)).unwrap_or_else(
            || match sign {
                'P' => 7,
                'R' => 9,
                _ => "STUVWXYZ".find(sign).unwrap() + 2,
            },
        ) as i64,
    };
    let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let alphabet = format!("{}0123456789", CAPITALS.replace(['I', 'O', 'Q'], ""));
    let mut text: Vec<char> = letters(dice, 17, &alphabet).chars().collect();
    let total: i64 = text.iter().zip(weights).map(|(sign, weight)| value(*sign) * weight).sum();
    text[8] = char::from(b"0123456789X"[(total % 11) as usize]);
    text.into_iter().collect()
}
