//! A label's code at the dock: all members are loaded, or none; and all come off again.

use super::Desk;
use super::bagging::LabelMember;
use super::draft::Draft;
use crate::domain::event::Event;
use crate::domain::ids::WaybillNo;
use crate::domain::verdict::{Code, Facts, Why};

impl Desk<'_> {
    /// Loads every waybill of a bag if all may leave.
    pub(super) fn load_bag(&self, member: &LabelMember) -> Draft {
        let Some(bag) = self.view.bag(member.bag.as_str()) else { return Draft::new(Code::UnknownCode) };
        if self.label_void(&bag, member.version).is_some() {
            return self.label_code(member);
        }
        let note = self.bag_in_full(&bag, &bag.members);
        let got = Facts { bag: Some(member.to_string()), ..Facts::default() };
        let mut refused: Option<Draft> = None;
        let mut loaded: Vec<Event> = Vec::new();
        for number in self.waybills_of(member) {
            let draft = self.load_waybill(&number);
            match draft.code() {
                Code::WaybillLoaded => loaded.extend(draft.into_events()),
                Code::WaybillAlreadyLoaded => {}
                code if refused.as_ref().is_none_or(|first| code < first.code()) => refused = Some(draft),
                _ => {}
            }
        }
        match refused {
            Some(draft) => draft.bag(note),
            None if loaded.is_empty() => Draft::new(Code::WaybillAlreadyLoaded).got(got).bag(note),
            None => Draft::new(Code::WaybillLoaded).got(got).bag(note).events(loaded),
        }
    }

    /// Takes everything of a bag off the truck.
    pub(super) fn unload_bag(&self, member: &LabelMember) -> Draft {
        let got = Facts { bag: Some(member.to_string()), ..Facts::default() };
        let mut refused: Option<Draft> = None;
        let mut unloaded: Vec<Event> = Vec::new();
        for number in self.waybills_of(member) {
            let draft = self.unload_waybill(number);
            match draft.code() {
                Code::Unloaded => unloaded.extend(draft.into_events()),
                _ => refused = Some(draft),
            }
        }
        match refused {
            _ if !unloaded.is_empty() => Draft::new(Code::Unloaded).got(got).events(unloaded),
            Some(draft) => draft,
            None => Draft::new(Code::WrongStep).why(Why::NotLoaded).got(got),
        }
    }

    /// The waybills of a bag, each once.
    fn waybills_of(&self, member: &LabelMember) -> Vec<WaybillNo> {
        let mut numbers: Vec<WaybillNo> = Vec::new();
        let Some(bag) = self.view.bag(member.bag.as_str()) else { return numbers };
        for parcel in bag.members.iter().filter_map(|member| self.view.parcel(member.parcel.as_str())) {
            if let Some(number) = parcel.waybill.as_ref().filter(|number| !numbers.contains(number)) {
                numbers.push(number.clone());
            }
        }
        numbers
    }
}
