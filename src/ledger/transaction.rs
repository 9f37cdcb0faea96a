//! Writing: facts applied to the tables, records appended to the chain.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::anchor::Head;
use super::cache::{Cache, Document, Shelf};
use super::record::{Cause, Record};
use super::tables::Tables;
use crate::domain::apply;
use crate::domain::bag::Bag;
use crate::domain::clock::Moment;
use crate::domain::courier::{Pool, may_want_number};
use crate::domain::event::{Event, Memory};
use crate::domain::ids::{
    BagId, ManifestId, OperatorId, OrderId, ParcelId, PickListId, PrintJobId, ScanId, Sku, StationId, WaybillNo,
};
use crate::domain::manifest::Manifest;
use crate::domain::order::{Attention, HoldReason, Order, Stage};
use crate::domain::printing::{JobState, PrintJob};
use crate::domain::product::{Product, barcode_key, part_number_key};
use crate::domain::rules::recall::StopList;
use crate::domain::station::Station;
use crate::domain::verdict::{Code, Verdict};
use crate::domain::view::{Numbered, State, View};
use crate::domain::work::{ListState, Operator, Parcel, PickList, Waybill};

/// One transaction of the writer; it holds what several callers wanted.
pub struct WriteTransaction<'c> {
    tables: Tables<'c>,
    head: Head,
    last_wall: Option<jiff::Timestamp>,
    box_id: &'c str,
}

impl<'c> WriteTransaction<'c> {
    pub(super) fn new(
        conn: &'c Connection,
        cache: Cache,
        head: Head,
        last_wall: Option<jiff::Timestamp>,
        box_id: &'c str,
    ) -> Self {
        WriteTransaction { tables: Tables::new(conn, cache), head, last_wall, box_id }
    }

