//! One scanner's life: connect, read, answer, and after an unplug begin again.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::line::Line;
use super::port::open;
use super::{DeviceFrame, DeviceState, Scanner, Signal, Sink, TraceWriter};
use crate::domain::scan::Retyped;
use crate::protocol::{Item, retypings};

/// Frames that may wait for their verdicts; a scanner that sends faster waits itself.
const WAITING_MAX: usize = 64;

/// Pauses between two tries to connect. A USB device is looked for several times a second, as reading is to be possible
/// again soon after it was plugged in, and one look serves all scanners; a host on the network is left in peace.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE_NETWORK: Duration = Duration::from_secs(2);

/// Serves a scanner for as long as the program runs.
pub async fn supervise<S: Sink>(scanner: Scanner, sink: S) {
    let mut life = Life { sink, state: DeviceState::default(), scanner, trace: None };
    let mut pause = FIRST_PAUSE;
    let longest = if life.scanner.connection.usb().is_some() { LONGEST_PAUSE } else { LONGEST_PAUSE_NETWORK };
    let mut listener: Option<TcpListener> = None;
    life.tell();
    loop {
        match open(&mut life.scanner, &mut listener).await {
            Ok(opened) => {
                pause = FIRST_PAUSE;
                let line = Line::new(opened, &life.scanner, life.trace.take());
                life.serve(line).await;
            }
            Err(error) => life.lost(error.to_string()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

struct Life<S> {
    scanner: Scanner,
    sink: S,
    state: DeviceState,
    trace: Option<TraceWriter>,
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

    /// Reads until the connection ends.
    async fn serve(&mut self, mut line: Line) {
        let passed_over = match line.settle().await {
            Ok(passed_over) => passed_over,
            Err(error) => {
                self.trace = line.end().0;
                return self.lost(error);
            }
        };
        self.state.connected = true;
        self.state.last_error = None;
        self.tell();
        let (frames, waiting) = mpsc::channel(WAITING_MAX);
        let (signals, mut to_send) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
        let judge = tokio::spawn(judge(self.scanner.clone(), self.sink.clone(), waiting, signals));
        let pace = Duration::from_millis(self.scanner.spoken.definition.feedback.pace_ms.into());
        self.record_broken(passed_over, &frames).await;
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
                    tracing::warn!(device = %self.scanner.id, %error, "The scanner takes no beeps; it is read without.");
                    self.state.last_error = Some(error);
                    self.tell();
                },
            }
        };
        // it is gone at once for everybody; what was read before still gets its verdict, whose beep has nowhere to go
        let (trace, cut) = line.end();
        self.trace = trace;
        drop(to_send);
        self.lost(ended);
        self.record_broken(cut, &frames).await;
        drop(frames);
        if let Err(error) = judge.await {
            tracing::error!(device = %self.scanner.id, %error, "A verdict was not brought to its end.");
        }
    }

    /// Passes on what is no code, at the beginning or the end of a connection.
    async fn record_broken(&mut self, item: Option<Item>, frames: &mpsc::Sender<DeviceFrame>) {
        let Some(Item::Broken(why, data)) = item else { return };
        self.state.broken += 1;
        let frame = DeviceFrame { data, broken: Some(why), bounced: false, retyped: Vec::new() };
        if frames.send(frame).await.is_err() {
            tracing::error!(device = %self.scanner.id, "Half a code was not recorded.");
        }
    }

    /// What a keyboard's code says in other layouts.
    fn retyped(&self, data: &[u8]) -> Vec<Retyped> {
        let Some((own, others)) = self.scanner.spoken.layouts.split_first() else { return Vec::new() };
        let found = retypings(&String::from_utf8_lossy(data), own, others);
        found.into_iter().map(|(layout, text)| Retyped { layout, text }).collect()
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
                    let bounced = line.bounces(&data, self.scanner.bounce());
                    let retyped = self.retyped(&data);
                    DeviceFrame { data, broken: None, bounced, retyped }
                }
                Item::Broken(why, data) => {
                    self.state.broken += 1;
                    self.state.last_error = Some(why.to_owned());
                    DeviceFrame { data, broken: Some(why), bounced: false, retyped: Vec::new() }
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
        let feedback = &scanner.spoken.definition.feedback;
        let bytes = match sink.scanned(&scanner, frame).await {
            Signal::Accept => &feedback.accept.0,
            Signal::Refuse => &feedback.refuse.0,
            Signal::Attention => &feedback.attention.0,
            Signal::Silence => &feedback.silent.0,
        };
        let bytes = scanner.spoken.definition.feedback_report(bytes);
        if !bytes.is_empty() && signals.try_send(bytes).is_err() {
            tracing::debug!(device = %scanner.id, "A beep came too late.");
        }
    }
}
