\set id random(1, 50000) + 1000000000000000
SELECT * FROM wd_receive('paypal', bench_body(:id), bench_headers());
