//! Searches, as Tempo answers them: `/api/search`, and the same page by page, with a cursor in a header. The answer has no place to say that it is partial, so its
//! headers do, and its jobs are regions.

use axum::extract::{Request, State};
use axum::response::Response;

use super::encode::Written;
use super::error::ApiError;
use super::params::cursor::Cursor;
use super::params::{self, Format};
use super::query::{Asking, Estate, jobs};
use super::state::ApiState;
use crate::model::{Coverage, SearchAnswer};
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::{search_json, search_protobuf};

pub async fn search(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let asking = Asking::read(&state, request);
    let query = params::search::search(&asking.params, &asking.federation.settings().search, asking.now)?;
    let put = |federation: Estate, ask| async move { federation.search(ask).await };
    asking.answer(&state, Endpoint::Search, query, put, written).await
}

/// One page of a search, and where the next one begins.
pub async fn page(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let asking = Asking::read(&state, request);
    let federation = &asking.federation;
    let (settings, plan) = (&federation.settings().search, federation.plan().digest());
    let (query, digest) = params::search::page(&asking.params, settings, asking.now, plan)?;
    let window = query.window;
    let put = |federation: Estate, ask| async move { federation.search(ask).await };
    let write = move |format, answer: &SearchAnswer, coverage: &Coverage| {
        let next = answer.next.map(|position| Cursor { digest, window, position }.to_text());
        written(format, answer, coverage).followed_by(next)
    };
    asking.answer(&state, Endpoint::Search, query, put, write).await
}

fn written(format: Format, answer: &SearchAnswer, coverage: &Coverage) -> Written {
    match format {
        Format::Protobuf => Written::protobuf(search_protobuf(answer, jobs(coverage))),
        Format::Json | Format::Llm => Written::json(search_json(answer, jobs(coverage))),
    }
}
