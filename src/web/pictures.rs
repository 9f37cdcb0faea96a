//! Pictures that are sent to be read: one at a time over the whole box, so that no scan waits behind them.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::codec::{self, Limits, ReadError, Symbol};

/// Pictures that may be sent or wait at once: 40 MiB at most, and the last waits for some two seconds.
const PLACES: usize = 5;

/// Reads pictures.
#[derive(Clone, Debug)]
pub struct Pictures {
    places: Arc<Semaphore>,
    reader: Arc<Semaphore>,
}

impl Default for Pictures {
    fn default() -> Self {
        Pictures { places: Arc::new(Semaphore::new(PLACES)), reader: Arc::new(Semaphore::new(1)) }
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
