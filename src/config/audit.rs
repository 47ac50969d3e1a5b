//! `[audit]`: where the log of what was seen lies, and by which keys, as given and as resolved. Without the table
//! nothing is put on record.

use secrecy::ExposeSecret;
use std::time::Duration;

use super::credentials::{self, GivenSecret};
use super::fault::{Findings, Place, quoted};
use super::given::{At, Given};
use super::quantity;
use super::table::Table;
use super::witnesses::{self, GivenWitness};
use super::world::{PEM_BYTES_MAX, World};
use crate::api::audit::EdgeSettings;
use crate::audit::note::{Kind, NamedKey, is_name};
use crate::audit::settings::{BYTES_MAX, WAIT_MAX};
use crate::audit::{AuditSettings, parse_key};
use crate::proof::SigningKey;

/// Records are taken away in whole bundles, once an hour.
const KEEP_MIN: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(super) struct GivenAudit {
    pub place: Place,
    pub dir: Given<String>,
    pub origin: Given<String>,
    pub key_file: Given<String>,
    pub token_key: Given<GivenSecret>,
    pub bytes_max: Given<u64>,
    pub wait_max: Given<Duration>,
    pub witnessed: Given<Vec<At<String>>>,
    pub readers: Given<Vec<At<String>>>,
    pub witness_every: Given<Duration>,
    pub witnesses: Vec<GivenWitness>,
    pub keep: Given<Duration>,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenAudit {
    let given = GivenAudit {
        place: table.place.clone(),
        dir: table.text("dir", out),
        origin: table.text("origin", out),
        key_file: table.text("key_file", out),
        token_key: credentials::secret(&mut table, "token_key", false, out),
        bytes_max: table.size("bytes_max", 1 << 20, out),
        wait_max: table.duration("wait_max", out),
        witnessed: table.texts("witnessed", out),
        readers: table.texts("readers", out),
        witness_every: table.duration("witness_every", out),
        witnesses: witnesses::read(&mut table, out),
        keep: table.parsed("keep", out, quantity::age),
    };
    table.close(out);
    given
}

pub(super) fn resolve(
    given: Option<&GivenAudit>,
    complete: Duration,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<(AuditSettings, EdgeSettings)> {
    let given = given?;
    let Some(dir) = given.dir.is() else {
        if given.dir.is_absent() {
            let place = Place { key: format!("{}.dir", given.place.key), ..given.place.clone() };
            out.fault(&place, "`dir` is missing", "write `dir = \"audit\"`, a folder of this gateway alone");
        }
        return None;
    };
    if let Some(at) = given.origin.is().filter(|at| !is_name(&at.value)) {
        let what = format!("{} is no name of a log", quoted(&at.value));
        out.fault(&at.place, what, "write 1 to 200 printable characters without space and without `+`");
    }
    if let Some(at) = given.keep.is().filter(|at| at.value < KEEP_MIN) {
        out.fault(
            &at.place,
            "nobody could look at records so soon gone",
            "write a day or more, as in \"400d\"",
        );
    }
    if let Some(at) = given.wait_max.is().filter(|at| at.value >= complete) {
        let what = "`wait_max` leaves nothing of the deadline of an answer";
        out.fault(&at.place, what, "write less than `complete` of [deadlines]");
    }
    let key = given.key_file.is().and_then(|at| key(at, world, out));
    let token_key = given.token_key.is().and_then(|at| {
        let text = world.secret(&at.value, out)?;
        let key = parse_key(text.expose_secret());
        if key.is_none() {
            let what = "the key of tokens is not 64 hex digits";
            out.secret_fault(&at.place, what, "make one with `openssl rand -hex 32`");
        }
        key
    });
    let edge = EdgeSettings {
        readers: given.readers.is().into_iter().flat_map(|at| &at.value).map(|at| at.value.clone()).collect(),
        witnesses: witnesses::resolve(&given.witnesses, world, out),
        witness_every: witnesses::every(&given.witness_every, out),
        keep: given.keep.value(),
    };
    let witnessed = given.witnessed.is().map(|at| at.value.as_slice()).unwrap_or_default();
    let witnessed = witnessed.iter().filter_map(|at| log(at, out)).collect();
    let log = AuditSettings {
        dir: world.path(&dir.value),
        origin: given.origin.value(),
        key,
        token_key,
        bytes_max: given.bytes_max.or(BYTES_MAX),
        wait_max: given.wait_max.or(WAIT_MAX.min(complete / 2)),
        witnessed,
    };
    Some((log, edge))
}

fn key(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<SigningKey> {
    let bytes = world.file(at, PEM_BYTES_MAX, out)?;
    let key = SigningKey::from_pem(&String::from_utf8_lossy(&bytes));
    let wrong = |why: crate::proof::KeyError| {
        out.fault(
            &at.place,
            format!("file {}: {why}", quoted(&at.value)),
            "make one with `openssl genpkey -algorithm ed25519`",
        );
    };
    key.map_err(wrong).ok()
}

/// A log whose checkpoints are signed here.
fn log(at: &At<String>, out: &mut Findings) -> Option<NamedKey> {
    let key = NamedKey::parse(&at.value).ok().filter(|key| key.kind == Kind::Log);
    if key.is_none() {
        let what = format!("{} is no key of a log", quoted(&at.value));
        out.fault(&at.place, what, "copy `log.vkey` from the folder of that log");
    }
    key
}
