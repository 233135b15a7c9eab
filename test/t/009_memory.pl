# The memory of a backend does not grow with the number of calls.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use WebhookDedup qw(ledger_node);

use constant CALLS => 20_000;
use constant REFUSED_CALLS => 10_000;

# When a tenth of the calls are made, all that is cached is.
use constant WARM => 10;

# A call that leaves something behind leaves 16 bytes at least.  A lease that
# begins anew, after a call that took long, leaves some until the transaction
# ends: the server remembers who changed a row twice.
use constant ALLOWED_BYTES_PER_CALL => 2;
use constant ALLOWED_CONTEXTS => 2;

# For a body of about 7 MB: some copies of it, not a buffer for each name
use constant ALLOWED_PEAK_KB => 100 * 1024;

my $node = ledger_node('memory', conf => <<'CONF');
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 1h
synchronous_commit = off
log_statement = none
CONF

# The calls in the order in which they are made; g counts from 1.  Events are
# those of the calls before.
my @calls = (
	[ wd_try_acquire => q{wd_try_acquire('shop', 'a' || g)} ],
	[ 'wd_try_acquire, duplicate' => q{wd_try_acquire('shop', 'a' || g, 'h')} ],
	[ wd_extend_lease => q{wd_extend_lease('shop', 'a' || g, 1, '1 hour')} ],
	[ wd_assert_owner => q{wd_assert_owner('shop', 'a' || g, 1)} ],
	[
		wd_mark_failed => q{wd_mark_failed('shop', 'a' || g, 1, 'E' || g)}
	],
	[ 'wd_acquire, retry' => q{wd_acquire('shop', 'a' || g, 'h')} ],
	[ wd_mark_done => q{wd_mark_done('shop', 'a' || g, 2)} ],
	[ 'wd_mark_done, too late' => q{wd_mark_done('shop', 'a' || g, 1)} ],
	[ 'wd_acquire, duplicate' => q{wd_acquire('shop', 'a' || g, 'i')} ],
	[ 'wd_try_once, duplicate' => q{wd_try_once('shop', 'a' || g)} ],
	[ wd_lookup => q{wd_lookup('shop', 'a' || g)} ],
	[ wd_reopen => q{wd_reopen('shop', 'a' || g)} ],
	[ wd_try_once => q{wd_try_once('shop', 'a' || g)} ],
	[
		wd_acquire_many =>
		  q{wd_acquire_many('shop', ARRAY['b' || g, 'a' || g], ARRAY['h', NULL])}
	],
	[
		wd_mark_done_many =>
		  q{wd_mark_done_many('shop', ARRAY['b' || g, 'a' || g], ARRAY[1, NULL])}
	],
	[
		'wd_acquire_many, duplicates' =>
		  q{wd_acquire_many('shop', ARRAY['b' || g, 'a' || g])}
	],
	[
		wd_receive =>
		  q{wd_receive('paypal', convert_to('{"id":"' || g || '","resource":{"amount":"10.00"}}', 'UTF8'), '{"h":["v"]}')}
	],
	[
		'wd_receive, duplicate' =>
		  q{wd_receive('paypal', convert_to('{"id":"' || g || '"}', 'UTF8'))}
	],
	[
		wd_receive_items =>
		  q{wd_receive_items('sendgrid', convert_to('[{"sg_event_id":"' || g || '"},{"sg_event_id":"a' || g || '"}]', 'UTF8'))}
	],
	[
		'wd_receive_items, duplicates' =>
		  q{wd_receive_items('sendgrid', convert_to('[{"sg_event_id":"' || g || '"}]', 'UTF8'))}
	],
	[
		wd_explain_key =>
		  q{wd_explain_key('sendgrid', convert_to('[{"sg_event_id":"' || g || '"},{"x":"' || repeat('y', g % 1000) || '"}]', 'UTF8'))}
	],
	[
		'wd_explain_key, header' =>
		  q{wd_explain_key('github', '', jsonb_build_object('x-github-delivery', g))}
	],
	[
		wd_toss_dedup_key =>
		  q{wd_toss_dedup_key(('{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"x","data":{"paymentKey":"p' || g || '","status":"DONE"}}')::jsonb, '{}')}
	],
	[
		wd_paypal_dedup_key =>
		  q{wd_paypal_dedup_key('{}', ('{"PayPal-Transmission-Id":"' || g || '"}')::jsonb)}
	],
	[
		wd_dedup_key =>
		  q{wd_dedup_key('paypal', ('{"id":"' || repeat('x', 600) || g || '"}')::jsonb)}
	],
	[ wd_payload_hash => q{wd_payload_hash(convert_to('x' || g, 'UTF8'))} ],
);

