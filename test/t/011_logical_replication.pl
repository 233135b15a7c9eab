# The ledger travels by logical replication.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node sqlstate);

my $publisher = ledger_node('publisher', allows_streaming => 'logical');
my $subscriber = ledger_node('subscriber', allows_streaming => 'logical');

$publisher->safe_psql('postgres', <<'SQL');
SELECT wd_try_acquire('shop', 'early done', 'h'), wd_mark_done('shop', 'early done', 1);
SELECT wd_try_acquire('shop', 'early held', NULL, '1 hour');
CREATE PUBLICATION ledger FOR TABLE webhook_dedup_events;
SQL
my $connstr = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION ledger CONNECTION '$connstr' PUBLICATION ledger");
$subscriber->wait_for_subscription_sync($publisher, 'ledger');

my $events = 'SELECT * FROM webhook_dedup_events ORDER BY id';

sub is_same
{
	my ($name) = @_;

	$publisher->wait_for_catchup('ledger');
	is( $subscriber->safe_psql('postgres', $events),
		$publisher->safe_psql('postgres', $events),
		$name);
	return;
}

subtest 'G9: rows arrive' => sub {
	is_same('those that were there');
	$publisher->safe_psql('postgres', <<'SQL');
SELECT wd_try_acquire('shop', 'done', 'h'), wd_mark_done('shop', 'done', 1);
SELECT wd_try_acquire('shop', 'failed'), wd_mark_failed('shop', 'failed', 1, 'E1');
SELECT wd_try_acquire('shop', 'ended', NULL, '1 microsecond');
SELECT wd_try_once('shop', 'once');
SELECT wd_mark_done('shop', 'early held', 1);
SELECT wd_reopen('shop', 'early done');
SELECT wd_acquire_many('shop', ARRAY(SELECT 'many-' || i FROM generate_series(1, 100) i));
BEGIN;
SELECT wd_try_once('shop', 'rolled back');
ROLLBACK;
SQL
	is_same('those that came later, in each state');
	is( $subscriber->safe_psql(
			'postgres', 'SELECT count(*) FROM webhook_dedup_events'),
		106,
		'and all of them');
};

subtest 'G9: the subscriber answers duplicates' => sub {
	is( $subscriber->safe_psql(
			'postgres',
			q{SELECT wd_lookup('shop', 'early held'), wd_try_acquire('shop', 'done'), wd_try_once('shop', 'once')}
		),
		'done|f|f',
		'of what is done');
	is( $subscriber->safe_psql(
			'postgres',
			q{SELECT outcome, hash_matches FROM wd_acquire('shop', 'done', 'other')}
		),
		'done|f',
		'with its hash');
};

# A subscriber that takes over has a sequence that knows nothing of the rows.
subtest 'G9: the subscriber takes over' => sub {
	$publisher->stop('fast');
	$subscriber->safe_psql('postgres',
		'ALTER SUBSCRIPTION ledger DISABLE; ALTER SUBSCRIPTION ledger SET (slot_name = NONE); DROP SUBSCRIPTION ledger;'
	);
	is( sqlstate($subscriber, undef, q{SELECT wd_try_acquire('shop', 'new');}),
		'23505', 'its sequence must be set first');
	is( $subscriber->safe_psql(
			'postgres', q{SELECT wd_lookup('shop', 'new') IS NULL}),
		't',
		'or else nothing is acquired');
	$subscriber->safe_psql('postgres',
		q{SELECT setval('webhook_dedup_events_id_seq', max(id)) FROM webhook_dedup_events}
	);
	is( $subscriber->safe_psql(
			'postgres', <<'SQL'),
SELECT string_agg(k || ':' || (wd_acquire('shop', k)).outcome, ' ' ORDER BY ord)
  FROM unnest(ARRAY['done', 'failed', 'ended', 'early done', 'many-1', 'rolled back', 'new'])
  WITH ORDINALITY AS u(k, ord)
SQL
		'done:done failed:retry ended:reclaimed early done:retry many-1:in_progress rolled back:first new:first',
		'then deliveries go on');
};

$subscriber->stop;
done_testing();
