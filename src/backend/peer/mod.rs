//! A gateway like this one, before the regions of another jurisdiction. It is asked Tempo's own questions, each with
//! a signed statement of who asks through this gateway and what for; it decides itself what they may see, and sends
//! that, with an account of its regions.
//!
//! What it sends is looked at like the bytes of any region. What it says of itself is believed where it takes
//! something away and checked where it claims something: an answer without an account, to another statement, or in a
//! protocol that is not spoken here is no answer.

mod reading;
mod signing;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::{Client, Response, Url};
use tokio::time::Instant;

use self::reading::{check_protocol, refused};
use self::signing::Signed;
use super::asked::context;
use super::body::{self, BodyError};
use super::call::Answering;
use super::deadline::within;
use super::settings::PeerSettings;
use super::tempo::answer::{self, PROTOBUF};
use super::tempo::query::{JSON_BYTES_MAX, is_json, unreadable};
use super::tempo::route::Routes;
use super::tempo::{connect, transport};
use super::{
    Backend, BuildError, Call, Fault, MetricsCall, RegionAnswer, RegionInfo, RegionTrace, SearchCall,
    TagValuesCall, TagsCall, TraceCall, fault,
};
use crate::model::coverage::Within;
use crate::model::tags::TagsForm;
use crate::model::{Asker, MetricsAnswer, RegionStatus, SearchAnswer, TagNames, TagValues};
use crate::redaction::Raw;
use crate::task::{Deadline, Ledger};
use crate::wire::account::Account;
use crate::wire::answers::{
    ReadError, read_instant, read_range, read_search, read_tag_names, read_tag_names_v2, read_tag_values,
    read_tag_values_v2,
};

/// The statement of a request, and the headers of an answer to one.
pub const STATEMENT: HeaderName = HeaderName::from_static("tutti-statement");
pub const ACCOUNT: HeaderName = HeaderName::from_static("tutti-account");
pub const PROTOCOL: HeaderName = HeaderName::from_static("tutti-protocol");
pub const STATEMENT_FAULT: HeaderName = HeaderName::from_static("tutti-statement-fault");

const JSON: &str = "application/json";

/// The answer to `/api/status/buildinfo` has about 300 bytes.
const BUILD_INFO_BYTES_MAX: u64 = 64 << 10;

const NANOS_PER_MS: u64 = 1_000_000;

/// A way to a peer without a network, for estates in one process. Carries requests without a body.
pub trait Line: Send + Sync + fmt::Debug {
    fn put(&self, request: http::Request<()>) -> BoxFuture<'_, Result<http::Response<Bytes>, Fault>>;
}

#[derive(Debug)]
enum Carrier {
    Network(Client),
    Line(Arc<dyn Line>),
}

/// What everyone who asks the peer has in common.
struct Core {
    carrier: Carrier,
    routes: Routes,
    settings: PeerSettings,
    body_bytes_max: u64,
    /// Of what it sends.
    ledger: Ledger,
    /// Whether it said that ids are as they were sent.
    is_as_sent: AtomicBool,
}

/// One peer, as it is asked for somebody.
#[derive(Clone)]
pub struct PeerBackend {
    core: Arc<Core>,
    /// Without, nothing can be asked.
    asker: Option<Arc<Asker>>,
}

impl PeerBackend {
    /// Makes no connection; the first probe does.
    pub fn new(settings: &PeerSettings, body_bytes_max: u64) -> Result<Self, BuildError> {
        Self::within(settings, body_bytes_max, Ledger::unlimited())
    }

    /// The same, holding what it sends within this ledger.
    pub fn within(settings: &PeerSettings, body_bytes_max: u64, ledger: Ledger) -> Result<Self, BuildError> {
        let client = connect::client(&settings.at)?;
        Self::over(Carrier::Network(client), settings, body_bytes_max, ledger)
    }

    /// A peer in this process.
    pub fn on_line(
        line: Arc<dyn Line>,
        settings: &PeerSettings,
        body_bytes_max: u64,
    ) -> Result<Self, BuildError> {
        Self::over(Carrier::Line(line), settings, body_bytes_max, Ledger::unlimited())
    }

    fn over(
        carrier: Carrier,
        settings: &PeerSettings,
        body_bytes_max: u64,
        ledger: Ledger,
    ) -> Result<Self, BuildError> {
        let routes = Routes::new(&settings.at.url)?;
        let is_as_sent = AtomicBool::new(false);
        let core = Core { carrier, routes, settings: settings.clone(), body_bytes_max, ledger, is_as_sent };
        Ok(Self { core: Arc::new(core), asker: None })
    }