# Calls that raise an error, by what it is
my %refused = (
	'malformed JSON' => q{wd_receive('paypal', '{"id":}')},
	'malformed UTF-8' => q{wd_receive('paypal', '\xff')},
	'no key' => q{wd_receive('paypal', '{"a":[1,2,{"b":"c"}]}')},
	'malformed header' =>
	  q{wd_receive('paypal', '{}', '{"paypal-transmission-id":{}}')},
	'unrecognized provider' => q{wd_receive('nobody', '{}')},
	'no key in an item' =>
	  q{wd_receive_items('sendgrid', '[{"sg_event_id":"a"},{}]')},
	'malformed items' =>
	  q(wd_receive_items('sendgrid', '[{"sg_event_id":"a"},{]')),
	'malformed payload to explain' => q{wd_explain_key('paypal', '{"id":}')},
	'malformed template' =>
	  q(wd_set_provider('m', '{"a_{body:a.b[*].c}","b_{body:id"}')),
	'lease too short' => q{wd_set_provider('github', lease => '1 s')},
	'no templates' => q{wd_receive('bare', '{}')},
	'never acquired' => q{wd_mark_done('shop', 'never')},
	'not all acquired' => q{wd_mark_done_many('shop', '{a1,never}')},
	'superseded' => q{wd_assert_owner('shop', 'a1', 1)},
	'key too long' => q{wd_acquire_many('shop', ARRAY['k', repeat('x', 513)])},
	'held under a lease' => q{wd_try_once('shop', 'held')},
);

# A function of its own, so that each call of it looks anew.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION memory_now() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN (SELECT sum(used_bytes)::bigint || ' ' || count(*)
    FROM pg_backend_memory_contexts);
END $$;
-- what takes a tenth of a second begins the lease anew: by statements that are
-- prepared when they are first needed, which on a busy machine can be anywhere
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END';
CREATE TRIGGER slow BEFORE INSERT ON webhook_dedup_events
  FOR EACH ROW WHEN (NEW.dedup_key LIKE 'slow%') EXECUTE FUNCTION slow();
SQL

# One session, so that what each call leaves behind adds up.
my $session = $node->background_psql('postgres');

# The time that is allowed is that of one query, not of all together.
$session->set_query_timer_restart();

sub is_bounded
{
	my ($n, $before, $after) = @_;
	my ($bytes_before, $contexts_before) = split / /, $before;
	my ($bytes_after, $contexts_after) = split / /, $after;
	my $grown = $bytes_after - $bytes_before;

	note "from $bytes_before bytes in $contexts_before contexts"
	  . " to $bytes_after in $contexts_after";
	cmp_ok($grown, '<', $n * ALLOWED_BYTES_PER_CALL, 'bytes');
	cmp_ok($contexts_after - $contexts_before,
		'<=', ALLOWED_CONTEXTS, 'contexts');
	return;
}

$session->query_safe(
	"SET jit = off; SELECT memory_now(), wd_try_acquire('shop', 'held', NULL, '0'), wd_set_provider('bare', busy_status => 503)"
);
$session->query_safe(
	q{SELECT wd_acquire('shop', 'slow 1'), wd_acquire_many('shop', '{slow 2}')});
foreach my $call (@calls)
{
	my ($name, $expression) = @$call;
	my $n = CALLS;
	my $warm = $n / WARM;

	subtest "G5: memory of $name" => sub {
		# measured within one statement: what it frees at its end counts too
		my $answer = $session->query_safe(<<"SQL");
SELECT count(answer), string_agg(memory, ',') FROM (
  SELECT g, $expression AS answer,
    CASE WHEN g IN ($warm, $n) THEN memory_now() END AS memory
  FROM (SELECT generate_series(1, $n) AS g) s OFFSET 0) s
SQL
		my ($answers, $measured) = split /\|/, $answer;
		my @measured = split /,/, $measured;

		cmp_ok($answers, '>=', $n, 'all calls answered');
		is_bounded($n, $measured[0], $measured[-1]);
	};
}

my $n = REFUSED_CALLS;
my $warm = $n / WARM;
foreach my $name (sort keys %refused)
{
	subtest "G5: memory of a refused call: $name" => sub {
		my $answer = $session->query_safe(<<"SQL");
DO \$\$
DECLARE
  memory text[];
  refused integer := 0;
BEGIN
  FOR i IN 1 .. $n LOOP
    BEGIN
      PERFORM $refused{$name};
    EXCEPTION WHEN OTHERS THEN
      refused := refused + 1;
    END;
    IF i IN ($warm, $n) THEN
      memory := memory || memory_now();
    END IF;
  END LOOP;
  PERFORM set_config('test.answer',
    refused || ',' || array_to_string(memory, ','), false);
END \$\$;
SELECT current_setting('test.answer')
SQL
		my ($count, @measured) = split /,/, $answer;

		is($count, $n, 'all calls were refused');
		is_bounded($n, $measured[0], $measured[-1]);
	};
}

