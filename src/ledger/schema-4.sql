CREATE TABLE print_jobs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, what TEXT NOT NULL, state TEXT NOT NULL, waits_at TEXT, doc BLOB NOT NULL) STRICT;
CREATE INDEX print_jobs_what ON print_jobs (what, number);
CREATE INDEX print_jobs_state ON print_jobs (state, number);
CREATE INDEX print_jobs_waits_at ON print_jobs (waits_at, number) WHERE waits_at IS NOT NULL;