    /// Sends a question with its statement. What comes back is an answer to it: of this protocol, with an account.
    async fn put(
        &self,
        url: Url,
        accept: &'static str,
        deadline: Deadline,
    ) -> Result<(Response, Arc<Within>), Fault> {
        let Some(asker) = &self.asker else {
            return Err(fault::not_asked(
                RegionStatus::Rejected,
                "a peer is asked on somebody's behalf only",
            ));
        };
        let Signed { token, id } = signing::sign(&self.core.settings, asker, &url, deadline)?;
        let response = self.core.send(url, accept, Some(token)).await?;
        check_protocol(response.headers())?;
        let status = response.status();
        let account = self.account(response.headers(), &id, asker);
        if let Ok(Account { within, .. }) = &account
            && within.has_nothing_left()
        {
            return Err(fault::nothing_left_there(within.clone()));
        }
        if status != StatusCode::OK {
            let account = account.ok().map(|account| account.within);
            return Err(refused(status, response, account).await);
        }
        let account = account?;
        self.core.is_as_sent.store(account.is_as_sent, Ordering::Relaxed);
        Ok((response, Arc::new(account.within)))
    }

    fn account(&self, headers: &HeaderMap, id: &str, asker: &Asker) -> Result<Account, Fault> {
        let account = headers.get(ACCOUNT).ok_or_else(fault::no_account)?;
        let account = Account::read(account.as_bytes()).map_err(|_| fault::no_account())?;
        let is_answer = account.to == id && account.within.gateway == self.core.settings.gateway;
        if !is_answer {
            return Err(fault::account_of_another());
        }
        // It leaves out whom it was told to be asked already, and nobody else.
        let signer = self.core.settings.signer.name();
        let is_told = |name: &String| {
            let is_asked = name == signer || asker.through.contains(name) || asker.besides.contains(name);
            // Nobody else is asked about what it holds itself.
            is_asked && *name != self.core.settings.gateway
        };
        if account.within.elsewhere.iter().all(is_told) { Ok(account) } else { Err(fault::left_out_there()) }
    }

    async fn ask_trace(&self, call: &TraceCall) -> Result<RegionTrace, Fault> {
        let began = Instant::now();
        let url = self.core.routes.trace_v2(&call.query);
        let (response, account) = self.put(url, PROTOBUF, call.deadline).await?;
        let first_byte = began.elapsed();
        if !answer::is_protobuf(response.headers()) {
            return Err(fault::no_protobuf());
        }
        let body = self.core.body_of(response, self.core.body_bytes_max).await?;
        let bytes = body.len() as u64;
        let parts = answer::from_v2(body)?;
        let is_whole = account.status() == RegionStatus::Ok;
        Ok(RegionTrace {
            trace: Raw::seal(parts.trace),
            is_partial: parts.is_partial || !is_whole,
            inspected_bytes: parts.inspected_bytes,
            bytes,
            first_byte: Some(first_byte),
            http_status: Some(StatusCode::OK.as_u16()),
            attempts: 1,
            hedged: 0,
            within: Some(account),
        })
    }

    fn ask<Q, A: Send + 'static>(
        &self,
        call: &Call<Q>,
        url: Url,
        form: Form,
        read: impl FnOnce(&[u8]) -> Result<A, ReadError> + Send + 'static,
    ) -> Answering<'_, RegionAnswer<A>> {
        let deadline = call.deadline;
        let asking = async move {
            let began = Instant::now();
            let (response, account) = self.put(url, form.media_type(), deadline).await?;
            let first_byte = Some(began.elapsed());
            let (is_in_form, bytes_max) = match form {
                Form::Protobuf => (answer::is_protobuf(response.headers()), self.core.body_bytes_max),
                Form::Json => (is_json(response.headers()), self.core.body_bytes_max.min(JSON_BYTES_MAX)),
            };
            if !is_in_form {
                return Err(fault::of_another_form());
            }
            let body = self.core.body_of(response, bytes_max).await?;
            let answer = Raw::seal(read(&body).map_err(unreadable)?);
            let is_partial = account.status() != RegionStatus::Ok;
            Ok(RegionAnswer { answer, is_partial, first_byte, attempts: 1, hedged: 0, within: Some(account) })
        };
        async move { within(deadline, asking).await }.boxed()
    }
}

/// The form a question is answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        }
    }
}

