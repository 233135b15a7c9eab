# The plans that a backend keeps, while the ledger changes under them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node sqlstate state_of wait_until_blocked);

my $node = ledger_node('plans', conf => 'client_min_messages = warning');

# Each statement of the extension once, with the names of a round.  Returns
# what the events are in the end.
sub each_statement
{
	my ($session, $schema, $round) = @_;

	return $session->query_safe(<<"SQL");
SELECT $schema.wd_try_acquire('shop', 'a$round'),
  $schema.wd_mark_failed('shop', 'a$round', 1, 'E1'),
  ($schema.wd_acquire('shop', 'a$round')).attempt,
  $schema.wd_extend_lease('shop', 'a$round', 2) > now(),
  $schema.wd_assert_owner('shop', 'a$round', 2),
  $schema.wd_mark_done('shop', 'a$round', 2);
SELECT $schema.wd_lookup('shop', 'a$round'),
  $schema.wd_reopen('shop', 'a$round'),
  (SELECT count(*) FROM $schema.wd_acquire_many('shop', ARRAY['a$round', 'b$round', 'c$round']) WHERE acquired),
  $schema.wd_mark_done_many('shop', ARRAY['a$round', 'b$round']),
  $schema.wd_try_once('shop', 'd$round'),
  $schema.wd_try_acquire('shop', 'd$round'),
  ($schema.wd_receive('paypal', '{"id":"$round"}')).outcome,
  ($schema.wd_receive('paypal', '{"id":"$round"}')).outcome;
SELECT $schema.wd_set_provider('set', '{"$round-{body:id}"}'),
  $schema.wd_set_provider('set', busy_status => 409),
  $schema.wd_dedup_key('set', '{"id":1}') = '$round-1',
  $schema.wd_drop_provider('set'), $schema.wd_drop_provider('set')
SQL
}

my $all_well = "t|t|2|t||t\ndone|t|3|2|t|f|first|in_progress\n||t|t|f";

my $session = $node->background_psql('postgres', on_error_stop => 0);

subtest 'G9: kept plans while the ledger changes' => sub {
	my $round = 0;

	is(each_statement($session, 'public', ++$round), $all_well, 'at first');

	my @changes = (
		'ANALYZE' => 'ANALYZE webhook_dedup_events',
		'VACUUM FULL' => 'VACUUM FULL webhook_dedup_events',
		'a new column' =>
		  'ALTER TABLE webhook_dedup_events ADD COLUMN IF NOT EXISTS users text DEFAULT $$x$$',
		'the column dropped' =>
		  'ALTER TABLE webhook_dedup_events DROP COLUMN IF EXISTS users',
		'a new index' =>
		  'CREATE INDEX IF NOT EXISTS users ON webhook_dedup_events (attempt)',
		'the index dropped' => 'DROP INDEX IF EXISTS users',
		'REINDEX' => 'REINDEX TABLE CONCURRENTLY webhook_dedup_events',
		'TRUNCATE' => 'TRUNCATE webhook_dedup_events',
		'extension created again' =>
		  'DROP EXTENSION webhook_dedup; CREATE EXTENSION webhook_dedup',
		'DISCARD ALL' => undef,
		'DISCARD PLANS' => undef,
	);
	while (my ($name, $change) = splice @changes, 0, 2)
	{
		# by another session and by this one
		if (defined $change)
		{
			$node->safe_psql('postgres', $change);
			is(each_statement($session, 'public', ++$round),
				$all_well, "$name, elsewhere");
		}
		# a command that must stand alone is sent alone
		$session->query_safe($_) foreach split /; /, $change // $name;
		is(each_statement($session, 'public', ++$round),
			$all_well, "$name, here");
	}
};

subtest 'G9: the extension in another schema, in one session' => sub {
	$session->query_safe('CREATE SCHEMA other');
	$session->query_safe('DROP EXTENSION webhook_dedup');
	$session->query_safe('CREATE EXTENSION webhook_dedup SCHEMA other');
	is(each_statement($session, 'other', 100), $all_well, 'works there');
	is( $session->query_safe('SELECT count(*) FROM other.webhook_dedup_events'),
		5, 'and writes there');

	# a table of that name where it was before
	$session->query_safe(
		'CREATE TABLE public.webhook_dedup_events (LIKE other.webhook_dedup_events INCLUDING ALL)'
	);
	is(each_statement($session, 'other', 101), $all_well, 'still works there');
	is( $session->query_safe('SELECT count(*) FROM public.webhook_dedup_events'),
		0, 'and nowhere else');
	$session->query_safe('DROP TABLE public.webhook_dedup_events');
	$session->query_safe('DROP EXTENSION webhook_dedup');
	$session->query_safe('CREATE EXTENSION webhook_dedup SCHEMA public');
	is(each_statement($session, 'public', 102), $all_well, 'and back');
};

