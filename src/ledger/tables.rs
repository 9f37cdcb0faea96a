//! Reading the state from its tables: the domain's [`View`].

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::LedgerError;
use super::cache::{Cache, Document, Shelf};
use super::record::{Cause, Record};
use super::transaction::{Found, write_changed};
use crate::domain::bag::{Bag, UNSETTLED_MAX};
use crate::domain::courier::Pool;
use crate::domain::ids::{
    BagId, CarrierCode, ManifestId, OrderId, PickListId, PrintJobId, ScanId, Sku, StationId, WaybillNo,
};
use crate::domain::manifest::{LISTED_MAX, Manifest};
use crate::domain::order::Order;
use crate::domain::printing::{PrintJob, Printable};
use crate::domain::product::Product;
use crate::domain::rules::recall::StopList;
use crate::domain::station::Station;
use crate::domain::view::{Numbered, Recorded, View};
use crate::domain::work::{Operator, Parcel, PickList, Waybill};

/// The tables within one transaction. The first failure is kept; the transaction must then be thrown away.
pub(super) struct Tables<'c> {
    pub conn: &'c Connection,
    pub cache: RefCell<Cache>,
    failure: RefCell<Option<LedgerError>>,
    /// Numbers given out in this transaction before their things were written.
    numbers: [Cell<u32>; 6],
}

impl<'c> Tables<'c> {
    pub(super) fn new(conn: &'c Connection, cache: Cache) -> Self {
        Tables { conn, cache: RefCell::new(cache), failure: RefCell::new(None), numbers: Default::default() }
    }

    pub(super) fn fail(&self, error: LedgerError) {
        self.failure.borrow_mut().get_or_insert(error);
    }

    pub(super) fn failure(&self) -> Option<LedgerError> {
        self.failure.borrow_mut().take()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    fn one<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Option<T> {
        let found =
            self.conn.prepare_cached(sql).and_then(|mut statement| statement.query_row(params, read).optional());
        found.unwrap_or_else(|source| {
            self.fail(LedgerError::Sqlite { what: "can't read a table", source });
            None
        })
    }

    fn many<T>(
        &self,
        sql: &'static str,
        params: impl Params + Clone,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut rows = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.conn.prepare_cached(sql)?;
            let mut rows = statement.query(params.clone())?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(read(row)?);
            }
            Ok(all)
        };
        rows().unwrap_or_else(|source| {
            self.fail(LedgerError::Sqlite { what: "can't read a table", source });
            Vec::new()
        })
    }

    /// A document, from the cache or its table.
    pub(super) fn document<T: Document>(
        &self,
        id: &str,
        shelf: impl Fn(&mut Cache) -> &mut Shelf<T>,
    ) -> Option<Arc<T>> {
        if let Some(known) = shelf(&mut self.cache.borrow_mut()).get(id) {
            return known;
        }
        let bytes: Option<Vec<u8>> = self.one(T::SELECT, [id], |row| row.get(0));
        let item = bytes.and_then(|bytes| match serde_json::from_slice::<T>(&bytes) {
            Ok(item) => Some(Arc::new(item)),
            Err(source) => {
                self.fail(LedgerError::Document { what: format!("the document of {id} can't be read"), source });
                None
            }
        });
        shelf(&mut self.cache.borrow_mut()).keep(id, item.clone());
        item
    }

    /// Writes what this transaction changed so far: a look-up by a column must see it.
    fn flush(&self) {
        if let Err(error) = write_changed(self.conn, &mut self.cache.borrow_mut(), Found::AsBefore) {
            self.fail(error);
        }
    }

    fn recorded_at(&self, seq: u64) -> Option<Recorded> {
        let body: Vec<u8> =
            self.one("SELECT body FROM ledger WHERE seq = ?1", [seq.cast_signed()], |row| row.get(0))?;
        let record: Record = match serde_json::from_slice(&body) {
            Ok(record) => record,
            Err(source) => {
                self.fail(LedgerError::Document { what: format!("record {seq} can't be read"), source });
                return None;
            }
        };
        let Cause::Scan { fingerprint, .. } = record.cause else { return None };
        let fingerprint = data_encoding::HEXLOWER.decode(fingerprint.as_bytes()).ok()?.try_into().ok()?;
        let verdict = crate::domain::verdict::Verdict { seq: Some(seq), ..record.verdict? };
        Some(Recorded { verdict, fingerprint })
    }
}

fn sku(row: &Row<'_>, column: usize) -> rusqlite::Result<Sku> {
    id_of(row, column, Sku::new)
}

