//! The hand-over at the dock: a manifest is opened, takes only what is on it, and closes when nothing speaks against it.

use super::Desk;
use super::draft::Draft;
use crate::domain::event::Event;
use crate::domain::ids::{ManifestId, OrderId, WaybillNo};
use crate::domain::manifest::{Foreign, Loading, Manifest, ManifestState, tally, to_unload};
use crate::domain::order::Order;
use crate::domain::station::{Awaited, SignIn, Work};
use crate::domain::verdict::{Code, Facts, Missing, MissingWhy, Why};
use crate::domain::work::{Role, Waybill};

/// Missing orders that a verdict names: what a person reads on one screen. The manifest lists all.
const NAMED_MAX: usize = 20;

impl Desk<'_> {
    /// The manifest that is open here.
    pub(super) fn manifest_here(&self) -> Option<std::sync::Arc<Manifest>> {
        match &self.station.work {
            Some(Work::Manifest(id)) => self.view.manifest(id.as_str()),
            _ => None,
        }
    }

    /// Opens a manifest, or says why not.
    pub(super) fn open_manifest(&self, id: &ManifestId) -> Draft {
        let named = Facts { text: Some(id.to_string()), ..Facts::default() };
        let Some(manifest) = self.view.manifest(id.as_str()) else {
            return Draft::new(Code::UnknownCode).got(named);
        };
        let work = Work::Manifest(id.clone());
        let got = Facts { carrier: Some(manifest.carrier.clone()), ..named };
        let draft = Draft::new(Code::Opened).got(got);
        match &self.station.work {
            Some(here) if *here == work => return draft,
            Some(_) => return draft.with_code(Code::WrongStep).why(Why::ManifestOpen).expected(self.open_work()),
            None => {}
        }
        match &manifest.state {
            ManifestState::Closed => draft.with_code(Code::WrongStep).why(Why::ManifestClosed),
            ManifestState::Open(elsewhere) if *elsewhere != self.rules.id => {
                self.take_over(draft, &work, elsewhere.clone())
            }
            _ => draft.event(Event::WorkOpened { station: self.rules.id.clone(), work }),
        }
    }

    /// What is not on the open manifest stays here. It counts nothing; the manifest remembers it, unless the station
    /// only watches.
    pub(super) fn foreign_waybill(&self, draft: Draft, manifest: &Manifest, waybill: &Waybill) -> Draft {
        let got =
            Facts { waybill: Some(waybill.number.clone()), carrier: Some(waybill.carrier.clone()), ..Facts::default() };
        let draft = self.wrong_carrier(draft, manifest, got, waybill.carrier == manifest.carrier);
        self.remember_foreign(draft, manifest, Some(&waybill.number), waybill.orders.first())
    }

    /// An order without a waybill that could not get one for the open manifest.
    pub(super) fn foreign_order(&self, manifest: &Manifest, order: &Order) -> Draft {
        let got =
            Facts { carrier: Some(order.spec.carrier.clone()), text: Some(order.id().to_string()), ..Facts::default() };
        let draft = Draft::new(Code::WrongCarrier).order(order.id());
        let draft = self.wrong_carrier(draft, manifest, got, order.spec.carrier == manifest.carrier);
        self.remember_foreign(draft, manifest, None, Some(order.id()))
    }

    fn wrong_carrier(&self, draft: Draft, manifest: &Manifest, got: Facts, same_carrier: bool) -> Draft {
        let expected =
            Facts { carrier: Some(manifest.carrier.clone()), text: Some(manifest.id.to_string()), ..Facts::default() };
        let draft = draft.with_code(Code::WrongCarrier).expected(expected).got(got);
        if same_carrier { draft.why(Why::NotOnManifest) } else { draft }
    }

    fn remember_foreign(
        &self,
        draft: Draft,
        manifest: &Manifest,
        waybill: Option<&WaybillNo>,
        order: Option<&OrderId>,
    ) -> Draft {
        if self.rules.shadow {
            return draft;
        }
        let foreign = Foreign {
            waybill: waybill.cloned(),
            order: order.cloned(),
            station: self.rules.id.clone(),
            by: self.operator.as_ref().map(|operator| operator.id.clone()),
            at: self.now.at,
        };
        draft.event(Event::ManifestForeign { manifest: manifest.id.clone(), foreign: Box::new(foreign) })
    }

    /// How what is loaded now comes onto the open manifest.
    pub(super) fn loading(&self, manifest: &Manifest) -> Loading {
        Loading {
            manifest: manifest.id.clone(),
            station: self.rules.id.clone(),
            by: self.operator.as_ref().map(|operator| operator.id.clone()),
            at: self.now.at,
        }
    }

    /// Closes the open manifest. What was loaded must still be allowed to leave. With expected parcels missing it asks;
    /// a lead's `DONE` as the very next scan, or anybody's where nobody signs in, leaves them behind.
    pub(super) fn close_manifest(&self, was_asked: bool) -> Draft {
        let Some(manifest) = self.manifest_here() else { return Draft::new(Code::WrongStep).why(Why::NoManifest) };
        let tally = tally(self.view, &manifest);
        let stopped = to_unload(self.view, &self.site.rules, &manifest, &tally);
        if let Some(stopped) = stopped.iter().min_by_key(|stopped| stopped.code) {
            let got = Facts { waybill: Some(stopped.waybill.clone()), ..Facts::default() };
            let draft = Draft::new(stopped.code).why(Why::TakeOff).got(got);
            let missing = stopped.missing.iter().take(NAMED_MAX).cloned().collect();
            return match &stopped.recalled {
                Some(goods) => draft.recalled(&stopped.order, goods),
                None => draft.order(&stopped.order).missing(missing),
            };
        }
        let got = Facts { text: Some(manifest.id.to_string()), ..Facts::default() };
        let nobody_signs_in = self.rules.sign_in == SignIn::None;
        let may = self.operator.as_ref().map_or(nobody_signs_in, |operator| operator.role >= Role::Lead);
        let orders = tally.missing.iter().flat_map(|absent| &absent.orders).take(NAMED_MAX);
        let not_loaded =
            |order: &OrderId| Missing { order: order.clone(), line: None, quantity: None, why: MissingWhy::NotLoaded };
        let missing: Vec<Missing> = orders.map(not_loaded).collect();
        let count = u32::try_from(tally.missing.len()).unwrap_or(u32::MAX);
        if count > 0 && !(was_asked && may) {
            let draft = Draft::new(Code::WrongStep).why(Why::StillMissing(count)).got(got).missing(missing);
            return self.awaiting(draft, Awaited::Close);
        }
        let event = Event::WorkClosed { station: self.rules.id.clone(), work: Work::Manifest(manifest.id.clone()) };
        Draft::new(Code::Closed).got(got).missing(missing).event(event)
    }

    /// Puts the open manifest aside; any dock may open it again.
    pub(super) fn pause_manifest(&self) -> Draft {
        let Some(manifest) = self.manifest_here() else { return Draft::new(Code::WrongStep).why(Why::NoManifest) };
        let got = Facts { text: Some(manifest.id.to_string()), ..Facts::default() };
        let event = Event::WorkParked { station: self.rules.id.clone(), work: Work::Manifest(manifest.id.clone()) };
        Draft::new(Code::Paused).got(got).event(event)
    }
}
