# A streaming standby: it answers, and goes on after promotion.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use Test::More;
use WebhookDedup qw(ledger_node run_as sqlstate);

my $primary = ledger_node(
	'primary',
	allows_streaming => 1,
	conf => "max_prepared_transactions = 5\n");

$primary->safe_psql('postgres', <<'SQL');
CREATE ROLE receiver LOGIN;
SELECT wd_grant_receiver('receiver');
CREATE TABLE effects (key text);
SQL
$primary->backup('backup');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', <<'SQL');
SELECT wd_try_acquire('shop', 'done', 'h1'), wd_mark_done('shop', 'done', 1);
SELECT wd_try_acquire('shop', 'failed'), wd_mark_failed('shop', 'failed', 1, 'E1');
SELECT wd_try_acquire('shop', 'held', NULL, '1 hour');
SELECT wd_try_acquire('shop', 'ended', NULL, '1 microsecond');
BEGIN;
SELECT wd_try_once('shop', 'once');
INSERT INTO effects VALUES ('once');
COMMIT;
SELECT wd_acquire_many('shop', ARRAY(SELECT 'many-' || i FROM generate_series(1, 500) i));
SELECT wd_mark_done_many('shop', ARRAY(SELECT 'many-' || i FROM generate_series(1, 250) i));
-- in flight: what is not committed is not known to others
BEGIN;
SELECT wd_try_once('shop', 'prepared');
INSERT INTO effects VALUES ('prepared');
PREPARE TRANSACTION 'handler';
SQL
my $in_flight = $primary->background_psql('postgres');
$in_flight->query_safe(q{BEGIN; SELECT wd_try_once('shop', 'in flight')});
$primary->wait_for_catchup($standby);

my $statuses = q{SELECT string_agg(k || ':' || COALESCE(wd_lookup('shop', k), '-'), ' ')
	FROM unnest(ARRAY['done', 'failed', 'held', 'ended', 'once', 'many-1', 'many-500', 'prepared', 'in flight', 'never']) k};

subtest 'G9: a standby answers wd_lookup' => sub {
	is( $standby->safe_psql('postgres', $statuses),
		'done:done failed:failed held:processing ended:processing once:done many-1:done many-500:processing prepared:- in flight:- never:-',
		'what was committed');
	my ($stdout, $stderr) =
	  run_as($standby, 'receiver', q{SELECT wd_lookup('shop', 'done');});
	is($stdout . $stderr, 'done', 'to a receiver too');
	is( $standby->safe_psql(
			'postgres',
			q{SELECT wd_dedup_key('paypal', '{"id":"1"}'), wd_payload_hash('')}),
		'ev_1|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
		'what only derives works');
};

subtest 'G9: a standby answers duplicates of what is settled' => sub {
	is( $standby->safe_psql(
			'postgres', q{SELECT wd_try_acquire('shop', 'done')}),
		'f',
		'done');
	is( $standby->safe_psql(
			'postgres',
			q{SELECT outcome, http_status, hash_matches FROM wd_acquire('shop', 'done', 'h2')}
		),
		'done|200|f',
		'done, with its hash');
	is( $standby->safe_psql(
			'postgres',
			q{SELECT outcome, http_status FROM wd_acquire('shop', 'held')}),
		'in_progress|503',
		'held');
	is( $standby->safe_psql('postgres', q{SELECT wd_try_once('shop', 'once')}),
		'f', 'done once');
	is( $standby->safe_psql(
			'postgres',
			q{SELECT string_agg(outcome::text, ' ') FROM wd_acquire_many('shop', ARRAY['many-2', 'many-500'])}
		),
		'done in_progress',
		'a batch');
};

subtest 'G9: a standby refuses what must be written' => sub {
	foreach my $call (
		q{wd_try_acquire('shop', 'new')},
		q{wd_acquire('shop', 'new')},
		q{wd_acquire('shop', 'failed')},
		q{wd_acquire('shop', 'ended')},
		q{wd_acquire_many('shop', ARRAY['done', 'new'])},
		q{wd_acquire_many('shop', ARRAY['done', 'failed'])},
		q{wd_try_once('shop', 'new')},
		q{wd_receive('paypal', '{"id":"new"}')},
		q{wd_mark_done('shop', 'held')},
		q{wd_mark_failed('shop', 'held')},
		q{wd_mark_done_many('shop', ARRAY['held'])},
		q{wd_extend_lease('shop', 'held', 1)},
		q{wd_reopen('shop', 'done')},
		q{wd_assert_owner('shop', 'held', 1)},
		q{wd_grant_receiver('receiver')})
	{
		is(sqlstate($standby, undef, "SELECT $call;"), '25006', $call);
	}
};

# The last word that the standby hears, then the primary is gone.
$primary->safe_psql('postgres',
	q{SELECT wd_try_acquire('shop', 'last', NULL, '1 microsecond')});
$primary->wait_for_catchup($standby);
my $committed = $primary->safe_psql('postgres',
	'SELECT * FROM webhook_dedup_events ORDER BY id');
my $last_id = $primary->safe_psql('postgres',
	'SELECT max(id) FROM webhook_dedup_events');
$primary->stop('immediate');
$in_flight->{run}->kill_kill;
$standby->promote;

subtest 'G9: after promotion' => sub {
	is( $standby->safe_psql(
			'postgres', 'SELECT * FROM webhook_dedup_events ORDER BY id'),
		$committed,
		'each committed event is there');
	is( $standby->safe_psql(
			'postgres', <<'SQL'),
SELECT string_agg(k || ':' || (wd_acquire('shop', k)).outcome, ' ' ORDER BY ord)
  FROM unnest(ARRAY['done', 'once', 'many-250', 'held', 'failed', 'ended', 'last', 'in flight', 'new'])
  WITH ORDINALITY AS u(k, ord)
SQL
		'done:done once:done many-250:done held:in_progress failed:retry ended:reclaimed last:reclaimed in flight:first new:first',
		'deliveries go on');
	cmp_ok(
		$standby->safe_psql(
			'postgres',
			q{SELECT id FROM webhook_dedup_events WHERE dedup_key = 'new'}),
		'>', $last_id, 'no id is used again');
	is( $standby->safe_psql(
			'postgres', q{SELECT wd_mark_done('shop', 'held', 1)}),
		't',
		'the holder of a lease completes here');

	# the handler's transaction was prepared, so it is still to be decided
	is( sqlstate(
			$standby, undef,
			q{SET lock_timeout = '100ms'; SELECT wd_try_once('shop', 'prepared');}
		),
		'55P03',
		'a prepared transaction holds its event');
	$standby->safe_psql('postgres', q{COMMIT PREPARED 'handler'});
	is( $standby->safe_psql(
			'postgres',
			q{SELECT wd_try_once('shop', 'prepared'), (SELECT count(*) FROM effects)}
		),
		'f|2',
		'and commits it with its effect');
};

$standby->stop;
done_testing();
