//! The state of the warehouse in memory: for tests, and for folding a ledger when it is verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ids::{
    CarrierCode, ManifestId, OperatorId, OrderId, ParcelId, PickListId, PrintJobId, ScanId, Sku, StationId, StopListId,
    WaybillNo,
};
use super::manifest::{LISTED_MAX, Manifest};
use super::order::{HoldReason, Order, Stage};
use super::printing::{PrintJob, Printable};
use super::product::{Product, barcode_key, part_number_key};
use super::rules::recall::StopList;
use super::station::Station;
use super::view::{Numbered, Recorded, State, View};
use super::work::{ListState, Operator, Parcel, PickList, Waybill};

/// Everything, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Products.
    pub products: BTreeMap<Sku, Arc<Product>>,
    /// Orders.
    pub orders: BTreeMap<OrderId, Arc<Order>>,
    /// Pick lists.
    pub lists: BTreeMap<PickListId, Arc<PickList>>,
    /// Parcels.
    pub parcels: BTreeMap<ParcelId, Arc<Parcel>>,
    /// Waybills.
    pub waybills: BTreeMap<WaybillNo, Arc<Waybill>>,
    /// Manifests.
    pub manifests: BTreeMap<ManifestId, Arc<Manifest>>,
    /// Print jobs.
    pub print_jobs: BTreeMap<PrintJobId, Arc<PrintJob>>,
    /// Operators.
    pub operators: BTreeMap<OperatorId, Arc<Operator>>,
    /// Stations.
    pub stations: BTreeMap<StationId, Arc<Station>>,
    /// Stop-lists, lifted ones too.
    pub stop_lists: BTreeMap<StopListId, Arc<StopList>>,
    /// Which order line has a serial.
    pub serials: BTreeMap<(Sku, String), (OrderId, u32)>,
    /// Scans that were recorded; kept by tests, not by a fold.
    pub scans: BTreeMap<ScanId, Recorded>,
}

impl View for Memory {
    fn recorded(&self, scan: &ScanId) -> Option<Recorded> {
        self.scans.get(scan).cloned()
    }

    fn product(&self, sku: &str) -> Option<Arc<Product>> {
        self.products.get(sku).cloned()
    }

    fn barcode(&self, key: &str) -> Vec<(Sku, u32)> {
        let bears = |product: &Arc<Product>| {
            let barcode = product.codes().find(|barcode| barcode_key(&barcode.text) == key)?;
            Some((product.sku.clone(), barcode.quantity))
        };
        self.products.values().filter_map(bears).collect()
    }

    fn part_number(&self, key: &str) -> Vec<Sku> {
        let bears = |product: &&Arc<Product>| product.part_numbers.iter().any(|number| part_number_key(number) == key);
        self.products.values().filter(bears).map(|product| product.sku.clone()).collect()
    }

    fn order(&self, id: &str) -> Option<Arc<Order>> {
        self.orders.get(id).cloned()
    }

    fn order_by_tracking(&self, code: &str) -> Option<OrderId> {
        self.orders
            .values()
            .find(|order| order.spec.tracking_code.as_deref() == Some(code))
            .map(|order| order.id().clone())
    }

    fn single_line_orders(&self, sku: &Sku) -> Vec<OrderId> {
        let wants = |order: &&Arc<Order>| {
            order.stage == Stage::StockLocked && order.lines.len() == 1 && order.lines[0].spec.sku == *sku
        };
        let mut orders: Vec<&Arc<Order>> = self.orders.values().filter(wants).collect();
        orders.sort_by_key(|order| (std::cmp::Reverse(order.spec.priority), order.number));
        orders.into_iter().map(|order| order.id().clone()).collect()
    }

    fn list(&self, id: &str) -> Option<Arc<PickList>> {
        self.lists.get(id).cloned()
    }

    fn list_by_tote(&self, tote: &str) -> Option<PickListId> {
        let in_tote = |list: &&Arc<PickList>| list.tote.as_deref() == Some(tote) && list.state != ListState::Done;
        self.lists.values().find(in_tote).map(|list| list.id.clone())
    }

    fn parcel(&self, id: &str) -> Option<Arc<Parcel>> {
        self.parcels.get(id).cloned()
    }

    fn waybill(&self, number: &str) -> Option<Arc<Waybill>> {
        self.waybills.get(number).cloned()
    }

    fn manifest(&self, id: &str) -> Option<Arc<Manifest>> {
        self.manifests.get(id).cloned()
    }

    fn waybills_on(&self, manifest: &ManifestId) -> Vec<WaybillNo> {
        let is_on =
            |waybill: &&Arc<Waybill>| waybill.loading.as_ref().is_some_and(|loading| loading.manifest == *manifest);
        self.waybills.values().filter(is_on).map(|waybill| waybill.number.clone()).collect()
    }

    fn waybills_waiting(&self, carrier: &CarrierCode) -> Vec<WaybillNo> {
        let waits = |waybill: &&Arc<Waybill>| waybill.carrier == *carrier && waybill.waits_for_truck();
        self.waybills.values().filter(waits).take(LISTED_MAX).map(|waybill| waybill.number.clone()).collect()
    }

    fn print_job(&self, id: &str) -> Option<Arc<PrintJob>> {
        self.print_jobs.get(id).cloned()
    }

    fn prints_of(&self, what: &Printable) -> Vec<PrintJobId> {
        let mut jobs: Vec<_> = self.print_jobs.values().filter(|job| job.what == *what).collect();
        jobs.sort_by_key(|job| job.number);
        jobs.into_iter().map(|job| job.id.clone()).collect()
    }

    fn operator(&self, id: &str) -> Option<Arc<Operator>> {
        self.operators.get(id).cloned()
    }

