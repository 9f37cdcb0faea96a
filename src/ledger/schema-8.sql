-- files into which records were moved
CREATE TABLE archives (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, file TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL, feed INTEGER NOT NULL, newest TEXT NOT NULL, removed INTEGER NOT NULL) STRICT;
-- which part of a file has which records, and the last place of the feed up to its end
CREATE TABLE archive_blocks (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, archive INTEGER NOT NULL, at INTEGER NOT NULL, length INTEGER NOT NULL, feed INTEGER NOT NULL) STRICT;
CREATE INDEX archive_blocks_feed ON archive_blocks (feed);
-- which of these parts tell of an order
CREATE TABLE archived_orders (order_id TEXT NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (order_id, block)) STRICT, WITHOUT ROWID;

-- answers to calls are forgotten with their records
CREATE INDEX replies_seq ON replies (seq);
