//! How the gateway shows a region who it is, as given: authentication, headers, certificates. A secret
//! that stands in the file itself is refused here, so that nothing later can let it pass.

use http::{HeaderName, Uri};

use super::fault::{Findings, quoted};
use super::given::{At, Given};
use super::table::{self, Table};
use super::words;

#[derive(Debug, Clone)]
pub(super) enum GivenAuth {
    Bearer(Given<GivenSecret>),
    Basic { user: Given<String>, password: Given<GivenSecret> },
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub(super) enum GivenSecret {
    Environment(At<String>),
    File(At<String>),
    /// In the file itself: a fault for what is always a secret.
    Inline(At<String>),
}

#[derive(Debug, Clone)]
pub(super) struct GivenTls {
    pub ca_file: Given<String>,
    pub cert_file: Given<String>,
    pub key_file: Given<String>,
}

/// A user and a query may be secrets, and must not be repeated.
pub(super) fn url(table: &mut Table<'_>, out: &mut Findings) -> Given<Uri> {
    let Some(text) = table.peek_text("url") else { return table.parsed("url", out, words::url) };
    if holds_more(&text, out) { Given::Faulty } else { table.parsed("url", out, words::url) }
}

/// Other places of the same region, each as `url` is.
pub(super) fn urls(table: &mut Table<'_>, out: &mut Findings) -> Given<Vec<Given<Uri>>> {
    let texts = table.texts("urls", out);
    texts.map(|texts| {
        let read = texts.into_iter().map(|text| match holds_more(&text, out) {
            true => Given::Faulty,
            false => table::settle(words::url(&text.value), text.place, out),
        });
        read.collect()
    })
}

/// Whether a URL holds what is no place: reported, and not repeated.
fn holds_more(text: &At<String>, out: &mut Findings) -> bool {
    let (what, remedy) = if text.value.contains('@') {
        (
            "user and password do not belong in a URL",
            "write the URL without it, and `auth = { basic = { user = \"..\", password = { env = \"..\" } } }`",
        )
    } else if text.value.contains(['?', '#']) {
        ("a query or a fragment cannot be sent with a request", "write scheme, host, port and path only")
    } else {
        return false;
    };
    out.secret_fault(&text.place, what, remedy);
    true
}

pub(super) fn auth(table: &mut Table<'_>, out: &mut Findings) -> Given<GivenAuth> {
    if let Some(place) = table.peek_no_table("auth") {
        out.secret_fault(&place, INLINE_SECRET, "write `{ bearer = { env = \"NAME\" } }`");
        return Given::Faulty;
    }
    let Given::Is(At { value: mut auth, place }) = table.table("auth", out) else {
        return if table.has("auth") { Given::Faulty } else { Given::Absent };
    };
    let bearer = secret(&mut auth, "bearer", false, out);
    let basic = auth.table("basic", out).map(|mut basic| {
        let user = basic.parsed("user", out, words::basic_user);
        let password = secret(&mut basic, "password", false, out);
        basic.close(out);
        (user, password)
    });
    auth.close(out);
    let (what, remedy) = match (bearer, basic) {
        (bearer @ (Given::Is(_) | Given::Faulty), Given::Absent) => {
            return Given::Is(At { value: GivenAuth::Bearer(bearer), place });
        }
        (Given::Absent, Given::Is(At { value: (user, password), .. })) => {
            return Given::Is(At { value: GivenAuth::Basic { user, password }, place });
        }
        (Given::Absent, Given::Faulty) => return Given::Faulty,
        (Given::Absent, Given::Absent) => {
            ("no way to authenticate is named", "write `bearer` or `basic`, or take `auth` away")
        }
        _ => ("`bearer` and `basic` exclude each other", "keep one of them"),
    };
    out.fault(&place, what, remedy);
    Given::Faulty
}

pub(super) fn headers(table: &Table<'_>, out: &mut Findings) -> Vec<(At<HeaderName>, Given<GivenSecret>)> {
    let mut headers: Vec<(At<HeaderName>, Given<GivenSecret>)> = Vec::new();
    for (key, value, place) in table.entries() {
        let name = match words::header_name(&key.value) {
            Ok(name) => name,
            Err(wrong) => {
                out.fault(&key.place, wrong.what, wrong.remedy);
                continue;
            }
        };
        if headers.iter().any(|(earlier, _)| earlier.value == name) {
            out.fault(
                &key.place,
                format!("header {} stands here twice", quoted(&key.value)),
                "keep one of them",
            );
        }
        let given = match value.is_table() {
            false => {
                let remedy = "write `{ value = \"..\" }` if anyone may see it, else `{ env = \"NAME\" }` or `{ file = \"path\" }`";
                out.secret_fault(&place, "it is not said whether this is a secret", remedy);
                Given::Faulty
            }
            true => table::table_of(value, place, out).and_then(|table| source_of(table, true, out)),
        };
        headers.push((At { value: name, place: key.place }, given));
    }
    headers
}

const INLINE_SECRET: &str = "a secret stands in the file";
const SECRET_REMEDY: &str = "write `{ env = \"NAME\" }` or `{ file = \"path\" }`";

pub(super) fn tls(mut tls: Table<'_>, out: &mut Findings) -> GivenTls {
    let given = GivenTls {
        ca_file: tls.text("ca_file", out),
        cert_file: tls.text("cert_file", out),
        key_file: tls.text("key_file", out),
    };
    tls.close(out);
    given
}

/// What the gateway itself shows.
#[derive(Debug, Clone)]
pub(super) struct GivenServerTls {
    pub cert_file: Given<String>,
    pub key_file: Given<String>,
    /// Who makes certificates for clients.
    pub client_ca: Given<String>,
    pub client_required: Given<bool>,
}

pub(super) fn server_tls(mut tls: Table<'_>, out: &mut Findings) -> GivenServerTls {
    let given = GivenServerTls {
        cert_file: tls.text("cert_file", out),
        key_file: tls.text("key_file", out),
        client_ca: tls.text("client_ca", out),
        client_required: tls.flag("client_required", out),
    };
    tls.close(out);
    given
}

pub(super) fn secret(
    table: &mut Table<'_>,
    key: &'static str,
    may_inline: bool,
    out: &mut Findings,
) -> Given<GivenSecret> {
    if let Some(place) = table.peek_no_table(key) {
        out.secret_fault(&place, INLINE_SECRET, SECRET_REMEDY);
        return Given::Faulty;
    }
    table.table(key, out).and_then(|table| source_of(table, may_inline, out))
}

/// Exactly one of `env`, `file` and `value`.
pub(super) fn source_of(mut table: Table<'_>, may_inline: bool, out: &mut Findings) -> Given<GivenSecret> {
    let place = table.place.clone();
    let inline = table.peek_text("value");
    let env = table.parsed("env", out, words::environment_name);
    let file = table.text("file", out);
    let value = table.parsed("value", out, |text| Ok(text.to_owned()));
    table.close(out);
    if let (Some(inline), false) = (inline, may_inline) {
        out.secret_fault(&inline.place, INLINE_SECRET, SECRET_REMEDY);
        return Given::Faulty;
    }
    let given = match (env, file, value) {
        (Given::Is(env), Given::Absent, Given::Absent) => GivenSecret::Environment(env),
        (Given::Absent, Given::Is(file), Given::Absent) => GivenSecret::File(file),
        (Given::Absent, Given::Absent, Given::Is(value)) => GivenSecret::Inline(value),
        (Given::Absent, Given::Absent, Given::Absent) => {
            out.fault(&place, "it is not said where the value comes from", SECRET_REMEDY);
            return Given::Faulty;
        }
        (env, file, value) => {
            let given = [env.is_absent(), file.is_absent(), value.is_absent()];
            if given.iter().filter(|is_absent| !**is_absent).count() > 1 {
                out.secret_fault(&place, "more than one source of one value", SECRET_REMEDY);
            }
            return Given::Faulty;
        }
    };
    Given::Is(At { value: given, place })
}
