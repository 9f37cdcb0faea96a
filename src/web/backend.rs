//! What the web asks of the service behind it.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::{broadcast, watch};

use crate::barcode::codes::SiteKey;
use crate::config::Scope;
use crate::domain::decide::{PinAnswer, UnknownStation};
use crate::domain::ids::{BagId, OperatorId, OrderId, StationId, WaybillNo};
use crate::domain::printing::{Condition, PrintJob, PrintTrouble, Resolution, Unresolved};
use crate::domain::rules::Rules;
use crate::domain::rules::recall::StopList;
use crate::domain::scan::Scan;
use crate::domain::station::StationRules;
use crate::domain::upstream::{LabelPrint, LabelSpec, OrderAction, Outcome, Thing};
use crate::domain::verdict::Verdict;
use crate::domain::view::View;
use crate::domain::work::{PinHash, Waybill};
use crate::message::Language;
pub use crate::web::pictures::{LABEL_CODES, LABEL_DOTS, Pictures, apart};

/// The ledger can't be written or read now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The address it comes from, or `local`.
    pub peer: String,
    /// What it calls.
    pub call: &'static str,
}

/// A key that makes a repeated call answer what the first one did.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// What tells a repetition from another call under the same key.
    pub fingerprint: String,
}

/// What a call about one thing came to.
#[derive(Clone, Debug)]
pub enum Acted {
    /// It was judged now.
    Now(Outcome),
    /// It was judged before: status and body of that time.
    Before(u16, String),
    /// The key was used for another call.
    KeyConflict,
}

/// A word about an aggregated label.
#[derive(Clone, Debug)]
pub enum LabelAction {
    /// One is wanted for these parcels, with at most so many on it.
    Make(LabelSpec, Option<usize>),
    /// It is wanted on paper.
    Print(LabelPrint),
    /// It no longer holds.
    Void(BagId),
}

/// What a word about an aggregated label came to.
#[derive(Clone, Debug)]
pub enum LabelAnswer {
    /// Status and body, of now or of the first call under the same key.
    Given(u16, String),
    /// The key was used for another call.
    KeyConflict,
}

/// A fact of the feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeedItem {
    /// The box that recorded it.
    #[serde(rename = "box")]
    pub by: String,
    /// Its place in the feed.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// When, with the site's offset.
    pub time: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// All of it.
    pub data: serde_json::Value,
}

/// What happened to an order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// The facts, oldest first.
    pub events: Vec<FeedItem>,
    /// The archives that tell more of it, and are not here.
    pub missing: Vec<String>,
    /// Facts before these that are not shown.
    pub earlier: usize,
}

/// What became of the wish to archive.
#[derive(Clone, Debug, PartialEq)]
pub enum Archiving {
    /// What was archived, or would be.
    Done(serde_json::Value),
    /// Records are being archived already.
    Busy,
    /// Nobody said from before which day.
    NoDate,
}

/// What a station showed last.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The verdict.
    pub verdict: Verdict,
    /// What the scan said, for people.
    pub reading: Option<ReadingSummary>,
    /// The text as scanned.
    pub text: String,
    /// With which scanner.
    pub device: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What a scan said, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadingSummary {
    /// `gs1`, `ean`, `waybill`, `waybind`, `digital_link` or `text`.
    pub kind: &'static str,
    /// The symbology, where the scanner said it.
    pub symbology: Option<&'static str>,
    /// Identifier and value, in order.
    pub elements: Vec<(String, String)>,
}

/// A scanner, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// Its name.
    pub name: String,
    /// Its station.
    pub station: StationId,
    /// Its definition.
    pub protocol: String,
    /// Where it is, as configured.
    pub place: String,
    /// Whether it is there.
    pub connected: bool,
    /// Whether its address is listened on, and nobody has connected.
    pub listening: bool,
    /// When it last sent a code.
    pub last_read: Option<String>,
    /// What went wrong last; it stays until something else does.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<String>,
    /// Codes that it sent.
    pub frames: u64,
    /// Broken frames that it sent.
    pub broken: u64,
}

