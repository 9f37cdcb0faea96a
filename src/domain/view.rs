//! What decisions may see of the warehouse, and what facts may change in it.
//!
//! Both traits are infallible by contract: an implementation that can fail (the ledger's transaction) remembers its
//! first failure, answers "nothing", and is thrown away as a whole, so that no decision made on it ever counts.

use std::sync::Arc;

use super::bag::Bag;
use super::courier::Pool;
use super::ids::{
    BagId, CarrierCode, ManifestId, OperatorId, OrderId, ParcelId, PickListId, PrintJobId, ScanId, Sku, StationId,
    WaybillNo,
};
use super::manifest::Manifest;
use super::order::Order;
use super::printing::{PrintJob, Printable};
use super::product::Product;
use super::rules::recall::StopList;
use super::station::Station;
use super::verdict::{Code, Verdict, Why};
use super::work::{Operator, Parcel, PickList, Waybill};

/// Things that have a short number for our codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Numbered {
    /// Orders.
    Order,
    /// Pick lists.
    PickList,
    /// Parcels.
    Parcel,
    /// Products.
    Product,
    /// Manifests.
    Manifest,
    /// Print jobs.
    PrintJob,
    /// Bags and their labels.
    Bag,
}

/// A scan that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was decided.
    pub verdict: Verdict,
    /// What was scanned, to tell a retry from a conflict; none where its record can't be read any more.
    pub fingerprint: Option<[u8; 32]>,
}

impl Recorded {
    /// A scan of which nothing is known but that it was recorded.
    #[must_use]
    pub fn unreadable(scan: ScanId, seq: u64) -> Self {
        let known =
            Verdict { seq: Some(seq), why: Some(Why::WasArchived), ..Verdict::new(scan, Code::AlreadyRecorded) };
        Recorded { verdict: known, fingerprint: None }
    }
}

/// The state of the warehouse, to read.
pub trait View {
    /// A scan by its id.
    fn recorded(&self, scan: &ScanId) -> Option<Recorded>;
    /// A product.
    fn product(&self, sku: &str) -> Option<Arc<Product>>;
    /// Products that bear a barcode (by [`super::product::barcode_key`]), with the base units that it stands for.
    fn barcode(&self, key: &str) -> Vec<(Sku, u32)>;
    /// Products with a part number (by [`super::product::part_number_key`]).
    fn part_number(&self, key: &str) -> Vec<Sku>;
    /// An order.
    fn order(&self, id: &str) -> Option<Arc<Order>>;
    /// An order by its tracking code.
    fn order_by_tracking(&self, code: &str) -> Option<OrderId>;
    /// Released orders of one line that want a product, most urgent first.
    fn single_line_orders(&self, sku: &Sku) -> Vec<OrderId>;
    /// A pick list.
    fn list(&self, id: &str) -> Option<Arc<PickList>>;
    /// The unfinished pick list that travels in a tote.
    fn list_by_tote(&self, tote: &str) -> Option<PickListId>;
    /// A parcel.
    fn parcel(&self, id: &str) -> Option<Arc<Parcel>>;
    /// A waybill.
    fn waybill(&self, number: &str) -> Option<Arc<Waybill>>;
    /// A manifest.
    fn manifest(&self, id: &str) -> Option<Arc<Manifest>>;
    /// Waybills that are loaded on a manifest, by number.
    fn waybills_on(&self, manifest: &ManifestId) -> Vec<WaybillNo>;
    /// Waybills of a carrier that hold, have parcels and are not on a truck; by number, at most
    /// [`super::manifest::LISTED_MAX`].
    fn waybills_waiting(&self, carrier: &CarrierCode) -> Vec<WaybillNo>;
    /// A print job.
    fn print_job(&self, id: &str) -> Option<Arc<PrintJob>>;
    /// The print jobs of a thing, oldest first.
    fn prints_of(&self, what: &Printable) -> Vec<PrintJobId>;
    /// A bag.
    fn bag(&self, id: &str) -> Option<Arc<Bag>>;
    /// Bags that are open or wait for a new label, by number, the newest [`super::bag::UNSETTLED_MAX`] of them.
    fn unsettled_bags(&self) -> Vec<BagId>;
    /// An operator.
    fn operator(&self, id: &str) -> Option<Arc<Operator>>;
    /// An operator by the secret on the badge.
    fn operator_by_badge(&self, badge: &str) -> Option<Arc<Operator>>;
    /// What a station remembers; a new station remembers nothing.
    fn station(&self, id: &StationId) -> Arc<Station>;
    /// A stop-list.
    fn stop_list(&self, id: &str) -> Option<Arc<StopList>>;
    /// The stop-lists in force on a product, by id.
    fn stops_on(&self, sku: &Sku) -> Vec<Arc<StopList>>;
    /// The numbers that were fetched ahead from a channel.
    fn pool(&self, channel: &str) -> Option<Arc<Pool>>;
    /// The order line that has a serial.
    fn serial(&self, sku: &Sku, serial: &str) -> Option<(OrderId, u32)>;
    /// Orders that wait for a product that is not known yet.
    fn waiting_for_product(&self, sku: &Sku) -> Vec<OrderId>;
    /// The id of the thing with a short number.
    fn by_number(&self, kind: Numbered, number: u32) -> Option<String>;
    /// The next free short number.
    fn next_number(&self, kind: Numbered) -> u32;
}

