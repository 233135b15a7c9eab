\set key random(1, 50000) + 1000000000000000000
SELECT * FROM wd_acquire('paypal', :key);
