# Identical deliveries at the same moment, through connections of their own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use List::Util qw(shuffle sum0);
use Test::More;
use WebhookDedup qw(ledger_node at_once at_gate);

my $node = ledger_node('concurrency');

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE effects (mode text, key text, attempt integer);
CREATE SEQUENCE rollbacks;
SQL

# How often the event was processed
sub effects
{
	my ($mode, $key) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM effects WHERE mode = '$mode' AND key = '$key'");
}

sub count_of
{
	my ($wanted, @answers) = @_;

	return scalar grep { $_ eq $wanted } @answers;
}

sub ledger_rows
{
	my ($provider, $key) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*), min(status::text) FROM webhook_dedup_events WHERE provider = '$provider' AND dedup_key = '$key'"
	);
}

# Keeps an event's row, so that all others have seen the event before one of
# them changes it
sub row_lock
{
	my ($key) = @_;

	return
	  "SELECT FROM webhook_dedup_events WHERE dedup_key = '$key' FOR UPDATE";
}

foreach my $n (5, 50)
{
	subtest "G1: $n at once through wd_try_acquire" => sub {
		my @answers = at_once($node, (<<"SQL") x $n);
SELECT wd_try_acquire('shop', 'lease-$n') AS mine \\gset
\\echo :mine
\\if :mine
  BEGIN;
  INSERT INTO effects VALUES ('lease', 'lease-$n', 1);
  SELECT wd_mark_done('shop', 'lease-$n', 1) AS done \\gset
  COMMIT;
\\endif
SQL

		is(count_of('t', @answers), 1, 'one acquires');
		is(count_of('f', @answers), $n - 1, 'the others do not');
		is(effects('lease', "lease-$n"), 1, 'processed once');
		is(ledger_rows('shop', "lease-$n"), '1|done', 'one row, done');
	};

	subtest "G1: $n at once through wd_receive" => sub {
		my @answers = at_once($node, (<<"SQL") x $n);
SELECT (r).acquired AS mine, (r).outcome, (r).dedup_key AS key, (r).attempt,
  COALESCE((r).http_status::text, '-') AS http
  FROM (SELECT wd_receive('paypal', '{"id":"WH-$n"}') AS r OFFSET 0) s \\gset
\\echo :outcome :http
\\if :mine
  BEGIN;
  INSERT INTO effects VALUES ('receive', :'key', :attempt);
  SELECT wd_mark_done('paypal', :'key', :attempt) AS done \\gset
  COMMIT;
\\endif
SQL
		my $busy = count_of('in_progress 409', @answers);
		my $done = count_of('done 200', @answers);

		is(count_of('first -', @answers), 1, 'one is the first');
		is($busy + $done, $n - 1, 'the others are told busy or done');
		is(effects('receive', "ev_WH-$n"), 1, 'processed once');
		is(ledger_rows('paypal', "ev_WH-$n"), '1|done', 'one row, done');
	};

	subtest "G1: $n at once through wd_try_once" => sub {
		my @answers = at_once($node, (<<"SQL") x $n);
BEGIN;
SELECT wd_try_once('shop', 'once-$n') AS mine \\gset
\\if :mine
  INSERT INTO effects VALUES ('once', 'once-$n', 1);
  SELECT pg_sleep(0.2) \\g /dev/null
\\endif
COMMIT;
\\echo :mine
SQL

		is(count_of('t', @answers), 1, 'one processes');
		is(count_of('f', @answers), $n - 1, 'the others wait and are told no');
		is(effects('once', "once-$n"), 1, 'processed once');
	};
}

subtest 'G2: the first of five through wd_try_once rolls back' => sub {
	my @answers = at_once($node, (<<'SQL') x 5);
BEGIN;
SELECT wd_try_once('shop', 'once-rollback') AS mine \gset
SELECT nextval('rollbacks') = 1 AS gives_up \gset
\if :mine
  INSERT INTO effects VALUES ('rollback', 'once-rollback', 1);
  SELECT pg_sleep(0.2) \g /dev/null
\endif
\if :gives_up
  ROLLBACK;
\else
  COMMIT;
\endif
\echo :mine :gives_up
SQL

	is(count_of('t t', @answers), 1, 'one gives up');
	is(count_of('t f', @answers), 1, 'one of those that waited takes its place');
	is(count_of('f f', @answers), 3, 'the others are told no');
	is(effects('rollback', 'once-rollback'), 1, 'processed once');
};

subtest 'G1: fifty at once take over one failed event' => sub {
	$node->safe_psql('postgres',
		q{SELECT wd_try_acquire('shop', 'failed'), wd_mark_failed('shop', 'failed', 1, 'E1')}
	);
	my @answers = at_gate($node, row_lock('failed'),
		(q{SELECT (wd_acquire('shop', 'failed')).outcome}) x 50);

	is(count_of('retry', @answers), 1, 'one retries');
	is(count_of('in_progress', @answers), 49, 'the others meet its attempt');
	is( $node->safe_psql(
			'postgres',
			q{SELECT attempt FROM webhook_dedup_events WHERE dedup_key = 'failed'}
		),
		2,
		'one attempt more');
};

subtest 'G1: fifty at once take over one ended lease' => sub {
	$node->safe_psql('postgres',
		q{SELECT wd_try_acquire('shop', 'ended', NULL, '1 microsecond')});
	my @answers = at_gate($node, row_lock('ended'),
		(q{SELECT (wd_acquire('shop', 'ended')).outcome}) x 50);

	is(count_of('reclaimed', @answers), 1, 'one reclaims');
	is(count_of('in_progress', @answers), 49, 'the others meet its attempt');
	is( $node->safe_psql(
			'postgres',
			q{SELECT attempt FROM webhook_dedup_events WHERE dedup_key = 'ended'}
		),
		2,
		'one attempt more');
};

subtest 'G1: ten batches of the same keys in ten orders' => sub {
	my @keys = map { "batch-$_" } 1 .. 100;
	my @scripts = map {
		my $list = join ',', shuffle(@keys);
		"SELECT count(*) FILTER (WHERE acquired) FROM wd_acquire_many('shop', '{$list}')";
	} 1 .. 10;
	my @answers = at_once($node, @scripts);

	is(sum0(@answers), 100, 'each key is acquired once');
	is( $node->safe_psql(
			'postgres',
			q{SELECT count(*), max(attempt) FROM webhook_dedup_events WHERE dedup_key LIKE 'batch-%'}
		),
		'100|1',
		'each key has one row');

	# the same with events to take over
	my $list = join ',', @keys;
	$node->safe_psql('postgres',
		"SELECT wd_mark_failed('shop', k) FROM unnest('{$list}'::text[]) k");
	@answers = at_gate($node, row_lock('batch-1'), @scripts);
	is(sum0(@answers), 100, 'each failed key is taken over once');
	is( $node->safe_psql(
			'postgres',
			q{SELECT DISTINCT attempt FROM webhook_dedup_events WHERE dedup_key LIKE 'batch-%'}
		),
		2,
		'each key has one attempt more');
};

$node->stop;
done_testing();
