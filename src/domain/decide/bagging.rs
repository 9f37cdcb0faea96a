//! Bags: which bag a bound parcel goes into, the scans that put it there and take it out, and closing a bag.

use std::sync::Arc;

use super::Desk;
use super::draft::Draft;
use super::meaning::Meaning;
use crate::barcode::codes::{CodeCheck, CodeKind, OwnCode};
use crate::barcode::{Content, Reading};
use crate::domain::bag::{self, Bag, Bagging, Made, Member};
use crate::domain::consolidate::Candidate;
use crate::domain::event::{Event, Memory};
use crate::domain::gate;
use crate::domain::ids::{BagId, ParcelId};
use crate::domain::order::Order;
use crate::domain::rules::Step;
use crate::domain::station::{Await, Awaited, Mode};
use crate::domain::verdict::{BagLineNote, BagMemberNote, BagNote, Code, Facts, Why};
use crate::domain::work::{Parcel, ParcelState};

/// Lines of one parcel that a verdict names: what a person reads on a screen.
const LINES_MAX: usize = 50;

/// By what a bag was named.
enum By {
    /// By what hangs on it.
    Tag(String),
    /// By a parcel in it.
    Neighbour(Arc<Bag>),
    /// Not at all: the parcel itself was scanned again.
    Itself,
}