/// Something that is plugged in and that nobody reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluggedView {
    /// Its node; it may change with every plugging.
    pub node: String,
    /// A link to it that stays.
    pub link: Option<String>,
    /// `serial`, `hid-keyboard` or `hid-pos`.
    pub kind: &'static str,
    /// USB vendor and product: `05e0:1701`.
    pub usb: Option<String>,
    /// The name that it gives itself.
    pub name: String,
    /// Its serial number.
    pub serial: String,
    /// The interface of a device that has several.
    pub interface: Option<u8>,
    /// The definition that knows it.
    pub fits: Option<String>,
    /// Why no definition was taken, where several fit.
    pub problem: Option<String>,
    /// The lines that would configure it.
    pub configuration: String,
    /// A definition to begin with, where none knows it.
    pub draft: Option<String>,
}

impl PluggedView {
    /// Whether it is more than a keyboard or a cable.
    #[must_use]
    pub fn looks_like_a_scanner(&self) -> bool {
        self.fits.is_some() || self.problem.is_some() || self.kind == "hid-pos"
    }
}

/// A target, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetView {
    /// Its name.
    pub name: String,
    /// `webhook`, `file` or `robot`.
    pub kind: &'static str,
    /// `closed` while it is told, `open` after several failures in a row.
    pub circuit: &'static str,
    /// The place in the feed up to which it has been told.
    pub cursor: u64,
    /// Events after that.
    pub depth: u64,
    /// Seconds since the oldest of them.
    pub age_seconds: Option<u64>,
    /// When the oldest of them happened.
    pub oldest: Option<String>,
    /// Whether that is so long ago that somebody should look.
    pub behind: bool,
    /// Failures in a row.
    pub failures: u32,
    /// What was at fault the last time: `reach` (nobody answers), `answer` (it fails), `setup` (address or credential).
    pub fault: Option<&'static str>,
    /// The event that seems to be the only one that it fails on, while that is being found out.
    pub suspect: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it last took something.
    pub last_delivery: Option<String>,
    /// Events that it took since the start.
    pub delivered: u64,
    /// Deliveries that failed since the start.
    pub retried: u64,
    /// Events that it refused, or fails on, and does not have.
    pub dead: usize,
    /// Orders of which it is not told what they do, because it does not have one of these.
    pub orders_waiting: usize,
    /// The oldest of them.
    pub dead_letters: Vec<DeadLetterView>,
}

/// An event that a target refused, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetterView {
    /// Its id.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// When it was refused.
    pub at: String,
    /// What the target answered.
    pub answer: String,
    /// How often.
    pub times: u32,
    /// `refused`, or `failing` where the target fails on this event alone.
    pub why: &'static str,
    /// When it is tried again by itself.
    pub next: Option<String>,
    /// What its order did since, and waits.
    pub behind: u64,
    /// Who corrected what is sent, if somebody did.
    pub corrected_by: Option<String>,
}

/// A person's word about a dead letter.
#[derive(Clone, Debug, PartialEq)]
pub enum LetterWord {
    /// These data are sent in its stead.
    Send(serde_json::Value),
    /// The target does without it.
    LetGo,
}

/// A dead letter with what is sent, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LetterView {
    /// What is listed of it.
    #[serde(flatten)]
    pub letter: DeadLetterView,
    /// What is sent as the event's data: the fact's own, or a person's correction.
    pub sent: serde_json::Value,
}

/// A courier's channel, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelView {
    /// Its name.
    pub name: String,
    /// Whose numbers it gives.
    pub carrier: Option<String>,
    /// `closed` while it is asked, `open` while it is left alone for its failures.
    pub circuit: &'static str,
    /// Numbers in its store, where they are fetched ahead.
    pub stored: Option<usize>,
    /// Numbers that it gave since the start.
    pub given: u64,
    /// Requests that failed since the start.
    pub failed: u64,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// An exception that nobody has taken yet, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertView {
    /// The id of the event that raised it.
    pub id: String,
    /// The ladder that it is on.
    pub ladder: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// Where.
    pub station: Option<String>,
    /// In words.
    pub text: String,
    /// When it was raised.
    pub since: String,
    /// Messages about it so far.
    pub told: usize,
    /// When the next one is due.
    pub next: String,
}

