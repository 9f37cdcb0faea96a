//! What comes next for a target: read from the feed, chosen, and made ready to go, beside the delivery that is on its way.

use std::collections::VecDeque;
use std::sync::Arc;

use super::epcis::Epcis;
use super::{BYTES_MAX, Delivery, EVENTS_MAX, Fact, Feed, Letter, envelope, robot};
use crate::protocol::Glob;

/// Bytes of records that are read at once: a few deliveries.
pub(super) const READ_MAX: usize = 4 * BYTES_MAX;

/// Events that are read at once: a few deliveries.
pub(super) const READ_EVENTS: usize = 4 * EVENTS_MAX;

/// What a delivery has at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) bytes: usize,
    pub(super) events: usize,
}

impl Most {
    /// What a receiver is sent at once.
    pub(super) const SENT: Most = Most { bytes: BYTES_MAX, events: EVENTS_MAX };
    /// What is written into a file at once: each time it is synced, which takes from the disk what scans need.
    pub(super) const WRITTEN: Most = Most { bytes: READ_MAX, events: READ_EVENTS };
}

/// The form in which events go.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Cloud,
    Epcis(Epcis),
}

/// Which facts a target is told, and how.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) events: Vec<Glob>,
    pub(super) stations: Vec<Glob>,
    pub(super) exceptions_only: bool,
    pub(super) form: Form,
}

/// Deliveries from one reading of the feed.
#[derive(Debug)]
pub(super) struct Batch {
    /// The place that it was read after.
    pub(super) after: u64,
    /// Where the cursor stands once all of it is done with.
    pub(super) through: u64,
    pub(super) deliveries: VecDeque<Delivery>,
}

impl Selection {
    pub(super) fn wants(&self, fact: &Fact) -> bool {
        let at_station = |station: &str| self.stations.iter().any(|pattern| pattern.fits(station));
        self.events.iter().any(|pattern| pattern.fits(&fact.kind))
            && (self.stations.is_empty() || fact.value()["station"].as_str().is_some_and(at_station))
            && (!self.exceptions_only || robot::is_exception(fact))
    }
}

/// Reads what comes after a place.
pub(super) async fn read<F: Feed>(
    feed: &F,
    selection: &Arc<Selection>,
    after: u64,
    most: Most,
) -> Result<Batch, String> {
    let facts = feed.facts(after, READ_EVENTS, READ_MAX).await.map_err(|error| error.0)?;
    let through = facts.last().map_or(after, |fact| fact.seq);
    let wanted: Vec<Fact> = facts.into_iter().filter(|fact| selection.wants(fact)).collect();
    let letters = letters(feed, &selection.form, wanted).await?;
    Ok(Batch { after, through, deliveries: deliveries(letters, through, most) })
}

/// Makes facts ready to go; those that the form has no word for are left out.
pub(super) async fn letters<F: Feed>(feed: &F, form: &Form, facts: Vec<Fact>) -> Result<Vec<Letter>, String> {
    match form {
        Form::Cloud => {
            let made: Result<Vec<Letter>, _> = facts.into_iter().map(envelope::letter).collect();
            made.map_err(|error| format!("an event can't be written: {error}"))
        }
        Form::Epcis(epcis) => {
            let mut skus: Vec<String> = facts.iter().filter_map(Epcis::sku).collect();
            skus.sort_unstable();
            skus.dedup();
            let gtins =
                if skus.is_empty() { Default::default() } else { feed.gtins(skus).await.map_err(|error| error.0)? };
            let letter = |fact: Fact| {
                let events: Vec<String> = epcis.events(&fact, &gtins).iter().map(ToString::to_string).collect();
                (!events.is_empty()).then(|| Letter { json: events.join(",").into_bytes(), fact })
            };
            Ok(facts.into_iter().filter_map(letter).collect())
        }
    }
}

fn deliveries(letters: Vec<Letter>, through: u64, most: Most) -> VecDeque<Delivery> {
    let mut all = VecDeque::new();
    let (mut current, mut bytes): (Vec<Letter>, usize) = (Vec::new(), 0);
    for letter in letters {
        let is_full = bytes + letter.json.len() > most.bytes || current.len() >= most.events;
        if let Some(last) = current.last().filter(|_| is_full) {
            let through = last.fact.seq;
            all.push_back(Delivery { events: std::mem::take(&mut current), through, ..Delivery::default() });
            bytes = 0;
        }
        bytes += letter.json.len() + 1;
        current.push(letter);
    }
    if !current.is_empty() {
        all.push_back(Delivery { events: current, through, ..Delivery::default() });
    }
    all
}