impl Core {
    async fn send(
        &self,
        url: Url,
        accept: &'static str,
        statement: Option<HeaderValue>,
    ) -> Result<Response, Fault> {
        let mut headers = context();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        if let Some(statement) = statement {
            headers.insert(STATEMENT, statement);
        }
        match &self.carrier {
            Carrier::Network(client) => {
                let sent = client.get(url).headers(headers).send().await;
                sent.map_err(|error| transport::before_answer(error.without_url()))
            }
            Carrier::Line(line) => {
                headers.extend(connect::headers(&self.settings.at).map_err(|_| fault::no_account())?);
                let mut request = http::Request::new(());
                *request.uri_mut() = url.as_str().parse().map_err(|_| fault::unreachable("it has no url"))?;
                *request.headers_mut() = headers;
                line.put(request).await.map(Response::from)
            }
        }
    }

    async fn body_of(&self, response: Response, bytes_max: u64) -> Result<Bytes, Fault> {
        body::collect(response, bytes_max, &self.ledger).await.map_err(|error| match error {
            BodyError::NoRoom => fault::no_room(),
            BodyError::TooLarge => fault::over_cap(bytes_max),
            BodyError::Broken(error) => transport::within_body(&error.without_url()),
        })
    }

    async fn ask_who(&self) -> Result<RegionInfo, Fault> {
        let response = self.send(self.routes.build_info(), JSON, None).await?;
        if response.status() != StatusCode::OK {
            return Err(refused(response.status(), response, None).await);
        }
        check_protocol(response.headers())?;
        let body = self.body_of(response, BUILD_INFO_BYTES_MAX).await?;
        Ok(RegionInfo { version: answer::version(&body) })
    }
}

impl Backend for PeerBackend {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        async move { within(call.deadline, self.ask_trace(&call)).await }.boxed()
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        async move { within(deadline, self.core.ask_who()).await }.boxed()
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn is_peer(&self) -> bool {
        true
    }

    fn gateway(&self) -> Option<&str> {
        Some(&self.core.settings.gateway)
    }

    fn renumbers(&self) -> bool {
        !self.core.is_as_sent.load(Ordering::Relaxed)
    }

    fn on_behalf_of(&self, asker: &Arc<Asker>) -> Option<Arc<dyn Backend>> {
        Some(Arc::new(Self { core: self.core.clone(), asker: Some(asker.clone()) }))
    }

    fn search(&self, call: SearchCall) -> BoxFuture<'_, Result<RegionAnswer<SearchAnswer>, Fault>> {
        let url = self.core.routes.search(&call.query);
        let rows_max = call.query.limit;
        self.ask(&call, url, Form::Protobuf, move |body| read_search(body, rows_max))
    }

    fn tag_names(&self, call: TagsCall) -> BoxFuture<'_, Result<RegionAnswer<TagNames>, Fault>> {
        let url = self.core.routes.tag_names(&call.query);
        let read = match call.query.form {
            TagsForm::V1 => read_tag_names,
            TagsForm::V2 => read_tag_names_v2,
        };
        self.ask(&call, url, Form::Protobuf, read)
    }

    fn tag_values(&self, call: TagValuesCall) -> BoxFuture<'_, Result<RegionAnswer<TagValues>, Fault>> {
        let url = self.core.routes.tag_values(&call.query);
        let read = match call.query.form {
            TagsForm::V1 => read_tag_values,
            TagsForm::V2 => read_tag_values_v2,
        };
        self.ask(&call, url, Form::Protobuf, read)
    }

    fn metrics(&self, call: MetricsCall) -> BoxFuture<'_, Result<RegionAnswer<MetricsAnswer>, Fault>> {
        let url = self.core.routes.metrics(&call.query);
        let at = i64::try_from(call.query.end / NANOS_PER_MS).unwrap_or(i64::MAX);
        let (is_instant, exemplars) = (call.query.is_instant, call.query.exemplars);
        self.ask(&call, url, Form::Json, move |body| {
            let mut read = if is_instant { read_instant(body, at)? } else { read_range(body)? };
            if exemplars == 0 {
                read.series.iter_mut().for_each(|series| series.exemplars.clear());
            }
            Ok(read)
        })
    }
}

/// The client holds credentials, so only the place is shown.
impl fmt::Debug for PeerBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, gateway) = (self.core.routes.base().as_str(), &self.core.settings.gateway);
        f.debug_struct("PeerBackend").field("url", &url).field("gateway", gateway).finish_non_exhaustive()
    }
}
