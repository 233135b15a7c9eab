-- A provider of one's own: described, tried, used.
\pset footer off
\pset null ''

\echo 'SELECT wd_set_provider(\'acme\', ARRAY[\'ev_{body:event.id}\', \'req_{header:x-acme-request}\'], max_attempts => 5);'
SELECT wd_set_provider('acme', ARRAY['ev_{body:event.id}', 'req_{header:x-acme-request}'], max_attempts => 5) \g /dev/null
\echo
SELECT template_number AS "no.", template, result, placeholder, dedup_key
FROM wd_explain_key('acme', convert_to('{"event":{}}', 'UTF8'), '{"X-Acme-Request":"r-17"}');
SELECT acquired, outcome, dedup_key, attempt
FROM wd_receive('acme', convert_to('{"event":{"id":"e-1"}}', 'UTF8'));
