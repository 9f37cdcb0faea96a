//! Pictures that are sent to be read: one at a time over the whole box, so that no scan waits behind them.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::codec::outside;
use crate::codec::{self, Limits, ReadError, Symbol};
use crate::domain::work::LabelFile;

/// Pictures that may be sent or wait at once: 40 MiB at most, and the last waits for some two seconds.
const PLACES: usize = 5;

/// How long a label from outside may take to be drawn and read, and to wait for its turn. A PDF of a label takes some
/// hundred milliseconds; its drawer has no bounds of its own.
const LABEL_TIME: Duration = Duration::from_secs(15);
/// Stack of the thread that draws a label, in bytes: a PDF's nested forms are drawn by calls within calls.
const LABEL_STACK: usize = 64 * 1024 * 1024;

/// Reads pictures.
#[derive(Clone, Debug)]
pub struct Pictures {
    places: Arc<Semaphore>,
    reader: Arc<Semaphore>,
    labels: Arc<Semaphore>,
}

impl Default for Pictures {
    fn default() -> Self {
        let of = |places| Arc::new(Semaphore::new(places));
        Pictures { places: of(PLACES), reader: of(1), labels: of(1) }
    }
}

/// A place for a picture, from before it is received until it is read.
#[derive(Debug)]
pub(super) struct Place {
    reader: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
}

impl Pictures {
    /// A place for a picture; nothing where too many wait already.
    pub(super) fn place(&self) -> Option<Place> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { reader: self.reader.clone(), place })
    }

    /// Reads the codes of a label from outside, one label at a time; else says why that can't be done.
    pub(super) async fn label(&self, mut label: LabelFile) -> Result<LabelFile, String> {
        const BUSY: &str = "other labels are being read; send it again in some seconds";
        let turn = timeout(LABEL_TIME, self.labels.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(BUSY.into()) };
        let (answer, answered) = oneshot::channel();
        let (format, bytes) = (label.format.clone(), label.bytes.clone());
        let read = move || {
            // nobody waits any more where this took too long
            drop(answer.send(outside::codes(&format, &bytes)));
            drop(turn);
        };
        let started = thread::Builder::new().name("label".into()).stack_size(LABEL_STACK).spawn(read);
        started.map_err(|error| format!("it can't be read now: {error}"))?;
        match timeout(LABEL_TIME, answered).await {
            Ok(Ok(codes)) => label.codes = codes.map_err(|error| error.to_string())?,
            Ok(Err(_)) => return Err("its reader gave up".into()),
            Err(_) => return Err(format!("it took more than {} seconds to read", LABEL_TIME.as_secs())),
        }
        Ok(label)
    }
}

impl Place {
    /// Reads the picture when its turn comes.
    pub(super) async fn read(self, picture: Bytes) -> Result<Vec<Symbol>, ReadError> {
        let gave_up = || ReadError::Broken("its reader gave up".into());
        let turn = self.reader.acquire_owned().await.map_err(|_| gave_up())?;
        // turn and place stay taken until the work is done, even if the caller goes
        let work = spawn_blocking(move || {
            let read = codec::read(&picture, &Limits::default());
            drop((turn, self.place));
            read
        });
        work.await.unwrap_or_else(|_| Err(gave_up()))
    }
}
