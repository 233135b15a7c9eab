\set key random(1000000000000000000, 9223372036854775807)
SELECT wd_try_acquire('paypal', :key, :hash);
