CREATE TABLE pools (id TEXT PRIMARY KEY, doc BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- orders that may be worked on and have no waybill number that holds
CREATE TABLE numberless (order_id TEXT PRIMARY KEY, carrier TEXT NOT NULL, number INTEGER NOT NULL, pending INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX numberless_carrier ON numberless (carrier, number);
CREATE INDEX numberless_pending ON numberless (number) WHERE pending;
INSERT INTO numberless (order_id, carrier, number, pending)
  SELECT id, json_extract(CAST(doc AS TEXT), '$.spec.carrier'), number, 0 FROM orders
  WHERE json_extract(CAST(doc AS TEXT), '$.stage') IN ('stock_locked', 'packed')
    AND NOT json_extract(CAST(doc AS TEXT), '$.cancelled')
    AND json_array_length(CAST(doc AS TEXT), '$.holds') = 0
    AND NOT EXISTS (SELECT 1 FROM json_each(CAST(orders.doc AS TEXT), '$.waybills') AS named JOIN waybills ON waybills.id = named.value
                    WHERE json_extract(CAST(waybills.doc AS TEXT), '$.void') IS NULL);
