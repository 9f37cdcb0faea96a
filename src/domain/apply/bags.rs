//! What facts do to bags and their labels.

use super::{Done, Fold};
use crate::domain::bag::{Member, VERSIONS_MAX, WAITING_MAX};
use crate::domain::event::Event;
use crate::domain::ids::{BagId, ParcelId};
use crate::domain::work::ParcelState;

impl Fold<'_> {
    pub(super) fn bags(&mut self) -> Done {
        match self.event {
            Event::BagOpened { bag } => self.state.put_bag((**bag).clone()),
            Event::Bagged { bag, member, .. } => self.bagged(bag, member)?,
            Event::Unbagged { bag, parcel, .. } => {
                self.out_of_bag(bag, parcel)?;
                self.wait_for_bag(parcel);
            }
            Event::LabelMade { bag, version, .. } => {
                let lost = self.lost("bag", bag);
                let bag = self.state.bag_mut(bag).ok_or(lost)?;
                bag.is_open = false;
                bag.versions.push((**version).clone());
                if bag.versions.len() > VERSIONS_MAX {
                    bag.versions.remove(0);
                }
            }
            Event::LabelVoided { bag, version, void } => {
                let lost = self.lost("label version", format_args!("{bag}.{version}"));
                let versions = self.state.bag_mut(bag).map(|bag| bag.versions.iter_mut()).into_iter().flatten();
                versions.into_iter().find(|known| known.version == *version).ok_or(lost)?.void = Some(void.clone());
            }
            Event::BagDissolved { bag, .. } => {
                let lost = self.lost("bag", bag);
                let dissolved = self.state.bag_mut(bag).ok_or(lost)?;
                dissolved.is_open = false;
                for member in std::mem::take(&mut dissolved.members) {
                    let lost = self.lost("parcel", &member.parcel);
                    self.state.parcel_mut(&member.parcel).ok_or(lost)?.bag = None;
                    self.wait_for_bag(&member.parcel);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn bagged(&mut self, bag: &BagId, member: &Member) -> Done {
        let lost = self.lost("parcel", &member.parcel);
        self.state.parcel_mut(&member.parcel).ok_or(lost)?.bag = Some(bag.clone());
        self.forget_unbagged(&member.parcel);
        let lost = self.lost("bag", bag);
        let bag = self.state.bag_mut(bag).ok_or(lost)?;
        bag.numbered = bag.numbered.max(member.number);
        bag.members.push(member.clone());
        Ok(())
    }

    fn out_of_bag(&mut self, bag: &BagId, parcel: &ParcelId) -> Done {
        let lost = self.lost("bag", bag);
        self.state.bag_mut(bag).ok_or(lost)?.members.retain(|member| member.parcel != *parcel);
        let lost = self.lost("parcel", parcel);
        self.state.parcel_mut(parcel).ok_or(lost)?.bag = None;
        Ok(())
    }

    /// A sealed parcel with its waybill waits for its bag where it was packed.
    pub(super) fn wait_for_bag(&mut self, parcel: &ParcelId) {
        let Some(parcel) = self.state.view().parcel(parcel.as_str()) else { return };
        let order = self.state.view().order(parcel.order.as_str());
        let waits = parcel.to_bag
            && parcel.bag.is_none()
            && parcel.waybill.is_some()
            && parcel.state == ParcelState::Sealed
            && order.is_some_and(|order| !order.cancelled);
        if !waits {
            return;
        }
        let waiting = &mut self.state.station_mut(&parcel.station).unbagged;
        waiting.retain(|known| *known != parcel.id);
        if waiting.len() >= WAITING_MAX {
            waiting.remove(0);
        }
        waiting.push(parcel.id.clone());
    }

    /// No station waits for this parcel's bag any more.
    pub(super) fn forget_unbagged(&mut self, parcel: &ParcelId) {
        let Some(known) = self.state.view().parcel(parcel.as_str()).filter(|known| known.to_bag) else { return };
        if self.state.view().station(&known.station).unbagged.contains(parcel) {
            self.state.station_mut(&known.station).unbagged.retain(|waiting| waiting != parcel);
        }
    }
}