# Rules that change again and again, in a transaction each, and are used.
my %changing = (
	'a provider set, and nothing else' =>
	  q{wd_set_provider('m', '{"m_{body:id}"}')},
	'a provider set' =>
	  q{wd_set_provider('m', ARRAY['m' || i || '_{body:id}'], lease => make_interval(secs => i))},
	'a provider dropped and set' =>
	  q{wd_drop_provider('m'), wd_set_provider('m', '{"{body:kind=a}a_{body:id}","b_{body:items[*].id}:{body:n?}","m_{body:id}"}')},
);
foreach my $name (sort keys %changing)
{
	subtest "G5: memory of $name" => sub {
		my $used = $name =~ /nothing else/ ? 'false' : 'true';

		$session->query_safe(<<"SQL");
CREATE OR REPLACE PROCEDURE change(first integer, last integer) LANGUAGE plpgsql AS \$\$
DECLARE
  wrong integer := 0;
BEGIN
  FOR i IN first .. last LOOP
    PERFORM $changing{$name};
    COMMIT;
    IF $used AND wd_dedup_key('m', '{"id":1}') NOT IN ('m' || i || '_1', 'm_1') THEN
      wrong := wrong + 1;
    END IF;
  END LOOP;
  PERFORM set_config('test.wrong', wrong::text, false);
END \$\$
SQL
		# between the calls: a procedure that commits leaves something behind
		# until its end
		my @measured;
		my $wrong = 0;
		foreach my $range ([ 1, $warm ], [ $warm + 1, $n ])
		{
			$session->query_safe("CALL change($range->[0], $range->[1])");
			$wrong += $session->query_safe(q{SELECT current_setting('test.wrong')});
			$session->query_safe('SELECT memory_now()');
			push @measured, $session->query_safe('SELECT memory_now()');
		}

		is($wrong, 0, 'each change is seen');
		is_bounded($n, $measured[0], $measured[-1]);
	};
}

# The most memory that a session had so far, in kilobytes
sub peak
{
	my ($in) = @_;
	my $pid = $in->query_safe('SELECT pg_backend_pid()');
	my ($kilobytes) =
	  slurp_file("/proc/$pid/status") =~ /^VmHWM:\s*(\d+) kB/m;

	return $kilobytes;
}

# How much a statement adds to the peak of a session that was just begun, in
# kilobytes, and what it prints.  The session has loaded the extension before.
sub peak_growth
{
	my ($statement) = @_;
	my $fresh = $node->background_psql('postgres');

	$fresh->query_safe(
		q{SET jit = off; SELECT wd_receive('paypal', '{"id":"before"}')});
	my $before = peak($fresh);
	my $answer = $fresh->query_safe($statement);
	my $growth = peak($fresh) - $before;

	$fresh->quit;
	return ($growth, $answer);
}

# A call with a body of so many members, all of that name but the last
sub received_members
{
	my ($n, $name) = @_;

	return
	  qq[(wd_receive('paypal', convert_to('{' || repeat('"$name":0,', $n) || '"id":"$n"}', 'UTF8'))).dedup_key];
}

SKIP:
{
	skip 'no peak of memory to read', 2 unless -r '/proc/self/status';

	# the name of no identifier, and that of one
	subtest 'G5: peak of memory for a body of many escaped names' => sub {
		foreach my $name ('\\n', '\\u0069d')
		{
			my ($growth, $key) =
			  peak_growth('SELECT ' . received_members(1_000_000, $name));

			note "$name: $growth kB";
			is($key, 'ev_1000000', "$name: the identifier is found");
			cmp_ok($growth, '<', ALLOWED_PEAK_KB, "$name: peak of memory");
		}
	};

	subtest 'G5: the peak sees what a statement takes' => sub {
		my ($growth) = peak_growth(
			"SELECT length(string_agg(repeat('x', 1000), '')) FROM generate_series(1, 150000)"
		);

		cmp_ok($growth, '>', ALLOWED_PEAK_KB, 'kilobytes');
	};
}

# That the measure can tell
subtest 'G5: the measure sees what is left behind' => sub {
	my $before = $session->query_safe('SELECT memory_now()');

	$session->query_safe(
		'DO $$BEGIN FOR i IN 1 .. 2000 LOOP EXECUTE format($f$PREPARE s%s AS SELECT %s$f$, i, i); END LOOP; END$$'
	);
	my ($bytes_before) = split / /, $before;
	my ($bytes_after) = split / /, $session->query_safe('SELECT memory_now()');
	cmp_ok($bytes_after - $bytes_before,
		'>', CALLS * ALLOWED_BYTES_PER_CALL, 'bytes');
};

$session->quit;
$node->stop;
done_testing();
