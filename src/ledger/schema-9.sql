-- orders that had one line when they were found by it, and have more by now
DELETE FROM single_lines WHERE order_id IN (SELECT id FROM orders WHERE json_array_length(CAST(doc AS TEXT), '$.lines') > 1);
