//! Talking to the service: over the control socket where one runs, else to one that is opened for this command.

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tower_service::Service as _;

use super::Failure;
use crate::config::Config;
use crate::ledger::{Folder, LedgerError};
use crate::service::Core;
use crate::web::{Peer, Trust, router};

/// The service, one way or the other.
pub(super) enum Client {
    Running(http1::SendRequest<Body>),
    Own(Box<Router>),
}

impl Client {
    /// Finds the service that holds the data folder, or opens the folder.
    pub(super) async fn connect(config: &Config) -> Result<Client, Failure> {
        match Core::open(config) {
            Ok(core) => Ok(Client::Own(Box::new(router(core, Trust::Control, Vec::new())))),
            Err(LedgerError::InUse { .. }) => Client::running(config).await,
            Err(error) => Err(Failure::Failed(format!("{}; {}", display(&error), error.hint()))),
        }
    }

    /// The service that holds the data folder.
    pub(super) async fn running(config: &Config) -> Result<Client, Failure> {
        let path = Folder::new(&config.data).control_socket();
        let stream = UnixStream::connect(&path)
            .await
            .map_err(|error| Failure::Failed(format!("can't reach the service at {}: {error}", path.display())))?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| Failure::failed(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "The control connection ended.");
            }
        });
        Ok(Client::Running(sender))
    }

    /// Calls the API.
    pub(super) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Failure> {
        self.call_text(method, path, body.map_or_else(String::new, Value::to_string)).await
    }

    /// Calls the API with a body that is JSON already.
    pub(super) async fn call_text(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Value), Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json");
        let mut request = request.body(Body::from(body)).map_err(|error| Failure::failed(&error))?;
        let (status, body) = match self {
            Client::Running(sender) => {
                sender.ready().await.map_err(|error| Failure::failed(&error))?;
                let answer = sender.send_request(request).await.map_err(|error| Failure::failed(&error))?;
                (
                    answer.status(),
                    answer.into_body().collect().await.map_err(|error| Failure::failed(&error))?.to_bytes(),
                )
            }
            Client::Own(router) => {
                request.extensions_mut().insert(Peer::Local);
                let answer = match router.call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                (
                    answer.status(),
                    answer.into_body().collect().await.map_err(|error| Failure::failed(&error))?.to_bytes(),
                )
            }
        };
        let value = serde_json::from_slice(&body)
            .map_err(|error| Failure::Failed(format!("{path} answered {status} with no JSON: {error}")))?;
        Ok((status, value))
    }
}

pub(super) fn display(error: &dyn std::error::Error) -> String {
    match Failure::failed(error) {
        Failure::Failed(text) | Failure::Usage(text) => text,
    }
}
