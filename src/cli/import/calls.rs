//! Calls of an import: one is on its way while the objects of the next are read from the files, and only one, so that
//! what refers to something comes after it.

use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::report::Origin;
use crate::cli::Failure;
use crate::cli::client::Client;
use crate::intake::Kind;

/// Objects as JSON, each with its place.
pub(super) type Objects = Vec<(String, Origin)>;

type Answered = Result<(StatusCode, Value), Failure>;

/// The way to the service.
pub(super) struct Calls {
    /// Here while no call is on its way.
    client: Option<Client>,
    sent: Option<Sent>,
}

/// A call that is on its way.
struct Sent {
    kind: Kind,
    objects: Objects,
    call: JoinHandle<(Client, Answered)>,
}

/// A call that was answered.
pub(super) struct Came {
    pub(super) kind: Kind,
    pub(super) objects: Objects,
    pub(super) status: StatusCode,
    pub(super) answer: Value,
}

impl Calls {
    pub(super) fn new(client: Client) -> Calls {
        Calls { client: Some(client), sent: None }
    }

    /// Sends objects. The call before must have been answered.
    pub(super) fn send(&mut self, kind: Kind, objects: Objects) -> Result<(), Failure> {
        let busy = || Failure::Failed("two calls at once were to be made".into());
        let mut client = self.client.take().ok_or_else(busy)?;
        let path = format!("/api/v1/{}", kind.name().replace('_', "-"));
        let texts: Vec<&str> = objects.iter().map(|(object, _)| object.as_str()).collect();
        let body = format!("[{}]", texts.join(","));
        let call = tokio::spawn(async move {
            let answered = client.call_text(Method::POST, &path, body).await;
            (client, answered)
        });
        self.sent = Some(Sent { kind, objects, call });
        Ok(())
    }

    /// The answer to the call that is on its way; none if there is no such call.
    pub(super) async fn answer(&mut self) -> Result<Option<Came>, Failure> {
        let Some(Sent { kind, objects, call }) = self.sent.take() else { return Ok(None) };
        let (client, answered) = call.await.map_err(|error| broken_off(Failure::failed(&error), &objects))?;
        self.client = Some(client);
        let (status, answer) = answered.map_err(|failure| broken_off(failure, &objects))?;
        Ok(Some(Came { kind, objects, status, answer }))
    }
}

/// A call whose answer did not come.
fn broken_off(failure: Failure, objects: &Objects) -> Failure {
    let why = match failure {
        Failure::Failed(why) | Failure::Usage(why) => why,
    };
    let from = objects.first().map(|(_, origin)| origin.place()).unwrap_or_default();
    Failure::Failed(format!(
        "{why}; what is told above was taken, of what comes from {from} on nobody knows; import again: what is there says \"unchanged\""
    ))
}
