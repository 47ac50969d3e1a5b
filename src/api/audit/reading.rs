//! The log as its readers have it through the gateway: records by what they say, one record with its proof, and the
//! files that make the proof (C2SP tlog-tiles), so that nobody needs a place on the machine. Who may is a matter of
//! roles; whatever is read is on record itself, and where that cannot be, nothing is read.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{self, Request, State};
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderValue, header};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{Auditor, Docket, Unrecorded};
use crate::api::caller::Seen;
use crate::api::error::{ApiError, plain};
use crate::api::params::{Params, audit};
use crate::api::state::ApiState;
use crate::audit::cosigned;
use crate::audit::disk::{Disk, Folder};
use crate::audit::json::{Json, Map};
use crate::audit::question;
use crate::audit::read::{ReadError, Reader, Stored, checkpoint, parse_receipt};
use crate::audit::search::{Found, Wanted, backwards};
use crate::audit::tile;
use crate::audit::tree::{inclusion, leaf};
use crate::task;

/// Who reads at once. Each reads up to a hundred megabytes of files.
const READING_MAX: usize = 2;

/// Where the log can be read, and by whom.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    readers: BTreeSet<String>,
    places: Arc<Semaphore>,
}

impl Shelf {
    pub fn new(dir: &Path, readers: &BTreeSet<String>) -> Self {
        let places = Arc::new(Semaphore::new(READING_MAX));
        Self { dir: dir.to_owned(), readers: readers.clone(), places }
    }
}

/// A reader who may.
struct Reading {
    auditor: Arc<Auditor>,
    docket: Docket,
}

impl Reading {
    /// Only who shows it here: another gateway says of others what their roles are there.
    fn of(state: &ApiState, of: &Extensions) -> Result<Self, ApiError> {
        let auditor = state.audit.clone().filter(|auditor| auditor.shelf().is_some());
        let Some((auditor, docket)) = auditor.zip(of.get::<Docket>().cloned()) else {
            return Err(ApiError::NotThere("nothing is on record here: [audit] names no folder".to_owned()));
        };
        let seen = of.get::<Seen>().filter(|seen| seen.guest.is_none());
        let readers = auditor.shelf().map(|shelf| &shelf.readers);
        let may = seen.zip(readers).is_some_and(|(seen, readers)| !seen.caller.roles.is_disjoint(readers));
        if !may {
            let line = "the audit log is for its readers: the roles that `readers` of [audit] names";
            return Err(ApiError::Forbidden(line.to_owned()));
        }
        if of.get::<Unrecorded>().is_some() {
            return Err(ApiError::NotRecorded);
        }
        docket.reads(0);
        Ok(Self { auditor, docket })
    }

    /// Reads files, if there is a place.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Folder) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let shelf = self.auditor.shelf().ok_or_else(unread)?;
        let permit = shelf.places.clone().try_acquire_owned().map_err(|_| ApiError::Busy)?;
        let folder = Folder::at(&shelf.dir);
        let reading = move || {
            let _permit = permit;
            read(&folder)
        };
        let read = task::blocking(reading).await.map_err(|_| unread())?;
        read.map_err(|why| match &why {
            ReadError::File { why, .. } if why.kind() == io::ErrorKind::NotFound => {
                ApiError::NotThere("there is no such file in the log".to_owned())
            }
            _ => {
                tracing::error!(%why, "the audit log cannot be read");
                unread()
            }
        })
    }
}

fn unread() -> ApiError {
    ApiError::Failed("the audit log cannot be read: the gateway's own log says why".to_owned())
}

/// `GET /api/tutti/v1/audit/records`: the newest that fit.
pub async fn records(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let reading = Reading::of(&state, request.extensions())?;
    let audit::RecordsQuery { wanted, before, limit } = audit::records(&Params::of(request.uri()))?;
    reading.docket.asks(asked(&reading.auditor, &wanted, limit));
    let found = reading.read(move |folder| {
        let (_, checkpoint) = checkpoint(folder)?;
        Ok((backwards(folder, checkpoint.size, &wanted, before, limit)?, checkpoint))
    });
    let (Found { records, next, gone }, checkpoint) = found.await?;
    reading.docket.reads(records.len() as u64);
    let records: Option<Vec<_>> = records.iter().map(shown).collect();
    let records = records.ok_or_else(unread)?;
    let mut body = json!({"log": checkpoint.origin, "size": checkpoint.size, "records": []});
    if let Some(body) = body.as_object_mut() {
        body.insert("records".to_owned(), records.into());
        for (key, number) in [("next", next), ("gone", gone)] {
            if let Some(number) = number {
                body.insert(key.to_owned(), number.into());
            }
        }
    }
    Ok(json(&body))
}