# A table with the name and the columns of the ledger, which is nobody's member
sub stranger
{
	my ($schema) = @_;

	return <<"SQL";
CREATE TABLE $schema.webhook_dedup_events (id bigserial PRIMARY KEY,
  provider text NOT NULL, dedup_key text NOT NULL,
  first_seen_at timestamptz NOT NULL, last_seen_at timestamptz NOT NULL,
  status text NOT NULL, request_hash text, attempt integer NOT NULL,
  lease_expires_at timestamptz, last_error text, UNIQUE (provider, dedup_key));
SQL
}

# The last error of a call in the session, by its SQLSTATE
sub refusal
{
	my ($call) = @_;

	$session->query("\\set VERBOSITY verbose\nSELECT $call");
	my $state = state_of($session->{stderr});
	$session->{stderr} = '';
	return $state;
}

subtest 'G9: the extension goes, elsewhere' => sub {
	is(each_statement($session, 'public', 110), $all_well, 'before');
	$node->safe_psql('postgres', 'DROP EXTENSION webhook_dedup');
	is(refusal(q{public.wd_try_acquire('shop', 'a111')}),
		'42883', 'a call without the extension');

	# a table of that name that somebody made meanwhile
	$node->safe_psql('postgres',
		'CREATE EXTENSION webhook_dedup SCHEMA other;' . stranger('public'));
	is(each_statement($session, 'other', 112),
		$all_well, 'created again in another schema');
	is( $node->safe_psql(
			'postgres',
			'SELECT (SELECT count(*) FROM other.webhook_dedup_events), (SELECT count(*) FROM public.webhook_dedup_events)'
		),
		'5|0',
		'which is the one that is used');

	# functions that outlive the extension
	$node->safe_psql('postgres', <<'SQL' . stranger('other'));
ALTER EXTENSION webhook_dedup DROP FUNCTION other.wd_try_acquire(text, text, text, interval);
DROP EXTENSION webhook_dedup;
SQL
	is(refusal(q{other.wd_try_acquire('shop', 'a113')}),
		'42704', 'a function left behind, in a session with plans');
	is( sqlstate(
			$node, undef, q{SELECT other.wd_try_acquire('shop', 'a113');}),
		'42704',
		'a function left behind, in a new session');
	is( $node->safe_psql(
			'postgres',
			'SELECT (SELECT count(*) FROM other.webhook_dedup_events), (SELECT count(*) FROM public.webhook_dedup_events)'
		),
		'0|0',
		'no table is taken for the ledger');
	$node->safe_psql('postgres', <<'SQL');
DROP FUNCTION other.wd_try_acquire(text, text, text, interval);
DROP TABLE public.webhook_dedup_events, other.webhook_dedup_events;
CREATE EXTENSION webhook_dedup;
SQL
	is(each_statement($session, 'public', 114), $all_well, 'and back');
};

subtest 'G9: a ledger that is no member of the extension' => sub {
	$node->safe_psql('postgres',
		'ALTER EXTENSION webhook_dedup DROP TABLE webhook_dedup_events');
	is( sqlstate(
			$node, undef, q{SELECT wd_try_acquire('shop', 'a115');}),
		'42P01',
		'is not used');
	$node->safe_psql('postgres',
		'ALTER EXTENSION webhook_dedup ADD TABLE webhook_dedup_events');
	is(each_statement($session, 'public', 116),
		$all_well, 'is used once it is one again');
	is( $node->safe_psql(
			'postgres',
			q{SELECT count(*) FROM webhook_dedup_events WHERE dedup_key = 'a115'}
		),
		0,
		'nothing was written before');
};

