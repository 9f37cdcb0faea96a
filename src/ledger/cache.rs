//! Documents that were read, and those that a transaction changed and has yet to write.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::bag::Bag;
use crate::domain::courier::Pool;
use crate::domain::manifest::Manifest;
use crate::domain::order::Order;
use crate::domain::printing::PrintJob;
use crate::domain::product::Product;
use crate::domain::rules::recall::StopList;
use crate::domain::station::Station;
use crate::domain::work::{Operator, Parcel, PickList, Waybill};

/// A thing that has a table of its own.
pub(super) trait Document: Clone + Serialize + DeserializeOwned {
    const SELECT: &'static str;
    fn id(&self) -> &str;
}

macro_rules! documents {
    ($($kind:ty, $table:literal, $id:ident => $text:expr;)*) => {$(
        impl Document for $kind {
            const SELECT: &'static str = concat!("SELECT doc FROM ", $table, " WHERE id = ?1");
            fn id(&self) -> &str {
                let $id = self;
                $text
            }
        }
    )*};
}

documents! {
    Product, "products", product => product.sku.as_str();
    Order, "orders", order => order.id().as_str();
    PickList, "lists", list => list.id.as_str();
    Parcel, "parcels", parcel => parcel.id.as_str();
    Waybill, "waybills", waybill => waybill.number.as_str();
    Manifest, "manifests", manifest => manifest.id.as_str();
    PrintJob, "print_jobs", job => job.id.as_str();
    Bag, "bags", bag => bag.id.as_str();
    Operator, "operators", operator => operator.id.as_str();
    StopList, "stop_lists", stop => stop.id.as_str();
    Station, "stations", station => station.id.as_str();
    Pool, "pools", pool => pool.channel.as_str();
}

/// Documents of one kind, by id; `None` is known not to be there.
pub(super) struct Shelf<T> {
    items: HashMap<Box<str>, Option<Arc<T>>>,
    changed: Vec<Box<str>>,
}

/// Documents of one kind that are kept between two transactions. A box has some 32 stations, each with one order,
/// one list and a few products in hand; four times that is plenty, and at some 4 KiB each it is 2 MiB.
const KEPT_MAX: usize = 512;

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Shelf { items: HashMap::new(), changed: Vec::new() }
    }
}

impl<T: Document> Shelf<T> {
    pub(super) fn get(&self, id: &str) -> Option<Option<Arc<T>>> {
        self.items.get(id).cloned()
    }

    /// Keeps what was read.
    pub(super) fn keep(&mut self, id: &str, item: Option<Arc<T>>) {
        self.items.insert(id.into(), item);
    }

    /// Keeps what was changed, until it is written.
    pub(super) fn put(&mut self, item: T) {
        let id: Box<str> = item.id().into();
        self.mark(&id);
        self.items.insert(id, Some(item.into()));
    }

    /// A kept document, to change in place.
    pub(super) fn change(&mut self, id: &str) -> Option<&mut T> {
        self.items.get(id)?.as_ref()?;
        self.mark(id);
        self.items.get_mut(id)?.as_mut().map(Arc::make_mut)
    }

    /// Whether something was changed and is not yet written.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    fn mark(&mut self, id: &str) {
        if !self.changed.iter().any(|known| **known == *id) {
            self.changed.push(id.into());
        }
    }

    /// The changed documents, each once.
    pub(super) fn take_changed(&mut self) -> Vec<Arc<T>> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|id| self.items.get(id).cloned().flatten()).collect()
    }

    /// Between transactions: forgets everything once it is too much.
    pub(super) fn trim(&mut self) {
        if self.items.len() > KEPT_MAX {
            self.items.clear();
        }
    }
}

/// What barcode keys mean: the hottest look-up of all.
pub(super) type Barcodes = HashMap<Box<str>, Vec<(crate::domain::ids::Sku, u32)>>;

/// The stop-lists in force by product: looked up for every unit, and nearly always none.
pub(super) type Stops = HashMap<Box<str>, Vec<Arc<StopList>>>;

/// Everything that is kept.
#[derive(Default)]
pub(super) struct Cache {
    pub products: Shelf<Product>,
    pub orders: Shelf<Order>,
    pub lists: Shelf<PickList>,
    pub parcels: Shelf<Parcel>,
    pub waybills: Shelf<Waybill>,
    pub manifests: Shelf<Manifest>,
    pub print_jobs: Shelf<PrintJob>,
    pub bags: Shelf<Bag>,
    pub operators: Shelf<Operator>,
    pub stations: Shelf<Station>,
    pub stop_lists: Shelf<StopList>,
    pub stops: Stops,
    pub pools: Shelf<Pool>,
    pub barcodes: Barcodes,
}

impl Cache {
    pub(super) fn trim(&mut self) {
        self.products.trim();
        self.orders.trim();
        self.lists.trim();
        self.parcels.trim();
        self.waybills.trim();
        self.manifests.trim();
        self.print_jobs.trim();
        self.bags.trim();
        self.operators.trim();
        self.stations.trim();
        self.stop_lists.trim();
        if self.stops.len() > KEPT_MAX {
            self.stops.clear();
        }
        self.pools.trim();
        if self.barcodes.len() > KEPT_MAX {
            self.barcodes.clear();
        }
    }
}
