//! One scanner's life: connect, read, answer, and after an unplug begin again.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;

use super::line::Line;
use super::listener::Listener;
use super::port::{Opened, open, take_up};
use super::{Connection, DeviceFrame, DeviceState, Scanner, Signal, Sink, TraceWriter};
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
    let mut listener: Option<Listener> = None;
    life.tell();
    loop {
        let opened = match life.scanner.connection {
            Connection::TcpListener(address) => life.accepted(address, &mut listener).await,
            _ => open(&mut life.scanner).await,
        };
        match opened {
            Ok(opened) => {
                pause = FIRST_PAUSE;
                let line = Line::new(opened, &life.scanner, life.trace.take());
                life.serve(line, listener.as_mut()).await;
                // who connects to us is waited for, not looked for
                if listener.is_some() {
                    continue;
                }
            }
            Err(error) => life.lost(error.to_string()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Why a connection is served no longer.
enum Ended {
    Gone(String),
    /// Another one was made, from there.
    TakenOver(SocketAddr),
}

/// Waits until somebody else connects, where that is possible.
async fn somebody_else(listener: Option<&mut Listener>) -> SocketAddr {
    match listener {
        Some(listener) => listener.somebody().await,
        None => std::future::pending().await,
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

    fn wrong(&mut self, why: String) {
        self.state.last_error = Some(why);
        self.state.last_error_at = Some(self.sink.now());
    }

    fn lost(&mut self, why: String) {
        let news = self.state.connected || self.state.last_error.as_deref() != Some(&why);
        (self.state.connected, self.state.listening) = (false, false);
        if news {
            self.wrong(why);
            tracing::warn!(device = %self.scanner.id, at = %self.scanner.connection, error = self.state.last_error, "The scanner is not there.");
            self.tell();
        }
    }

    /// Who connects to our address; it is bound once.
    async fn accepted(&mut self, address: SocketAddr, listener: &mut Option<Listener>) -> io::Result<Opened> {
        let bound = match listener {
            Some(bound) => bound,
            None => listener.insert(Listener::bind(address).await?),
        };
        if !self.state.connected {
            self.state.listening = true;
            self.tell();
        }
        take_up(&self.scanner, bound.next().await?)
    }

    /// Reads until the connection ends, or another one takes its place: the newest is the one that lives.
    async fn serve(&mut self, mut line: Line, mut listener: Option<&mut Listener>) {
        let passed_over = match line.settle().await {
            Ok(passed_over) => passed_over,
            Err(error) => {
                self.trace = line.end().0;
                return self.lost(error);
            }
        };
        (self.state.connected, self.state.listening) = (true, false);
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
                            break Ended::Gone(error);
                        }
                    }
                    Err(error) => break Ended::Gone(error),
                },
                Some(bytes) = to_send.recv() => if let Err(error) = line.beep(&bytes, pace).await {
                    tracing::warn!(device = %self.scanner.id, %error, "The scanner takes no beeps; it is read without.");
                    self.wrong(error);
                    self.tell();
                },
                from = somebody_else(listener.as_deref_mut()) => break self.taken_over(from, &mut line, &frames).await,
            }
        };
        // it is gone at once for everybody; what was read before still gets its verdict, whose beep has nowhere to go
        let (trace, cut) = line.end();
        self.trace = trace;
        drop(to_send);
        match ended {
            Ended::Gone(why) => self.lost(why),
            Ended::TakenOver(from) => {
                tracing::warn!(device = %self.scanner.id, at = %self.scanner.connection, %from, "Another connection took the scanner's place.");
                self.wrong(format!("another connection took its place, from {from}"));
                self.tell();
            }
        }
        self.record_broken(cut, &frames).await;
        drop(frames);
        if let Err(error) = judge.await {
            tracing::error!(device = %self.scanner.id, %error, "A verdict was not brought to its end.");
        }
    }

    /// Takes what the connection has sent by now, which nobody would read any more.
    async fn taken_over(&mut self, from: SocketAddr, line: &mut Line, frames: &mpsc::Sender<DeviceFrame>) -> Ended {
        for _ in 0..WAITING_MAX {
            let Some(items) = line.last().await else { break };
            if let Err(error) = self.pass_on(items, line, frames).await {
                return Ended::Gone(error);
            }
        }
        Ended::TakenOver(from)
    }

    /// Passes on what is no code, at the beginning or the end of a connection.
    async fn record_broken(&mut self, item: Option<Item>, frames: &mpsc::Sender<DeviceFrame>) {
        let Some(Item::Broken(why, data)) = item else { return };
        self.state.broken += 1;
        self.tell();
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
                    self.wrong(why.to_owned());
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
