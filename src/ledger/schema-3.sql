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

-- what came back was told without being kept with its order
UPDATE orders SET doc = CAST(json_set(CAST(doc AS TEXT), '$.exchange_orders', json_array(told.exchange)) AS BLOB)
  FROM (
    SELECT json_extract(fact.value, '$.order') AS id, json_extract(fact.value, '$.exchange_order') AS exchange
    FROM (SELECT body FROM ledger WHERE instr(body, CAST('"order_returned"' AS BLOB)) > 0) AS record,
      json_each(CAST(record.body AS TEXT), '$.events') AS fact
    WHERE json_extract(fact.value, '$.type') = 'order_returned'
  ) AS told
  WHERE orders.id = told.id AND told.exchange IS NOT NULL;