/// `GET /api/tutti/v1/audit/receipts/LOG/NUMBER`: one record, and the way of hashes from it to a signed checkpoint.
pub async fn receipt(
    State(state): State<ApiState>,
    extract::Path(receipt): extract::Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let reading = Reading::of(&state, request.extensions())?;
    let no_receipt =
        || ApiError::BadRequest("a receipt ends with a number: tutti/us-east/1a2b3c4d/17".to_owned());
    let (log, index) = parse_receipt(&receipt).ok_or_else(no_receipt)?;
    let key = reading.auditor.log().key().clone();
    if log.is_some_and(|log| log != key.name) {
        return Err(ApiError::NotThere(format!("the receipt is of another log, and this is `{}`", key.name)));
    }
    reading.docket.asks(Map::from([("record".to_owned(), Json::Whole(index))]));
    let found = reading.read(move |folder| {
        let (note, checkpoint) = checkpoint(folder)?;
        let reader = Reader::new(folder, checkpoint.size);
        let Some(record) = reader.record(index)? else { return Ok(None) };
        let proof = inclusion(&reader, index, checkpoint.size)?;
        Ok(Some((note, record, proof)))
    });
    let Some((note, record, proof)) = found.await? else {
        let line = format!("no checkpoint speaks of a record {index}: if it is new, ask again in a second");
        return Err(ApiError::NotThere(line));
    };
    reading.docket.reads(1);
    let proof: Vec<String> = proof.into_iter().map(|hash| hash.to_base64()).collect();
    let mut body = shown(&record).ok_or_else(unread)?;
    if let Some(body) = body.as_object_mut() {
        body.insert("leaf".to_owned(), leaf(&record.bytes).to_base64().into());
        body.insert("proof".to_owned(), proof.into());
        body.insert("checkpoint".to_owned(), note.to_string().into());
        body.insert("key".to_owned(), key.to_string().into());
    }
    Ok(json(&body))
}

/// `GET /api/tutti/v1/audit/checkpoint`: of the whole log, as it was signed last.
pub async fn last_checkpoint(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let reading = Reading::of(&state, request.extensions())?;
    let (note, _) = reading.read(|folder| checkpoint(folder)).await?;
    Ok(plain(note.to_string()))
}

/// `GET /api/tutti/v1/audit/tile/..`: hashes, and records.
pub async fn tile(
    State(state): State<ApiState>,
    extract::Path(path): extract::Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let reading = Reading::of(&state, request.extensions())?;
    let name = format!("tile/{path}");
    let Some(named) = tile::named(&name) else {
        return Err(ApiError::BadRequest(
            "a tile is asked for as tile/0/x001/067 (C2SP tlog-tiles)".to_owned(),
        ));
    };
    reading.docket.asks(Map::from([("tile".to_owned(), Json::text(&name))]));
    let bytes = reading.read(move |folder| file(folder, name)).await?;
    reading.docket.reads(if named.level.is_none() { named.width } else { 0 });
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}

/// `GET /api/tutti/v1/audit/cosigned/..`: the checkpoint that a witness signed last.
pub async fn cosigned(
    State(state): State<ApiState>,
    extract::Path(name): extract::Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let reading = Reading::of(&state, request.extensions())?;
    if name.len() != 32 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ApiError::BadRequest("a witness is asked for by 32 hex digits".to_owned()));
    }
    let bytes = reading.read(move |folder| file(folder, format!("{}/{name}", cosigned::FOLDER))).await?;
    Ok(plain(bytes))
}

fn file(folder: &Folder, name: String) -> Result<Vec<u8>, ReadError> {
    folder.read(&name).map_err(|why| ReadError::File { name, why })
}

/// A record with its number, as it stands in the log.
fn shown(record: &Stored) -> Option<serde_json::Value> {
    let value: serde_json::Value = serde_json::from_slice(&record.bytes).ok()?;
    Some(json!({"index": record.index, "record": value}))
}

/// What the record of a reading says of what was looked for: names that somebody typed are tokens.
fn asked(auditor: &Auditor, wanted: &Wanted, limit: usize) -> Map {
    let tokens = auditor.log().tokens();
    let seconds = |at: Option<SystemTime>| {
        let since = at?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Json::Whole(since.as_secs()))
    };
    let name = |text: &Option<String>| text.as_ref().map(|text| Json::Text(question::name(text, tokens)));
    let said = [
        ("caller", wanted.subject.as_ref().map(|subject| Json::Text(tokens.token(subject)))),
        ("event", name(&wanted.event)),
        ("purpose", wanted.purpose.as_ref().map(|purpose| Json::Text(tokens.token(purpose)))),
        ("trace", wanted.trace.map(|id| Json::text(id.to_string()))),
        ("start", seconds(wanted.since)),
        ("end", seconds(wanted.until)),
        ("limit", Some(Json::Whole(limit as u64))),
    ];
    said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn json(body: &serde_json::Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], format!("{body}\n")).into_response()
}
