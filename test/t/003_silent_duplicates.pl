# What a duplicate costs the database: nothing is written.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node);

# Nothing but the calls may write.
my $node = ledger_node('silent', conf => <<'CONF');
checkpoint_timeout = 1h
max_wal_size = 1GB
fsync = off
CONF

# One event for each state a duplicate can meet, by key; wd_receive derives
# "ev_..." from the identifier.
$node->safe_psql('postgres', <<'SQL');
SELECT wd_try_acquire('paypal', 'ev_done'), wd_mark_done('paypal', 'ev_done');
SELECT wd_try_acquire('paypal', 'ev_busy', NULL, '0');
SELECT wd_try_acquire('paypal', 'ev_failed'),
  wd_mark_failed('paypal', 'ev_failed', 1, 'E1');
SELECT wd_try_acquire('paypal', 'ev_ended', NULL, '1 microsecond');
VACUUM (FREEZE);
SQL

my %calls = (
	wd_try_acquire => q{wd_try_acquire('paypal', 'ev_KEY', 'h')},
	wd_acquire => q{wd_acquire('paypal', 'ev_KEY', 'h')},
	wd_acquire_many =>
	  q{wd_acquire_many('paypal', ARRAY['ev_KEY', 'ev_KEY'], ARRAY['h', 'i'])},
	wd_try_once => q{wd_try_once('paypal', 'ev_KEY', 'h')},
	wd_receive => q{wd_receive('paypal', '{"id":"KEY"}')},
);

# Calls that change nothing either
my %idle_calls = (
	wd_mark_done => q{wd_mark_done('paypal', 'ev_done')},
	wd_mark_failed => q{wd_mark_failed('paypal', 'ev_done', 1, 'E2')},
	wd_mark_done_many =>
	  q{wd_mark_done_many('paypal', ARRAY['ev_done', 'ev_done'])},
	wd_extend_lease => q{wd_extend_lease('paypal', 'ev_done', 1)},
	wd_lookup => q{wd_lookup('paypal', 'ev_KEY')},
);

# Run the call 1000 times; returns the bytes of WAL written, whether a
# transaction number was taken, the sequence's state, the row as it was and
# is with its hidden columns, and the strongest locks held.
sub cost
{
	my ($call, $key, $settings) = @_;

	$call =~ s/KEY/$key/g;
	my $answer = $node->safe_psql(
		'postgres', <<"SQL");
$settings
SELECT count(*) FROM (SELECT $call) s \\g /dev/null
SELECT xmin, xmax, ctid, * FROM webhook_dedup_events
  WHERE dedup_key = 'ev_$key' \\g /dev/null
SELECT last_value, is_called FROM webhook_dedup_events_id_seq \\g /dev/null
SELECT md5(string_agg(s::text, '')) AS row_before FROM
  (SELECT xmin, xmax, ctid, * FROM webhook_dedup_events
    ORDER BY id) s \\gset
SELECT last_value AS sequence_before FROM webhook_dedup_events_id_seq \\gset
SELECT pg_current_wal_insert_lsn() AS before \\gset
BEGIN;
SELECT count(s) FROM (SELECT $call AS s FROM generate_series(1, 1000)) s \\g /dev/null
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid \\gset
SELECT string_agg(DISTINCT mode, ',') AS locks FROM pg_locks
  WHERE pid = pg_backend_pid() AND (locktype IN ('tuple', 'transactionid')
    OR relation = 'webhook_dedup_events'::regclass) \\gset
COMMIT;
SELECT pg_current_wal_insert_lsn() - :'before'::pg_lsn AS wal \\gset
SELECT md5(string_agg(s::text, '')) AS row_after FROM
  (SELECT xmin, xmax, ctid, * FROM webhook_dedup_events
    ORDER BY id) s \\gset
SELECT last_value - :sequence_before AS burnt
  FROM webhook_dedup_events_id_seq \\gset
SELECT :wal, :'no_xid', :burnt, :'row_before' = :'row_after', :'locks';
SQL

	my %cost;
	@cost{qw(wal no_xid burnt same_row locks)} = split /\|/, $answer;
	return \%cost;
}

sub is_silent
{
	my ($cost, $locks) = @_;

	is($cost->{wal}, 0, 'writes no WAL');
	is($cost->{no_xid}, 't', 'takes no transaction number');
	is($cost->{burnt}, 0, 'burns no sequence value');
	is($cost->{same_row}, 't', 'leaves the rows as they are, unlocked');
	like($cost->{locks}, $locks, 'locks the table for reading at most')
	  if defined $locks;
	return;
}

foreach my $function (sort keys %calls)
{
	subtest "G5: a duplicate of a done event through $function" => sub {
		is_silent(cost($calls{$function}, 'done', ''), qr/^AccessShareLock$/);
	};
	next if $function eq 'wd_try_once';
	subtest "G5: a duplicate of a busy event through $function" => sub {
		is_silent(cost($calls{$function}, 'busy', ''), qr/^AccessShareLock$/);
	};
}

foreach my $key ('failed', 'ended')
{
	foreach my $function (sort keys %calls)
	{
		subtest "G5: a duplicate of an exhausted, $key event through $function" =>
		  sub {
			is_silent(
				cost(
					$calls{$function}, $key,
					'SET webhook_dedup.max_attempts = 1;'),
				qr/^AccessShareLock$/);
		  };
	}
}

foreach my $function (sort keys %idle_calls)
{
	subtest "G4: $function changes nothing of a done event" => sub {
		is_silent(cost($idle_calls{$function}, 'done', ''));
	};
}

# That the measure can tell: a first delivery is not silent.
subtest 'G1: a first delivery is written' => sub {
	my $before = $node->safe_psql('postgres',
		'SELECT pg_current_wal_insert_lsn()');
	my $no_xid = $node->safe_psql('postgres', <<'SQL');
BEGIN;
SELECT wd_try_acquire('paypal', 'ev_new') \g /dev/null
SELECT pg_current_xact_id_if_assigned() IS NULL;
COMMIT;
SQL
	is($no_xid, 'f', 'takes a transaction number');
	cmp_ok(
		$node->safe_psql('postgres',
			"SELECT pg_current_wal_insert_lsn() - '$before'::pg_lsn"),
		'>', 100, 'writes WAL');

	my $cost = cost(
		q{wd_acquire('paypal', 'ev_' || clock_timestamp()::text || random())},
		'none', '');
	cmp_ok($cost->{wal}, '>', 100_000, 'the measure sees WAL');
	is($cost->{no_xid}, 'f', 'the measure sees a transaction number');
	cmp_ok($cost->{burnt}, '>=', 1000, 'the measure sees sequence values');
	is($cost->{same_row}, 'f', 'the measure sees rows');
	like($cost->{locks}, qr/RowExclusiveLock/, 'the measure sees locks');
};

$node->stop;
done_testing();