    pub(super) fn conn(&self) -> &'c Connection {
        self.tables.conn
    }

    pub(super) fn fail(&self, error: LedgerError) {
        self.tables.fail(error);
    }

    /// The warehouse, with everything that this transaction did.
    #[must_use]
    pub fn view(&self) -> &dyn View {
        &self.tables
    }

    /// Appends a record: its facts are applied, its row joins the chain, the feed gets what is public. Answers its
    /// sequence number, which the verdict gets too.
    pub fn append(&mut self, at: Moment, cause: Cause, verdict: Option<&mut Verdict>, mut events: Vec<Event>) -> u64 {
        let seq = self.head.seq + 1;
        for event in &mut events {
            // the alarm that a station shows names its record, as the verdict does
            if let Event::Remembered { memory: Memory::Latch(Some(alarm)), .. } = event {
                alarm.seq = Some(seq);
            }
            if let Err(error) = apply(event, self) {
                self.tables.fail(LedgerError::Apply(error));
                return 0;
            }
        }
        let clock_went_back = self.last_wall.is_some_and(|last| at.wall < last);
        self.last_wall = Some(at.wall);
        let scan = match &cause {
            Cause::Scan { scan_id, .. } => Some(scan_id.clone()),
            _ => None,
        };
        let stored = verdict.as_deref().cloned();
        if let Some(verdict) = verdict {
            verdict.seq = Some(seq);
        }
        let record = Record { by: self.box_id.to_owned(), at, clock_went_back, cause, verdict: stored, events };
        let mut written = self.insert(&record, scan.as_ref());
        if scan.is_none() {
            // what upstream says is looked up by its columns in this very transaction; scans change documents only
            written = written.and_then(|()| write_changed(self.tables.conn, self.tables.cache.get_mut(), Found::Anew));
        }
        if let Err(error) = written {
            self.tables.fail(error);
        }
        seq
    }

    fn insert(&mut self, record: &Record, scan: Option<&ScanId>) -> Result<(), LedgerError> {
        let body = serde_json::to_vec(record)
            .map_err(|source| LedgerError::Document { what: "a record can't be written".into(), source })?;
        self.head = self.head.next(&body);
        let seq = self.head.seq.cast_signed();
        let sqlite = || LedgerError::sqlite("can't append to the ledger");
        let conn = self.tables.conn;
        let insert = |sql: &'static str| conn.prepare_cached(sql).map_err(sqlite());
        insert("INSERT INTO ledger (seq, body, hash) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, body, self.head.hash])
            .map_err(sqlite())?;
        let conflict = record.verdict.as_ref().is_some_and(|verdict| verdict.code == Code::ScanIdConflict);
        if let Some(scan) = scan.filter(|_| !conflict) {
            insert("INSERT INTO scans (scan_id, seq) VALUES (?1, ?2)")?
                .execute(params![scan.as_str(), seq])
                .map_err(sqlite())?;
        }
        for (part, name, order) in public_parts(record) {
            let order = order.map(|order| order.as_str());
            insert("INSERT INTO outbox (record, part, type, order_id) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![seq, part, name, order])
                .map_err(sqlite())?;
        }
        Ok(())
    }

    /// What was answered to a call with an idempotency key: its fingerprint, status and body.
    #[must_use]
    pub fn reply(&self, key: &str) -> Option<(String, u16, String)> {
        let found =
            self.tables.conn.prepare_cached("SELECT fingerprint, status, body FROM replies WHERE key = ?1").and_then(
                |mut statement| {
                    let mut rows = statement.query([key])?;
                    rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).transpose()
                },
            );
        found.unwrap_or_else(|source| {
            self.tables.fail(LedgerError::Sqlite { what: "can't read a reply", source });
            None
        })
    }

    /// Keeps what is answered to a call with an idempotency key.
    pub fn keep_reply(&mut self, key: &str, fingerprint: &str, status: u16, body: &str) {
        let seq = self.head.seq.cast_signed();
        let kept = self
            .tables
            .conn
            .prepare_cached("INSERT INTO replies (key, fingerprint, status, body, seq) VALUES (?1, ?2, ?3, ?4, ?5)");
        let kept = kept.and_then(|mut statement| statement.execute(params![key, fingerprint, status, body, seq]));
        if let Err(source) = kept {
            self.tables.fail(LedgerError::Sqlite { what: "can't keep a reply", source });
        }
    }

    /// Keeps a file under its hash, with this transaction; one that is there already stays.
    pub fn keep_file(&mut self, sha256: &str, bytes: &[u8]) {
        let kept =
            self.tables.conn.prepare_cached("INSERT INTO files (sha256, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
        let kept = kept.and_then(|mut statement| statement.execute(params![sha256, bytes]));
        if let Err(source) = kept {
            self.tables.fail(LedgerError::Sqlite { what: "can't keep a file", source });
        }
    }

    /// After a panic in the middle of something: nothing of it may be kept.
    pub(super) fn spoil(&self) {
        self.tables.fail(LedgerError::Panicked);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.tables.has_failed()
    }

    /// Writes the changed documents; answers the new head, and the cache for the next transaction.
    pub(super) fn finish(self) -> Result<(Head, Option<jiff::Timestamp>, Cache), LedgerError> {
        if let Some(failure) = self.tables.failure() {
            return Err(failure);
        }
        let mut cache = self.tables.cache.into_inner();
        write_changed(self.tables.conn, &mut cache, Found::AsBefore)?;
        cache.trim();
        Ok((self.head, self.last_wall, cache))
    }
}

/// What the feed says of a record: each public fact, and a refusal as a whole (part -1).
pub(super) fn public_parts(record: &Record) -> Vec<(i64, &'static str, Option<&OrderId>)> {
    let facts = record.events.iter().enumerate().filter(|(_, event)| event.is_public());
    let mut parts: Vec<_> = facts.map(|(index, event)| (index as i64, event.name(), event.order())).collect();
    if let Some(verdict) = record.verdict.as_ref().filter(|verdict| verdict.code.is_refusal()) {
        parts.push((-1, "scan_refused", verdict.order.as_ref()));
    }
    parts
}

/// Writes the changed documents to their tables.
pub(super) fn write_changed(conn: &Connection, cache: &mut Cache, found: Found) -> Result<(), LedgerError> {
    let mut write = || -> Result<(), WriteFault> {
        for product in cache.products.take_changed() {
            write_product(conn, &product)?;
        }
        for pool in cache.pools.take_changed() {
            let sql = "INSERT INTO pools (id, doc) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET doc = ?2";
            conn.prepare_cached(sql)?.execute(params![pool.channel, json(&*pool)?])?;
        }
        let orders = cache.orders.take_changed();
        for order in &orders {
            write_order(conn, order, found)?;
        }
        for list in cache.lists.take_changed() {
            let sql = "INSERT INTO lists (number, id, tote, doc) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (number) DO UPDATE SET tote = ?3, doc = ?4";
            let tote = list.tote.as_deref().filter(|_| list.state != ListState::Done);
            conn.prepare_cached(sql)?.execute(params![list.number, list.id.as_str(), tote, json(&*list)?])?;
        }
        for parcel in cache.parcels.take_changed() {
            conn.prepare_cached(PUT_PARCEL)?.execute(params![parcel.number, parcel.id.as_str(), json(&*parcel)?])?;
        }
        let waybills = cache.waybills.take_changed();
        for waybill in &waybills {
            write_waybill(conn, waybill)?;
        }
        for manifest in cache.manifests.take_changed() {
            let sql = "INSERT INTO manifests (number, id, doc) VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE SET doc = ?3";
            conn.prepare_cached(sql)?.execute(params![manifest.number, manifest.id.as_str(), json(&*manifest)?])?;
        }
        for job in cache.print_jobs.take_changed() {
            write_print_job(conn, &job)?;
        }
        for bag in cache.bags.take_changed() {
            write_bag(conn, &bag)?;
        }
        for operator in cache.operators.take_changed() {
            let sql = "INSERT INTO operators (id, badge, doc) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET badge = ?2, doc = ?3";
            conn.prepare_cached(sql)?.execute(params![operator.id.as_str(), operator.badge, json(&*operator)?])?;
        }
        for stop in cache.stop_lists.take_changed() {
            let sql = "INSERT INTO stop_lists (id, stops, doc) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET stops = ?2, doc = ?3";
            let stops = stop.active.then(|| stop.sku.as_str());
            conn.prepare_cached(sql)?.execute(params![stop.id.as_str(), stops, json(&*stop)?])?;
        }
        for station in cache.stations.take_changed() {
            write_station(conn, &station)?;
        }
        // a scan changes whether an order has a number only together with its waybill
        let named = |order: &Order| waybills.iter().any(|waybill| waybill.orders.contains(order.id()));
        for order in orders.iter().filter(|order| found == Found::Anew || named(order)) {
            write_numberless(conn, order)?;
        }
        Ok(())
    };
    write().map_err(|fault| match fault {
        WriteFault::Sqlite(source) => LedgerError::Sqlite { what: "can't write the state", source },
        WriteFault::Json(source) => LedgerError::Document { what: "a document can't be written".into(), source },
    })
}

fn write_waybill(conn: &Connection, waybill: &Waybill) -> Result<(), WriteFault> {
    let sql = "INSERT INTO waybills (id, doc, waits_for, manifest, to_return) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET doc = ?2, waits_for = ?3, manifest = ?4, to_return = ?5";
    let waits_for = waybill.waits_for_truck().then(|| waybill.carrier.as_str());
    let manifest = waybill.loading.as_ref().map(|loading| loading.manifest.as_str());
    conn.prepare_cached(sql)?.execute(params![
        waybill.number.as_str(),
        json(waybill)?,
        waits_for,
        manifest,
        waybill.is_to_return().then_some(1)
    ])?;
    Ok(())
}

fn write_bag(conn: &Connection, bag: &Bag) -> Result<(), WriteFault> {
    let sql = "INSERT INTO bags (number, id, unsettled, doc) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (number) DO UPDATE SET unsettled = ?3, doc = ?4";
    conn.prepare_cached(sql)?.execute(params![bag.number, bag.id.as_str(), bag.is_unsettled(), json(bag)?])?;
    Ok(())
}

/// A station's row, once it is there.
pub(super) const UPDATE_STATION: &str = "UPDATE stations SET doc = ?2 WHERE id = ?1";
/// An order's row, once it is there.
pub(super) const UPDATE_ORDER: &str =
    "UPDATE orders SET tracking = ?2, phone = ?3, doc = ?4, attention = ?5 WHERE number = ?1";
/// A parcel's row.
pub(super) const PUT_PARCEL: &str =
    "INSERT INTO parcels (number, id, doc) VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE SET doc = ?3";

fn write_station(conn: &Connection, station: &Station) -> Result<(), WriteFault> {
    let doc = json(station)?;
    if conn.prepare_cached(UPDATE_STATION)?.execute(params![station.id.as_str(), doc])? == 0 {
        conn.prepare_cached("INSERT INTO stations (id, doc) VALUES (?1, ?2)")?
            .execute(params![station.id.as_str(), doc])?;
    }
    Ok(())
}

/// Whether the rows by which an order waits for a product may have changed: scans don't change them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Anew,
    AsBefore,
}

