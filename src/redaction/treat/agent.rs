//! User agents by family and major version: `Chrome 126`. The rest of one tells devices apart.

/// What browsers call themselves, before what they pretend to be.
const FAMILIES: [(&str, &str); 12] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "Yandex"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
];

/// A name longer than this is not that of a program.
const NAME_BYTES_MAX: usize = 32;
/// Four digits are the years that some programs count by.
const MAJOR_DIGITS_MAX: usize = 4;

pub(super) fn family(value: &str) -> Option<String> {
    let products = || value.split([' ', ';', '(', ')']).filter(|part| part.contains('/'));
    let of = |product: &str| {
        products().find_map(|part| part.strip_prefix(product)).and_then(major).map(str::to_owned)
    };
    if let Some((family, major)) =
        FAMILIES.iter().find_map(|(product, family)| of(product).map(|major| (family, major)))
    {
        return Some(format!("{family} {major}"));
    }
    if value.contains("Safari/") {
        return of("Version/").map(|major| format!("Safari {major}"));
    }
    let (name, version) = products().next()?.split_once('/')?;
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.'));
    Some(format!("{} {}", is_name.then_some(name)?, major(version)?))
}

fn major(version: &str) -> Option<&str> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let end = version.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(version.len());
    version.get(..end).filter(|major| (1..=MAJOR_DIGITS_MAX).contains(&major.len()))
}
