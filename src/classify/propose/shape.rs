//! What a value looks like, without anything of it: letters become `a` or `A`, digits `9`, and a row of them is a `*` behind the first,
//! so that not even how long a name is can be read off. Signs stay, since they make an address an address.

/// Characters of a shape. Longer values are cut.
const SHAPE_CHARS_MAX: usize = 48;

/// The shape of a value: `a*@a*.a*`, `9*.9.9.9`, `A* A*`.
pub fn shape(value: &str) -> String {
    let mut out = String::new();
    let mut count = 0;
    let (mut last, mut row) = ('\0', 0);
    for c in value.chars() {
        if count >= SHAPE_CHARS_MAX {
            out.push('…');
            break;
        }
        let sign = sign_of(c);
        // A word that begins with a capital goes on in small letters, as one.
        let is_on = sign == last && sign != '\0' || last == 'A' && sign == 'a';
        row = if is_on && is_folded(sign) { row + 1 } else { 1 };
        last = if last == 'A' && sign == 'a' && row > 1 { 'A' } else { sign };
        let shown = match row {
            1 => sign,
            _ if out.ends_with('*') => continue,
            _ => '*',
        };
        out.push(shown);
        count += 1;
    }
    out
}

fn is_folded(sign: char) -> bool {
    sign.is_ascii_alphanumeric()
}

fn sign_of(c: char) -> char {
    match c {
        c if c.is_numeric() => '9',
        c if c.is_uppercase() => 'A',
        c if c.is_alphabetic() => 'a',
        // A star of the value would look like one of ours.
        '*' | '…' => '?',
        c if c.is_ascii_punctuation() => c,
        c if c.is_whitespace() => ' ',
        _ => '?',
    }
}