/// A printer, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrinterView {
    /// Its name; also the code on it.
    pub name: String,
    /// Its profile.
    pub profile: String,
    /// Its language: `zpl`, `tspl` or `pdf`.
    pub language: &'static str,
    /// Dots an inch.
    pub dpi: u32,
    /// Where it is, as configured.
    pub place: String,
    /// How it is.
    pub condition: Condition,
    /// The job that is being sent.
    pub job: Option<u32>,
    /// Jobs that wait for it, the one that is being sent included.
    pub queue: u64,
    /// Jobs that it took since the start.
    pub sent: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// The one that takes over.
    pub fallback: Option<String>,
    /// The templates that it can print.
    pub templates: Vec<String>,
}

/// A source, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// `http` or `folder`.
    pub kind: &'static str,
    /// `good`, `failing`, or `full`: too much waits or was refused, and it is asked no further.
    pub state: &'static str,
    /// The cursor of the next call.
    pub cursor: Option<String>,
    /// When it was last read to its end.
    pub last_success: Option<String>,
    /// Seconds since then, or since the start.
    pub age_seconds: u64,
    /// Whether that is so long ago that somebody should look.
    pub behind: bool,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Answers or files that were read since the start.
    pub pages: u64,
    /// New things since the start.
    pub created: u64,
    /// Things that changed something since the start.
    pub updated: u64,
    /// Things that said nothing new since the start.
    pub unchanged: u64,
    /// Things that wait for others.
    pub waiting: usize,
    /// Things that were refused and did not come right yet.
    pub refused: usize,
    /// Things that were refused since the start; those of files stand in their reports.
    pub refused_ever: u64,
    /// The oldest of what was refused and what waits.
    pub kept: Vec<KeptView>,
    /// Words that stand in no dictionary.
    pub unknown_words: Vec<UnknownWordView>,
}

/// A thing of a source that waits or was refused, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptView {
    /// What it is.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// `waiting` or `refused`.
    pub state: &'static str,
    /// For what, or why.
    pub reason: String,
    /// Since when.
    pub since: String,
    /// How often it was judged.
    pub times: u32,
}

/// A word of a source that stands in no dictionary, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownWordView {
    /// Our field, and theirs.
    pub field: String,
    /// The word.
    pub word: String,
    /// How often it came.
    pub times: u64,
    /// The last thing with it.
    pub example: String,
}

/// How the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerHealth {
    /// It is written.
    Good,
    /// It can't be written now.
    Stopped(String),
    /// It lost its tail and wants a person.
    Recovery(String),
}

/// What keeps people's badges and PINs from others.
pub trait Secrets {
    /// A random secret for a new badge.
    fn fresh_badge(&self) -> String;
    /// What is kept of a PIN; it takes tens of milliseconds.
    fn pin_hash(&self, operator: &OperatorId, pin: &str) -> PinHash;
}

