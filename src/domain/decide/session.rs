//! Who scans: badges, hand-over of open work, signing out, and the badge that an override asks for.

use super::Desk;
use super::draft::Draft;
use super::pin::is_locked;
use super::sequence::LAPSE_MS;
use crate::barcode::codes::{CodeCheck, CodeKind, OwnCode};
use crate::barcode::{Content, Reading};
use crate::domain::clock::Moment;
use crate::domain::event::{Event, Memory};
use crate::domain::ids::StationId;
use crate::domain::station::{Await, Awaited, PinFor, SignIn};
use crate::domain::verdict::{Code, Why};
use crate::domain::view::View;
use crate::domain::work::{Operator, Role};

impl Desk<'_> {
    /// Finds who scans: the operator that the sender names, else who is signed in; an idle session ends first.
    pub(super) fn meet_operator(&mut self) {
        if let Some(named) = &self.scan.operator {
            let signed_in = self.station.session.as_ref().is_some_and(|session| session.operator == *named);
            let known = self.view.operator(named.as_str()).filter(|operator| operator.active);
            // naming somebody is no PIN
            self.operator = known.filter(|_| signed_in || self.rules.sign_in != SignIn::BadgePin);
            return;
        }
        let Some(session) = &self.station.session else { return };
        let idle_ms = self.rules.sign_out_after.saturating_mul(1_000);
        if idle_ms > 0 && self.now.at.is_past(&session.last, idle_ms) {
            let operator = session.operator.clone();
            self.aside.push(Event::SignedOut { station: self.rules.id.clone(), operator, idle: true });
            if self.station.quantity.is_some() {
                self.aside.push(Event::Remembered { station: self.rules.id.clone(), memory: Memory::Quantity(None) });
            }
            let mut station = (*self.station).clone();
            station.session = None;
            station.quantity = None;
            station.counts.clear();
            self.station = station.into();
            return;
        }
        self.operator = self.view.operator(session.operator.as_str()).filter(|operator| operator.active);
    }

    /// A badge signs in, or answers an override's question.
    pub(super) fn badge(&mut self, reading: &Reading) -> Option<Draft> {
        let Content::Own(OwnCode::Thing { kind: CodeKind::Badge, id, check: CodeCheck::Ok }) = &reading.content else {
            return None;
        };
        let asked = self.station.awaits.as_ref().is_some_and(|awaits| {
            awaits.what == Awaited::OverrideBadge && !self.now.at.is_past(&awaits.since, LAPSE_MS)
        });
        let taught = match self.station.awaits.as_ref().filter(|awaits| !self.now.at.is_past(&awaits.since, LAPSE_MS)) {
            Some(Await { what: Awaited::TeachBadge(text, sku, quantity), .. }) => {
                Some((text.clone(), sku.clone(), *quantity))
            }
            _ => None,
        };
        self.lapse();
        let Some(person) = self.view.operator_by_badge(id) else {
            return Some(Draft::new(Code::UnknownCode));
        };
        if !person.active {
            return Some(Draft::new(Code::NotAllowed).why(Why::Inactive));
        }
        if let Some((text, sku, quantity)) = taught {
            return Some(self.teach(&person, &text, &sku, quantity));
        }
        if asked && person.role < Role::Lead {
            return Some(Draft::new(Code::NotAllowed).why(Why::RoleTooLow));
        }
        let is_here = self.operator.as_ref().is_some_and(|operator| operator.id == person.id);
        if is_here && !asked {
            return Some(Draft::new(Code::SignedIn));
        }
        Some(match (self.rules.sign_in, asked) {
            (SignIn::BadgePin, _) => self.ask_pin(&person, if asked { PinFor::Override } else { PinFor::SignIn }),
            (_, true) => self.ask(Why::OverrideReason, Awaited::OverrideReason(person.id.clone())),
            (_, false) => Draft::new(Code::SignedIn).event(sign_in(self.view, &self.rules.id, &person, self.now.at)),
        })
    }

    fn ask_pin(&self, person: &Operator, opens: PinFor) -> Draft {
        match person.pin {
            None => Draft::new(Code::NotAllowed).why(Why::NoPin),
            Some(_) if is_locked(person, self.now.at) => Draft::new(Code::NotAllowed).why(Why::PinLocked),
            Some(_) => self.ask(Why::PinWanted, Awaited::Pin(person.id.clone(), opens)),
        }
    }

    pub(super) fn sign_out(&self) -> Draft {
        match &self.station.session {
            Some(session) => {
                let operator = session.operator.clone();
                Draft::new(Code::SignedOut).event(Event::SignedOut {
                    station: self.rules.id.clone(),
                    operator,
                    idle: false,
                })
            }
            None => Draft::new(Code::NotSignedIn),
        }
    }
}

/// An operator takes a station over, with the work that is open there, and leaves the one before.
pub(super) fn sign_in(view: &dyn View, station: &StationId, person: &Operator, at: Moment) -> Event {
    Event::SignedIn {
        station: station.clone(),
        operator: person.id.clone(),
        handed_over_by: view
            .station(station)
            .session
            .as_ref()
            .map(|session| session.operator.clone())
            .filter(|before| *before != person.id),
        left: person.station.clone().filter(|other| other != station),
        at,
    }
}