/// A column as a checked id.
pub(super) fn id_of<T>(
    row: &Row<'_>,
    column: usize,
    new: impl FnOnce(&str) -> Result<T, crate::domain::ids::IdError>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    new(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn number_slot(kind: Numbered) -> usize {
    match kind {
        Numbered::Order => 0,
        Numbered::PickList => 1,
        Numbered::Parcel => 2,
        Numbered::Product => 3,
        Numbered::Manifest => 4,
        Numbered::PrintJob => 5,
        Numbered::Bag => 5,
    }
}

impl View for Tables<'_> {
    fn recorded(&self, scan: &ScanId) -> Option<Recorded> {
        let seq: i64 = self.one("SELECT seq FROM scans WHERE scan_id = ?1", [scan.as_str()], |row| row.get(0))?;
        self.recorded_at(seq.cast_unsigned())
    }

    fn product(&self, sku: &str) -> Option<Arc<Product>> {
        self.document(sku, |cache| &mut cache.products)
    }

    fn barcode(&self, key: &str) -> Vec<(Sku, u32)> {
        if let Some(known) = self.cache.borrow().barcodes.get(key) {
            return known.clone();
        }
        let taught = self.cache.borrow().products.has_changed();
        if taught {
            self.flush();
        }
        let found =
            self.many("SELECT sku, quantity FROM product_codes WHERE kind = 'barcode' AND key = ?1", [key], |row| {
                Ok((sku(row, 0)?, row.get(1)?))
            });
        self.cache.borrow_mut().barcodes.insert(key.into(), found.clone());
        found
    }

    fn part_number(&self, key: &str) -> Vec<Sku> {
        self.many("SELECT sku FROM product_codes WHERE kind = 'part' AND key = ?1", [key], |row| sku(row, 0))
    }

    fn order(&self, id: &str) -> Option<Arc<Order>> {
        self.document(id, |cache| &mut cache.orders)
    }

    fn order_by_tracking(&self, code: &str) -> Option<OrderId> {
        self.one("SELECT id FROM orders WHERE tracking = ?1", [code], |row| id_of(row, 0, OrderId::new))
    }

    fn single_line_orders(&self, sku: &Sku) -> Vec<OrderId> {
        let sql = "SELECT order_id FROM single_lines WHERE sku = ?1 ORDER BY urgency, number LIMIT 20";
        self.many(sql, [sku.as_str()], |row| id_of(row, 0, OrderId::new))
    }

    fn list(&self, id: &str) -> Option<Arc<PickList>> {
        self.document(id, |cache| &mut cache.lists)
    }

    fn list_by_tote(&self, tote: &str) -> Option<PickListId> {
        self.one("SELECT id FROM lists WHERE tote = ?1 LIMIT 1", [tote], |row| id_of(row, 0, PickListId::new))
    }

    fn parcel(&self, id: &str) -> Option<Arc<Parcel>> {
        self.document(id, |cache| &mut cache.parcels)
    }

    fn waybill(&self, number: &str) -> Option<Arc<Waybill>> {
        self.document(number, |cache| &mut cache.waybills)
    }

    fn manifest(&self, id: &str) -> Option<Arc<Manifest>> {
        self.document(id, |cache| &mut cache.manifests)
    }

    fn waybills_on(&self, manifest: &ManifestId) -> Vec<WaybillNo> {
        self.flush();
        let sql = "SELECT id FROM waybills WHERE manifest = ?1 ORDER BY id";
        self.many(sql, [manifest.as_str()], |row| id_of(row, 0, WaybillNo::new))
    }

    fn waybills_waiting(&self, carrier: &CarrierCode) -> Vec<WaybillNo> {
        self.flush();
        let sql = "SELECT id FROM waybills WHERE waits_for = ?1 ORDER BY id LIMIT ?2";
        self.many(sql, (carrier.as_str(), LISTED_MAX as i64), |row| id_of(row, 0, WaybillNo::new))
    }

    fn print_job(&self, id: &str) -> Option<Arc<PrintJob>> {
        self.document(id, |cache| &mut cache.print_jobs)
    }

    fn prints_of(&self, what: &Printable) -> Vec<PrintJobId> {
        self.flush();
        let sql = "SELECT id FROM print_jobs WHERE what = ?1 ORDER BY number";
        self.many(sql, [what.key()], |row| id_of(row, 0, PrintJobId::new))
    }

    fn bag(&self, id: &str) -> Option<Arc<Bag>> {
        self.document(id, |cache| &mut cache.bags)
    }

    fn unsettled_bags(&self) -> Vec<BagId> {
        self.flush();
        let sql = "SELECT id FROM bags WHERE unsettled = 1 ORDER BY number LIMIT ?1";
        self.many(sql, [UNSETTLED_MAX as i64], |row| id_of(row, 0, BagId::new))
    }

    fn operator(&self, id: &str) -> Option<Arc<Operator>> {
        self.document(id, |cache| &mut cache.operators)
    }

    fn operator_by_badge(&self, badge: &str) -> Option<Arc<Operator>> {
        let id: String = self.one("SELECT id FROM operators WHERE badge = ?1", [badge], |row| row.get(0))?;
        self.operator(&id)
    }

    fn station(&self, id: &StationId) -> Arc<Station> {
        self.document(id.as_str(), |cache| &mut cache.stations).unwrap_or_else(|| Station::new(id.clone()).into())
    }

    fn stop_list(&self, id: &str) -> Option<Arc<StopList>> {
        self.document(id, |cache| &mut cache.stop_lists)
    }

    fn stops_on(&self, sku: &Sku) -> Vec<Arc<StopList>> {
        if let Some(known) = self.cache.borrow().stops.get(sku.as_str()) {
            return known.clone();
        }
        let changed = self.cache.borrow().stop_lists.has_changed();
        if changed {
            self.flush();
        }
        let ids: Vec<String> =
            self.many("SELECT id FROM stop_lists WHERE stops = ?1 ORDER BY id", [sku.as_str()], |row| row.get(0));
        let found: Vec<Arc<StopList>> = ids.iter().filter_map(|id| self.stop_list(id)).collect();
        self.cache.borrow_mut().stops.insert(sku.as_str().into(), found.clone());
        found
    }

    fn pool(&self, channel: &str) -> Option<Arc<Pool>> {
        self.document(channel, |cache| &mut cache.pools)
    }

    fn serial(&self, sku: &Sku, serial: &str) -> Option<(OrderId, u32)> {
        let sql = "SELECT order_id, line FROM serials WHERE sku = ?1 AND serial = ?2";
        self.one(sql, [sku.as_str(), serial], |row| Ok((id_of(row, 0, OrderId::new)?, row.get(1)?)))
    }

    fn waiting_for_product(&self, sku: &Sku) -> Vec<OrderId> {
        self.many("SELECT order_id FROM waiting WHERE sku = ?1", [sku.as_str()], |row| id_of(row, 0, OrderId::new))
    }

    fn by_number(&self, kind: Numbered, number: u32) -> Option<String> {
        let sql = match kind {
            Numbered::Order => "SELECT id FROM orders WHERE number = ?1",
            Numbered::PickList => "SELECT id FROM lists WHERE number = ?1",
            Numbered::Parcel => "SELECT id FROM parcels WHERE number = ?1",
            Numbered::Product => "SELECT id FROM products WHERE number = ?1",
            Numbered::Manifest => "SELECT id FROM manifests WHERE number = ?1",
            Numbered::PrintJob => "SELECT id FROM print_jobs WHERE number = ?1",
            Numbered::Bag => "SELECT id FROM bags WHERE number = ?1",
        };
        self.one(sql, [number], |row| row.get(0))
    }

    fn next_number(&self, kind: Numbered) -> u32 {
        let slot = &self.numbers[number_slot(kind)];
        if slot.get() == 0 {
            let sql = match kind {
                Numbered::Order => "SELECT max(number) FROM orders",
                Numbered::PickList => "SELECT max(number) FROM lists",
                Numbered::Parcel => "SELECT max(number) FROM parcels",
                Numbered::Product => "SELECT max(number) FROM products",
                Numbered::Manifest => "SELECT max(number) FROM manifests",
                Numbered::PrintJob => "SELECT max(number) FROM print_jobs",
                Numbered::Bag => "SELECT max(number) FROM bags",
            };
            slot.set(self.one(sql, [], |row| row.get::<_, Option<u32>>(0)).flatten().unwrap_or(0));
        }
        slot.get() + 1
    }
}

impl Tables<'_> {
    /// A number was used: by a new thing, or by a known one that is put again.
    pub(super) fn used_number(&self, kind: Numbered, number: u32) {
        // the table's greatest is looked up before a known thing's smaller one stands in its place
        let greatest = self.next_number(kind) - 1;
        self.numbers[number_slot(kind)].set(greatest.max(number));
    }
}

/// The state as it stood at one instant, to read.
pub struct ReadTransaction<'c> {
    tables: Tables<'c>,
}

impl<'c> ReadTransaction<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        ReadTransaction { tables: Tables::new(conn, Cache::default()) }
    }

    /// The warehouse.
    #[must_use]
    pub fn view(&self) -> &dyn View {
        &self.tables
    }

    pub(super) fn finish(self) -> Result<(), LedgerError> {
        self.tables.failure().map_or(Ok(()), Err)
    }
}
