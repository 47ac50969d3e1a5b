//! The one table from what went wrong to a status code, of HTTP or of gRPC, and one plain line.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::account::Covered;
use super::report;
use crate::backend::peer::STATEMENT_FAULT;
use crate::federation::{Refusal, Why};
use crate::proof::statement::StatementFault;

/// An error as the client sees it: Tempo's plain text, one line, no envelope.
#[derive(Debug, Clone)]
pub enum ApiError {
    /// The request itself is wrong; the line says where and what would be right.
    BadRequest(String),
    /// Who asks shows something that is not known.
    Unauthenticated(String),
    /// Who asks is known, and may not have it.
    Forbidden(String),
    /// There is nothing at this place of a path.
    NotThere(String),
    /// A grant was shown, and it does not hold.
    Grant { line: String, is_malformed: bool },
    /// What another gateway states is not taken.
    Statement(StatementFault),
    /// Too many requests are in flight.
    Busy,
    /// The federation has nothing honest to answer with.
    Refused(Box<Refusal>),
    /// What was asked cannot be computed on this trace.
    Failed(String),
    /// There is an answer, and it cannot be put on record.
    NotRecorded,
    /// Tempo's answer to a v1 trace over the size limit.
    TraceTooLarge { bytes_max: u64 },
    /// Tempo's answer to a v1 miss: no body at all.
    NoSuchTrace,
}

impl ApiError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotThere(_) => StatusCode::NOT_FOUND,
            Self::Grant { is_malformed: true, .. } => StatusCode::BAD_REQUEST,
            Self::Grant { is_malformed: false, .. } => StatusCode::FORBIDDEN,
            Self::Statement(fault) => statement_status(*fault),
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
            Self::TraceTooLarge { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSuchTrace => StatusCode::NOT_FOUND,
            Self::Refused(refusal) => refusal_status(refusal.why),
        }
    }

    /// Whether the same question may be answered in a second.
    fn is_over_soon(&self) -> bool {
        match self {
            Self::Busy | Self::NotRecorded => true,
            Self::Refused(refusal) => matches!(refusal.why, Why::Overloaded | Why::Pending),
            _ => false,
        }
    }

    pub fn line(&self) -> String {
        match self {
            Self::BadRequest(line) | Self::Failed(line) | Self::Unauthenticated(line) => one_line(line),
            Self::Forbidden(line) | Self::NotThere(line) => one_line(line),
            Self::Grant { line, .. } => one_line(line),
            Self::Statement(fault) => fault.to_string(),
            Self::Busy => "too many requests are in flight: try again in a second".to_owned(),
            Self::NotRecorded => {
                "the audit log cannot be written, so what was read is not shown: ask again in a second \
                                  for what is of no class"
                    .to_owned()
            }
            // Tempo writes this one with a line feed.
            Self::TraceTooLarge { bytes_max } => format!("trace exceeds max size (max bytes: {bytes_max})\n"),
            Self::NoSuchTrace => String::new(),
            // The line may show what a query says.
            Self::Refused(refusal) => one_line(&refusal.line),
        }
    }
}

impl ApiError {
    /// The code Tempo gives where it has one; where regions failed, the one that says so.
    fn code(&self) -> Code {
        match self {
            Self::BadRequest(_) => Code::InvalidArgument,
            Self::Busy | Self::TraceTooLarge { .. } => Code::ResourceExhausted,
            Self::Unauthenticated(_) | Self::Statement(_) => Code::Unauthenticated,
            Self::Grant { is_malformed: true, .. } => Code::InvalidArgument,
            Self::Grant { is_malformed: false, .. } => Code::PermissionDenied,
            Self::Failed(_) => Code::Internal,
            Self::NotRecorded => Code::Unavailable,
            Self::Forbidden(_) => Code::PermissionDenied,
            Self::NoSuchTrace | Self::NotThere(_) => Code::NotFound,
            Self::Refused(refusal) => refusal_code(refusal.why),
        }
    }