# The call has begun and waits for the ledger, while the extension is dropped.
foreach my $next (
	[ 'for good', '', '42704' ],
	[
		'and created in another schema',
		'CREATE EXTENSION webhook_dedup SCHEMA other', '00000'
	])
{
	my ($name, $create, $expected) = @$next;

	subtest "G9: the extension is dropped under a call, $name" => sub {
		my $dropping = $node->background_psql('postgres');
		my $kept = $node->background_psql('postgres', on_error_stop => 0);
		my $fresh = $node->background_psql('postgres', on_error_stop => 0);
		my $call = q{public.wd_try_acquire('shop', 'waits' || pg_backend_pid())};

		$kept->query_safe("SELECT $call");
		$kept->query_safe("SET application_name = kept");
		$fresh->query_safe("SET application_name = fresh");
		$dropping->query_safe(
			'BEGIN; LOCK webhook_dedup_providers, webhook_dedup_events');
		$_->query_until(qr/ready/,
			"\\set VERBOSITY verbose\n\\echo ready\nSELECT $call;\n")
		  foreach $kept, $fresh;
		wait_until_blocked($node, $_) foreach 'kept', 'fresh';
		$dropping->query_safe("DROP EXTENSION webhook_dedup");
		$dropping->query_safe($create) if $create ne '';
		$dropping->query_safe('COMMIT');
		$dropping->quit;
		my %waiting = (
			'a session with plans' => $kept,
			'a new session' => $fresh);
		foreach my $who (sort keys %waiting)
		{
			$waiting{$who}->query('\echo over');
			is(state_of($waiting{$who}->{stderr}), $expected,
				"$who: $expected");
			$waiting{$who}->quit;
		}
		is( $node->safe_psql(
				'postgres',
				'SELECT count(*) FROM other.webhook_dedup_events'),
			2,
			'both wrote to the new ledger') if $create ne '';
		$node->safe_psql('postgres',
			'DROP EXTENSION IF EXISTS webhook_dedup; CREATE EXTENSION webhook_dedup'
		);
	};
}

subtest 'G9: a change that is rolled back' => sub {
	$session->query_safe('BEGIN');
	$session->query_safe('DROP EXTENSION webhook_dedup');
	$session->query_safe('CREATE EXTENSION webhook_dedup SCHEMA other');
	is(each_statement($session, 'other', 103), $all_well, 'inside');
	$session->query_safe('ROLLBACK');
	is(each_statement($session, 'public', 104), $all_well, 'after it');
};

# Calls whose plans could scan the whole ledger, for numbers i.  Events k are
# done, f are held, n are new.
my %calls = (
	wd_try_acquire => q{wd_try_acquire('shop', 'k' || i)},
	wd_acquire => q{wd_acquire('shop', 'k' || i)},
	wd_acquire_many =>
	  q{wd_acquire_many('shop', ARRAY['k' || i, 'k' || (i + 1), 'n' || i])},
	wd_try_once => q{wd_try_once('shop', 'k' || i)},
	wd_receive =>
	  q{wd_receive('paypal', convert_to('{"id":"' || i || '"}', 'UTF8'))},
	wd_receive_items =>
	  q{wd_receive_items('sendgrid', convert_to('[{"sg_event_id":"' || i || '"}]', 'UTF8'))},
	wd_mark_failed => q{wd_mark_failed('shop', 'f' || i)},
	'wd_acquire, retry' => q{wd_acquire('shop', 'f' || i)},
	wd_extend_lease => q{wd_extend_lease('shop', 'f' || i, 2)},
	wd_assert_owner => q{wd_assert_owner('shop', 'f' || i, 2)},
	wd_mark_done => q{wd_mark_done('shop', 'f' || i, 2)},
	wd_mark_done_many =>
	  q{wd_mark_done_many('shop', ARRAY['n' || i, 'k' || i])},
	wd_lookup => q{wd_lookup('shop', 'k' || i)},
	wd_reopen => q{wd_reopen('shop', 'n' || i)},
	'wd_acquire_many, retry' =>
	  q{wd_acquire_many('shop', ARRAY['k' || i, 'n' || i])},
	'wd_mark_done_many, all' =>
	  q{wd_mark_done_many('shop', ARRAY['n' || i])},
);
my @order = (
	'wd_try_acquire', 'wd_acquire', 'wd_try_once', 'wd_lookup',
	'wd_acquire_many', 'wd_mark_done_many', 'wd_reopen',
	'wd_acquire_many, retry', 'wd_mark_done_many, all', 'wd_receive',
	'wd_receive_items', 'wd_mark_failed', 'wd_acquire, retry', 'wd_extend_lease',
	'wd_assert_owner', 'wd_mark_done');

# Make the call ten times.
sub calling
{
	my ($call, $from) = @_;
	my $to = $from + 9;

	return
	  "SELECT count(answer) FROM (SELECT $calls{$call} AS answer FROM generate_series($from, $to) i OFFSET 0) s";
}

