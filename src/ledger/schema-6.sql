CREATE TABLE bags (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unsettled INTEGER NOT NULL, doc BLOB NOT NULL) STRICT;
CREATE INDEX bags_unsettled ON bags (number) WHERE unsettled = 1;
