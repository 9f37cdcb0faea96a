//! A ledger of orders that were packed and reported long ago, one after the other, written straight through its writer.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use waybind::barcode::codes::SiteKey;
use waybind::domain::clock::{Moment, Now};
use waybind::domain::decide::{Decision, Site, decide, fingerprint};
use waybind::domain::ids::{CarrierCode, OrderId, ScanId, Sku, StationId, WaybillNo};
use waybind::domain::order::{Consignee, LineSpec, OrderSpec, ShipPolicy, Stage};
use waybind::domain::rules::Rules;
use waybind::domain::scan::Scan;
use waybind::domain::station::{Mode, StationRules};
use waybind::domain::upstream::{ADDRESS_WINDOW_MINUTES, ProductSpec, Terms, Thing, WaybillSpec, intake};
use waybind::domain::verdict::Verdict;
use waybind::ledger::{Cause, Folder, LedgerError, MovedOut, Reader, RetentionTerms, WriteTransaction, Writer};

/// The first record's time.
pub fn began() -> Timestamp {
    "2025-01-01T08:00:00+08:00".parse().unwrap()
}

pub fn day(number: i64) -> Timestamp {
    began() + SignedDuration::from_hours(24 * number)
}

pub fn now(at: Timestamp) -> Now {
    let boot_ms = u64::try_from(at.duration_since(began()).as_millis()).unwrap_or(0);
    Now { at: Moment { wall: at, boot_ms, boot: 1 }, today: jiff::civil::date(2025, 1, 1) }
}

/// What may leave, while nobody has to be told anything.
pub fn terms(before: Timestamp) -> RetentionTerms {
    RetentionTerms { before, open_before: None, marked: Vec::new() }
}

pub struct Year {
    pub folder: Folder,
    pub writer: Writer,
    pub reader: Reader,
}

fn site() -> Site {
    let station = StationRules::new(StationId::new("s").unwrap(), Mode::Bench);
    Site {
        key: SiteKey::new([1; 32]),
        stations: [(station.id.clone(), station)].into(),
        ignore: Vec::new(),
        overridable: Vec::new(),
        rules: Rules::default(),
        printers: Vec::new(),
    }
}

fn order(id: &str, quantity: u32) -> Thing {
    let line = LineSpec {
        line: 1,
        sku: Sku::new("ITEM").unwrap(),
        name: None,
        quantity,
        lot: None,
        min_expiry: None,
        revision: None,
        serials: Vec::new(),
        gift_of: None,
        components: Vec::new(),
        substitutes: Vec::new(),
    };
    Thing::Order(Box::new(OrderSpec {
        id: OrderId::new(id).unwrap(),
        version: None,
        tracking_code: None,
        channel: None,
        priority: 0,
        carrier: CarrierCode::new("ZTO").unwrap(),
        courier: None,
        region: None,
        sort_code: None,
        ship_at: None,
        ship_policy: ShipPolicy::default(),
        notes: Vec::new(),
        consignee: Consignee { name: "x".into(), ..Consignee::default() },
        stage: Stage::StockLocked,
        lines: vec![line],
        paid_at: None,
        ext: None,
    }))
}

fn say(transaction: &mut WriteTransaction<'_>, thing: Thing, now: Now) {
    let terms = Terms { at: now.at.wall, address_window_minutes: ADDRESS_WINDOW_MINUTES };
    let outcome = intake(transaction.view(), &terms, thing);
    assert!(!outcome.events().is_empty(), "{outcome:?}");
    let cause = Cause::Upstream { call: "test".into(), peer: None };
    transaction.append(now.at, cause, None, outcome.events().to_vec());
}

pub fn scanned(id: &str, data: &str) -> Scan {
    Scan {
        id: ScanId::new(id).unwrap(),
        station: StationId::new("s").unwrap(),
        device: None,
        operator: None,
        data: data.as_bytes().to_vec(),
        broken: None,
        bounced: false,
        retyped: Vec::new(),
    }
}

/// Judges a scan as the service does; a repeated one adds no record.
pub fn judge(transaction: &mut WriteTransaction<'_>, scan: &Scan, now: Now) -> Verdict {
    let (mut verdict, events) = match decide(transaction.view(), &site(), scan, now).unwrap() {
        Decision::Repeated(verdict) => return *verdict,
        Decision::Decided { verdict, events, .. } => (*verdict, events),
    };
    let cause = Cause::Scan {
        scan_id: scan.id.clone(),
        station: scan.station.clone(),
        device: None,
        operator: None,
        peer: None,
        raw: data_encoding::BASE64.encode(&scan.data),
        broken: None,
        fingerprint: data_encoding::HEXLOWER.encode(&fingerprint(scan)),
    };
    transaction.append(now.at, cause, Some(&mut verdict), events);
    verdict
}