/// The service behind the web.
pub trait Backend: Secrets + Clone + Send + Sync + 'static {
    /// The station with this id.
    fn station(&self, id: &str) -> Option<StationRules> {
        self.stations().iter().find(|rules| rules.id.as_str() == id).cloned()
    }
    /// Judges a scan; the answer comes when it is durable.
    fn scan(&self, scan: Scan, peer: String) -> impl Future<Output = Result<Verdict, UnknownStation>> + Send;
    /// Takes things that upstream describes, in their order.
    fn intake(
        &self,
        caller: Caller,
        things: Vec<Thing>,
    ) -> impl Future<Output = Result<Vec<Outcome>, Unavailable>> + Send;
    /// Takes a word about an order.
    fn act(
        &self,
        caller: Caller,
        order: OrderId,
        action: OrderAction,
        key: Option<Idempotency>,
    ) -> impl Future<Output = Result<Acted, Unavailable>> + Send;
    /// Takes the word that a waybill no longer holds.
    fn void(&self, caller: Caller, waybill: WaybillNo) -> impl Future<Output = Result<Outcome, Unavailable>> + Send;
    /// Takes the word that a void waybill number went back to its carrier.
    fn give_back(
        &self,
        caller: Caller,
        waybill: WaybillNo,
    ) -> impl Future<Output = Result<Outcome, Unavailable>> + Send;
    /// Takes a PIN that was typed at a station.
    fn enter_pin(
        &self,
        caller: Caller,
        station: StationId,
        pin: String,
    ) -> impl Future<Output = Result<PinAnswer, Unavailable>> + Send;
    /// Looks at the warehouse as it stands.
    fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn View) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Unavailable>> + Send;
    /// A waybill's own label as it came: its format and its bytes; none where it has none.
    fn label_file(
        &self,
        waybill: WaybillNo,
    ) -> impl Future<Output = Result<Option<(String, Vec<u8>)>, Unavailable>> + Send;
    /// Facts after a cursor.
    fn events(&self, after: u64, limit: usize) -> impl Future<Output = Result<Vec<FeedItem>, Unavailable>> + Send;
    /// An order's story.
    fn history(&self, order: OrderId) -> impl Future<Output = Result<Story, Unavailable>> + Send;
    /// The place after which the whole feed can be read; 0 unless archives of its beginning are not here.
    fn feed_begins(&self) -> impl Future<Output = Result<u64, Unavailable>> + Send;
    /// Moves records from before a day to an archive, at most one file of them; or says what would be moved.
    fn archive(
        &self,
        caller: Caller,
        before: Option<Date>,
        dry_run: bool,
    ) -> impl Future<Output = Result<Archiving, Unavailable>> + Send;
    /// Orders with a telephone number or a serial.
    fn find(&self, text: String) -> impl Future<Output = Result<Vec<(&'static str, String)>, Unavailable>> + Send;
    /// The orders that came last.
    fn newest_orders(&self, limit: usize) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;
    /// Orders after an id, in the order of their ids.
    fn orders_after(
        &self,
        after: String,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;
    /// What a station showed last.
    fn shown(&self, station: &StationId) -> Option<Shown>;
    /// Stations that have something new to show.
    fn updates(&self) -> broadcast::Receiver<StationId>;
    /// The last place of the feed, and when it moves.
    fn feed(&self) -> watch::Receiver<u64>;
    /// Becomes true when waybind stops: streams end.
    fn stopping(&self) -> watch::Receiver<bool>;
    /// Whether the box's clock was moved since the start.
    fn clock_was_moved(&self) -> bool;
    /// The scanners.
    fn devices(&self) -> Vec<DeviceView>;
    /// What is plugged in and not configured.
    fn unread_devices(&self) -> impl Future<Output = Vec<PluggedView>> + Send;
    /// The stations, in the order of the configuration.
    fn stations(&self) -> Arc<Vec<StationRules>>;
    /// How the interceptions are set.
    fn interceptions(&self) -> Rules;
    /// Orders that a person should look at, oldest first.
    fn orders_wanting_attention(&self, limit: usize) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;
    /// Void waybills whose numbers go back to their carriers.
    fn waybills_to_return(&self, limit: usize) -> impl Future<Output = Result<Vec<Waybill>, Unavailable>> + Send;
    /// Every stop-list, lifted ones last.
    fn stop_lists(&self) -> impl Future<Output = Result<Vec<StopList>, Unavailable>> + Send;
    /// Orders that name a product, newest first.
    fn orders_with_goods(
        &self,
        sku: String,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;
    /// How the ledger is.
    fn health(&self) -> LedgerHealth;
    /// Counters in Prometheus' format.
    fn metrics(&self) -> impl Future<Output = String> + Send;
    /// The printers.
    fn printers(&self) -> impl Future<Output = Result<Vec<PrinterView>, Unavailable>> + Send;
    /// Prints a printer's self-test; answers the job, none if there is no such printer.
    fn test_printer(
        &self,
        caller: Caller,
        name: String,
    ) -> impl Future<Output = Result<Option<u32>, Unavailable>> + Send;
    /// Print jobs in a state, or in any, newest first.
    fn print_jobs(
        &self,
        state: Option<&'static str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<PrintJob>, Unavailable>> + Send;
    /// Print jobs that wait or that people must look at, those that ask first.
    fn open_print_jobs(
        &self,
        station: Option<&StationId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<PrintJob>, Unavailable>> + Send;
    /// Takes a person's word about a print job.
    fn resolve_print(
        &self,
        caller: Caller,
        number: u32,
        how: Resolution,
        by: Option<OperatorId>,
    ) -> impl Future<Output = Result<Result<PrintJob, Unresolved>, Unavailable>> + Send;
    /// A manifest on paper, or why it can't be set; none if there is no such manifest.
    fn manifest_pdf(
        &self,
        id: String,
    ) -> impl Future<Output = Result<Option<Result<Vec<u8>, String>>, Unavailable>> + Send;
    /// Takes a word about an aggregated label.
    fn label(
        &self,
        caller: Caller,
        action: LabelAction,
        key: Option<Idempotency>,
    ) -> impl Future<Output = Result<LabelAnswer, Unavailable>> + Send;
    /// The files of an aggregated label in a format (`pdf`, `png`, `zpl`, `tspl`), of PNG one a page; or why there are none.
    fn label_paper(
        &self,
        label: BagId,
        format: &'static str,
        dpi: u32,
    ) -> impl Future<Output = Result<Result<Vec<Vec<u8>>, PrintTrouble>, Unavailable>> + Send;
    /// Reads pictures.
    fn pictures(&self) -> &Pictures;
    /// Who is told what happened, and how that goes.
    fn targets(&self) -> impl Future<Output = Result<Vec<TargetView>, Unavailable>> + Send;
    /// Wants a target's dead letters sent again, all or those with these ids, and answers how many; none if there is no
    /// such target.
    fn send_again(&self, target: &str, ids: Option<Vec<String>>) -> Option<usize>;
    /// Who is asked what there is to do, and how that goes.
    fn sources(&self) -> Vec<SourceView>;
    /// Wants a source read now, and what was refused judged again; whether there is such a source.
    fn look_now(&self, source: &str) -> bool;
    /// A target's dead letter with what is sent; none if there is no such target or letter.
    fn letter(&self, target: &str, id: &str) -> impl Future<Output = Result<Option<LetterView>, Unavailable>> + Send;
    /// Records a person's word about a dead letter, and does it; false if there is no such target or letter.
    fn settle_letter(
        &self,
        caller: Caller,
        target: String,
        id: String,
        word: LetterWord,
        by: String,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// The couriers' channels.
    fn channels(&self) -> impl Future<Output = Result<Vec<ChannelView>, Unavailable>> + Send;
    /// Orders that no channel gave a number, oldest first, and how many there are.
    fn pending_numbers(&self, limit: usize) -> impl Future<Output = Result<(Vec<OrderId>, u64), Unavailable>> + Send;
    /// Exceptions that nobody has taken yet.
    fn alerts(&self) -> Vec<AlertView>;
    /// Records who takes an alert; false if none with this id is open.
    fn take_alert(
        &self,
        caller: Caller,
        id: String,
        by: String,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// The site's key.
    fn key(&self) -> SiteKey;
    /// What pages speak where the browser does not say.
    fn language(&self) -> Language;
    /// A moment as the site writes it.
    fn written(&self, at: Timestamp) -> String;
    /// Now.
    fn now(&self) -> Timestamp;
    /// What the token of the API with this hash (SHA-256, hexadecimal) may be used for; none if there is no such token.
    fn scopes(&self, sha256: &str) -> Option<&[Scope]>;
}
