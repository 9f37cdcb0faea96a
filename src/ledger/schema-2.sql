CREATE TABLE manifests (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, doc BLOB NOT NULL) STRICT;

ALTER TABLE waybills ADD COLUMN waits_for TEXT;
ALTER TABLE waybills ADD COLUMN manifest TEXT;
UPDATE waybills SET waits_for = json_extract(CAST(doc AS TEXT), '$.carrier')
  WHERE json_extract(CAST(doc AS TEXT), '$.void') IS NULL
    AND NOT json_extract(CAST(doc AS TEXT), '$.loaded')
    AND json_array_length(CAST(doc AS TEXT), '$.parcels') > 0;
CREATE INDEX waybills_waits_for ON waybills (waits_for, id) WHERE waits_for IS NOT NULL;
CREATE INDEX waybills_manifest ON waybills (manifest, id) WHERE manifest IS NOT NULL;
