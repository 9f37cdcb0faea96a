//! The way of a scan, as one function that can be read aloud.

use std::time::Instant;

use super::{Core, held};
use crate::barcode::codes::without_secret;
use crate::barcode::{Content, Reading};
use crate::domain::clock::Now;
use crate::domain::decide::{Decision, Site, UnknownStation, decide, fingerprint};
use crate::domain::event::Event;
use crate::domain::ids::{ScanId, StationId};
use crate::domain::printing::follow;
use crate::domain::scan::Scan;
use crate::domain::verdict::{Code, Verdict, Why};
use crate::ledger::{Cause, Health, WriteError, WriteTransaction};
use crate::web::backend::{ReadingSummary, Shown};

/// What the writer's transaction made of a scan.
struct Judged {
    verdict: Verdict,
    reading: Option<ReadingSummary>,
    recorded: bool,
    /// Whether something is to be printed.
    prints: bool,
    /// Other stations that it changed.
    elsewhere: Vec<StationId>,
}

impl Core {
    /// A scan: it is judged and recorded in one transaction, and only when that is durable its verdict goes to the
    /// station's page and back to whoever scanned.
    pub(super) async fn judge(&self, scan: Scan, peer: Option<String>) -> Result<Verdict, UnknownStation> {
        let arrived = Instant::now();
        let now = self.parts.clock.now();
        if let Some(open) = self.unresolved_at(&scan) {
            // until it is known what became of that scan, this station takes no other
            let why = Why::Storage(format!("it is not yet known whether scan {open} was recorded"));
            return Ok(Verdict { why: Some(why), ..Verdict::new(scan.id, Code::NotConfirmed) });
        }
        let (site, kept) = (self.parts.site.clone(), scan.clone());
        let written = self.parts.writer.submit(move |transaction| record(transaction, &site, &scan, peer, now)).await;
        let judged = match written {
            Ok(judged) => judged?,
            Err(error) => self.unwritten(&kept, error),
        };
        if judged.verdict.seq.is_some() {
            held(&self.parts.unresolved).retain(|(_, id)| *id != kept.id);
        }
        self.show(&kept, &judged, now);
        self.parts.metrics.verdict(judged.verdict.code, arrived.elapsed());
        Ok(judged.verdict)
    }

    /// A scan of the same station, under another id, whose outcome is not known yet.
    fn unresolved_at(&self, scan: &Scan) -> Option<ScanId> {
        let unresolved = held(&self.parts.unresolved);
        unresolved.iter().find(|(station, id)| *station == scan.station && *id != scan.id).map(|(_, id)| id.clone())
    }

    /// No green, and no red either: what is not durable did not happen, or nobody knows yet.
    fn unwritten(&self, scan: &Scan, error: WriteError) -> Judged {
        let (code, reason) = match error {
            WriteError::NotRecorded(reason) => (Code::NotRecorded, reason),
            WriteError::NotConfirmed(reason) => {
                held(&self.parts.unresolved).push((scan.station.clone(), scan.id.clone()));
                // the writer may have found out before this scan was on the list
                if *self.parts.writer.health().borrow() == Health::Good {
                    self.resolve();
                }
                (Code::NotConfirmed, reason)
            }
        };
        let verdict = Verdict { why: Some(Why::Storage(reason)), ..Verdict::new(scan.id.clone(), code) };
        Judged { verdict, reading: None, recorded: false, prints: false, elsewhere: Vec::new() }
    }

    fn show(&self, scan: &Scan, judged: &Judged, now: Now) {
        if judged.verdict.code == Code::AlreadyRecorded {
            return;
        }
        let shown = Shown {
            verdict: judged.verdict.clone(),
            reading: judged.reading.clone(),
            text: without_secret(&String::from_utf8_lossy(&scan.data)).into_owned(),
            device: scan.device.as_ref().map(ToString::to_string),
            at: now.at.wall,
        };
        held(&self.parts.shown).insert(scan.station.clone(), shown);
        self.announce(&scan.station);
        judged.elsewhere.iter().for_each(|station| self.announce(station));
        if judged.recorded {
            self.feed_moved();
        }
        if judged.prints {
            self.prints_moved();
        }
    }

    /// After a commit of unknown outcome and a writer that works again: each scan is looked up by its id, and its
    /// station told whether it was recorded.
    pub(super) fn resolve(&self) {
        let unresolved = std::mem::take(&mut *held(&self.parts.unresolved));
        for (station, scan) in unresolved {
            let why = match self.parts.reader.scan_seq(scan.as_str()) {
                Ok(Some(_)) => Why::WasRecorded,
                Ok(None) => Why::WasNotRecorded,
                Err(error) => {
                    tracing::error!(%error, %scan, "A scan of unknown outcome could not be looked up.");
                    held(&self.parts.unresolved).push((station, scan));
                    continue;
                }
            };
            let verdict = Verdict { why: Some(why), ..Verdict::new(scan, Code::Info) };
            self.tell(&station, verdict);
        }
    }

    pub(super) fn tell(&self, station: &StationId, verdict: Verdict) {
        let at = self.parts.clock.now().at.wall;
        held(&self.parts.shown)
            .insert(station.clone(), Shown { verdict, reading: None, text: String::new(), device: None, at });
        self.announce(station);
    }
}

/// Decides within the transaction, and appends what was decided.
fn record(
    transaction: &mut WriteTransaction<'_>,
    site: &Site,
    scan: &Scan,
    peer: Option<String>,
    now: Now,
) -> Result<Judged, UnknownStation> {
    let (mut verdict, mut events, reading) = match decide(transaction.view(), site, scan, now)? {
        Decision::Repeated(verdict) => {
            let (reading, elsewhere) = (None, Vec::new());
            return Ok(Judged { verdict: *verdict, reading, recorded: false, prints: false, elsewhere });
        }
        Decision::Decided { verdict, events, reading } => (*verdict, events, reading),
    };
    events.extend(follow(transaction.view(), site, &events, now.at));
    let prints = events.iter().any(|event| matches!(event, Event::PrintRequested { .. }));
    let session = transaction.view().station(&scan.station).session.as_ref().map(|session| session.operator.clone());
    let cause = Cause::Scan {
        scan_id: scan.id.clone(),
        station: scan.station.clone(),
        device: scan.device.clone(),
        operator: scan.operator.clone().or(session),
        peer,
        raw: data_encoding::BASE64.encode(&scan.data),
        broken: scan.broken.clone(),
        fingerprint: data_encoding::HEXLOWER.encode(&fingerprint(scan)),
    };
    let elsewhere = events.iter().filter_map(Event::elsewhere).filter(|other| **other != scan.station);
    let elsewhere = elsewhere.cloned().collect();
    transaction.append(now.at, cause, Some(&mut verdict), events);
    Ok(Judged { verdict, reading: reading.as_deref().map(summary), recorded: true, prints, elsewhere })
}

/// What a scan said, for people.
fn summary(reading: &Reading) -> ReadingSummary {
    let elements = match &reading.content {
        Content::Gs1(elements) | Content::DigitalLink(elements) => elements.all.clone(),
        Content::Article { gtin, .. } => vec![("01".to_owned(), gtin.clone())],
        Content::Waybill(_) | Content::Own(_) | Content::Text => Vec::new(),
    };
    let kind = reading.content.kind();
    ReadingSummary { kind, symbology: reading.aim.map(crate::barcode::AimId::symbology), elements }
}
