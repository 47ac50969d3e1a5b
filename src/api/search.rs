//! Searches, as Tempo answers them: `/api/search`. The answer has no place to say that it is partial, so its
//! headers do, and its jobs are regions.

use axum::extract::{Request, State};
use axum::response::Response;

use super::encode::Written;
use super::error::ApiError;
use super::params::{self, Format};
use super::query::{Asking, Estate, jobs};
use super::state::ApiState;
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::{search_json, search_protobuf};

pub async fn search(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    let asking = Asking::read(&state, request);
    let query = params::search::search(&asking.params, &asking.federation.settings().search, asking.now)?;
    let put = |federation: Estate, ask| async move { federation.search(ask).await };
    let answering =
        asking.answer(&state, Endpoint::Search, query, put, |format, answer, coverage| match format {
            Format::Protobuf => Written::protobuf(search_protobuf(answer, jobs(coverage))),
            Format::Json | Format::Llm => Written::json(search_json(answer, jobs(coverage))),
        });
    answering.await
}
