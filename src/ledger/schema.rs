//! The database's tables, and opening it the one way that is durable.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{LedgerError, damage};

/// Every schema since the first; each entry leads from the one before it.
const MIGRATIONS: &[&str] = &[
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-5.sql"),
    include_str!("schema-6.sql"),
    include_str!("schema-7.sql"),
    include_str!("schema-8.sql"),
    include_str!("schema-9.sql"),
];

/// 3.51.3 mended a WAL bug that could corrupt a database with two connections.
const SQLITE_MIN: i32 = 3_051_003;

/// Statements that are kept prepared, more than the program has.
const STATEMENTS: usize = 96;

/// Pages in the WAL after which the writer moves them into the database.
const CHECKPOINT_PAGES: i64 = 2_000;

/// Bytes of the WAL that stay when all of it is in the database. A long read (a backup) lets it grow, and it would keep
/// that size for ever.
const WAL_KEPT: i64 = 64 * 1024 * 1024;

/// How long a reader waits for a lock; the writer never waits for readers in WAL mode.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the database for the one writer, and brings its schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, LedgerError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(LedgerError::OldSqlite(rusqlite::version()));
    }
    let mut conn = Connection::open(path).map_err(LedgerError::sqlite("can't open the database"))?;
    let configured = configure(&conn).map_err(LedgerError::sqlite("can't set the database up"));
    configured.and_then(|()| migrate(&mut conn)).map_err(|error| damage::named(path, error))?;
    Ok(conn)
}

/// Opens the database to read beside the writer.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn =
        Connection::open_with_flags(path, flags).map_err(LedgerError::sqlite("can't open the database to read"))?;
    conn.busy_timeout(BUSY).map_err(LedgerError::sqlite("can't set the reader up"))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    check_version(&conn).map_err(|error| damage::named(path, error))?;
    Ok(conn)
}

fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEPT)?;
    conn.pragma_update(None, "foreign_keys", "OFF")?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

fn version(conn: &Connection) -> Result<i64, LedgerError> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(LedgerError::sqlite("can't read the schema's version"))
}

/// Refuses a database of a newer waybind; answers which schema it has.
fn check_version(conn: &Connection) -> Result<usize, LedgerError> {
    let found = version(conn)?;
    match usize::try_from(found) {
        Ok(found) if found <= MIGRATIONS.len() => Ok(found),
        _ => Err(LedgerError::Newer { found, known: MIGRATIONS.len() as i64 }),
    }
}

/// Whether there are any tables of a ledger.
pub(super) fn is_made(conn: &Connection) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'ledger')";
    conn.query_row(sql, [], |row| row.get(0)).map_err(LedgerError::sqlite("can't read the schema"))
}

/// Whether the database is as new as this program; one that was only read so far may be older.
pub(super) fn is_current(conn: &Connection) -> Result<bool, LedgerError> {
    check_version(conn).map(|found| found == MIGRATIONS.len())
}

/// Whether a database of the newest schema holds what we make, and nothing else that could act by itself.
pub(super) fn is_ours(conn: &Connection) -> Result<bool, LedgerError> {
    let mut fresh = Connection::open_in_memory().map_err(LedgerError::sqlite("can't compare the schema"))?;
    migrate(&mut fresh)?;
    let declared = |conn: &Connection| -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
        let mut statement = conn.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).and_then(Iterator::collect)
    };
    let sqlite = || LedgerError::sqlite("can't compare the schema");
    Ok(declared(conn).map_err(sqlite())? == declared(&fresh).map_err(sqlite())?)
}

/// Brings a database to the newest schema.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), LedgerError> {
    let from = check_version(conn)?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(from) {
        let mut step = || -> rusqlite::Result<()> {
            let tx = conn.transaction()?;
            tx.execute_batch(migration)?;
            tx.pragma_update(None, "user_version", index as i64 + 1)?;
            tx.commit()
        };
        step().map_err(LedgerError::sqlite("can't bring the schema up to date"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_the_second_schema_say_what_wants_a_person_and_what_came_back() {
        let mut conn = Connection::open_in_memory().expect("a database");
        MIGRATIONS[..2].iter().for_each(|step| conn.execute_batch(step).expect("the schemas before"));
        conn.pragma_update(None, "user_version", 2).expect("a version");
        for (number, id, rest) in [
            (1, "SO-1", r#""cancelled":false,"holds":[{"reason":"risk","note":null}]"#),
            (2, "SO-2", r#""cancelled":true,"holds":[{"reason":"risk","note":null}]"#),
            (3, "SO-3", r#""cancelled":false,"holds":[]"#),
        ] {
            let doc = format!("{{{rest}}}").into_bytes();
            let sql = "INSERT INTO orders (number, id, doc) VALUES (?1, ?2, ?3)";
            conn.execute(sql, (number, id, doc)).expect("an order");
        }
        for (seq, id, exchange) in [(1, "SO-2", "null"), (2, "SO-3", r#""SO-9""#)] {
            let body =
                format!(r#"{{"events":[{{"type":"order_returned","order":"{id}","exchange_order":{exchange}}}]}}"#);
            let sql = "INSERT INTO ledger (seq, body, hash) VALUES (?1, ?2, ?3)";
            conn.execute(sql, (seq, body.into_bytes(), vec![0_u8; 32])).expect("a record");
        }
        conn.execute("INSERT INTO ledger (seq, body, hash) VALUES (3, CAST('{}' AS BLOB), x'00')", [])
            .expect("a record");
        migrate(&mut conn).expect("the migration");
        let sql = "SELECT group_concat(id) FROM orders WHERE attention IS NOT NULL";
        let wanting: String = conn.query_row(sql, [], |row| row.get(0)).expect("its rows");
        assert_eq!(wanting, "SO-1");
        let sql = "SELECT id || ' ' || json_extract(CAST(doc AS TEXT), '$.exchange_orders[0]') FROM orders WHERE instr(doc, CAST('exchange' AS BLOB)) > 0";
        let returned: String = conn.query_row(sql, [], |row| row.get(0)).expect("its rows");
        assert_eq!(returned, "SO-3 SO-9");
    }

    #[test]
    fn waybills_of_the_first_schema_wait_for_their_truck() {
        let mut conn = Connection::open_in_memory().expect("a database");
        conn.execute_batch(MIGRATIONS[0]).expect("the first schema");
        conn.pragma_update(None, "user_version", 1).expect("a version");
        for (number, rest) in [
            ("W1", r#""void":null,"loaded":false,"parcels":["B1"]"#),
            ("W2", r#""void":null,"loaded":true,"parcels":["B2"]"#),
            ("W3", r#""void":"requested","loaded":false,"parcels":["B3"]"#),
            ("W4", r#""void":null,"loaded":false,"parcels":[]"#),
        ] {
            let doc = format!(r#"{{"number":"{number}","carrier":"ZTO",{rest}}}"#).into_bytes();
            conn.execute("INSERT INTO waybills (id, doc) VALUES (?1, ?2)", (number, doc)).expect("a waybill");
        }
        migrate(&mut conn).expect("the migration");
        assert!(is_current(&conn).expect("a version"));
        let mut statement =
            conn.prepare("SELECT id FROM waybills WHERE waits_for = 'ZTO' ORDER BY id").expect("a query");
        let waiting: Vec<String> =
            statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("its rows");
        assert_eq!(waiting, ["W1"]);
    }
}
