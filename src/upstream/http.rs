//! Calling over HTTP/1.1: bounded in time and in what is read of the answer; redirects are not followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, ETAG, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::ServerName};

/// How long a connection may take to be made, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a request may take: Standard Webhooks recommends 15 to 30 seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of an answer that are read; only the status decides, and the beginning is kept for people.
const ANSWER_MAX: usize = 64 * 1024;

/// Bytes of an answer's head.
const HEAD_MAX: usize = 64 * 1024;

/// What a target answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// When it wants to be asked again.
    pub(super) retry_after: Option<Duration>,
    /// What it calls this version of what it answered.
    pub(super) etag: Option<String>,
    /// The beginning of its body.
    pub(super) body: Vec<u8>,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

/// What is asked of an address.
struct Call<'c> {
    method: Method,
    /// Path and query.
    path: String,
    headers: &'c [(&'c str, String)],
    body: Bytes,
    /// Bytes of the answer that are read.
    limit: usize,
}

impl Answer {
    /// The answer for people.
    pub(super) fn summary(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("HTTP {} {}", self.status, super::cut(&line, super::dead::ANSWER_KEPT)).trim_end().to_owned()
    }
}

/// Posts to one address, over a connection that is kept.
pub(super) struct Poster {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    patience: Duration,
    /// How long the body of an answer may take after its head; what came until then is the answer.
    hears_out: Option<Duration>,
    /// Whether the last request found somebody who could answer it.
    reached: bool,
    /// Headers of every request.
    standing: Vec<(HeaderName, HeaderValue)>,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Poster {
    /// A poster to an address of http or https.
    pub(super) fn new(uri: &Uri, patience: Duration) -> Poster {
        Poster::trusting(uri, patience, (uri.scheme_str() == Some("https")).then(connector))
    }

    /// A poster that takes the certificates to trust from another.
    pub(super) fn trusting(uri: &Uri, patience: Duration, tls: Option<TlsConnector>) -> Poster {
        let secure = tls.is_some();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let (hears_out, reached, standing, open) = (None, false, Vec::new(), None);
        Poster { uri: uri.clone(), host, port, tls, patience, hears_out, reached, standing, open }
    }

    /// Takes what an answer says so long after its head for all of it: one that never ends is an answer too, where only
    /// its status counts.
    pub(super) fn hearing_out(self, span: Duration) -> Poster {
        Poster { hears_out: Some(span), ..self }
    }

    /// Whether the last request found somebody who could answer it.
    pub(super) fn has_reached(&self) -> bool {
        self.reached
    }

    /// Shows a header with every request from now on.
    pub(super) fn show(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive(true);
        self.standing.retain(|(known, _)| *known != name);
        self.standing.push((name, value));
    }

    /// Posts a body; `query` is added to the address. The error says why no whole answer came.
    pub(super) async fn post(
        &mut self,
        query: Option<&str>,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Answer, String> {
        self.send(&Method::POST, query, headers, body).await
    }

    /// Sends a request; `query` is added to the address. The error says why no whole answer came.
    pub(super) async fn send(
        &mut self,
        method: &Method,
        query: Option<&str>,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Result<Answer, String> {
        self.send_reading(method, query, headers, body, ANSWER_MAX).await
    }

    /// Sends a request, and reads up to so many bytes of its answer.
    pub(super) async fn send_reading(
        &mut self,
        method: &Method,
        query: Option<&str>,
        headers: &[(&str, String)],
        body: Bytes,
        limit: usize,
    ) -> Result<Answer, String> {
        let mut path = self.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        if let Some(query) = query {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(query);
        }
        self.call(&Call { method: method.clone(), path, headers, body, limit }).await
    }

    /// Posts a body to another path of the same host. The error says why no whole answer came.
    pub(super) async fn post_to(&mut self, path: String, body: Bytes) -> Result<Answer, String> {
        self.call(&Call { method: Method::POST, path, headers: &[], body, limit: ANSWER_MAX }).await
    }

    /// Gets another path of the same host, up to so many bytes. The error says why no whole answer came.
    pub(super) async fn get(
        &mut self,
        path: String,
        headers: &[(&'static str, String)],
        limit: usize,
    ) -> Result<Answer, String> {
        self.call(&Call { method: Method::GET, path, headers, body: Bytes::new(), limit }).await
    }

    async fn call(&mut self, call: &Call<'_>) -> Result<Answer, String> {
        let mut kept = self.open.take().filter(|sender| !sender.is_closed());
        let reached = AtomicBool::new(kept.is_some());
        let exchange = async {
            if let Some(sender) = kept.take() {
                match self.exchange(sender, self.request(call)?, call.limit).await {
                    Err(Broken::Unanswered(error)) => {
                        // a target may close an idle connection at any time
                        tracing::debug!(error, host = self.host, "A kept connection was closed.");
                        reached.store(false, Ordering::Relaxed);
                    }
                    Err(Broken::Midway(error)) => return Err(error),
                    Ok(answered) => return Ok(answered),
                }
            }
            let sender = tokio::time::timeout(CONNECT, self.connect())
                .await
                .map_err(|_| format!("no connection within {} s", CONNECT.as_secs()))??;
            reached.store(true, Ordering::Relaxed);
            let request = self.request(call)?;
            self.exchange(sender, request, call.limit).await.map_err(|broken| match broken {
                Broken::Unanswered(error) | Broken::Midway(error) => error,
            })
        };
        let exchanged = tokio::time::timeout(self.patience, exchange).await;
        self.reached = reached.into_inner();
        let (answer, sender) =
            exchanged.map_err(|_| format!("no whole answer within {} s", self.patience.as_secs_f64()))??;
        self.open = sender;
        Ok(answer)
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, String> {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder().method(&call.method).uri(&call.path).header(HOST, authority);
        request = request.header(USER_AGENT, concat!("waybind/", env!("CARGO_PKG_VERSION")));
        if call.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(set) = request.headers_mut() {
            set.extend(self.standing.iter().cloned());
            for (name, value) in call.headers {
                let value = value.parse().map_err(|error| format!("the header {name} can't be sent: {error}"))?;
                let name = HeaderName::try_from(*name).map_err(|error| format!("a header can't be sent: {error}"))?;
                set.insert(name, value);
            }
        }
        request.body(Full::new(call.body.clone())).map_err(|error| format!("the request can't be made: {error}"))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| format!("can't connect to {}:{}: {error}", self.host, self.port))?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "A connection waits to fill its packets.");
        }
        let Some(tls) = &self.tls else { return shake(stream).await };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| format!("{} is no name for a certificate: {error}", self.host))?;
        let stream = tls.connect(name, stream).await.map_err(|error| format!("no TLS with {}: {error}", self.host))?;
        shake(stream).await
    }

    /// Sends a request and reads its answer; the connection comes back if it can be used again.
    async fn exchange(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<(Answer, Option<SendRequest<Full<Bytes>>>), Broken> {
        let unanswered = |error: hyper::Error| Broken::Unanswered(chain(&error));
        sender.ready().await.map_err(unanswered)?;
        let response = sender.send_request(request).await.map_err(unanswered)?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let (body, is_whole) = read(response, limit, self.hears_out).await.map_err(Broken::Midway)?;
        Ok((Answer { status, retry_after, etag, body, is_whole }, is_whole.then_some(sender)))
    }
}

/// How an exchange broke off.
enum Broken {
    /// Before an answer began.
    Unanswered(String),
    /// Within the answer.
    Midway(String),
}

async fn shake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| chain(&error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "A connection to a target ended.");
        }
    });
    Ok(sender)
}

/// The beginning of a body, and whether that was all.
async fn read(response: Response<Incoming>, limit: usize, span: Option<Duration>) -> Result<(Vec<u8>, bool), String> {
    let mut body = response.into_body();
    let mut read = Vec::new();
    let whole = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("the answer broke off: {}", chain(&error)))?;
            let Ok(bytes) = frame.into_data() else { continue };
            let room = limit - read.len();
            if bytes.len() > room {
                read.extend_from_slice(&bytes[..room]);
                return Ok(false);
            }
            read.extend_from_slice(&bytes);
        }
        Ok(true)
    };
    let is_whole: Result<bool, String> = match span {
        Some(span) => tokio::time::timeout(span, whole).await.unwrap_or(Ok(false)),
        None => whole.await,
    };
    Ok((read, is_whole?))
}

fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// TLS with the certificates that this machine trusts.
pub(super) fn connector() -> TlsConnector {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "Some of this machine's certificates can't be read.");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::error!("This machine trusts no certificate; install its package ca-certificates.");
    }
    TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
