//! One scan in, one verdict out, with the facts that make it true.
//!
//! [`decide`] is pure: it reads the warehouse through [`View`], and the caller records what it answers. The checks
//! run in the order in which [`Code`] lists the refusals.

mod bagging;
mod bind;
mod command;
mod counting;
mod draft;
mod handover;
mod intercept;
mod item;
mod load;
mod load_bag;
mod meaning;
mod open;
mod overrule;
mod pin;
mod put_back;
mod reprint;
mod sequence;
mod session;
mod short;
mod takes;
mod teach;

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::draft::Draft;
use self::meaning::Meaning;
pub use self::pin::{PinAnswer, PinQuestion, answer_pin, forget_late_pin, pin_question};
use super::bag;
use super::clock::Now;
use super::event::{Event, Memory};
use super::ids::StationId;
use super::printing::PrinterRules;
use super::rules::Rules;
use super::scan::Scan;
use super::station::{Mode, SignIn, Station, StationRules, Work};
use super::verdict::{Code, Severity, Verdict, Why};
use super::view::View;
use super::work::Operator;
use crate::barcode::codes::{Command, OwnCode, SiteKey};
use crate::barcode::{self, AimId, Content, Hint, Reading};

/// How the warehouse is set.
#[derive(Clone, Debug)]
pub struct Site {
    /// The key of its codes.
    pub key: SiteKey,
    /// Its stations.
    pub stations: HashMap<StationId, StationRules>,
    /// Scans that match one of these (`*` any characters, `?` one) are ignored.
    pub ignore: Vec<String>,
    /// Refusals that a lead may let pass.
    pub overridable: Vec<Code>,
    /// How the interceptions are set.
    pub rules: Rules,
    /// Its printers, in the order of the configuration.
    pub printers: Vec<PrinterRules>,
}

/// Refusals that a configuration may make overridable: none that would break the three-level binding.
pub const OVERRIDABLE: &[Code] = &[
    Code::Unreadable,
    Code::WrongLocation,
    Code::WrongSlot,
    Code::WrongRevision,
    Code::WrongLot,
    Code::WrongSerial,
    Code::Expired,
];

/// What was decided.
#[derive(Clone, Debug)]
pub enum Decision {
    /// A scan that was recorded before: nothing to record.
    Repeated(Box<Verdict>),
    /// A verdict to record, with its facts.
    Decided {
        /// The verdict.
        verdict: Box<Verdict>,
        /// The facts.
        events: Vec<Event>,
        /// What was read, if it could be read.
        reading: Option<Box<Reading>>,
    },
}

/// A station that the configuration does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no station \"{0}\"")]
pub struct UnknownStation(pub StationId);