# Make the call ten times; returns the sequential scans, the index scans and
# the rows read by it.
sub scans
{
	my ($call, $from) = @_;

	return split /\|/, $session->query_safe(<<"SQL");
BEGIN;
SELECT seq_scan AS seq, idx_scan AS idx, seq_tup_read + idx_tup_fetch AS read
  FROM pg_stat_xact_user_tables WHERE relid = 'webhook_dedup_events'::regclass \\gset
${\ calling($call, $from) } \\g /dev/null
SELECT seq_scan - :seq, idx_scan - :idx, seq_tup_read + idx_tup_fetch - :read
  FROM pg_stat_xact_user_tables WHERE relid = 'webhook_dedup_events'::regclass;
COMMIT;
SQL
}

# What is known of the ledger when the plans are made
my %known = (
	'that was never analyzed' => '',
	'analyzed while empty' => 'VACUUM ANALYZE webhook_dedup_events',
	'analyzed with a few rows' => <<'SQL',
INSERT INTO webhook_dedup_events (provider, dedup_key, status)
  SELECT 'shop', 'few' || i, 'done' FROM generate_series(1, 10) i;
VACUUM ANALYZE webhook_dedup_events;
SQL
);

# A new ledger of which that is known, and a new session with events for all
# calls
sub start_small
{
	my ($known) = @_;

	$session->quit;
	$node->safe_psql('postgres',
		'DROP EXTENSION webhook_dedup; CREATE EXTENSION webhook_dedup;');
	$node->safe_psql('postgres', $known{$known});
	$session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query_safe(<<'SQL');
SELECT count(wd_try_once('shop', 'k' || i)), count(wd_try_acquire('shop', 'f' || i))
  FROM generate_series(1, 50) i
SQL
	return;
}

# Grow the ledger by so many rows; nothing invalidates plans.
sub grow
{
	my ($rows) = @_;

	$node->safe_psql('postgres', <<"SQL");
INSERT INTO webhook_dedup_events (provider, dedup_key, status)
  SELECT 'shop', 'grown' || i, 'done' FROM generate_series(1, $rows) i;
SQL
	return;
}

foreach my $known (sort keys %known)
{
	subtest "G5: plans kept since a small ledger $known" => sub {
		start_small($known);

		foreach my $call (@order)
		{
			my ($seq, $idx) = scans($call, 1);

			is($seq, 0, "$call while small: no sequential scan");
			cmp_ok($idx, '>=', 10, "$call while small: an index scan each");
		}

		grow(20000);
		foreach my $call (@order)
		{
			my ($seq, $idx, $read) = scans($call, 11);

			is($seq, 0, "$call once grown: no sequential scan");
			cmp_ok($idx, '>=', 10, "$call once grown: an index scan each");
			cmp_ok($read, '<=', 100, "$call once grown: few rows");
		}

		# now the plans are made anew
		$node->safe_psql('postgres', 'ANALYZE webhook_dedup_events');
		foreach my $call (@order)
		{
			my ($seq, undef, $read) = scans($call, 21);

			is($seq, 0, "$call once analyzed: no sequential scan");
			cmp_ok($read, '<=', 100, "$call once analyzed: few rows");
		}
	};
}

# What may lead to plans made anew, while the ledger is small
sub all_calls
{
	my ($from) = @_;

	$session->query_safe(calling($_, $from)) foreach @order;
	return;
}

sub elsewhere
{
	my ($sql) = @_;

	$node->safe_psql('postgres', $sql);
	return;
}

