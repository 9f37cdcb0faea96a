//! A source that is asked over HTTP: page by page from its cursor on, with the pauses of the targets when it fails.

use std::path::Path;
use std::time::Duration;

use hyper::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue, IF_NONE_MATCH};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::handle::Source;
use super::kept::{Kept, KeptFile};
use super::place::{Place, PlaceFile};
use super::take::{Came, Intake};
use super::{Arrived, Inbox, KEPT_BYTES_MAX, KEPT_MAX};
use crate::clock;
use crate::codec::shape::{Made, Page, Shape, Unfit};
use crate::config::{Auth, SourceKind, SourceSettings, template_address};
use crate::intake::Kind;
use crate::upstream::http::{Answer, PATIENCE, Poster};
use crate::upstream::retry;

/// Bytes of an answer: some 10,000 orders. A larger one is refused; the source asks for smaller pages then.
pub const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Pages of one look: an upstream that always has one more is asked again after the usual pause.
const PAGES_MAX: u32 = 1_000;

/// Things of an answer that are mapped and taken at once: as objects they take several times the answer's size.
const CHUNK: usize = 200;

/// Pause between two looks for what waiting things wait for.
const WAITING_PAUSE: Duration = Duration::from_secs(1);

/// Why a look ended early.
struct Trouble {
    why: String,
    /// When the source wants to be asked again.
    after: Option<Duration>,
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Trouble { why, after: None }
    }
}

/// Asks a source.
pub struct Puller<I> {
    settings: SourceSettings,
    template: String,
    source: Source,
    shape: Shape,
    /// The hash of the mapping file.
    mapping: String,
    zone: TimeZone,
    place: PlaceFile,
    intake: Intake<I>,
    poster: Poster,
    acknowledger: Option<Poster>,
}

/// A thing as the ledger's side takes it.
fn arrived(kind: Kind, made: Made) -> Arrived {
    let Made { id, object, cancelled, hold, hold_note } = made;
    Arrived { kind, id, object, cancelled, hold, hold_note }
}

/// A text as it may stand in a query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// Path and query of an address with its placeholders filled in.
fn filled(template: &str, cursor: &str, page: u32, size: u32) -> String {
    let path = template.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |rest| format!("/{rest}"));
    let path = path.split('#').next().unwrap_or_default();
    path.replace("{page}", &page.to_string()).replace("{size}", &size.to_string()).replace("{cursor}", &escaped(cursor))
}

