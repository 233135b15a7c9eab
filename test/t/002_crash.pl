# Holders that end without a word, at each stage of their work.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Utils;
use Test::More;
use WebhookDedup qw(ledger_node end_session wait_until_blocked);

my $node =
  ledger_node('crash', conf => "restart_after_crash = on\n"
	  . "client_connection_check_interval = 100ms\n");

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE effects (key text);
CREATE FUNCTION holds(key text, lease interval) RETURNS void
LANGUAGE sql AS $$ SELECT wd_try_acquire('shop', key, NULL, lease) $$;
SQL

# What each holder did before it ended.  :key is its event, and :lease ends
# soon.
my %stages = (
	'acquired, not committed' => q{
		BEGIN;
		SELECT holds(:key, :lease);},
	'acquired' => q{
		SELECT holds(:key, :lease);},
	'in the business step' => q{
		SELECT holds(:key, :lease);
		BEGIN;
		INSERT INTO effects VALUES (:key);},
	'marked done, not committed' => q{
		SELECT holds(:key, :lease);
		BEGIN;
		INSERT INTO effects VALUES (:key);
		SELECT wd_mark_done('shop', :key, 1);},
	'marked failed, not committed' => q{
		SELECT holds(:key, :lease);
		BEGIN;
		SELECT wd_mark_failed('shop', :key, 1, 'E1');},
	'marked done' => q{
		SELECT holds(:key, :lease);
		BEGIN;
		INSERT INTO effects VALUES (:key);
		SELECT wd_mark_done('shop', :key, 1);
		COMMIT;},
	'marked failed' => q{
		SELECT holds(:key, '1 hour');
		SELECT wd_mark_failed('shop', :key, 1, 'E1');},
	'holding for long' => q{
		SELECT holds(:key, '1 hour');},
	'once, not committed' => q{
		BEGIN;
		SELECT wd_try_once('shop', :key);
		INSERT INTO effects VALUES (:key);},
	'once' => q{
		BEGIN;
		SELECT wd_try_once('shop', :key);
		INSERT INTO effects VALUES (:key);
		COMMIT;},
);

# The outcome of the next delivery once the lease has ended, its attempt,
# and the effects that are there before it.
my %expected = (
	'acquired, not committed' => 'first 1 0',
	'acquired' => 'reclaimed 2 0',
	'in the business step' => 'reclaimed 2 0',
	'marked done, not committed' => 'reclaimed 2 0',
	'marked failed, not committed' => 'reclaimed 2 0',
	'marked done' => 'done 1 1',
	'marked failed' => 'retry 2 0',
	'holding for long' => 'in_progress 1 0',
	'once, not committed' => 'first 1 0',
	'once' => 'done 1 1',
);

my %faults = (
	'the client is killed' => sub {
		my ($sessions) = @_;
		end_session($_) foreach @$sessions;
		$node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'holder'"
		) or die 'holders are still connected';
	},
	'pg_terminate_backend' => sub {
		$node->safe_psql('postgres',
			"SELECT pg_terminate_backend(pid, 180000) FROM pg_stat_activity WHERE application_name = 'holder'"
		);
	},
	'kill -9 of a backend' => sub {
		my (undef, $pids) = @_;
		kill 'KILL', $pids->[0];
		# the server ends all others and starts again
		$node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'holder'"
		) or die 'the server did not come back';
	},
	'immediate shutdown' => sub {
		$node->stop('immediate');
		$node->start;
	},
	'kill -9 of the server' => sub {
		my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
		$node->kill9;
		for my $i (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			last unless kill 0, $pid;
			select(undef, undef, undef, 0.1);
		}
		$node->start;
	},
	'restart' => sub {
		$node->restart;
	},
);