my @replanned = (
	'DISCARD PLANS' => sub { $session->query_safe('DISCARD PLANS') },
	'DISCARD ALL' => sub { $session->query_safe('DISCARD ALL') },
	'CREATE SCHEMA elsewhere' => sub { elsewhere('CREATE SCHEMA another') },
	'an operator elsewhere' => sub {
		elsewhere(
			'CREATE OPERATOR public.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)'
		);
	},
	'the first temporary table' =>
	  sub { $session->query_safe('CREATE TEMP TABLE first_one (i integer)') },
	# its schema is there already, as after an earlier session, so that
	# nothing about the ledger or a schema changes
	'the first temporary function' => sub {
		elsewhere(<<'SQL');
SET allow_system_table_mods = on;
SET client_min_messages = error;
DO $$
BEGIN
  FOR i IN 0 .. 200 LOOP
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS pg_temp_%s', i);
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS pg_toast_temp_%s', i);
  END LOOP;
END $$;
SQL
		all_calls(11);
		my $schemas = 'SELECT count(*) FROM pg_namespace';
		my $before = $session->query_safe($schemas);
		$session->query_safe(
			'CREATE FUNCTION pg_temp.first_one() RETURNS integer LANGUAGE sql AS $$SELECT 1$$'
		);
		is($session->query_safe($schemas), $before, 'in a schema that is there');
	},
	'privileges on the status elsewhere' =>
	  sub { elsewhere('GRANT USAGE ON TYPE wd_status TO pg_monitor') },
	'privileges on a function elsewhere' => sub {
		elsewhere(
			'GRANT EXECUTE ON FUNCTION wd_acquire(text, text, text, interval) TO pg_monitor'
		);
	},
	'another search_path' =>
	  sub { $session->query_safe('SET search_path = pg_catalog, public') },
	'custom plans for a while' => sub {
		$session->query_safe('SET plan_cache_mode = force_custom_plan');
		all_calls(11);
		$session->query_safe('RESET plan_cache_mode');
	},
	'custom plans for a while, from the first call on' => sub {
		$session->query_safe(
			'DISCARD PLANS; SET plan_cache_mode = force_custom_plan');
		all_calls(11);
		$session->query_safe('RESET plan_cache_mode');
	},
	'ANALYZE elsewhere in a transaction' => sub {
		$session->query_safe('BEGIN');
		all_calls(11);
		elsewhere('ANALYZE webhook_dedup_events');
		all_calls(21);
		$session->query_safe('COMMIT');
	},
	'VACUUM elsewhere in a transaction' => sub {
		$session->query_safe('BEGIN');
		all_calls(11);
		elsewhere('VACUUM ANALYZE webhook_dedup_events');
		all_calls(21);
		$session->query_safe('COMMIT');
	},
	# which older snapshots must not use: plans without it are made for as
	# long as there are such, and then again
	'an index elsewhere that waits for a snapshot' => sub {
		my $old = $node->background_psql('postgres');

		$old->query_safe(
			'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id(), count(*) FROM webhook_dedup_events'
		);
		elsewhere(q{UPDATE webhook_dedup_events SET last_error = 'E1'});
		elsewhere(
			'CREATE INDEX users ON webhook_dedup_events (last_error)');
		is( $node->safe_psql(
				'postgres',
				q{SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'users'::regclass}
			),
			't',
			'the index is not for all snapshots');
		all_calls(11);
		$old->query_safe('COMMIT');
		$old->quit;
		elsewhere('SELECT pg_current_xact_id()');
	},
);

while (my ($name, $change) = splice @replanned, 0, 2)
{
	subtest "G5: plans kept since a small ledger, after $name" => sub {
		start_small('analyzed with a few rows');
		$session->query_safe(calling($_, 1)) foreach @order;
		$change->();
		$session->query_safe('SET client_min_messages = warning');
		foreach my $call (@order)
		{
			# those of a transaction have been made
			my ($seq) = scans($call, 31);

			is($seq, 0, "$call while small: no sequential scan");
		}

		grow(50000);
		foreach my $call (@order)
		{
			my ($seq, $idx, $read) = scans($call, 41);

			is($seq, 0, "$call once grown: no sequential scan");
			cmp_ok($idx, '>=', 10, "$call once grown: an index scan each");
			cmp_ok($read, '<=', 100, "$call once grown: few rows");
		}
	};
}

# Each scan reads the few rows that it is about.
subtest 'G5: a batch reads its own rows' => sub {
	my $read = $session->query_safe(<<'SQL');
BEGIN;
SELECT seq_tup_read + idx_tup_fetch AS before FROM pg_stat_xact_user_tables
  WHERE relid = 'webhook_dedup_events'::regclass \gset
SELECT count(*) FROM wd_acquire_many('shop', ARRAY(SELECT 'grown' || i FROM generate_series(1, 100) i)) \g /dev/null
SELECT seq_tup_read + idx_tup_fetch - :before FROM pg_stat_xact_user_tables
  WHERE relid = 'webhook_dedup_events'::regclass;
COMMIT;
SQL
	is($read, 100, 'no more than those');
};

# The caller's settings are the caller's again.
subtest 'G5: planning leaves the settings alone' => sub {
	my $fresh = $node->background_psql('postgres');

	$fresh->query_safe('SET enable_seqscan = on');
	each_statement($fresh, 'public', 200);
	is($fresh->query_safe('SHOW enable_seqscan'), 'on', 'after calls');
	$fresh->query_safe(
		q{DO $$BEGIN PERFORM wd_mark_done('shop', 'never'); EXCEPTION WHEN no_data_found THEN NULL; END$$}
	);
	is($fresh->query_safe('SHOW enable_seqscan'), 'on', 'after an error');
	$fresh->quit;
};

$session->quit;
$node->stop;
done_testing();
