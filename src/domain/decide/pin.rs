//! The PIN after a badge: it is typed at the station, checked outside by a slow hash, and what that says becomes fact
//! here. No scan and no record ever holds a PIN.

use super::sequence::LAPSE_MS;
use super::session::sign_in;
use crate::domain::clock::Moment;
use crate::domain::event::{Event, Memory};
use crate::domain::ids::{OperatorId, StationId};
use crate::domain::station::{Await, Awaited, PinFor};
use crate::domain::view::View;
use crate::domain::work::{Operator, PinHash};

/// Wrong PINs in a row after which none is taken for a while: four digits give 10,000 PINs, so that guessing takes days.
const WRONG_MAX: u32 = 5;

/// For how long none is taken, in milliseconds.
const LOCK_MS: u64 = 5 * 60 * 1_000;

/// Whose PIN a station waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinQuestion {
    /// Whose badge was shown.
    pub operator: OperatorId,
    /// What the PIN is compared with.
    pub hash: PinHash,
    /// What it opens.
    pub opens: PinFor,
}

/// What came of a PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinAnswer {
    /// It was right: the operator works here now.
    SignedIn(OperatorId),
    /// It was right: the override goes on with its reason.
    MayOverride(OperatorId),
    /// It was wrong; so many tries are left.
    Wrong(u32),
    /// Too many were wrong; none is taken for some minutes.
    Locked,
    /// The station waits for no PIN, or no longer.
    NotAsked,
}

/// Whose PIN a station waits for now, if for any.
#[must_use]
pub fn pin_question(view: &dyn View, station: &StationId, at: Moment) -> Option<PinQuestion> {
    let awaits = view.station(station).awaits.clone()?;
    let Awaited::Pin(operator, opens) = awaits.what else { return None };
    if at.is_past(&awaits.since, LAPSE_MS) {
        return None;
    }
    let hash = view.operator(operator.as_str()).filter(|person| person.active)?.pin.clone()?;
    Some(PinQuestion { operator, hash, opens })
}

/// The facts by which a station no longer waits for a PIN that came too late; none if it waits for none.
#[must_use]
pub fn forget_late_pin(view: &dyn View, station: &StationId, at: Moment) -> Vec<Event> {
    let awaits = view.station(station).awaits.clone();
    let late =
        awaits.is_some_and(|awaits| matches!(awaits.what, Awaited::Pin(..)) && at.is_past(&awaits.since, LAPSE_MS));
    let forget = Event::Remembered { station: station.clone(), memory: Memory::Awaits(None) };
    late.then_some(forget).into_iter().collect()
}

/// What a PIN that was typed for this question comes to, with the facts to record.
#[must_use]
pub fn answer_pin(
    view: &dyn View,
    station: &StationId,
    question: &PinQuestion,
    is_right: bool,
    at: Moment,
) -> (PinAnswer, Vec<Event>) {
    // between the question and its answer another badge may have been shown, or the PIN changed
    if pin_question(view, station, at).as_ref() != Some(question) {
        return (PinAnswer::NotAsked, Vec::new());
    }
    let Some(person) = view.operator(question.operator.as_str()) else { return (PinAnswer::NotAsked, Vec::new()) };
    let remember = |memory| Event::Remembered { station: station.clone(), memory };
    let forget = remember(Memory::Awaits(None));
    if is_locked(&person, at) {
        return (PinAnswer::Locked, vec![forget]);
    }
    if is_right {
        return match question.opens {
            PinFor::SignIn => {
                let mut events = vec![sign_in(view, station, &person, at)];
                // what the one before wanted to count is not the new one's
                events.extend(view.station(station).quantity.map(|_| remember(Memory::Quantity(None))));
                (PinAnswer::SignedIn(person.id.clone()), events)
            }
            PinFor::Override => {
                let what = Awaited::OverrideReason(person.id.clone());
                let accepted = Event::PinAccepted { station: station.clone(), operator: person.id.clone() };
                let awaits = remember(Memory::Awaits(Some(Await { what, since: at }.into())));
                (PinAnswer::MayOverride(person.id.clone()), vec![accepted, awaits])
            }
        };
    }
    let refused = Event::PinRefused { station: station.clone(), operator: person.id.clone(), at };
    match WRONG_MAX.saturating_sub(person.wrong_pins.count + 1) {
        0 => (PinAnswer::Locked, vec![refused, forget]),
        left => (PinAnswer::Wrong(left), vec![refused]),
    }
}

/// Whether too many PINs were wrong just now.
pub(super) fn is_locked(person: &Operator, at: Moment) -> bool {
    let wrong = person.wrong_pins;
    wrong.count >= WRONG_MAX && wrong.last.is_some_and(|last| !at.is_past(&last, LOCK_MS))
}