my $round = 0;
foreach my $fault (sort keys %faults)
{
	$round++;
	subtest "G2: $fault" => sub {
		my (@sessions, @pids, %keys);

		foreach my $stage (sort keys %stages)
		{
			my $session =
			  $node->background_psql('postgres', on_error_stop => 0);
			my $script = $stages{$stage};
			my $key = "$round: $stage";

			$keys{$stage} = $key;
			$script =~ s/:key/'$key'/g;
			$script =~ s/:lease/'10 ms'/g;
			$session->query_safe("SET application_name = 'holder'");
			push @pids, $session->query_safe('SELECT pg_backend_pid()');
			$session->query_safe($script);
			push @sessions, $session;
		}

		$faults{$fault}->(\@sessions, \@pids);
		$node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM webhook_dedup_events WHERE lease_expires_at > clock_timestamp() AND lease_expires_at < clock_timestamp() + '1 min'"
		) or die 'leases do not end';

		foreach my $stage (sort keys %stages)
		{
			is( $node->safe_psql(
					'postgres', <<"SQL"),
WITH a AS MATERIALIZED (SELECT * FROM wd_acquire('shop', '$keys{$stage}'))
SELECT outcome || ' ' || attempt || ' ' ||
  (SELECT count(*) FROM effects WHERE key = '$keys{$stage}') FROM a
SQL
				$expected{$stage},
				$stage);
		}

		# whoever acquired now completes, and nothing is left but the holder
		is( $node->safe_psql(
				'postgres', <<"SQL"),
SELECT count(*) FILTER (WHERE wd_mark_done(provider, dedup_key, attempt))
  FROM webhook_dedup_events
  WHERE dedup_key LIKE '$round: %' AND status = 'processing'
    AND dedup_key NOT LIKE '%holding for long'
SQL
			7,
			'the next holders complete');
		end_session($_) foreach @sessions;
	};
}

my %waiting_calls = (
	wd_try_once => q{wd_try_once('shop', 'waits-once')},
	wd_try_acquire => q{wd_try_acquire('shop', 'waits-acquire')},
	wd_receive => q{(wd_receive('paypal', '{"id":"waits"}')).acquired},
);

foreach my $name (sort keys %waiting_calls)
{
	subtest "G2: a delivery that waits in $name for one that is killed" => sub {
		my $call = $waiting_calls{$name};
		my $holder = $node->background_psql('postgres');
		my $waiter = $node->background_psql('postgres');

		my $pid = $holder->query_safe('SELECT pg_backend_pid()');
		is($holder->query_safe("BEGIN; SELECT $call;"),
			't', 'the first one acquires');
		$waiter->query_until(qr/waiting/, <<"SQL");
SET application_name = 'waiter-$name';
\\echo waiting
SELECT 'acquired ' || $call;
SQL
		wait_until_blocked($node, "waiter-$name");
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
		like($waiter->query('SELECT 1'),
			qr/acquired true/, 'the one that waited acquires');
		$waiter->quit;
		end_session($holder);
	};
}

# A holder that stands still for longer than its lease, and then goes on
subtest 'G3: a holder that was frozen past its lease' => sub {
	my $holder = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $holder->query_safe('SELECT pg_backend_pid()');

	$holder->query_safe(
		q{\set VERBOSITY verbose
		SELECT holds('frozen', '10 ms');
		BEGIN;
		INSERT INTO effects VALUES ('frozen')});
	kill 'STOP', $pid;
	$node->poll_query_until('postgres',
		q{SELECT outcome = 'reclaimed' FROM wd_acquire('shop', 'frozen')})
	  or die 'the lease does not end';
	kill 'CONT', $pid;
	$holder->query(q{SELECT wd_assert_owner('shop', 'frozen', 1)});
	like($holder->{stderr}, qr/WD004/, 'it learns that it lost the event');
	$holder->{stderr} = '';
	$holder->query_safe('COMMIT');
	is( $holder->query_safe(
			q{SELECT wd_mark_done('shop', 'frozen', 1),
			wd_mark_failed('shop', 'frozen', 1, 'E1'),
			wd_extend_lease('shop', 'frozen', 1) IS NULL}),
		'f|f|t',
		'and changes nothing');
	$holder->quit;
	is( $node->safe_psql(
			'postgres', q{SELECT status, attempt, last_error IS NULL,
			(SELECT count(*) FROM effects WHERE key = 'frozen'),
			wd_mark_done('shop', 'frozen', 2)
			FROM webhook_dedup_events WHERE dedup_key = 'frozen'}),
		'processing|2|t|0|t',
		'the new holder completes');
};

$node->stop;
done_testing();