/// What tells a retry of a scan from another scan under the same id.
#[must_use]
pub fn fingerprint(scan: &Scan) -> [u8; 32] {
    let mut hash = Sha256::new();
    let operator = scan.operator.as_ref().map_or("", |operator| operator.as_str());
    let device = scan.device.as_ref().map_or("", |device| device.as_str());
    for part in [scan.station.as_str().as_bytes(), &scan.data, operator.as_bytes(), device.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Decides about one scan.
///
/// # Errors
/// The scan names a station that is not configured; nothing is to be recorded.
pub fn decide(view: &dyn View, site: &Site, scan: &Scan, now: Now) -> Result<Decision, UnknownStation> {
    if let Some(recorded) = view.recorded(&scan.id) {
        let first = recorded.verdict;
        match recorded.fingerprint {
            None => return Ok(Decision::Repeated(Box::new(first))),
            Some(known) if known == fingerprint(scan) => {
                let repeated = Verdict { first_code: Some(first.code), code: Code::AlreadyRecorded, ..first };
                return Ok(Decision::Repeated(Box::new(repeated)));
            }
            Some(_) => {}
        }
        let verdict = Verdict::new(scan.id.clone(), Code::ScanIdConflict);
        return Ok(Decision::Decided { verdict: Box::new(verdict), events: Vec::new(), reading: None });
    }
    let rules = site.stations.get(&scan.station).ok_or_else(|| UnknownStation(scan.station.clone()))?;
    let mut desk = Desk::new(view, site, rules, scan, now);
    let (draft, reading) = desk.look();
    let (verdict, events) = desk.close(draft);
    Ok(Decision::Decided { verdict: Box::new(verdict), events, reading: reading.map(Box::new) })
}

/// Everything that a decision looks at.
struct Desk<'a> {
    view: &'a dyn View,
    site: &'a Site,
    rules: &'a StationRules,
    scan: &'a Scan,
    now: Now,
    station: Arc<Station>,
    operator: Option<Arc<Operator>>,
    /// The slot that was scanned just now.
    confirmed_slot: Option<String>,
    /// Facts that hold whatever the verdict: an idle session ended, a wait lapsed.
    aside: Vec<Event>,
}

impl<'a> Desk<'a> {
    fn new(view: &'a dyn View, site: &'a Site, rules: &'a StationRules, scan: &'a Scan, now: Now) -> Self {
        let station = view.station(&scan.station);
        let mut desk =
            Desk { view, site, rules, scan, now, station, operator: None, confirmed_slot: None, aside: Vec::new() };
        desk.drop_stale_latch();
        desk.meet_operator();
        desk
    }

    /// An alarm from before the station was set to raise none would stand where nobody sees it.
    fn drop_stale_latch(&mut self) {
        if self.station.latch.is_some() && (self.rules.shadow || !self.rules.latch) {
            self.aside.push(Event::Remembered { station: self.rules.id.clone(), memory: Memory::Latch(None) });
            let mut station = (*self.station).clone();
            station.latch = None;
            self.station = station.into();
        }
    }

    /// The same desk with other work open.
    fn with_work(&self, work: Work) -> Desk<'a> {
        let mut station = (*self.station).clone();
        station.work = Some(work);
        station.location = None;
        Desk {
            station: station.into(),
            operator: self.operator.clone(),
            confirmed_slot: None,
            aside: Vec::new(),
            ..*self
        }
    }

    /// The scan's way: what needs no reading, the reading, who scans, what it means here.
    fn look(&mut self) -> (Draft, Option<Reading>) {
        if let Some(draft) = self.before_reading() {
            return (draft, None);
        }
        let text = String::from_utf8_lossy(&self.scan.data);
        if self.is_doubled(&text) {
            return (Draft::new(Code::DoubledCode).got_text(&text), None);
        }
        let reading = match barcode::read_bytes(&self.scan.data, Hint::None, Some(&self.site.key), self.now.today) {
            Ok(reading) => reading,
            Err(error) => {
                let why = Why::Decode(error.code, error.offset);
                return (self.unreadable(why).got_text(&text), None);
            }
        };
        if matches!(&reading.content, Content::Gs1(elements) | Content::DigitalLink(elements) if elements.count == Some(0))
        {
            return (self.unreadable(Why::CountsNothing).got_text(&text), Some(reading));
        }
        let draft = match self.gate(&reading) {
            Some(draft) => draft,
            None => self.judge(&reading),
        };
        (draft, Some(reading))
    }

    fn before_reading(&mut self) -> Option<Draft> {
        let text = String::from_utf8_lossy(&self.scan.data);
        if self.scan.bounced {
            return Some(Draft::new(Code::Bounced).got_text(&text));
        }
        if self.site.ignore.iter().any(|pattern| matches(pattern.as_bytes(), text.as_bytes())) {
            return Some(Draft::new(Code::Ignored).got_text(&text));
        }
        if let Some(latched) = self.station.latch.as_deref() {
            let bare = AimId::split(&text).map_or(&*text, |(_, rest)| rest);
            let acknowledges = barcode::codes::read(bare.trim(), None) == Some(OwnCode::Command(Command::Ack));
            return Some(if acknowledges {
                Draft::new(Code::Acknowledged).remember(&self.rules.id, Memory::Latch(None))
            } else {
                Draft::new(Code::AlarmLatched).about(latched)
            });
        }
        let broken = self.scan.broken.as_ref()?;
        Some(self.unreadable(Why::Frame(broken.clone())).got_text(&text))
    }

    /// An unreadable label may be confirmed by hand, which is an override.
    fn unreadable(&self, why: Why) -> Draft {
        self.overridable(Draft::new(Code::Unreadable).why(why), None)
    }

    /// Whether the text is one known code twice, and not a code as a whole. Something may stand between them.
    fn is_doubled(&self, text: &str) -> bool {
        let Some((first, rest)) = text.split_at_checked(text.len() / 2) else { return false };
        let second = rest.strip_prefix(BETWEEN).filter(|_| text.len() % 2 == 1).unwrap_or(rest);
        let parted = text.len() % 2 == 1;
        let long_enough = first.len() >= if parted { 1 } else { DOUBLED_MIN };
        long_enough && first == second && self.bears(first) && !self.bears(text)
    }

    /// Signing in comes before everything that a code may mean.
    fn gate(&mut self, reading: &Reading) -> Option<Draft> {
        if let Some(draft) = self.badge(reading) {
            return Some(draft);
        }
        if self.scan.operator.is_some() && self.operator.is_none() {
            let known = self.scan.operator.as_ref().and_then(|named| self.view.operator(named.as_str()));
            return Some(match known {
                Some(operator) if operator.active => Draft::new(Code::NotSignedIn),
                Some(_) => Draft::new(Code::NotAllowed).why(Why::Inactive),
                None => Draft::new(Code::NotAllowed).why(Why::Nobody),
            });
        }
        let wanted = self.rules.sign_in != SignIn::None && self.operator.is_none();
        wanted.then(|| self.with_layout(Draft::new(Code::NotSignedIn)))
    }

    fn judge(&mut self, reading: &Reading) -> Draft {
        if let Content::Own(OwnCode::Command(command)) = &reading.content {
            return self.command(*command);
        }
        if let Some(draft) = self.awaited(reading) {
            return draft;
        }
        let meaning = self.meaning(reading);
        if let Some(draft) = self.scan_of_bag(None, reading, &meaning) {
            return draft;
        }
        if let Some(member) = meaning.member.as_ref().filter(|_| self.rules.mode != Mode::Load) {
            return self.label_code(member);
        }
        if !meaning.is_known()
            && let Some(draft) = self.place(&reading.text).or_else(|| self.choose_printer(&reading.text))
        {
            return draft;
        }
        if !meaning.is_known()
            && let Some(draft) = self.number_by_hand(&reading.text)
        {
            return draft;
        }
        match self.rules.mode {
            _ if !meaning.is_known() => self.with_layout(Draft::new(Code::UnknownCode).got_text(&reading.text)),
            Mode::Info => self.inform(&meaning),
            Mode::Load => self.load(&meaning),
            Mode::Pick | Mode::Pack | Mode::Bench => self.work(reading, &meaning),
        }
    }

    /// Names the keyboard layout in which the scanner must have typed, where the code makes sense in one.
    fn with_layout(&self, draft: Draft) -> Draft {
        let mut known = self.scan.retyped.iter().filter(|other| self.bears(&other.text));
        let Some(first) = known.next() else { return draft };
        match known.all(|other| other.text == first.text) {
            true => draft.why(Why::WrongLayout(first.layout.clone())),
            false => draft,
        }
    }

    /// Whether something here bears a text.
    fn bears(&self, text: &str) -> bool {
        let reading = barcode::read(text, Hint::None, Some(&self.site.key), self.now.today);
        reading.is_ok_and(|reading| self.meaning(&reading).is_known())
    }

    /// Picking and packing: an item of the open work, a waybill for a sealed box, or other work to open.
    fn work(&mut self, reading: &Reading, meaning: &Meaning) -> Draft {
        if let Some(order) = meaning.waybill.as_ref().and_then(|waybill| self.unconfirmed_on(waybill)) {
            return Draft::new(Code::WrongStep).why(Why::NoteFirst).order(order.id());
        }
        if let Some(waybill) = meaning.waybill.as_ref().filter(|_| !self.station.unbound.is_empty()) {
            return self.bind(waybill);
        }
        if let (Some(Work::PutBack(_)), [item]) = (&self.station.work, meaning.items.as_slice()) {
            return self.forget_quantity(self.put_back_item(&self.times(item)));
        }
        if !meaning.items.is_empty() && (self.station.work.is_some() || meaning.opens.is_empty()) {
            return self.items(meaning);
        }
        match meaning.opens.as_slice() {
            [work] => self.open(work),
            [] => Draft::new(Code::WrongStep).why(Why::NotHere).got_text(&reading.text),
            several => Draft::new(Code::AmbiguousCode).candidates(several.iter().map(meaning::describe)),
        }
    }

    fn inform(&self, meaning: &Meaning) -> Draft {
        let draft = Draft::new(Code::Info);
        match (meaning.opens.first(), meaning.items.first()) {
            (Some(work), _) => self.inform_work(draft, work),
            (None, Some(item)) => draft.why(Why::AboutProduct).got(self.item_facts(item)),
            (None, None) if meaning.manifest.is_some() => draft.why(Why::AboutManifest),
            (None, None) if meaning.parcel.is_some() => draft.why(Why::AboutParcel),
            (None, None) => draft.why(Why::AboutPlace),
        }
    }

    /// Adds what every scan leaves behind, and raises the alarm.
    fn close(self, draft: Draft) -> (Verdict, Vec<Event>) {
        let (spoken, warnings) = self.intercepted(&draft);
        let binds_by_itself = draft.code() != Code::WaybillBound;
        let (mut verdict, mut events) = draft.finish(self.scan.id.clone());
        if binds_by_itself {
            self.keep_unlabelled(&mut events);
        }
        if matches!(verdict.code, Code::OrderComplete | Code::ParcelSealed) && self.all_labelled(&events) {
            verdict.why.get_or_insert(Why::Labelled);
        }
        let mut events = bag::before(self.view, events);
        verdict.warnings = warnings;
        let station = &self.rules.id;
        let remember = |memory| Event::Remembered { station: station.clone(), memory };
        let mut facts = self.aside;
        if self.station.session.is_some() && verdict.code != Code::SignedOut {
            facts.push(remember(Memory::Seen(self.now.at)));
        }
        // what is heard twice, or while an alarm stands, is no other scan
        let keeps_refusal = matches!(
            verdict.code,
            Code::Acknowledged | Code::Info | Code::AlarmLatched | Code::Bounced | Code::Ignored
        );
        let sets_refusal =
            events.iter().any(|event| matches!(event, Event::Remembered { memory: Memory::Refusal(Some(_)), .. }));
        if self.station.refusal.is_some() && !keeps_refusal && !sets_refusal {
            facts.push(remember(Memory::Refusal(None)));
        }
        if self.station.quantity.is_some() && events.iter().chain(&facts).any(ends_a_quantity) {
            facts.push(remember(Memory::Quantity(None)));
        }
        verdict.shadow = self.rules.shadow;
        if self.rules.shadow && verdict.code.is_refusal() {
            // what was refused where nobody is told of it changes nothing; the station keeps only what was asked of it,
            // and never that its operator was told to put goods back
            let kept = |event: &Event| match event {
                Event::Remembered { memory, .. } => !matches!(memory, Memory::ToldCancelled(_)),
                _ => false,
            };
            facts.extend(events.into_iter().filter(kept));
            return (verdict, facts);
        }
        facts.extend(spoken);
        facts.append(&mut events);
        let alarm = verdict.code.severity() == Severity::Stop && verdict.code != Code::AlarmLatched;
        if alarm && self.rules.latch && !self.rules.shadow {
            facts.push(remember(Memory::Latch(Some(Box::new(verdict.clone())))));
        }
        (verdict, facts)
    }
}

/// Whether a fact ends what a quantity command was meant for: another person works here, or the work was left.
fn ends_a_quantity(event: &Event) -> bool {
    matches!(
        event,
        Event::SignedIn { .. } | Event::SignedOut { .. } | Event::WorkParked { .. } | Event::WorkClosed { .. }
    )
}

/// What scanners put between two codes of one frame.
const BETWEEN: [char; 6] = ['\r', '\n', '\t', '\u{1d}', ',', ';'];

/// Shorter halves may be chance: `1212` is a code of its own more often than `12` twice.
const DOUBLED_MIN: usize = 4;

/// Whether a text matches a pattern of literal characters, `*` and `?`; linear in time but for backing to the last `*`.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(expected) if *expected == b'?' || *expected == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((back, covered)) => {
                    star = Some((back, covered + 1));
                    (at, seen) = (back + 1, covered + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn ignore_patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("TEST*", "TEST-1", true),
            ("*END", "THE END", true),
            ("A?C", "ABC", true),
            ("A?C", "AC", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b", "ac", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