    fn operator_by_badge(&self, badge: &str) -> Option<Arc<Operator>> {
        self.operators.values().find(|operator| operator.badge == badge).cloned()
    }

    fn station(&self, id: &StationId) -> Arc<Station> {
        self.stations.get(id).cloned().unwrap_or_else(|| Station::new(id.clone()).into())
    }

    fn stop_list(&self, id: &str) -> Option<Arc<StopList>> {
        self.stop_lists.get(id).cloned()
    }

    fn stops_on(&self, sku: &Sku) -> Vec<Arc<StopList>> {
        self.stop_lists.values().filter(|stop| stop.active && stop.sku == *sku).cloned().collect()
    }

    fn serial(&self, sku: &Sku, serial: &str) -> Option<(OrderId, u32)> {
        self.serials.get(&(sku.clone(), serial.to_owned())).cloned()
    }

    fn waiting_for_product(&self, sku: &Sku) -> Vec<OrderId> {
        let waits = |order: &&Arc<Order>| {
            order.holds.iter().any(|hold| hold.reason == HoldReason::MasterData)
                && order.lines.iter().any(|line| line.parts.iter().any(|part| part.sku == *sku))
        };
        self.orders.values().filter(waits).map(|order| order.id().clone()).collect()
    }

    fn by_number(&self, kind: Numbered, number: u32) -> Option<String> {
        match kind {
            Numbered::Order => {
                self.orders.values().find(|order| order.number == number).map(|order| order.id().to_string())
            }
            Numbered::PickList => {
                self.lists.values().find(|list| list.number == number).map(|list| list.id.to_string())
            }
            Numbered::Parcel => {
                self.parcels.values().find(|parcel| parcel.number == number).map(|parcel| parcel.id.to_string())
            }
            Numbered::Product => {
                self.products.values().find(|product| product.number == number).map(|product| product.sku.to_string())
            }
            Numbered::Manifest => self
                .manifests
                .values()
                .find(|manifest| manifest.number == number)
                .map(|manifest| manifest.id.to_string()),
            Numbered::PrintJob => {
                self.print_jobs.values().find(|job| job.number == number).map(|job| job.id.to_string())
            }
        }
    }

    fn next_number(&self, kind: Numbered) -> u32 {
        let highest = match kind {
            Numbered::Order => self.orders.values().map(|order| order.number).max(),
            Numbered::PickList => self.lists.values().map(|list| list.number).max(),
            Numbered::Parcel => self.parcels.values().map(|parcel| parcel.number).max(),
            Numbered::Product => self.products.values().map(|product| product.number).max(),
            Numbered::Manifest => self.manifests.values().map(|manifest| manifest.number).max(),
            Numbered::PrintJob => self.print_jobs.values().map(|job| job.number).max(),
        };
        highest.unwrap_or(0) + 1
    }
}

impl State for Memory {
    fn view(&self) -> &dyn View {
        self
    }

    fn put_product(&mut self, product: Product) {
        self.products.insert(product.sku.clone(), product.into());
    }

    fn put_order(&mut self, order: Order) {
        self.orders.insert(order.id().clone(), order.into());
    }

    fn put_list(&mut self, list: PickList) {
        self.lists.insert(list.id.clone(), list.into());
    }

    fn put_parcel(&mut self, parcel: Parcel) {
        self.parcels.insert(parcel.id.clone(), parcel.into());
    }

    fn put_waybill(&mut self, waybill: Waybill) {
        self.waybills.insert(waybill.number.clone(), waybill.into());
    }

    fn put_manifest(&mut self, manifest: Manifest) {
        self.manifests.insert(manifest.id.clone(), manifest.into());
    }

    fn put_print_job(&mut self, job: PrintJob) {
        self.print_jobs.insert(job.id.clone(), job.into());
    }

    fn put_operator(&mut self, operator: Operator) {
        self.operators.insert(operator.id.clone(), operator.into());
    }

    fn put_stop_list(&mut self, stop: StopList) {
        self.stop_lists.insert(stop.id.clone(), stop.into());
    }

    fn order_mut(&mut self, id: &OrderId) -> Option<&mut Order> {
        self.orders.get_mut(id).map(Arc::make_mut)
    }

    fn list_mut(&mut self, id: &PickListId) -> Option<&mut PickList> {
        self.lists.get_mut(id).map(Arc::make_mut)
    }

    fn parcel_mut(&mut self, id: &ParcelId) -> Option<&mut Parcel> {
        self.parcels.get_mut(id).map(Arc::make_mut)
    }

    fn waybill_mut(&mut self, number: &WaybillNo) -> Option<&mut Waybill> {
        self.waybills.get_mut(number).map(Arc::make_mut)
    }

    fn manifest_mut(&mut self, id: &ManifestId) -> Option<&mut Manifest> {
        self.manifests.get_mut(id).map(Arc::make_mut)
    }

    fn print_job_mut(&mut self, id: &PrintJobId) -> Option<&mut PrintJob> {
        self.print_jobs.get_mut(id).map(Arc::make_mut)
    }

    fn operator_mut(&mut self, id: &OperatorId) -> Option<&mut Operator> {
        self.operators.get_mut(id).map(Arc::make_mut)
    }

    fn station_mut(&mut self, id: &StationId) -> &mut Station {
        Arc::make_mut(self.stations.entry(id.clone()).or_insert_with(|| Station::new(id.clone()).into()))
    }

    fn set_serial(&mut self, sku: &Sku, serial: &str, line: Option<(OrderId, u32)>) {
        let key = (sku.clone(), serial.to_owned());
        match line {
            Some(line) => self.serials.insert(key, line),
            None => self.serials.remove(&key),
        };
    }
}
