\set id random(1000000000000000, 9999999999999999)
SELECT * FROM wd_receive('paypal', bench_body(:id), bench_headers());
