//! An open scanner: what it sends becomes frames, what it must hear is sent, both are traced.

use std::time::Duration;

use super::plugs::Claim;
use super::port::{Opened, Port, pause};
use super::reader::{Chunk, Told};
use super::{Scanner, TraceWriter};
use crate::protocol::{Framer, Input, Item};

/// How long a write to a scanner may take before the connection is given up.
const WRITE: Duration = Duration::from_secs(2);

/// A silence after which all has come that was on its way in this moment.
const MOMENT: Duration = Duration::from_millis(20);

/// Reads in which that is looked for; a device that never falls silent is not waited for.
const MOMENTS_MAX: usize = 64;

/// An open port with its framer and trace.
pub(super) struct Line {
    port: Port,
    framer: Framer,
    _claim: Option<Claim>,
    trace: Option<TraceWriter>,
    /// Whether it is a keyboard.
    types: bool,
    /// Whether what waits in it was sent too long ago to be judged.
    is_stale: bool,
    /// Whether the device takes no beeps any more.
    mute: bool,
    /// When the last chunk came, by the device's own clock.
    at: Duration,
    last: Option<(Vec<u8>, Duration)>,
}

impl Line {
    pub(super) fn new(opened: Opened, scanner: &Scanner, kept: Option<TraceWriter>) -> Self {
        let Opened { port, framer, descriptor, claim, is_stale } = opened;
        let begin = || {
            let path = scanner.trace.as_ref()?;
            TraceWriter::create(path, scanner, &descriptor)
                .inspect_err(|error| tracing::error!(device = %scanner.id, %error, "The trace can't be written."))
                .ok()
        };
        let types = scanner.spoken.definition.input() == Input::Keyboard;
        let trace = kept.map(TraceWriter::resumed).or_else(begin);
        Line { port, framer, _claim: claim, trace, types, is_stale, mute: false, at: Duration::ZERO, last: None }
    }

    /// Ends it; the trace goes on with the next connection. What was begun and never ended is answered too.
    pub(super) fn end(self) -> (Option<TraceWriter>, Option<Item>) {
        let cut = self.framer.is_begun().then(|| Item::Broken("the scanner went away amid a code", Vec::new()));
        (self.trace, cut)
    }

    /// Waits until nobody types: a keyboard may have been grabbed amid a code, whose rest must not pass for one. Takes
    /// what came over a connection before anybody could listen. Answers what was passed over, if anything was.
    pub(super) async fn settle(&mut self) -> Result<Option<Item>, String> {
        if self.is_stale {
            return Ok(self.pass_over().await);
        }
        if !self.types {
            return Ok(None);
        }
        let mut passed_over = None;
        while let Told::Piece(_) = self.port.read(None).await.map_err(|error| error.to_string())? {
            passed_over = Some(Item::Broken("keys came while the scanner was opened", Vec::new()));
        }
        Ok(passed_over)
    }

    /// Takes what waits unread. If the connection ends behind it, the next read tells.
    async fn pass_over(&mut self) -> Option<Item> {
        let mut passed_over = None;
        for _ in 0..MOMENTS_MAX {
            let Ok(Told::Piece(chunk)) = self.port.read(Some(MOMENT)).await else { break };
            passed_over.get_or_insert(chunk.bytes);
        }
        passed_over.map(|bytes| Item::Broken("it was sent while nobody could listen", bytes))
    }

    /// What is on its way in this moment; none once nothing more is.
    pub(super) async fn last(&mut self) -> Option<Vec<Item>> {
        tokio::time::timeout(MOMENT, self.read()).await.ok()?.ok()
    }

    pub(super) async fn read(&mut self) -> Result<Vec<Item>, String> {
        let pause = self.framer.is_pending().then(|| pause(&self.framer));
        let Chunk { bytes, at } = match self.port.read(pause).await.map_err(|error| error.to_string())? {
            Told::Piece(chunk) => chunk,
            Told::Quiet => return Ok(self.framer.pause()),
        };
        if let Some(trace) = &mut self.trace {
            trace.read(&bytes, at);
        }
        self.at = at;
        Ok(self.framer.feed_at(&bytes, at))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.keep(bytes);
        self.send(bytes).await
    }

    /// Writes a beep, with a pause between its bytes where it needs one. A device that takes none is read all the same.
    pub(super) async fn beep(&mut self, bytes: &[u8], pace: Duration) -> Result<(), String> {
        if self.mute {
            return Ok(());
        }
        self.keep(bytes);
        let pieces = if pace.is_zero() { bytes.len().max(1) } else { 1 };
        for piece in bytes.chunks(pieces) {
            self.send(piece).await.inspect_err(|_| self.mute = true)?;
            tokio::time::sleep(pace).await;
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(trace) = &mut self.trace {
            trace.wrote(bytes);
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        match tokio::time::timeout(WRITE, self.port.write(bytes)).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(_) => Err("the scanner takes no bytes".into()),
        }
    }

    /// Whether the same frame came within the bounce time, on the frames' own time.
    pub(super) fn bounces(&mut self, data: &[u8], within: Duration) -> bool {
        let at = self.at;
        let last = self.last.as_ref();
        let bounced =
            last.is_some_and(|(last, then)| last == data && !within.is_zero() && at.saturating_sub(*then) <= within);
        self.last = Some((data.to_vec(), at));
        bounced
    }
}
