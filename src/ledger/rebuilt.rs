//! The tables against the facts: they are written anew from the folded state, by the very functions of the writer, into a
//! database in memory, and compared row by row and column by column.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, Rows, Statement};

use super::cache::{Cache, Document, Shelf};
use super::transaction::{Found, write_changed, write_serial};
use super::verify::{Report, said};
use super::{LedgerError, schema};
use crate::domain::bag::Bag;
use crate::domain::courier::Pool;
use crate::domain::manifest::Manifest;
use crate::domain::memory::Memory;
use crate::domain::order::Order;
use crate::domain::printing::PrintJob;
use crate::domain::product::Product;
use crate::domain::rules::recall::StopList;
use crate::domain::station::Station;
use crate::domain::work::{Operator, Parcel, PickList, Waybill};

/// Documents that are written at once: what changed is looked for one by one, and a few are as fast as many.
const CHUNK: usize = 64;

/// Whether the bytes of two documents say the same.
type Same = fn(&[u8], &[u8]) -> bool;

/// A table that the facts make.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    /// None where there is no document.
    same: Option<Same>,
}

impl Table {
    const fn of<T: Document + PartialEq>(name: &'static str, key: &'static [&'static str]) -> Table {
        Table { name, key, same: Some(same::<T>) }
    }

    const fn plain(name: &'static str, key: &'static [&'static str]) -> Table {
        Table { name, key, same: None }
    }
}

/// The order of its fields does not change a document, and one of an older waybind lacks fields that it did not know.
fn same<T: Document + PartialEq>(one: &[u8], other: &[u8]) -> bool {
    let read = |bytes| serde_json::from_slice::<T>(bytes).ok();
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}

/// Tables that are written together, and how.
struct Part {
    tables: &'static [Table],
    write: fn(&Connection, &Memory) -> Result<(), LedgerError>,
}

/// One part after the other is held in memory. Whether an order has a number is asked of its waybills: they come first.
const PARTS: &[Part] = &[
    Part {
        tables: &[
            Table::of::<Product>("products", &["number"]),
            Table::plain("product_codes", &["kind", "key", "sku"]),
        ],
        write: |conn, state| write_all(conn, &state.products, |cache| &mut cache.products),
    },
    Part {
        tables: &[
            Table::of::<Waybill>("waybills", &["id"]),
            Table::of::<Order>("orders", &["number"]),
            Table::plain("single_lines", &["sku", "urgency", "number"]),
            Table::plain("waiting", &["sku", "order_id"]),
            Table::plain("numberless", &["order_id"]),
        ],
        write: |conn, state| {
            write_all(conn, &state.waybills, |cache| &mut cache.waybills)?;
            write_all(conn, &state.orders, |cache| &mut cache.orders)
        },
    },
    Part {
        tables: &[Table::of::<PickList>("lists", &["number"])],
        write: |conn, state| write_all(conn, &state.lists, |cache| &mut cache.lists),
    },
    Part {
        tables: &[Table::of::<Parcel>("parcels", &["number"])],
        write: |conn, state| write_all(conn, &state.parcels, |cache| &mut cache.parcels),
    },
    Part {
        tables: &[Table::of::<Manifest>("manifests", &["number"])],
        write: |conn, state| write_all(conn, &state.manifests, |cache| &mut cache.manifests),
    },
    Part {
        tables: &[Table::of::<PrintJob>("print_jobs", &["number"])],
        write: |conn, state| write_all(conn, &state.print_jobs, |cache| &mut cache.print_jobs),
    },
    Part {
        tables: &[Table::of::<Bag>("bags", &["number"])],
        write: |conn, state| write_all(conn, &state.bags, |cache| &mut cache.bags),
    },
    Part {
        tables: &[Table::of::<Operator>("operators", &["id"])],
        write: |conn, state| write_all(conn, &state.operators, |cache| &mut cache.operators),
    },
    Part {
        tables: &[Table::of::<StopList>("stop_lists", &["id"])],
        write: |conn, state| write_all(conn, &state.stop_lists, |cache| &mut cache.stop_lists),
    },
    Part {
        tables: &[Table::of::<Station>("stations", &["id"])],
        write: |conn, state| write_all(conn, &state.stations, |cache| &mut cache.stations),
    },
    Part {
        tables: &[Table::of::<Pool>("pools", &["id"])],
        write: |conn, state| write_all(conn, &state.pools, |cache| &mut cache.pools),
    },
    Part {
        tables: &[Table::plain("serials", &["sku", "serial"])],
        write: |conn, state| {
            let mut lines = state.serials.iter();
            let written = lines.try_for_each(|((sku, serial), line)| write_serial(conn, sku, serial, Some(line)));
            written.map_err(LedgerError::sqlite("can't write the serials anew"))
        },
    },
];

fn write_all<K, T: Document>(
    conn: &Connection,
    things: &BTreeMap<K, Arc<T>>,
    shelf: fn(&mut Cache) -> &mut Shelf<T>,
) -> Result<(), LedgerError> {
    let things: Vec<&Arc<T>> = things.values().collect();
    for chunk in things.chunks(CHUNK) {
        let mut cache = Cache::default();
        for thing in chunk {
            shelf(&mut cache).put(T::clone(thing));
        }
        write_changed(conn, &mut cache, Found::Anew)?;
    }
    Ok(())
}

/// Compares every table that the facts make with what they make.
pub(super) fn compare_state(conn: &Connection, state: &Memory, report: &mut Report) -> Result<(), LedgerError> {
    let is_current = schema::is_current(conn)?;
    for part in PARTS {
        let mut made =
            Connection::open_in_memory().map_err(LedgerError::sqlite("can't write the tables anew in memory"))?;
        schema::migrate(&mut made)?;
        made.execute_batch("BEGIN").map_err(LedgerError::sqlite("can't write the tables anew in memory"))?;
        if let Err(error) = (part.write)(&made, state) {
            report.add(None, format!("what the ledger says can't be written as tables: {}", said(&error)));
            continue;
        }
        for table in part.tables {
            if let Err(error) = compare_table(conn, &made, table, is_current, report) {
                report.add(None, format!("the table {} can't be compared: {error}", table.name));
            }
        }
    }
    Ok(())
}

/// The names of a table's columns, those of its key first.
fn columns(conn: &Connection, table: &Table) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let mut names: Vec<String> = statement.query_map([table.name], |row| row.get(0)).and_then(Iterator::collect)?;
    names.sort_by_key(|name| table.key.iter().position(|key| key == name).unwrap_or(usize::MAX));
    Ok(names)
}

fn select<'c>(conn: &'c Connection, table: &Table, columns: &[String]) -> rusqlite::Result<Statement<'c>> {
    conn.prepare(&format!("SELECT {} FROM {} ORDER BY {}", columns.join(", "), table.name, table.key.join(", ")))
}