enum WriteFault {
    Sqlite(rusqlite::Error),
    Json(serde_json::Error),
}

impl From<rusqlite::Error> for WriteFault {
    fn from(source: rusqlite::Error) -> Self {
        WriteFault::Sqlite(source)
    }
}

fn json<T: serde::Serialize>(item: &T) -> Result<Vec<u8>, WriteFault> {
    serde_json::to_vec(item).map_err(WriteFault::Json)
}

fn write_print_job(conn: &Connection, job: &PrintJob) -> Result<(), WriteFault> {
    let sql = "INSERT INTO print_jobs (number, id, what, state, waits_at, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (number) DO UPDATE SET state = ?4, waits_at = ?5, doc = ?6";
    let waits = matches!(job.state, JobState::Queued | JobState::Sending);
    let waits_at = waits.then(|| job.printer.as_str());
    let (what, state) = (job.what.key(), job.state.name());
    conn.prepare_cached(sql)?.execute(params![job.number, job.id.as_str(), what, state, waits_at, json(job)?])?;
    Ok(())
}

fn write_product(conn: &Connection, product: &Product) -> Result<(), WriteFault> {
    let sql = "INSERT INTO products (number, id, doc) VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE SET doc = ?3";
    conn.prepare_cached(sql)?.execute(params![product.number, product.sku.as_str(), json(product)?])?;
    conn.prepare_cached("DELETE FROM product_codes WHERE sku = ?1")?.execute([product.sku.as_str()])?;
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO product_codes (kind, key, sku, quantity) VALUES (?1, ?2, ?3, ?4)")?;
    for barcode in product.codes() {
        insert.execute(params!["barcode", barcode_key(&barcode.text), product.sku.as_str(), barcode.quantity])?;
    }
    for number in &product.part_numbers {
        insert.execute(params!["part", part_number_key(number), product.sku.as_str(), 1])?;
    }
    Ok(())
}

