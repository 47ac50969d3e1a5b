//! Names of attributes and their values, for completion: both of Tempo's forms of each. Like a search, an
//! answer has no place but its headers to say that it is partial.

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::encode::Written;
use super::error::{ApiError, page_not_found};
use super::params::{self, Format};
use super::query::{Asking, Estate};
use super::state::ApiState;
use crate::model::tags::{TagNames, TagValues, TagsForm};
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::{
    tag_names_json, tag_names_protobuf, tag_names_v2_json, tag_names_v2_protobuf, tag_values_json,
    tag_values_protobuf, tag_values_v2_json, tag_values_v2_llm, tag_values_v2_protobuf,
};

pub async fn names_v1(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    names(&state, request, TagsForm::V1).await
}

pub async fn names_v2(State(state): State<ApiState>, request: Request) -> Result<Response, ApiError> {
    names(&state, request, TagsForm::V2).await
}

pub async fn values_v1(
    State(state): State<ApiState>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    values(&state, &path, request, TagsForm::V1).await
}

pub async fn values_v2(
    State(state): State<ApiState>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    values(&state, &path, request, TagsForm::V2).await
}

async fn names(state: &ApiState, request: Request, form: TagsForm) -> Result<Response, ApiError> {
    let asking = Asking::read(state, request);
    let query = params::tags::names(&asking.params, form, &asking.federation.settings().search, asking.now)?;
    let endpoint = match form {
        TagsForm::V1 => Endpoint::TagsV1,
        TagsForm::V2 => Endpoint::TagsV2,
    };
    let put = |federation: Estate, ask| async move { federation.tag_names(ask).await };
    let answering =
        asking.answer(state, endpoint, query, put, move |format, names, _| write_names(names, form, format));
    answering.await
}

/// `path` is what follows `/tag/`: the name, which may hold slashes, and `/values`.
async fn values(
    state: &ApiState,
    path: &str,
    request: Request,
    form: TagsForm,
) -> Result<Response, ApiError> {
    let Some(name) = path.strip_suffix("/values") else { return Ok(page_not_found()) };
    let asking = Asking::read(state, request);
    let settings = &asking.federation.settings().search;
    let query = params::tags::values(name.to_owned(), &asking.params, form, settings, asking.now)?;
    let endpoint = match form {
        TagsForm::V1 => Endpoint::TagValuesV1,
        TagsForm::V2 => Endpoint::TagValuesV2,
    };
    let put = |federation: Estate, ask| async move { federation.tag_values(ask).await };
    let answering = asking
        .answer(state, endpoint, query, put, move |format, values, _| write_values(values, form, format));
    answering.await
}

fn write_names(names: &TagNames, form: TagsForm, format: Format) -> Written {
    match (form, format) {
        (TagsForm::V1, Format::Protobuf) => Written::protobuf(tag_names_protobuf(names)),
        (TagsForm::V1, Format::Json | Format::Llm) => Written::json(tag_names_json(names)),
        (TagsForm::V2, Format::Protobuf) => Written::protobuf(tag_names_v2_protobuf(names)),
        (TagsForm::V2, Format::Json | Format::Llm) => Written::json(tag_names_v2_json(names)),
    }
}

fn write_values(values: &TagValues, form: TagsForm, format: Format) -> Written {
    match (form, format) {
        (TagsForm::V1, Format::Protobuf) => Written::protobuf(tag_values_protobuf(values)),
        (TagsForm::V1, Format::Json | Format::Llm) => Written::json(tag_values_json(values)),
        (TagsForm::V2, Format::Protobuf) => Written::protobuf(tag_values_v2_protobuf(values)),
        (TagsForm::V2, Format::Json) => Written::json(tag_values_v2_json(values)),
        (TagsForm::V2, Format::Llm) => Written::llm(tag_values_v2_llm(values)),
    }
}
