-- Bodies to read, each with its id at the end.
-- Variable: paypal, the file of a PayPal event in hexadecimal digits.

CREATE EXTENSION webhook_dedup;

CREATE TABLE bodies (name text, body bytea);

INSERT INTO bodies
SELECT 'order', convert_to(format('{"items":[%s],"id":"WH-last"}',
  string_agg(format('{"name":"item number %s of a long order","price":'
    '{"currency":"USD","value":"%s.99"},"quantity":%s,"sku":"SKU-%s",'
    '"taxable":true}', i, i, i % 7, i), ',' ORDER BY i)), 'UTF8')
FROM generate_series(1, 7500) AS i;

INSERT INTO bodies
SELECT 'indented', convert_to(jsonb_pretty(jsonb_build_object('id', 'WH-last',
  'items', jsonb_agg(jsonb_build_object('name', 'item number ' || i,
    'price', jsonb_build_object('currency', 'USD', 'value', i || '.99'),
    'quantity', i % 7) ORDER BY i))), 'UTF8')
FROM generate_series(1, 5000) AS i;

INSERT INTO bodies
SELECT 'escapes', convert_to(format('{"text":"%s","id":"WH-last"}',
  repeat('a line of \"quoted\" text\n\u00e9 ', 31000)), 'UTF8');

INSERT INTO bodies
SELECT 'numbers', convert_to(format('{"series":[%s],"id":"WH-last"}',
  string_agg((i * 1234567.89)::text, ',' ORDER BY i)), 'UTF8')
FROM generate_series(1, 76000) AS i;

INSERT INTO bodies
SELECT 'paypal', decode(:'paypal', 'hex');