    /// The error as a client of gRPC sees it; what the headers of an answer say stands in the trailers.
    pub fn to_status(&self) -> Status {
        let mut headers = HeaderMap::new();
        match self {
            Self::Refused(refusal) => report::put_refusal(&mut headers, refusal),
            _ => report::put_refused(&mut headers),
        }
        Status::with_metadata(self.code(), self.line(), MetadataMap::from_headers(headers))
    }
}

fn refusal_code(why: Why) -> Code {
    match why {
        Why::Late => Code::DeadlineExceeded,
        Why::Pending => Code::Unavailable,
        Why::Failed => Code::Unavailable,
        Why::Overloaded | Why::TooLarge | Why::TooMuch | Why::TogetherTooLarge => Code::ResourceExhausted,
        Why::NoSuchTrace => Code::NotFound,
        Why::NotWhole => Code::FailedPrecondition,
        Why::Forbidden => Code::PermissionDenied,
        Why::Query => Code::InvalidArgument,
        Why::QueryFailed | Why::Internal => Code::Internal,
        Why::Unsupported => Code::Unimplemented,
    }
}

pub fn refusal_status(why: Why) -> StatusCode {
    match why {
        Why::Late => StatusCode::GATEWAY_TIMEOUT,
        Why::Pending => StatusCode::SERVICE_UNAVAILABLE,
        Why::Failed => StatusCode::BAD_GATEWAY,
        Why::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        Why::TooLarge => StatusCode::UNPROCESSABLE_ENTITY,
        Why::Forbidden => StatusCode::FORBIDDEN,
        Why::Query => StatusCode::BAD_REQUEST,
        Why::QueryFailed => StatusCode::INTERNAL_SERVER_ERROR,
        Why::TooMuch => StatusCode::UNPROCESSABLE_ENTITY,
        Why::NoSuchTrace => StatusCode::NOT_FOUND,
        Why::NotWhole => StatusCode::UNPROCESSABLE_ENTITY,
        Why::TogetherTooLarge => StatusCode::TOO_MANY_REQUESTS,
        Why::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Why::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = match &self {
            // No content type either: axum adds one to a text, so the body is made empty.
            Self::NoSuchTrace => axum::body::Body::empty().into_response(),
            _ => plain(self.line()),
        };
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if self.is_over_soon() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        match &self {
            Self::Refused(refusal) => report::put_refusal(headers, refusal),
            Self::Statement(fault) => {
                headers.insert(STATEMENT_FAULT, HeaderValue::from_static(fault.code()));
                report::put_refused(headers);
            }
            Self::NoSuchTrace | Self::TraceTooLarge { .. } => {}
            Self::Unauthenticated(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                report::put_refused(headers);
            }
            Self::BadRequest(_) | Self::Busy | Self::Failed(_) | Self::Grant { .. } | Self::NotRecorded => {
                report::put_refused(headers);
            }
            Self::Forbidden(_) | Self::NotThere(_) => report::put_refused(headers),
        }
        if let Self::Refused(refusal) = self
            && let Some(coverage) = refusal.coverage
        {
            response.extensions_mut().insert(Covered(coverage));
        }
        response
    }
}

fn statement_status(fault: StatementFault) -> StatusCode {
    match fault {
        StatementFault::TooMany => StatusCode::TOO_MANY_REQUESTS,
        StatementFault::Loop | StatementFault::TooDeep => StatusCode::LOOP_DETECTED,
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// What a client sent may stand in its error, but never as a line of its own.
fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, character| {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

/// Plain text as Tempo sends it.
pub fn plain(text: impl Into<axum::body::Body>) -> Response {
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    ([content_type], text.into()).into_response()
}

/// Marks an answer that no route gave.
#[derive(Debug, Clone, Copy)]
pub struct NoRoute;

/// Go's answer to a path that does not exist.
pub fn page_not_found() -> Response {
    let mut response = plain("404 page not found\n");
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.extensions_mut().insert(NoRoute);
    response
}
