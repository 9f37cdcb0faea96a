//! One scanner's life: connect, read, answer, and after an unplug begin again.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::port::{OpenPort, open};
use super::{DeviceFrame, DeviceState, Scanner, Signal, Sink, TraceWriter};
use crate::protocol::{Framer, Item};

/// Frames that may wait for their verdicts; a scanner that sends faster waits itself.
const WAITING_MAX: usize = 64;

/// Bytes that are read at once.
const READ_MAX: usize = 4 * 1024;

/// Pauses between two tries to connect: soon at first, as replugging takes a second, then every two seconds, so that
/// reading is possible again within three.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a write to a scanner may take before the connection is given up.
const WRITE: Duration = Duration::from_secs(2);

/// Serves a scanner for as long as the program runs.
pub async fn supervise<S: Sink>(scanner: Scanner, sink: S) {
    let mut life = Life { sink, state: DeviceState::default(), scanner };
    let mut pause = FIRST_PAUSE;
    let mut listener: Option<TcpListener> = None;
    life.tell();
    loop {
        match open(&life.scanner.connection, &mut listener).await {
            Ok(port) => {
                pause = FIRST_PAUSE;
                life.state.connected = true;
                life.state.last_error = None;
                life.tell();
                let ended = life.serve(port).await;
                life.lost(ended);
            }
            Err(error) => life.lost(error.to_string()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

struct Life<S> {
    scanner: Scanner,
    sink: S,
    state: DeviceState,
}

impl<S: Sink> Life<S> {
    fn tell(&self) {
        self.sink.state(&self.scanner, self.state.clone());
    }

    fn lost(&mut self, why: String) {
        let news = self.state.connected || self.state.last_error.as_deref() != Some(&why);
        self.state.connected = false;
        self.state.last_error = Some(why);
        if news {
            tracing::warn!(device = %self.scanner.id, at = %self.scanner.connection, error = self.state.last_error, "The scanner is not there.");
            self.tell();
        }
    }

    /// Reads until the connection ends; answers why it did.
    async fn serve(&mut self, port: OpenPort) -> String {
        let (frames, waiting) = mpsc::channel(WAITING_MAX);
        let (signals, mut to_send) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
        let judge = tokio::spawn(judge(self.scanner.clone(), self.sink.clone(), waiting, signals));
        let mut line = Line::new(port, &self.scanner);
        let pace = Duration::from_millis(self.scanner.definition.feedback.pace_ms.into());
        let ended = loop {
            tokio::select! {
                read = line.read() => match read {
                    Ok(items) => {
                        if let Err(error) = self.pass_on(items, &mut line, &frames).await {
                            break error;
                        }
                    }
                    Err(error) => break error,
                },
                Some(bytes) = to_send.recv() => if let Err(error) = line.beep(&bytes, pace).await {
                    break error;
                },
            }
        };
        // what was read before still gets its verdict; its beep has nowhere to go
        drop(frames);
        drop(to_send);
        if let Err(error) = judge.await {
            tracing::error!(device = %self.scanner.id, %error, "A verdict was not brought to its end.");
        }
        ended
    }

    /// Acknowledges at once, passes frames on; waits where too many wait already.
    async fn pass_on(
        &mut self,
        items: Vec<Item>,
        line: &mut Line,
        frames: &mpsc::Sender<DeviceFrame>,
    ) -> Result<(), String> {
        for item in items {
            let frame = match item {
                Item::Reply(bytes) => {
                    line.write(&bytes).await?;
                    continue;
                }
                Item::NoRead => continue,
                Item::Frame(data) => {
                    self.state.frames += 1;
                    let bounced = line.bounces(&data, self.scanner.bounce);
                    DeviceFrame { data, broken: None, bounced }
                }
                Item::Broken(why, data) => {
                    self.state.broken += 1;
                    self.state.last_error = Some(why.to_owned());
                    DeviceFrame { data, broken: Some(why), bounced: false }
                }
            };
            self.state.last_read = Some(self.sink.now());
            self.tell();
            frames.send(frame).await.map_err(|_| "the service is stopping".to_owned())?;
        }
        Ok(())
    }
}

/// Brings frames to their verdicts, one after the other, and verdicts back as beeps.
async fn judge<S: Sink>(
    scanner: Scanner,
    sink: S,
    mut waiting: mpsc::Receiver<DeviceFrame>,
    signals: mpsc::Sender<Vec<u8>>,
) {
    while let Some(frame) = waiting.recv().await {
        let feedback = &scanner.definition.feedback;
        let bytes = match sink.scanned(&scanner, frame).await {
            Signal::Accept => &feedback.accept.0,
            Signal::Refuse => &feedback.refuse.0,
            Signal::Attention => &feedback.attention.0,
            Signal::Silence => &feedback.silent.0,
        };
        if !bytes.is_empty() && signals.try_send(bytes.clone()).is_err() {
            tracing::debug!(device = %scanner.id, "A beep came too late.");
        }
    }
}

/// An open port with its framer and trace.
struct Line {
    port: OpenPort,
    framer: Framer,
    buffer: Vec<u8>,
    trace: Option<TraceWriter>,
    last: Option<(Vec<u8>, Instant)>,
}

impl Line {
    fn new(port: OpenPort, scanner: &Scanner) -> Self {
        let trace = scanner.trace.as_ref().and_then(|path| match TraceWriter::create(path, scanner) {
            Ok(trace) => Some(trace),
            Err(error) => {
                tracing::error!(device = %scanner.id, %error, "The trace can't be written.");
                None
            }
        });
        Line { port, framer: Framer::new(scanner.definition.clone()), buffer: vec![0; READ_MAX], trace, last: None }
    }

    async fn read(&mut self) -> Result<Vec<Item>, String> {
        let gap = Duration::from_millis(self.framer.gap_ms());
        let read = self.port.read(&mut self.buffer);
        let read = match self.framer.is_pending() {
            true => match tokio::time::timeout(gap, read).await {
                Ok(read) => read,
                Err(_) => return Ok(self.framer.pause()),
            },
            false => read.await,
        };
        match read {
            Ok(0) => Err("the other end is gone".into()),
            Ok(len) => {
                let bytes = &self.buffer[..len];
                if let Some(trace) = &mut self.trace {
                    trace.read(bytes);
                }
                Ok(self.framer.feed(bytes))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        if let Some(trace) = &mut self.trace {
            trace.wrote(bytes);
        }
        self.send(bytes).await
    }

    /// Writes a beep, with a pause between its bytes where the scanner needs one.
    async fn beep(&mut self, bytes: &[u8], pace: Duration) -> Result<(), String> {
        if pace.is_zero() {
            return self.write(bytes).await;
        }
        if let Some(trace) = &mut self.trace {
            trace.wrote(bytes);
        }
        for byte in bytes {
            self.send(&[*byte]).await?;
            tokio::time::sleep(pace).await;
        }
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        match tokio::time::timeout(WRITE, self.port.write_all(bytes)).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(_) => Err("the scanner takes no bytes".into()),
        }
    }

    /// Whether the same frame came within the bounce time, on the frames' own time.
    fn bounces(&mut self, data: &[u8], within: Duration) -> bool {
        let now = Instant::now();
        let bounced = self
            .last
            .as_ref()
            .is_some_and(|(last, at)| last == data && !within.is_zero() && now.duration_since(*at) <= within);
        self.last = Some((data.to_vec(), now));
        bounced
    }
}
