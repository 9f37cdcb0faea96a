-- files that documents name by their SHA-256 (hexadecimal): labels from outside
CREATE TABLE files (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