fn compare_table(
    conn: &Connection,
    made: &Connection,
    table: &Table,
    is_current: bool,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut names = columns(made, table)?;
    if !is_current {
        // an older waybind wrote what it knew
        let known = columns(conn, table)?;
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table.name);
        let is_wanted: bool = made.query_row(&sql, [], |row| row.get(0))?;
        if known.is_empty() && !is_wanted {
            return Ok(());
        }
        names.retain(|name| known.contains(name) || table.key.contains(&name.as_str()));
    }
    let (mut kept, mut made) = (select(conn, table, &names)?, select(made, table, &names)?);
    let (mut kept, mut made) = (kept.query([])?, made.query([])?);
    let (mut is, mut should) = (next(&mut kept, names.len())?, next(&mut made, names.len())?);
    loop {
        let order = match (&is, &should) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(is), Some(should)) => by_key(is, should, table.key.len()),
        };
        match (order, &is, &should) {
            (Ordering::Less, Some(row), _) => {
                report.add(None, format!("{} is there, and the ledger knows nothing of it", named(table, row)));
            }
            (Ordering::Greater, _, Some(row)) => report.add(None, format!("{} is missing", named(table, row))),
            (_, Some(is), Some(should)) => compare_rows(table, &names, is, should, report),
            _ => {}
        }
        if order.is_le() {
            is = next(&mut kept, names.len())?;
        }
        if order.is_ge() {
            should = next(&mut made, names.len())?;
        }
    }
}

fn next(rows: &mut Rows<'_>, columns: usize) -> rusqlite::Result<Option<Vec<Value>>> {
    let Some(row) = rows.next()? else { return Ok(None) };
    (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<_>>().map(Some)
}

/// As SQLite orders them: the columns of a key hold numbers only, or texts only.
fn by_key(one: &[Value], other: &[Value], columns: usize) -> Ordering {
    let each = one.iter().zip(other).take(columns).map(|pair| match pair {
        (Value::Integer(one), Value::Integer(other)) => one.cmp(other),
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        _ => Ordering::Equal,
    });
    each.fold(Ordering::Equal, Ordering::then)
}

/// A row by its table and key.
fn named(table: &Table, row: &[Value]) -> String {
    let key = table.key.iter().zip(row).map(|(column, value)| match value {
        Value::Integer(number) => format!("{column} {number}"),
        Value::Text(text) => format!("{column} {text}"),
        _ => (*column).to_owned(),
    });
    format!("{}: the row with {}", table.name, key.collect::<Vec<_>>().join(", "))
}

fn compare_rows(table: &Table, names: &[String], row: &[Value], made: &[Value], report: &mut Report) {
    for ((name, is), should) in names.iter().zip(row).zip(made) {
        let says_the_same = match (table.same, is, should) {
            (Some(same), Value::Blob(is), Value::Blob(should)) => same(is, should),
            _ => is == should,
        };
        if !says_the_same {
            report.add(None, format!("{}: {name} differs from what the ledger says", named(table, row)));
        }
    }
}