impl<I: Inbox> Puller<I> {
    /// Opens a source's files.
    ///
    /// # Errors
    /// A file can't be read, or the configuration can't be used, in words.
    pub(super) fn open(settings: &SourceSettings, home: &Path, zone: TimeZone, inbox: I) -> Result<Self, String> {
        let template = settings.url.clone().unwrap_or_default();
        let uri = template_address(&template)?;
        let acknowledger = settings.acknowledge.as_deref().map(template_address).transpose()?;
        let (shape, text) = settings.shape()?;
        let source = Source::new(settings, SourceKind::Http, inbox.now());
        let failed = |error: std::io::Error| format!("its files in {} can't be read: {error}", home.display());
        let (place, kept) = (PlaceFile::open(home).map_err(failed)?, KeptFile::open(home).map_err(failed)?);
        source.shared.show(&kept);
        source.shared.state().cursor.clone_from(&place.get().cursor);
        let intake = Intake::new(&source, inbox, kept, true);
        Ok(Puller {
            settings: settings.clone(),
            template,
            source,
            shape,
            mapping: data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())),
            zone,
            place,
            intake,
            poster: Poster::new(&uri, PATIENCE),
            acknowledger: acknowledger.map(|uri| Poster::new(&uri, PATIENCE)),
        })
    }

    pub(super) fn source(&self) -> Source {
        self.source.clone()
    }

    /// Asks until waybind stops.
    pub(super) async fn run(mut self) {
        let mut stopping = self.intake.inbox.stopping();
        let mut moved = self.intake.inbox.moved();
        let mut due = Instant::now();
        // the mapping may have been corrected
        let mut is_again = true;
        loop {
            if is_again || Instant::now() >= due {
                let looked = tokio::select! {
                    looked = self.look(is_again) => looked,
                    _ = stopping.wait_for(|stop| *stop) => return,
                };
                due = Instant::now() + self.pause_after(looked);
                is_again = false;
            }
            let waits = self.source.shared.state().waiting > 0;
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = self.source.shared.wake.notified() => is_again = true,
                () = tokio::time::sleep_until(due) => {}
                changed = moved.changed(), if waits => if changed.is_err() { return },
            }
            if waits && !is_again && Instant::now() < due {
                tokio::select! {
                    _ = stopping.wait_for(|stop| *stop) => return,
                    () = tokio::time::sleep(WAITING_PAUSE) => {}
                }
                moved.mark_unchanged();
                self.take_ready().await;
            }
        }
    }

    /// Notes how a look went, and answers the pause after it.
    fn pause_after(&self, looked: Result<(), Trouble>) -> Duration {
        let shared = &self.source.shared;
        match looked {
            Ok(()) => {
                shared.succeeded(self.intake.inbox.now());
                Duration::from_secs(self.settings.interval().into())
            }
            Err(Trouble { why, after }) => {
                let failures = shared.failed(&why);
                tracing::warn!(source = %self.source.name, why, failures, "A source could not be read.");
                retry::pause(failures, after, clock::chance())
            }
        }
    }

    fn reader(&self) -> impl Fn(&Kept) -> Result<Arrived, Unfit> + use<I> {
        let (shape, zone) = (self.shape.clone(), self.zone.clone());
        move |kept| shape.read(kept.kind, &kept.value, &zone).map(|made| arrived(kept.kind, made))
    }

    async fn take_ready(&mut self) {
        let read = self.reader();
        if let Err(why) = self.intake.take_ready(read).await {
            tracing::warn!(source = %self.source.name, why, "What waited was not taken.");
        }
    }

    /// Reads the source to its end. With `is_again`, what was refused is judged again first.
    async fn look(&mut self, is_again: bool) -> Result<(), Trouble> {
        let read = self.reader();
        if is_again {
            self.intake.take_all(&read).await?;
        }
        let before = self.source.shared.state().counts;
        self.show_secret()?;
        self.acknowledge().await?;
        let start = self.place.get().cursor.clone().unwrap_or_else(|| self.settings.cursor.clone());
        let mut cursor = start.clone();
        let mut greatest = None;
        for number in 1..=PAGES_MAX {
            if self.intake.kept.is_full() {
                let limit = format!("{KEPT_MAX} things or {} MiB", KEPT_BYTES_MAX / 1024 / 1024);
                return Err(format!("more than {limit} wait or were refused; look at them and try again").into());
            }
            let path = filled(&self.template, &cursor, number, self.settings.size);
            let Some(answer) = self.ask(&path).await? else { break };
            let etag = answer.etag.clone().filter(|_| number == 1).map(|etag| (path, etag));
            let (page, count) = self.take(answer).await?;
            greatest = self.shape.later(greatest, page.greatest.clone());
            let (next, more) = self.step(&cursor, &page, count, greatest.clone())?;
            let place = Place {
                cursor: next.clone(),
                etag: etag.filter(|_| !more),
                mapping: self.mapping.clone(),
                unacknowledged: self.acknowledgement(next.as_deref().unwrap_or(&cursor), number),
                taken: None,
            };
            self.keep(place)?;
            self.acknowledge().await?;
            if !more {
                break;
            }
            if number == PAGES_MAX && self.template.contains("{page}") {
                // the next look would begin with the first page again, and never come to the last
                return Err(format!("it has more than {PAGES_MAX} pages; raise size").into());
            }
            cursor = next.unwrap_or(cursor);
        }
        self.intake.take_ready(&read).await?;
        let counts = self.source.shared.state().counts;
        if (counts.created, counts.updated) != (before.created, before.updated) {
            self.intake.take_refused(&read).await?;
        }
        Ok(())
    }

    fn keep(&mut self, place: Place) -> Result<(), Trouble> {
        self.source.shared.state().cursor.clone_from(&place.cursor);
        self.place.keep(place).map_err(|error| Trouble::from(format!("its place can't be kept: {error}")))
    }

    /// Asks for a page; none if it is the one that was taken last.
    async fn ask(&mut self, path: &str) -> Result<Option<Answer>, Trouble> {
        let place = self.place.get();
        let mut headers = vec![(ACCEPT.as_str(), "application/json".to_owned())];
        if let Some((known, etag)) = &place.etag
            && *known == path
            && place.mapping == self.mapping
        {
            headers.push((IF_NONE_MATCH.as_str(), etag.clone()));
        }
        let answer = self.poster.get(path.to_owned(), &headers, ANSWER_MAX).await?;
        match answer.status {
            200..=299 if answer.is_whole => Ok(Some(answer)),
            200..=299 => Err(format!(
                "the answer has more than {} MiB; ask for smaller pages with size",
                ANSWER_MAX / 1024 / 1024
            )
            .into()),
            304 => Ok(None),
            300..=399 => Err(format!("it redirects elsewhere, which is not followed: {}", answer.summary()).into()),
            _ => Err(Trouble { why: answer.summary(), after: answer.retry_after }),
        }
    }

    /// Takes an answer's things; they are in the ledger, or kept, afterwards.
    async fn take(&mut self, answer: Answer) -> Result<(Page, usize), Trouble> {
        let answer = serde_json::from_slice(&answer.body)
            .map_err(|error| Trouble::from(format!("the answer is no JSON: {error}")))?;
        let wrong = |error: crate::codec::shape::ShapeError| Trouble::from(format!("the answer: {error}"));
        let page = self.shape.page(&answer).map_err(wrong)?;
        let pieces = self.shape.pieces(&answer).map_err(wrong)?;
        let count = pieces.len();
        for some in pieces.chunks(CHUNK) {
            let came = some.iter().map(|piece| Came {
                kind: piece.kind,
                value: piece.value.clone(),
                read: self.shape.read(piece.kind, piece.value, &self.zone).map(|made| arrived(piece.kind, made)),
            });
            self.intake.take(came.collect()).await?;
        }
        self.source.shared.state().pages += 1;
        Ok((page, count))
    }

    /// The cursor after a page, and whether there is another one.
    fn step(
        &self,
        cursor: &str,
        page: &Page,
        count: usize,
        greatest: Option<String>,
    ) -> Result<(Option<String>, bool), Trouble> {
        let is_full = count >= self.settings.size as usize;
        if self.template.contains("{page}") {
            let more = page.more.unwrap_or(is_full) && count > 0;
            // the pages of one look share their cursor
            let next = if more { None } else { page.next.clone().or(greatest) };
            return Ok((next.or_else(|| self.place.get().cursor.clone()), more));
        }
        let known = || self.place.get().cursor.clone();
        let next = if self.shape.has_next() { page.next.clone() } else { self.shape.later(known(), greatest) };
        let advances = next.as_deref().is_some_and(|next| next != cursor);
        let is_sized = self.template.contains("{size}");
        let more =
            page.more.unwrap_or(count > 0 && if self.shape.has_next() { advances } else { !is_sized || is_full });
        if more && !advances && (page.more.is_some() || is_sized) && self.template.contains("{cursor}") {
            return Err(format!("there is more, and the cursor stays at \"{cursor}\"; raise size").into());
        }
        Ok((next.or_else(known), more && advances))
    }

    fn acknowledgement(&self, cursor: &str, page: u32) -> Option<String> {
        Some(filled(self.settings.acknowledge.as_deref()?, cursor, page, self.settings.size))
    }

    /// Tells that the last page was taken, if that is wanted and was not told yet.
    async fn acknowledge(&mut self) -> Result<(), Trouble> {
        let (Some(path), Some(poster)) = (self.place.get().unacknowledged.clone(), &mut self.acknowledger) else {
            return Ok(());
        };
        let answer = poster.post_to(path, b"{}".as_slice().into()).await?;
        if !(200..=299).contains(&answer.status) {
            let why = format!("it was not told that a page was taken: {}", answer.summary());
            return Err(Trouble { why, after: answer.retry_after });
        }
        self.keep(Place { unacknowledged: None, ..self.place.get().clone() })
    }

    /// Reads the secret anew, so that it can be changed in its file.
    fn show_secret(&mut self) -> Result<(), Trouble> {
        let Some((auth, secret)) = self.settings.auth.zip(self.settings.secret.text()?) else { return Ok(()) };
        let (name, text) = match auth {
            Auth::Bearer => (AUTHORIZATION, format!("Bearer {secret}")),
            Auth::Basic => {
                let both = format!("{}:{secret}", self.settings.user);
                (AUTHORIZATION, format!("Basic {}", data_encoding::BASE64.encode(both.as_bytes())))
            }
            Auth::Header => {
                let name: Result<HeaderName, _> = self.settings.header.parse();
                (name.map_err(|error| Trouble::from(format!("its header can't be sent: {error}")))?, secret)
            }
        };
        let value =
            HeaderValue::from_str(&text).map_err(|_| Trouble::from("its secret can't stand in a header".to_owned()))?;
        for poster in std::iter::once(&mut self.poster).chain(&mut self.acknowledger) {
            poster.show(name.clone(), value.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let template = "https://erp.example:8443/a/orders?since={cursor}&p={page}&n={size}#x";
        assert_eq!(
            filled(template, "2026-11-21 15:00+08", 3, 50),
            "/a/orders?since=2026-11-21%2015%3A00%2B08&p=3&n=50"
        );
        assert_eq!(filled("http://erp", "", 1, 1), "/");
        assert_eq!(filled("http://erp/{cursor}", "../{page}", 1, 1), "/..%2F%7Bpage%7D");
    }
}