fn write_order(conn: &Connection, order: &Order, found: Found) -> Result<(), WriteFault> {
    let id = order.id().as_str();
    let phone: String = order.spec.consignee.phone.chars().filter(char::is_ascii_digit).collect();
    let phone = Some(phone).filter(|phone| !phone.is_empty());
    let doc = json(order)?;
    let attention = order.attention().map(Attention::as_str);
    let values = params![order.number, order.spec.tracking_code, phone, doc, attention];
    if conn.prepare_cached(UPDATE_ORDER)?.execute(values)? == 0 {
        let insert = "INSERT INTO orders (number, id, tracking, phone, doc, attention) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![order.number, id, order.spec.tracking_code, phone, doc, attention];
        conn.prepare_cached(insert)?.execute(values)?;
    }
    let untouched = order.lines.iter().all(|line| line.parts.iter().all(|part| part.picked == 0));
    let is_single = order.lines.len() == 1;
    if is_single || found == Found::Anew {
        conn.prepare_cached("DELETE FROM single_lines WHERE order_id = ?1")?.execute([id])?;
        if is_single && untouched && order.stage == Stage::StockLocked && !order.cancelled {
            let sql = "INSERT INTO single_lines (sku, urgency, number, order_id) VALUES (?1, ?2, ?3, ?4)";
            conn.prepare_cached(sql)?.execute(params![
                order.lines[0].spec.sku.as_str(),
                -i64::from(order.spec.priority),
                order.number,
                id
            ])?;
        }
    }
    if found == Found::Anew {
        conn.prepare_cached("DELETE FROM waiting WHERE order_id = ?1")?.execute([id])?;
        if order.holds.iter().any(|hold| hold.reason == HoldReason::MasterData) {
            let mut insert = conn.prepare_cached("INSERT OR IGNORE INTO waiting (sku, order_id) VALUES (?1, ?2)")?;
            for part in order.lines.iter().flat_map(|line| &line.parts) {
                insert.execute([part.sku.as_str(), id])?;
            }
        }
    }
    Ok(())
}