/// The state of the warehouse, to change. Nothing but [`super::apply()`] calls it.
pub trait State {
    /// The state, to read.
    fn view(&self) -> &dyn View;
    /// Stores a product.
    fn put_product(&mut self, product: Product);
    /// Stores an order.
    fn put_order(&mut self, order: Order);
    /// Stores a pick list.
    fn put_list(&mut self, list: PickList);
    /// Stores a parcel.
    fn put_parcel(&mut self, parcel: Parcel);
    /// Stores a waybill.
    fn put_waybill(&mut self, waybill: Waybill);
    /// Stores a manifest.
    fn put_manifest(&mut self, manifest: Manifest);
    /// Stores a print job.
    fn put_print_job(&mut self, job: PrintJob);
    /// Stores a bag.
    fn put_bag(&mut self, bag: Bag);
    /// Stores an operator.
    fn put_operator(&mut self, operator: Operator);
    /// Stores a stop-list.
    fn put_stop_list(&mut self, stop: StopList);
    /// Stores the numbers of a channel.
    fn put_pool(&mut self, pool: Pool);
    /// The numbers of a channel, to change in place.
    fn pool_mut(&mut self, channel: &str) -> Option<&mut Pool>;
    /// An order, to change in place.
    fn order_mut(&mut self, id: &OrderId) -> Option<&mut Order>;
    /// A pick list, to change in place.
    fn list_mut(&mut self, id: &PickListId) -> Option<&mut PickList>;
    /// A parcel, to change in place.
    fn parcel_mut(&mut self, id: &ParcelId) -> Option<&mut Parcel>;
    /// A waybill, to change in place.
    fn waybill_mut(&mut self, number: &WaybillNo) -> Option<&mut Waybill>;
    /// A manifest, to change in place.
    fn manifest_mut(&mut self, id: &ManifestId) -> Option<&mut Manifest>;
    /// A print job, to change in place.
    fn print_job_mut(&mut self, id: &PrintJobId) -> Option<&mut PrintJob>;
    /// A bag, to change in place.
    fn bag_mut(&mut self, id: &BagId) -> Option<&mut Bag>;
    /// An operator, to change in place.
    fn operator_mut(&mut self, id: &OperatorId) -> Option<&mut Operator>;
    /// What a station remembers, to change in place.
    fn station_mut(&mut self, id: &StationId) -> &mut Station;
    /// Says which order line has a serial, or that none has.
    fn set_serial(&mut self, sku: &Sku, serial: &str, line: Option<(OrderId, u32)>);
}
