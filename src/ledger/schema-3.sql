CREATE TABLE stop_lists (id TEXT NOT NULL UNIQUE, stops TEXT, doc BLOB NOT NULL) STRICT;
CREATE INDEX stop_lists_stops ON stop_lists (stops) WHERE stops IS NOT NULL;

ALTER TABLE orders ADD COLUMN attention TEXT;
UPDATE orders SET attention = 'held'
  WHERE NOT json_extract(CAST(doc AS TEXT), '$.cancelled')
    AND json_array_length(CAST(doc AS TEXT), '$.holds') > 0;
CREATE INDEX orders_attention ON orders (number) WHERE attention IS NOT NULL;

ALTER TABLE waybills ADD COLUMN to_return INTEGER;
UPDATE waybills SET to_return = 1 WHERE json_extract(CAST(doc AS TEXT), '$.void') = 'readdressed';
CREATE INDEX waybills_to_return ON waybills (id) WHERE to_return IS NOT NULL;
