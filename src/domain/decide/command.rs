//! Command codes: undo, done, pause, short, seal, quantity and the rest.

use super::Desk;
use super::draft::Draft;
use super::sequence::LAPSE_MS;
use crate::barcode::codes::Command;
use crate::domain::bag::Bagging;
use crate::domain::event::{Event, Memory};
use crate::domain::gate;
use crate::domain::order::Order;
use crate::domain::progress::Sign;
use crate::domain::rules::{Rule, Step};
use crate::domain::station::{Awaited, Count, Mode, Work};
use crate::domain::verdict::{Code, Why};
use crate::domain::work::{Parcel, ParcelState};

impl Desk<'_> {
    /// Carries out a command; a command ends whatever was awaited.
    pub(super) fn command(&mut self, command: Command) -> Draft {
        let asked_to_close = self
            .station
            .awaits
            .as_ref()
            .is_some_and(|awaits| awaits.what == Awaited::Close && !self.now.at.is_past(&awaits.since, LAPSE_MS));
        self.lapse();
        let counts = matches!(self.rules.mode, Mode::Pick | Mode::Pack | Mode::Bench);
        match command {
            Command::Ack => self.acknowledge(),
            Command::SignOut => self.sign_out(),
            Command::Override => self.ask_override(),
            Command::Unload if self.rules.mode == Mode::Load => self.ask(Why::UnloadWhat, Awaited::Unload),
            Command::Done if self.rules.mode == Mode::Load => self.close_manifest(asked_to_close),
            Command::Pause if self.rules.mode == Mode::Load => self.pause_manifest(),
            Command::Teach if self.rules.mode != Mode::Load => self.ask(Why::TeachCode, Awaited::TeachCode),
            Command::Reprint => self.ask_reprint(),
            _ if !counts => Draft::new(Code::WrongStep).why(Why::NotHere),
            Command::Undo => self.undo(),
            Command::Done => self.done(),
            Command::Pause => self.pause(),
            Command::Seal => self.seal(),
            Command::Short(reason) if self.station.work.is_some() => self.ask(Why::ShortWhat, Awaited::Short(reason)),
            Command::Short(_) => Draft::new(Code::WrongStep).why(Why::NothingOpen),
            Command::PutBack => self.ask(Why::PutBackWhat, Awaited::PutBack),
            Command::Quantity(times) => Draft::new(Code::Info)
                .why(Why::QuantitySet(times))
                .remember(&self.rules.id, Memory::Quantity(Some(times))),
            Command::Unload if self.rules.mode != Mode::Pick && self.bagging() != Bagging::Off => {
                self.ask(Why::UnbagWhat, Awaited::Unbag)
            }
            Command::Unload | Command::Teach => Draft::new(Code::WrongStep).why(Why::NotHere),
        }
    }

    pub(super) fn ask(&self, why: Why, what: Awaited) -> Draft {
        self.awaiting(Draft::new(Code::Info).why(why), what)
    }

    /// With no alarm latched, the acknowledge button confirms the note that is shown, and what waited for it is sealed.
    fn acknowledge(&self) -> Draft {
        let packs = matches!(self.rules.mode, Mode::Pack | Mode::Bench);
        let orders = self.station.work.as_ref().filter(|_| packs).map(|work| self.orders_of(work)).unwrap_or_default();
        let Some(order) = orders.iter().find(|order| order.awaits_confirmation()) else {
            return Draft::new(Code::Acknowledged);
        };
        let mut after = (**order).clone();
        after.notes_confirmed = true;
        let seals = gate::seal_if_packed(self.view, &after, self.open_box(order).as_slice(), Some(self.now.at));
        let confirmed = Event::NotesConfirmed { order: order.id().clone() };
        Draft::new(Code::NoteConfirmed).order(order.id()).event(confirmed).events(seals)
    }

    /// Reverses this session's last count; a sealed box is opened for it. Where it was one too many, what stays is sealed.
    fn undo(&self) -> Draft {
        let Some(count) = self.station.counts.last() else {
            return Draft::new(Code::WrongStep).why(Why::NothingToUndo);
        };
        let Some(order) = self.view.order(count.order.as_str()) else {
            return Draft::new(Code::WrongStep).why(Why::NothingToUndo);
        };
        let work = match &count.list {
            Some((list, _)) => Work::List(list.clone()),
            None => Work::Order(count.order.clone()),
        };
        if self.open_elsewhere(&work).is_some() {
            return Draft::new(Code::WrongStep).why(Why::NothingToUndo).order(order.id());
        }
        let parcel = count.parcel.as_ref().and_then(|id| self.view.parcel(id.as_str()));
        if !self.can_take_back(&order, parcel.as_deref(), count) {
            // the goods went another way since: put back, or undone from elsewhere
            return Draft::new(Code::WrongStep).why(Why::NothingToUndo).remember(&self.rules.id, Memory::CountGone);
        }
        let mut draft = Draft::new(Code::Undone);
        if let Some(parcel) = &parcel {
            match parcel.state {
                ParcelState::Loaded => return Draft::new(Code::WrongStep).why(Why::AlreadyLoaded).order(order.id()),
                ParcelState::Sealed => {
                    let (parcel, order, station) = (parcel.id.clone(), order.id().clone(), self.rules.id.clone());
                    draft = draft.event(Event::ParcelReopened { parcel, order, station });
                }
                ParcelState::Open => {}
            }
        }
        let mut after = (*order).clone();
        after.count(count, Sign::Minus);
        if let Some(line) = after.line(count.line) {
            draft = draft.line(&after, line);
        }
        let item = crate::domain::station::Item {
            sku: count.sku.clone(),
            quantity: count.quantity,
            identity: count.identity.clone(),
            waiver: None,
        };
        let left = parcel.map(|parcel| {
            let mut left = self.brought_here(Parcel { state: ParcelState::Open, ..(*parcel).clone() });
            left.count(count.line, &count.parts, Sign::Minus);
            left
        });
        draft
            .got(self.item_facts(&item))
            .pick_list(count.list.as_ref().map(|(list, _)| list))
            .event(Event::CountUndone { station: self.rules.id.clone(), count: count.clone() })
            .events(gate::settled(self.view, &after, left.as_slice(), Some(self.now.at)))
    }

    /// Whether the goods of a count are still where it put them: on its line, its list and in its box.
    fn can_take_back(&self, order: &Order, parcel: Option<&Parcel>, count: &Count) -> bool {
        let on_list = count.list.as_ref().is_none_or(|(list, index)| {
            let list = self.view.list(list.as_str());
            list.and_then(|list| list.lines.get(*index).cloned()).is_some_and(|line| line.holds(&count.parts))
        });
        order.can_take_back(count) && on_list && parcel.is_none_or(|parcel| parcel.holds(count.line, &count.parts))
    }

    fn done(&self) -> Draft {
        match &self.station.work {
            None => Draft::new(Code::WrongStep).why(Why::NothingOpen),
            Some(_) if self.has_open_lines() => Draft::new(Code::WrongStep).why(Why::LinesOpen),
            Some(work) => {
                let event = Event::WorkClosed { station: self.rules.id.clone(), work: work.clone() };
                Draft::new(Code::Closed).event(event).pick_list(crate::domain::event::work_list(work))
            }
        }
    }

    fn pause(&self) -> Draft {
        match &self.station.work {
            None => Draft::new(Code::WrongStep).why(Why::NothingOpen),
            Some(work) => {
                let event = Event::WorkParked { station: self.rules.id.clone(), work: work.clone() };
                Draft::new(Code::Paused).event(event).pick_list(crate::domain::event::work_list(work))
            }
        }
    }

    /// Seals the box that was filled last, what comes after goes into a further one; or closes a bag, with no such box.
    fn seal(&self) -> Draft {
        if self.rules.mode == Mode::Pick {
            return Draft::new(Code::WrongStep).why(Why::NotHere);
        }
        let last = self.station.counts.iter().rev().filter_map(|count| self.view.order(count.order.as_str()));
        let opened = self.station.work.iter().flat_map(|work: &Work| self.orders_of(work));
        let filled = last.chain(opened).find_map(|order| self.open_box(&order).map(|parcel| (order, parcel)));
        let Some((order, parcel)) = filled else {
            if let Some(draft) = self.seal_bag() {
                return draft;
            }
            return Draft::new(Code::WrongStep).why(Why::NothingToSeal);
        };
        let draft = Draft::new(Code::ParcelSealed).order(order.id());
        if let Some(code) = self.objection_to(&order) {
            return draft.with_code(code);
        }
        if let Some(gift) = order.missing_gift().filter(|_| self.site.rules.blocks(Rule::Gift, &[Step::Pack])) {
            return draft.with_code(Code::GiftMissing).line(&order, gift).expected(crate::domain::verdict::Facts {
                sku: Some(gift.spec.sku.clone()),
                name: gift.spec.name.clone(),
                ..Default::default()
            });
        }
        if order.awaits_confirmation() {
            return draft.with_code(Code::WrongStep).why(Why::NoteFirst);
        }
        draft.events(gate::seal(self.view, &order, &parcel, Some(self.now.at)))
    }
}