/// Keeps the list of orders that wait for a waybill number; their waybills are written before.
fn write_numberless(conn: &Connection, order: &Order) -> Result<(), WriteFault> {
    let id = order.id().as_str();
    let sql =
        "SELECT EXISTS (SELECT 1 FROM waybills WHERE id = ?1 AND json_extract(CAST(doc AS TEXT), '$.void') IS NULL)";
    let mut holds = false;
    for number in &order.waybills {
        holds = holds || conn.prepare_cached(sql)?.query_row([number.as_str()], |row| row.get(0))?;
    }
    if holds || !may_want_number(order) {
        conn.prepare_cached("DELETE FROM numberless WHERE order_id = ?1")?.execute([id])?;
        return Ok(());
    }
    let sql = "INSERT INTO numberless (order_id, carrier, number, pending) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (order_id) DO UPDATE SET carrier = ?2, pending = ?4";
    let pending = order.numbering.pending.is_some();
    conn.prepare_cached(sql)?.execute(params![id, order.spec.carrier.as_str(), order.number, pending])?;
    Ok(())
}

/// Says on which order line a serial is; on none, it is free.
pub(super) fn write_serial(
    conn: &Connection,
    sku: &Sku,
    serial: &str,
    line: Option<&(OrderId, u32)>,
) -> rusqlite::Result<()> {
    let done = match line {
        Some((order, line)) => conn
            .prepare_cached("INSERT OR REPLACE INTO serials (sku, serial, order_id, line) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![sku.as_str(), serial, order.as_str(), line]),
        None => {
            conn.prepare_cached("DELETE FROM serials WHERE sku = ?1 AND serial = ?2")?.execute([sku.as_str(), serial])
        }
    };
    done.map(drop)
}

impl WriteTransaction<'_> {
    /// A document of the cache, to change in place; it is read first where it must be.
    fn change<T: Document>(&mut self, id: &str, shelf: impl Fn(&mut Cache) -> &mut Shelf<T>) -> Option<&mut T> {
        self.tables.document(id, &shelf);
        shelf(self.tables.cache.get_mut()).change(id)
    }
}

