\set key random(1, 50000) + 1000000000000000000
SELECT wd_try_acquire('paypal', :key);