/// Records of an order that [`Year::order`] makes.
pub const RECORDS: u64 = 7;

impl Year {
    pub async fn begin(path: &Path) -> Year {
        let year = Year::open(path);
        let sku = Sku::new("ITEM").unwrap();
        year.writer
            .submit(move |transaction| {
                let product = ProductSpec {
                    sku,
                    version: None,
                    name: String::new(),
                    barcodes: Vec::new(),
                    part_numbers: Vec::new(),
                    tracking: Vec::new(),
                    revision_pattern: None,
                };
                say(transaction, Thing::Product(product), now(began()));
            })
            .await
            .unwrap();
        year
    }

    pub fn open(path: &Path) -> Year {
        let folder = Folder::new(path);
        let writer = Writer::start(&folder).unwrap();
        let reader = Reader::open(&folder).unwrap();
        Year { folder, writer, reader }
    }

    /// A day with so many orders, each packed and bound to its waybill.
    pub async fn day(&self, number: i64, orders: std::ops::Range<usize>) {
        self.orders(orders, now(day(number))).await;
    }

    /// Finished orders, in one transaction.
    pub async fn orders(&self, numbers: std::ops::Range<usize>, now: Now) {
        let work = move |transaction: &mut WriteTransaction<'_>| {
            numbers.for_each(|number| play(transaction, number, now, true))
        };
        self.writer.submit(work).await.unwrap();
    }

    /// One order, finished or left open.
    pub async fn order(&self, number: usize, now: Now, finished: bool) {
        self.writer.submit(move |transaction| play(transaction, number, now, finished)).await.unwrap();
    }

    /// Scans that were refused and are about nothing.
    pub async fn refused(&self, numbers: std::ops::Range<usize>, now: Now) {
        self.writer
            .submit(move |transaction| {
                for number in numbers {
                    judge(transaction, &scanned(&format!("r-{number}"), "NO SUCH CODE"), now);
                }
            })
            .await
            .unwrap();
    }

    /// One archive, wholly; answers how many records it has.
    pub async fn archive(&self, terms: &RetentionTerms) -> Result<u64, LedgerError> {
        let due = self.reader.due(terms)?;
        if due.records() == 0 {
            return Ok(0);
        }
        let moved = self.reader.move_out(&due)?;
        self.take(moved).await;
        self.cut(usize::MAX).await;
        Ok(due.records())
    }

    pub async fn take(&self, moved: MovedOut) {
        let cause = Cause::Local { what: "test".into() };
        let at = now(day(600)).at;
        self.writer.submit(move |transaction| transaction.put_archive(at, cause, &moved)).await.unwrap().unwrap();
    }

    /// Deletes so many blocks; answers how many there were.
    pub async fn cut(&self, blocks: usize) -> usize {
        for done in 0..blocks {
            if !self.writer.submit(|transaction| transaction.cut_block()).await.unwrap() {
                return done;
            }
        }
        blocks
    }
}

/// An order of one unit: described, opened, refused once, picked, bound.
fn play(transaction: &mut WriteTransaction<'_>, number: usize, now: Now, finished: bool) {
    let (id, waybill) = (format!("SO-{number}"), format!("W{number:08}"));
    say(transaction, order(&id, 1), now);
    let spec = WaybillSpec {
        number: WaybillNo::new(&waybill).unwrap(),
        version: None,
        carrier: CarrierCode::new("ZTO").unwrap(),
        orders: vec![OrderId::new(&id).unwrap()],
        parent: None,
        replaces: None,
        label: None,
    };
    say(transaction, Thing::Waybill(spec), now);
    let mut scan = |name: &str, data: &str| {
        let verdict = judge(transaction, &scanned(&format!("{id}-{name}"), data), now);
        verdict.code.as_str()
    };
    assert_eq!(scan("open", &id), "opened");
    assert_eq!(scan("wrong", "NO SUCH CODE"), "unknown_code");
    if !finished {
        assert_eq!(scan("park", "WB:C:PAUSE"), "paused");
        return;
    }
    assert_eq!(scan("item", "ITEM"), "order_complete");
    assert_eq!(scan("bind", &waybill), "waybill_bound");
    assert_eq!(scan("late", "NO SUCH CODE"), "unknown_code");
}