impl State for WriteTransaction<'_> {
    fn view(&self) -> &dyn View {
        &self.tables
    }

    fn put_product(&mut self, product: Product) {
        self.tables.used_number(Numbered::Product, product.number);
        let cache = self.tables.cache.get_mut();
        cache.barcodes.clear();
        cache.products.put(product);
    }

    fn put_order(&mut self, order: Order) {
        self.tables.used_number(Numbered::Order, order.number);
        self.tables.cache.get_mut().orders.put(order);
    }

    fn put_list(&mut self, list: PickList) {
        self.tables.used_number(Numbered::PickList, list.number);
        self.tables.cache.get_mut().lists.put(list);
    }

    fn put_parcel(&mut self, parcel: Parcel) {
        self.tables.used_number(Numbered::Parcel, parcel.number);
        self.tables.cache.get_mut().parcels.put(parcel);
    }

    fn put_waybill(&mut self, waybill: Waybill) {
        self.tables.cache.get_mut().waybills.put(waybill);
    }

    fn put_manifest(&mut self, manifest: Manifest) {
        self.tables.used_number(Numbered::Manifest, manifest.number);
        self.tables.cache.get_mut().manifests.put(manifest);
    }

    fn put_print_job(&mut self, job: PrintJob) {
        self.tables.used_number(Numbered::PrintJob, job.number);
        self.tables.cache.get_mut().print_jobs.put(job);
    }

    fn put_bag(&mut self, bag: Bag) {
        self.tables.used_number(Numbered::Bag, bag.number);
        self.tables.cache.get_mut().bags.put(bag);
    }

    fn put_operator(&mut self, operator: Operator) {
        self.tables.cache.get_mut().operators.put(operator);
    }

    fn put_stop_list(&mut self, stop: StopList) {
        let cache = self.tables.cache.get_mut();
        cache.stops.clear();
        cache.stop_lists.put(stop);
    }

    fn put_pool(&mut self, pool: Pool) {
        self.tables.cache.get_mut().pools.put(pool);
    }

    fn pool_mut(&mut self, channel: &str) -> Option<&mut Pool> {
        self.change(channel, |cache| &mut cache.pools)
    }

    fn order_mut(&mut self, id: &OrderId) -> Option<&mut Order> {
        self.change(id.as_str(), |cache| &mut cache.orders)
    }

    fn list_mut(&mut self, id: &PickListId) -> Option<&mut PickList> {
        self.change(id.as_str(), |cache| &mut cache.lists)
    }

    fn parcel_mut(&mut self, id: &ParcelId) -> Option<&mut Parcel> {
        self.change(id.as_str(), |cache| &mut cache.parcels)
    }

    fn waybill_mut(&mut self, number: &WaybillNo) -> Option<&mut Waybill> {
        self.change(number.as_str(), |cache| &mut cache.waybills)
    }

    fn manifest_mut(&mut self, id: &ManifestId) -> Option<&mut Manifest> {
        self.change(id.as_str(), |cache| &mut cache.manifests)
    }

    fn print_job_mut(&mut self, id: &PrintJobId) -> Option<&mut PrintJob> {
        self.change(id.as_str(), |cache| &mut cache.print_jobs)
    }

    fn bag_mut(&mut self, id: &BagId) -> Option<&mut Bag> {
        self.change(id.as_str(), |cache| &mut cache.bags)
    }

    fn operator_mut(&mut self, id: &OperatorId) -> Option<&mut Operator> {
        self.change(id.as_str(), |cache| &mut cache.operators)
    }

    fn station_mut(&mut self, id: &StationId) -> &mut Station {
        let known = self.tables.document(id.as_str(), |cache| &mut cache.stations).is_some();
        let stations = &mut self.tables.cache.get_mut().stations;
        if !known {
            stations.put(Station::new(id.clone()));
        }
        stations.change(id.as_str()).expect("the station was read or put just now")
    }

    fn set_serial(&mut self, sku: &Sku, serial: &str, line: Option<(OrderId, u32)>) {
        if let Err(source) = write_serial(self.tables.conn, sku, serial, line.as_ref()) {
            self.tables.fail(LedgerError::Sqlite { what: "can't write a serial", source });
        }
    }
}