impl Desk<'_> {
    /// Whether parcels are scanned into bags here, and by what.
    pub(super) fn bagging(&self) -> Bagging {
        match self.rules.mode {
            Mode::Pack | Mode::Bench => self.rules.bag.bagging,
            Mode::Pick | Mode::Load | Mode::Info => Bagging::Off,
        }
    }

    /// What a bag's tag is called, if the code can be one and nothing waits for it as a tote or slot.
    fn tag(&self, reading: &Reading, meaning: &Meaning) -> Option<String> {
        if !meaning.opens.is_empty() {
            return None;
        }
        let tag = match &reading.content {
            Content::Own(OwnCode::Thing { kind: CodeKind::Place, id, check: CodeCheck::Ok }) => id.clone(),
            _ if meaning.is_known() => return None,
            _ => {
                let is_tag = |pattern: &String| super::matches(pattern.as_bytes(), reading.text.as_bytes());
                self.rules.bag.tags.iter().any(is_tag).then(|| reading.text.clone())?
            }
        };
        (!self.claims().iter().any(|claim| claim.slot() == Some(tag.as_str()))).then_some(tag)
    }

    /// Sealed and bound parcels that a code names.
    fn named_parcels(&self, meaning: &Meaning) -> Vec<Arc<Parcel>> {
        let by_waybill = meaning.waybill.as_ref().and_then(|number| self.view.waybill(number.as_str()));
        let ids: Vec<ParcelId> = match (&meaning.parcel, by_waybill) {
            (Some(parcel), _) => vec![parcel.clone()],
            (None, Some(waybill)) => waybill.parcels.clone(),
            (None, None) => Vec::new(),
        };
        let parcels = ids.iter().filter_map(|id| self.view.parcel(id.as_str()));
        parcels.filter(|parcel| parcel.state == ParcelState::Sealed && parcel.waybill.is_some()).collect()
    }

    fn open_bags(&self) -> Vec<Arc<Bag>> {
        bag::open_at(self.view, &self.rules.id, self.rules.bag.across_stations)
    }

    /// The open bag that a code names: by its tag, or by a parcel in it.
    fn named_bag(&self, reading: &Reading, meaning: &Meaning) -> Option<Arc<Bag>> {
        let bags = self.open_bags();
        if let Some(tag) = self.tag(reading, meaning) {
            return bags.into_iter().find(|bag| bag.tag.as_ref() == Some(&tag));
        }
        let named = self.named_parcels(meaning);
        bags.into_iter().find(|bag| named.iter().any(|parcel| parcel.bag.as_ref() == Some(&bag.id)))
    }

    /// What a scan says about bags, if it is about one: `in_hand` is the parcel that was bound or chosen just now.
    pub(super) fn scan_of_bag(
        &self,
        in_hand: Option<&ParcelId>,
        reading: &Reading,
        meaning: &Meaning,
    ) -> Option<Draft> {
        if self.bagging() == Bagging::Off {
            return None;
        }
        let in_hand = in_hand.and_then(|id| self.view.parcel(id.as_str())).filter(|parcel| parcel.bag.is_none());
        if let Some(tag) = self.tag(reading, meaning) {
            let parcel = match (in_hand, self.station.unbagged.as_slice()) {
                (Some(parcel), _) => parcel,
                (None, []) => return None,
                (None, [only]) => self.view.parcel(only.as_str())?,
                (None, _) => return Some(Draft::new(Code::WrongStep).why(Why::ParcelFirst).got(bag_facts(&tag))),
            };
            return Some(self.put_in(&parcel, &By::Tag(tag)));
        }
        // a further box of the same shipment waits for this very waybill
        let fits = |id: &ParcelId| {
            let order = self.view.parcel(id.as_str()).map(|parcel| parcel.order.clone());
            let waybill = meaning.waybill.as_ref().and_then(|number| self.view.waybill(number.as_str()));
            order.zip(waybill).is_some_and(|(order, waybill)| waybill.orders.contains(&order))
        };
        if self.station.unbound.iter().any(fits) {
            return None;
        }
        let named = self.named_parcels(meaning);
        if let Some(parcel) = in_hand {
            if named.iter().any(|named| named.id == parcel.id) {
                return Some(self.put_in(&parcel, &By::Itself));
            }
            if let Some(other) = self.named_bag(reading, meaning) {
                return Some(self.put_in(&parcel, &By::Neighbour(other)));
            }
        }
        let here = |parcel: &&Arc<Parcel>| {
            parcel.to_bag && parcel.bag.is_none() && (parcel.station == self.rules.id || self.rules.bag.across_stations)
        };
        named.iter().find(here).map(|parcel| self.put_in(parcel, &By::Itself))
    }

    /// Puts a parcel into a bag, or says which one it goes into.
    fn put_in(&self, parcel: &Parcel, by: &By) -> Draft {
        let Some(order) = self.view.order(parcel.order.as_str()) else { return Draft::new(Code::UnknownCode) };
        let got = match by {
            By::Tag(tag) => bag_facts(tag),
            By::Neighbour(other) => bag_facts(other.name()),
            By::Itself => Facts::default(),
        };
        let draft = Draft::new(Code::Bagged).order(order.id()).got(Facts { waybill: parcel.waybill.clone(), ..got });
        if let Some(code) = self.objection_to(&order) {
            return draft.with_code(code);
        }
        if let Some((order, recalled)) = self.recalled_on(std::slice::from_ref(order.id()), Step::Label) {
            return draft.with_code(Code::Recalled).recalled(&order, &recalled);
        }
        let candidate = bag::candidate(&order, parcel, self.now);
        if candidate.ready().is_err() {
            return draft.with_code(Code::WrongStep).why(Why::NoRegion);
        }
        match (self.target(&candidate), by) {
            (Some(bag), By::Tag(tag)) if bag.tag.as_ref() == Some(tag) => self.bagged(draft, &bag, parcel, &candidate),
            (Some(bag), By::Neighbour(other)) if bag.id == other.id => self.bagged(draft, &bag, parcel, &candidate),
            (target, By::Itself) => {
                let others =
                    self.open_bags().iter().any(|bag| target.as_ref().is_none_or(|target| bag.id != target.id));
                let sure = self.bagging() == Bagging::Scan && (target.is_none() || !others);
                if !sure {
                    return self.ask_bag(draft.with_code(Code::Info), parcel, target.as_deref());
                }
                match target {
                    Some(bag) => self.bagged(draft, &bag, parcel, &candidate),
                    None => self.bagged_anew(draft, None, parcel, &candidate),
                }
            }
            (Some(bag), _) => {
                let draft = draft.with_code(Code::WrongBag).expected(bag_facts(bag.name())).bag(self.bag_note(&bag));
                self.awaiting(draft, Awaited::Bag(parcel.id.clone()))
            }
            (None, By::Tag(tag)) if !self.is_hung(tag) => {
                self.bagged_anew(draft, Some(tag.clone()), parcel, &candidate)
            }
            (None, _) => {
                let draft = draft.with_code(Code::WrongBag).why(Why::NewBag).bag(self.new_bag_note());
                self.awaiting(draft, Awaited::Bag(parcel.id.clone()))
            }
        }
    }

    /// The open bag into which a parcel goes; none if it begins a new one.
    fn target(&self, candidate: &Candidate) -> Option<Arc<Bag>> {
        self.open_bags().into_iter().find(|bag| bag.accepts(candidate, self.now).is_ok())
    }

    /// Whether a tag hangs on an open bag anywhere.
    fn is_hung(&self, tag: &str) -> bool {
        let bags = self.view.unsettled_bags();
        let mut open = bags.iter().filter_map(|id| self.view.bag(id.as_str())).filter(|bag| bag.is_open);
        open.any(|bag| bag.tag.as_deref() == Some(tag))
    }

    /// Says which bag a parcel goes into, and waits for it.
    fn ask_bag(&self, draft: Draft, parcel: &Parcel, target: Option<&Bag>) -> Draft {
        let draft = match target {
            Some(bag) => draft.why(Why::BagWhat).expected(bag_facts(bag.name())).bag(self.bag_note(bag)),
            None => draft.why(Why::NewBag).bag(self.new_bag_note()),
        };
        draft.remember(
            &self.rules.id,
            Memory::Awaits(Some(Box::new(Await { what: Awaited::Bag(parcel.id.clone()), since: self.now.at }))),
        )
    }

    /// A parcel was bound: says which bag it goes into.
    pub(super) fn tell_bag(&self, draft: Draft, order: &Order, parcel: &Parcel) -> Draft {
        let candidate = bag::candidate(order, parcel, self.now);
        if self.bagging() == Bagging::Off || !parcel.to_bag || parcel.bag.is_some() || candidate.ready().is_err() {
            return draft;
        }
        self.ask_bag(draft, parcel, self.target(&candidate).as_deref())
    }

    fn bagged_anew(&self, draft: Draft, tag: Option<String>, parcel: &Parcel, candidate: &Candidate) -> Draft {
        let opened = bag::opened(self.view, candidate, &self.rules.bag, &self.rules.id, self.now.at);
        let Some(bag) = opened.map(|bag| Bag { tag, ..bag }) else {
            return draft.with_code(Code::WrongStep).why(Why::NoRegion);
        };
        let draft = draft.event(Event::BagOpened { bag: Box::new(bag.clone()) });
        self.bagged(draft, &bag, parcel, candidate)
    }

    /// The parcel is in the bag; a full one closes, unless something in it must come out first.
    fn bagged(&self, draft: Draft, bag: &Bag, parcel: &Parcel, candidate: &Candidate) -> Draft {
        let member = Member {
            number: bag.numbered.saturating_add(1),
            parcel: parcel.id.clone(),
            order: candidate.order.clone(),
            packed: parcel.sealed.unwrap_or(self.now.at),
            at: self.now.at,
        };
        let mut after = bag.clone();
        after.members.push(member.clone());
        let draft = draft.event(Event::Bagged {
            bag: bag.id.clone(),
            order: candidate.order.clone(),
            station: self.rules.id.clone(),
            member: Box::new(member),
        });
        let closes = after.members.len() >= after.max && bag::stopped(self.view, &after).is_none();
        let draft = match closes {
            true => draft.why(Why::BagClosed).event(after.made(Made::Full, after.members.clone(), self.now.at)),
            false => draft,
        };
        draft.bag(self.bag_note(&after))
    }

    /// Closes an open bag: the one that there is, or the one that is scanned next. None if there is none.
    pub(super) fn seal_bag(&self) -> Option<Draft> {
        if self.bagging() == Bagging::Off {
            return None;
        }
        match self.open_bags().as_slice() {
            [] => None,
            [bag] => Some(self.close_bag(bag)),
            _ => Some(self.ask(Why::SealBagWhat, Awaited::SealBag)),
        }
    }

    /// The bag that is to be closed was scanned.
    pub(super) fn seal_bag_of(&self, reading: &Reading, meaning: &Meaning) -> Option<Draft> {
        self.named_bag(reading, meaning).map(|bag| self.close_bag(&bag))
    }

    fn close_bag(&self, bag: &Bag) -> Draft {
        let draft = Draft::new(Code::Closed).got(bag_facts(bag.name())).bag(self.bag_note(bag));
        if let Some((member, why)) = bag::stopped(self.view, bag) {
            return draft.with_code(why.code()).why(Why::TakeOut).order(&member.order);
        }
        draft.why(Why::BagClosed).event(bag.made(Made::Sealed, bag.members.clone(), self.now.at))
    }

    /// Takes a parcel out of its bag. What stays gets a new label at once where the old one no longer holds.
    pub(super) fn unbag(&self, meaning: &Meaning) -> Draft {
        let parcels = self.bagged_parcels(meaning);
        if meaning.member.is_some() && parcels.is_empty() {
            return self.awaiting(Draft::new(Code::WrongStep).why(Why::NotTheParcel), Awaited::Unbag);
        }
        let Some(first) = parcels.first() else { return Draft::new(Code::WrongStep).why(Why::NotInBag) };
        if parcels.iter().any(|parcel| parcel.bag != first.bag) {
            let candidates = parcels.iter().map(|parcel| parcel.id.to_string());
            return Draft::new(Code::AmbiguousCode).candidates(candidates);
        }
        let Some(bag) = first.bag.as_ref().and_then(|id| self.view.bag(id.as_str())) else {
            return Draft::new(Code::WrongStep).why(Why::NotInBag);
        };
        let draft = Draft::new(Code::Unloaded).order(&first.order);
        let draft = draft.got(Facts { waybill: first.waybill.clone(), ..bag_facts(bag.name()) });
        if parcels.iter().any(|parcel| parcel.state == ParcelState::Loaded) {
            return draft.with_code(Code::WrongStep).why(Why::AlreadyLoaded);
        }
        let out: Vec<ParcelId> = parcels.iter().map(|parcel| parcel.id.clone()).collect();
        let label = bag::corrected(self.view, &bag, &out, self.now.at);
        let mut after = (*bag).clone();
        after.members.retain(|member| !out.contains(&member.parcel));
        draft
            .why(if label.is_some() { Why::NewLabel } else { Why::OutOfBag })
            .bag(self.bag_note(&after))
            .events(bag::taken_out(&bag, &out, &self.rules.id))
            .events(label)
    }

    /// Parcels in bags that a parcel's, waybill's or order's code names.
    fn bagged_parcels(&self, meaning: &Meaning) -> Vec<Arc<Parcel>> {
        let by_waybill = meaning.waybill.as_ref().and_then(|number| self.view.waybill(number.as_str()));
        let by_order = meaning.order().and_then(|id| self.view.order(id.as_str()));
        let of_waybill = meaning.waybill.as_ref().map(|number| self.parcels_once_under(number)).unwrap_or_default();
        let ids: Vec<ParcelId> = match (&meaning.parcel, by_waybill, by_order) {
            (Some(parcel), ..) => vec![parcel.clone()],
            (None, Some(waybill), _) if !waybill.parcels.is_empty() => waybill.parcels.clone(),
            (None, Some(_), _) => of_waybill,
            (None, None, Some(order)) => order.parcels.clone(),
            (None, None, None) => Vec::new(),
        };
        let parcels = ids.iter().filter_map(|id| self.view.parcel(id.as_str()));
        parcels.filter(|parcel| parcel.bag.is_some()).collect()
    }

    /// A void waybill is still stuck on its box: the boxes of its orders that have no other.
    fn parcels_once_under(&self, number: &crate::domain::ids::WaybillNo) -> Vec<ParcelId> {
        let Some(waybill) = self.view.waybill(number.as_str()).filter(|waybill| waybill.void.is_some()) else {
            return Vec::new();
        };
        let orders = waybill.orders.iter().filter_map(|id| self.view.order(id.as_str()));
        let parcels = orders.flat_map(|order| order.parcels.clone());
        let loose = |id: &ParcelId| self.view.parcel(id.as_str()).is_some_and(|parcel| parcel.waybill.is_none());
        parcels.filter(loose).collect()
    }

    /// A bag for people, with what stops its members.
    pub(super) fn bag_note(&self, bag: &Bag) -> BagNote {
        self.note_of(bag, &bag.members, false)
    }

    /// A bag with everything in it, down to the lines.
    pub(super) fn bag_in_full(&self, bag: &Bag, members: &[Member]) -> BagNote {
        self.note_of(bag, members, true)
    }

    fn note_of(&self, bag: &Bag, members: &[Member], in_full: bool) -> BagNote {
        let note = |member: &Member| {
            let parcel = self.view.parcel(member.parcel.as_str());
            let lines = parcel.as_ref().filter(|_| in_full).map(|parcel| self.lines_in(parcel)).unwrap_or_default();
            BagMemberNote {
                number: member.number,
                parcel: member.parcel.clone(),
                order: member.order.clone(),
                waybill: parcel.and_then(|parcel| parcel.waybill.clone()),
                stopped: bag::objection(self.view, bag, member).map(bag::VoidWhy::code),
                lines,
            }
        };
        BagNote {
            id: Some(bag.id.clone()),
            tag: bag.tag.clone(),
            version: bag.current().map(|version| version.version),
            max: bag.max,
            members: members.iter().map(note).collect(),
        }
    }

    fn lines_in(&self, parcel: &Parcel) -> Vec<BagLineNote> {
        let Some(order) = self.view.order(parcel.order.as_str()) else { return Vec::new() };
        let line = |content: &crate::domain::work::Content| {
            let line = order.line(content.line)?;
            let sku = line.parts.get(content.part).map_or(&line.spec.sku, |part| &part.sku);
            let product = || self.view.product(sku.as_str()).map(|product| product.name.clone());
            let name = line.spec.name.clone().or_else(product).filter(|name| !name.is_empty());
            Some(BagLineNote { line: content.line, sku: sku.clone(), name, quantity: content.quantity })
        };
        parcel.contents.iter().take(LINES_MAX).filter_map(line).collect()
    }

    fn new_bag_note(&self) -> BagNote {
        BagNote { id: None, tag: None, version: None, max: self.rules.bag.max, members: Vec::new() }
    }

    /// A label's code: the whole bag, or the alarm that this version no longer holds.
    pub(super) fn label_code(&self, member: &LabelMember) -> Draft {
        let Some(bag) = self.view.bag(member.bag.as_str()) else { return Draft::new(Code::UnknownCode) };
        let known = bag.versions.iter().find(|version| version.version == member.version);
        let scanned = known.and_then(|version| version.members.iter().find(|known| known.number == member.number));
        if known.is_some() && scanned.is_none() {
            return Draft::new(Code::UnknownCode);
        }
        let draft = Draft::new(Code::Info).got(Facts { bag: Some(member.to_string()), ..Facts::default() });
        let draft = match scanned {
            Some(scanned) => draft.order(&scanned.order),
            None => draft,
        };
        if let Some(draft) = self.label_void(&bag, member.version) {
            let named = Facts { bag: Some(member.to_string()), ..Facts::default() };
            let members = known.map_or(&bag.members, |version| &version.members);
            let draft = draft.got(named).bag(self.bag_in_full(&bag, members));
            return match scanned {
                Some(scanned) => draft.own_order(&scanned.order),
                None => draft,
            };
        }
        draft.why(Why::AboutLabel).bag(self.bag_in_full(&bag, &bag.members))
    }

    /// The alarm that a version of a label no longer holds; what to do about it.
    pub(super) fn label_void(&self, bag: &Bag, version: u32) -> Option<Draft> {
        let current = bag.current()?;
        let draft = Draft::new(Code::LabelVoid);
        if current.version != version && current.void.is_none() {
            let holds = Facts { bag: Some(format!("{} v{}", bag.id, current.version)), ..Facts::default() };
            return Some(draft.why(Why::Superseded).expected(holds));
        }
        if current.version == version && current.void.is_none() {
            return None;
        }
        Some(match bag::stopped(self.view, bag) {
            Some((member, _)) => {
                let parcel = self.view.parcel(member.parcel.as_str());
                let waybill = parcel.and_then(|parcel| parcel.waybill.clone());
                let out = Facts { waybill, text: Some(member.order.to_string()), ..Facts::default() };
                draft.why(Why::TakeOut).expected(out).order(&member.order)
            }
            None => draft.why(Why::LabelGone),
        })
    }

    /// The alarm for a parcel whose bag's label no longer holds: the bag must be put right before anything of it leaves.
    pub(super) fn in_void_bag(&self, parcels: &[ParcelId]) -> Option<Draft> {
        let bag = gate::void_bag(self.view, parcels)?;
        let version = bag.current().map_or(0, |version| version.version);
        self.label_void(&bag, version).map(|draft| draft.bag(self.bag_note(&bag)))
    }
}

fn bag_facts(name: &str) -> Facts {
    Facts { bag: Some(name.to_owned()), ..Facts::default() }
}

/// What a code of a label names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelMember {
    /// The label.
    pub bag: BagId,
    /// Its version.
    pub version: u32,
    /// The member's number.
    pub number: u32,
}

impl std::fmt::Display for LabelMember {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} v{}", self.bag, self.version)
    }
}
