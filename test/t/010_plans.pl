# The plans that a backend keeps, while the ledger changes under them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node);

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
  ($schema.wd_receive('paypal', '{"id":"$round"}')).outcome
SQL
}

my $all_well = "t|t|2|t||t\ndone|t|3|2|t|f|first|in_progress";

my $session = $node->background_psql('postgres');

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
	'wd_mark_failed', 'wd_acquire, retry', 'wd_extend_lease',
	'wd_assert_owner', 'wd_mark_done');

# Make the call ten times; returns the sequential scans, the index scans and
# the rows read by it.
sub scans
{
	my ($call, $from) = @_;
	my $to = $from + 9;

	return split /\|/, $session->query_safe(<<"SQL");
BEGIN;
SELECT seq_scan AS seq, idx_scan AS idx, seq_tup_read + idx_tup_fetch AS read
  FROM pg_stat_xact_user_tables WHERE relid = 'webhook_dedup_events'::regclass \\gset
SELECT count(answer) FROM (SELECT $calls{$call} AS answer FROM generate_series($from, $to) i OFFSET 0) s \\g /dev/null
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

foreach my $known (sort keys %known)
{
	subtest "G5: plans kept since a small ledger $known" => sub {
		$session->quit;
		$node->safe_psql('postgres',
			'DROP EXTENSION webhook_dedup; CREATE EXTENSION webhook_dedup;');
		$node->safe_psql('postgres', $known{$known});
		$session = $node->background_psql('postgres');
		$session->query_safe(<<'SQL');
SELECT count(wd_try_once('shop', 'k' || i)), count(wd_try_acquire('shop', 'f' || i))
  FROM generate_series(1, 40) i
SQL

		foreach my $call (@order)
		{
			my ($seq, $idx) = scans($call, 1);

			is($seq, 0, "$call while small: no sequential scan");
			cmp_ok($idx, '>=', 10, "$call while small: an index scan each");
		}

		# nothing invalidates the plans
		$node->safe_psql('postgres', <<'SQL');
INSERT INTO webhook_dedup_events (provider, dedup_key, status)
  SELECT 'shop', 'grown' || i, 'done' FROM generate_series(1, 20000) i;
SQL
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
