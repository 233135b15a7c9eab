\set key random(1, 50000) + 1000000000000000000
SELECT CAST(:key AS text);
