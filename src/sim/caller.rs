//! Calls of the API as an ERP makes them: over HTTP, a connection each.

use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Somebody who calls.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Where the service listens.
    pub service: SocketAddr,
}

impl Caller {
    /// Posts an object; answers the status and what it says, null where that is no JSON.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn post(&self, path: &str, body: &Value) -> io::Result<(StatusCode, Value)> {
        let (status, bytes) = self.call(Method::POST, path, body.to_string().into()).await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// Gets something.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn get(&self, path: &str) -> io::Result<(StatusCode, Bytes)> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> io::Result<(StatusCode, Bytes)> {
        let stream = TcpStream::connect(self.service).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, self.service.to_string());
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(body));
        let answer = sender.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        drop(sender);
        driver.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        Ok((status, bytes))
    }
}
