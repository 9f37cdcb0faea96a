//! Pictures that are sent to be read: one at a time over the whole box, so that no scan waits behind them.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::codec::outside::{self, LABEL_BYTES_MAX, LabelReadError};
use crate::codec::{self, Limits, ReadError, Symbol};
use crate::domain::work::LabelFile;

/// Pictures that may be sent or wait at once: 40 MiB at most, and the last waits for some two seconds.
const PLACES: usize = 5;

/// The command that reads the label on its standard input, in a process of its own; it answers
/// `{"Ok":[codes]}` or `{"Err":"why"}`.
pub const LABEL_CODES: &str = "label-codes";
/// The command that draws the PDF or PNG on its standard input in dots: format, dots an inch, and the paper's width and
/// height in millimetres; it answers `{"Ok":[[width, height, "base64"]]}`, a bit a dot, or `{"Err":"why"}`.
pub const LABEL_DOTS: &str = "label-dots";
/// How long a label waits for its turn behind others.
const LABEL_WAIT: Duration = Duration::from_secs(15);

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
    ///
    /// # Errors
    /// Why, for people.
    pub async fn label(&self, mut label: LabelFile) -> Result<LabelFile, String> {
        let turn = timeout(LABEL_WAIT, self.labels.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err("other labels are being read; send it again in some seconds".into());
        };
        let work = spawn_blocking(move || {
            let read = match label.format.as_str() {
                "pdf" => drawn_apart(&label.bytes),
                format => outside::codes(format, &label.bytes).map_err(|error| error.to_string()),
            };
            drop(turn);
            label.codes = read?;
            Ok(label)
        });
        work.await.unwrap_or_else(|_| Err("its reader gave up".into()))
    }
}

/// Reads a PDF in a process of its own.
fn drawn_apart(bytes: &[u8]) -> Result<Vec<String>, String> {
    apart(&[LABEL_CODES, "pdf"], bytes)
}

/// Has a label looked at in a process of its own ([`LABEL_CODES`], [`LABEL_DOTS`]): what draws it may run out of stack, which
/// no thread survives. That process bounds its own time and memory. It waits for the process.
///
/// # Errors
/// What the process says, or that it gave up.
pub fn apart<T: DeserializeOwned>(words: &[&str], bytes: &[u8]) -> Result<T, String> {
    let gave_up = || LabelReadError::Broken("its drawer gave up").to_string();
    if bytes.len() > LABEL_BYTES_MAX {
        return Err(LabelReadError::TooManyBytes.to_string());
    }
    let started = Command::new("/proc/self/exe")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = started.map_err(|error| format!("it can't be drawn now: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // a process that ended early does not take all of it
        drop(input.write_all(bytes));
    }
    let output = child.wait_with_output().map_err(|_| gave_up())?;
    let answer: Result<T, String> = serde_json::from_slice(&output.stdout).map_err(|_| gave_up())?;
    answer
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
