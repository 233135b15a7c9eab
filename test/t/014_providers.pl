# What is set of providers: in other sessions, transactions and servers, and
# what it costs.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use Test::More;
use WebhookDedup
  qw(ledger_node run_as sqlstate state_of wait_until_blocked log_size);

# Names kept by a backend, those of providers that nobody knows among them
use constant KEPT => 1000;

my $node = ledger_node(
	'providers',
	allows_streaming => 'logical',
	conf => "max_prepared_transactions = 5\nclient_min_messages = warning\n");

# The statement that lets keys of provider p begin with a tag
sub setting
{
	my ($tag, $provider) = @_;
	$provider //= 'p';

	return qq(SELECT wd_set_provider('$provider', '{"${tag}_{body:id}"}'));
}

# Change the rules of provider p in a session of its own.
sub set_elsewhere
{
	my ($tag, $provider) = @_;

	$node->safe_psql('postgres', setting($tag, $provider));
	return;
}

# The key that a session derives, or the SQLSTATE that it meets
sub key_in
{
	my ($session, $provider, $schema) = @_;
	$provider //= 'p';
	$schema //= 'public';
	my $key = $session->query(
		qq(SELECT $schema.wd_dedup_key('$provider', '{"id":1}')));

	return $key if $session->{stderr} eq '';
	my $state = state_of($session->{stderr});
	$session->{stderr} = '';
	return $state;
}

sub new_session
{
	my ($in) = @_;
	my $session =
	  ($in // $node)->background_psql('postgres', on_error_stop => 0);

	# the time that is allowed is that of one query
	$session->set_query_timer_restart();
	$session->query_safe('\set VERBOSITY verbose');
	return $session;
}

my $other = new_session();

subtest 'G7: a change takes effect in all sessions once it is committed' => sub {
	is(key_in($other), 'WD005', 'unknown');
	set_elsewhere('one');
	is(key_in($other), 'one_1', 'set');
	set_elsewhere('two');
	is(key_in($other), 'two_1', 'changed');

	my @changes = (
		q{UPDATE webhook_dedup_providers SET key_templates = '{"updated_{body:id}"}' WHERE provider = 'p'}
		  => 'updated_1',
		q{SELECT wd_drop_provider('p')} => 'WD005',
		q{INSERT INTO webhook_dedup_providers (provider, key_templates) VALUES ('p', '{"inserted_{body:id}"}')}
		  => 'inserted_1',
		q{DELETE FROM webhook_dedup_providers WHERE provider = 'p'} => 'WD005',
		qq{COPY webhook_dedup_providers (provider, key_templates) FROM STDIN;\np\t{"copied_{body:id}"}\n\\.\n}
		  => 'copied_1',
		q{BEGIN; CREATE TABLE kept AS TABLE webhook_dedup_providers; TRUNCATE webhook_dedup_providers; COMMIT}
		  => 'WD005',
		q{INSERT INTO webhook_dedup_providers TABLE kept; DROP TABLE kept} =>
		  'copied_1',
		# as replication and restores do
		q{SET session_replication_role = replica; UPDATE webhook_dedup_providers SET key_templates = '{"replica_{body:id}"}' WHERE provider = 'p'}
		  => 'replica_1',
		q(SET session_replication_role = replica; UPDATE webhook_dedup_providers SET key_templates = '{"replica_{body:id"}' WHERE provider = 'p')
		  => 'replica_1',
		q{UPDATE webhook_dedup_providers SET busy_status = 200 WHERE provider = 'p'}
		  => 'replica_1',
		q{BEGIN; DELETE FROM webhook_dedup_providers; ROLLBACK} => 'replica_1',
	);
	while (my ($change, $expected) = splice @changes, 0, 2)
	{
		run_as($node, undef, "$change;");
		is(key_in($other), $expected, $change);
	}

	# settings of functions that do not derive
	$other->query_safe(q{SELECT wd_try_acquire('p', 'busy', NULL, '0')});
	my $busy = q{SELECT http_status FROM wd_acquire('p', 'busy')};
	is($other->query_safe($busy), 503, 'busy');
	$node->safe_psql('postgres', q{SELECT wd_set_provider('p', busy_status => 429)});
	is($other->query_safe($busy), 429, 'busy, changed');
};

subtest 'G7: nothing of a change before it is committed' => sub {
	my $changing = new_session();

	set_elsewhere('old');
	foreach my $end ('ROLLBACK', 'COMMIT')
	{
		$changing->query_safe('BEGIN');
		$changing->query_safe(setting('new'));
		is(key_in($changing), 'new_1', 'seen by its own transaction');
		is(key_in($other), 'old_1', 'by no other');
		# loaded anew while the change goes on
		$other->query_safe(q{SELECT wd_set_provider('q', busy_status => 500)});
		is(key_in($other), 'old_1', 'not when loaded anew');
		$changing->query_safe($end);
		my $expected = $end eq 'COMMIT' ? 'new_1' : 'old_1';
		is(key_in($other), $expected, "$end, in the other session");
		is(key_in($changing), $expected, "$end, in its own");
	}

	# undone in part
	$changing->query_safe('BEGIN');
	$changing->query_safe(setting('outer'));
	$changing->query_safe('SAVEPOINT s');
	$changing->query_safe(setting('inner'));
	is(key_in($changing), 'inner_1', 'inside');
	$changing->query_safe('ROLLBACK TO s');
	is(key_in($changing), 'outer_1', 'undone in part');
	$changing->query_safe('COMMIT');
	is(key_in($changing), 'outer_1', 'committed, in its own session');
	is(key_in($other), 'outer_1', 'committed, in the other one');

	# ended by the loss of its session
	$changing->query_safe('BEGIN');
	$changing->query_safe(setting('lost'));
	my $pid = $changing->query_safe('SELECT pg_backend_pid()');
	$other->query_safe("SELECT pg_terminate_backend($pid, 60000)");
	is(key_in($other), 'outer_1', 'lost with its session');
	$changing->{run}->kill_kill;
};

foreach my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	subtest "G8: a change during a transaction, $level" => sub {
		my $fresh = new_session();

		foreach my $session ($other, $fresh)
		{
			my $name =
			  $session == $other ? 'rules kept before' : 'a new session';

			set_elsewhere('before');
			is(key_in($session), 'before_1', $name) if $session == $other;
			$session->query_safe("BEGIN ISOLATION LEVEL $level");
			$session->query_safe(
				'SELECT count(*) FROM webhook_dedup_providers, webhook_dedup_events');
			set_elsewhere("after");
			is(key_in($session), 'after_1', "$name: seen at once");
			is( $session->query_safe(
					qq(SELECT dedup_key FROM wd_receive('p', '{"id":"$level ${\ int($session) }"}'))
				),
				"after_$level ${\ int($session) }",
				"$name: by wd_receive");
			is(key_in($session), 'after_1', "$name: and stays");
			$session->query_safe('COMMIT');
			is(key_in($session), 'after_1', "$name: after the transaction");
			set_elsewhere('later');
			is(key_in($session), 'later_1', "$name: the next change");
		}

		# rows of the old snapshot are not kept
		set_elsewhere('old');
		$other->query_safe("BEGIN ISOLATION LEVEL $level");
		$other->query_safe('SELECT count(*) FROM webhook_dedup_providers');
		set_elsewhere('new');
		is( $other->query_safe(
				qq(SELECT dedup_key FROM wd_receive('p', '{"id":"$level"}'))),
			"new_$level",
			'not looked at before');
		$other->query_safe('COMMIT');
		is( $other->query_safe(
				qq(SELECT dedup_key FROM wd_receive('p', '{"id":"$level"}'))),
			"new_$level",
			'nor kept');
		$fresh->quit;
	};
}

# The rows are read by a call that began before the change, and waits.
subtest 'G7: a change while its rows are read' => sub {
	set_elsewhere('old');
	my %waiting = ('fresh' => new_session(), 'kept' => new_session());
	my $changing = new_session();

	# knows the table, but no rows
	is(key_in($waiting{kept}), 'old_1', 'before');
	$node->safe_psql('postgres', q{SELECT wd_set_provider('q', busy_status => 503)});
	$waiting{$_}->query_safe("SET application_name = $_")
	  foreach keys %waiting;
	$changing->query_safe('BEGIN');
	$changing->query_safe('LOCK webhook_dedup_providers');
	$changing->query_safe(setting('new'));
	$waiting{$_}->query_until(qr/ready/,
		qq(\\echo ready\nSELECT wd_dedup_key('p', '{"id":1}');\n))
	  foreach keys %waiting;
	wait_until_blocked($node, $_) foreach keys %waiting;
	$changing->query_safe('COMMIT');
	$changing->quit;
	foreach my $name (sort keys %waiting)
	{
		# either may be the answer to a call that began before
		like($waiting{$name}->query('\echo over'),
			qr/(?:old|new)_1/, "$name: the call that waited");
		is(key_in($waiting{$name}), 'new_1', "$name: the next call");
		is(key_in($waiting{$name}), 'new_1', "$name: and the one after it");
		$waiting{$name}->quit;
	}
};

subtest 'G7: prepared transactions' => sub {
	my $preparing = new_session();

	foreach my $end ('ROLLBACK', 'COMMIT')
	{
		set_elsewhere('old');
		is(key_in($preparing), 'old_1', 'before');
		$preparing->query_safe('BEGIN');
		$preparing->query_safe(setting('prepared'));
		is(key_in($preparing), 'prepared_1', 'inside');
		$preparing->query_safe(q{PREPARE TRANSACTION 'rules'});
		is(key_in($preparing), 'old_1', 'prepared, in its own session');
		is(key_in($other), 'old_1', 'prepared, in another one');
		$node->safe_psql('postgres', "$end PREPARED 'rules'");
		my $expected = $end eq 'COMMIT' ? 'prepared_1' : 'old_1';
		is(key_in($preparing), $expected, "$end, in its own session");
		is(key_in($other), $expected, "$end, in another one");
	}
	$preparing->quit;
};

# The sequential and index scans of the table of providers that a statement
# makes in the session
sub scans
{
	my ($session, $statement) = @_;

	return $session->query_safe(<<"SQL");
BEGIN;
SELECT seq_scan AS seq, COALESCE(idx_scan, 0) AS idx
  FROM pg_stat_xact_user_tables WHERE relid = 'webhook_dedup_providers'::regclass \\gset
$statement \\g /dev/null
SELECT (seq_scan - :seq) || ' ' || (idx_scan - :idx)
  FROM pg_stat_xact_user_tables WHERE relid = 'webhook_dedup_providers'::regclass;
COMMIT;
SQL
}

sub calling
{
	my ($expression, $n) = @_;

	return
	  "SELECT count(answer) FROM (SELECT $expression AS answer FROM generate_series(1, $n) i OFFSET 0) s";
}

subtest 'G5: rules are read once' => sub {
	my $session = new_session();
	my %calls = (
		wd_acquire => q{wd_acquire('p', 'scan' || i)},
		wd_try_acquire => q{wd_try_acquire('p/x', 'scan' || i)},
		wd_acquire_many => q{wd_acquire_many('p', ARRAY['scans' || i])},
		wd_try_once => q{wd_try_once('p', 'once' || i)},
		wd_extend_lease => q{wd_extend_lease('p', 'scan' || i, 1)},
		wd_receive =>
		  q{wd_receive('p', convert_to('{"id":"' || i || '"}', 'UTF8'))},
		wd_receive_items =>
		  q{wd_receive_items('p', convert_to('{"id":"' || i || '"}', 'UTF8'))},
		wd_dedup_key => q{wd_dedup_key('p', jsonb_build_object('id', i))},
		wd_explain_key =>
		  q{wd_explain_key('p', convert_to('{"id":"' || i || '"}', 'UTF8'))},
		'wd_acquire, unknown provider' => q{wd_acquire('unknown', 'scan' || i)},
	);

	$session->query_safe(q{SELECT wd_try_acquire('q', 'first')});
	foreach my $name ('wd_acquire', sort keys %calls)
	{
		$node->safe_psql('postgres',
			q{SELECT wd_set_provider('q', busy_status => 503)});
		is(scans($session, calling($calls{$name}, 1)),
			'0 1', "$name after a change: one look at the index");
		is(scans($session, calling($calls{$name}, 1000)),
			'0 0', "$name: then none for 1000 calls");
	}

	# changes of other tables are no reason
	$node->safe_psql('postgres',
		'CREATE TABLE another (i integer); ANALYZE another; ANALYZE webhook_dedup_events; DROP TABLE another'
	);
	is(scans($session, calling($calls{wd_acquire}, 1000)),
		'0 0', 'nor after changes of other tables');
	$session->quit;
};

subtest 'G5: memory for providers that come and go' => sub {
	my $session = new_session();
	my $memory =
	  'SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts';

	# names of providers that nobody described, as a caller's mistake makes
	# them; each round as many as are kept
	$session->query_safe(calling(q{wd_try_acquire('u-0-' || i, 'k')}, KEPT));
	$session->query_safe($memory);
	my $before = $session->query_safe($memory);
	foreach my $round (1 .. 4)
	{
		$session->query_safe(
			calling(qq{wd_try_acquire('u-$round-' || i, 'k')}, KEPT));
	}
	$session->query_safe(calling(q{wd_try_acquire('u-x-' || i, 'k')}, 500));
	my $after = $session->query_safe($memory);
	note "from $before bytes to $after";
	cmp_ok($after - $before, '<', 256 * 1024, 'unknown ones');
	cmp_ok($after, '<', 16 * 1024 * 1024, 'and not much at all');

	# more providers than are kept, with rules of their own
	$node->safe_psql('postgres', <<'SQL');
INSERT INTO webhook_dedup_providers (provider, key_templates)
  SELECT 'many-' || i, ARRAY['m' || i || '_{body:id}'] FROM generate_series(1, 1500) i
SQL
	my $wrong = q{SELECT count(*) FROM generate_series(1, 1500) i
  WHERE wd_dedup_key('many-' || i, '{"id":1}') <> 'm' || i || '_1'};
	is($session->query_safe($wrong), 0, 'more than are kept: right keys')
	  foreach 1 .. 2;
	$before = $session->query_safe($memory);
	# an even number of rounds: as many are kept as before
	is($session->query_safe($wrong), 0, 'and again') foreach 1 .. 6;
	$after = $session->query_safe($memory);
	note "from $before bytes to $after";
	cmp_ok($after - $before, '<', 256 * 1024, 'and no more memory');
	$node->safe_psql('postgres',
		q{DELETE FROM webhook_dedup_providers WHERE provider LIKE 'many-%'});
	is(key_in($session, 'many-1'), 'WD005', 'gone');
	$session->quit;
};

# How many workers took part in a query, and what it returned.
sub in_parallel
{
	my ($session, $query) = @_;
	my $explained = $session->query_safe(
		"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $query");
	my ($launched) = $explained =~ /Workers Launched: (\d+)/;

	return ($launched // 0, $session->query_safe($query));
}

subtest 'G7: parallel queries' => sub {
	set_elsewhere('par');
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE inbox AS
  SELECT i, jsonb_build_object('id', i) AS payload, convert_to('{"id":' || i || '}', 'UTF8') AS body
  FROM generate_series(1, 5000) i;
ANALYZE inbox;
SQL
	my $session = new_session();
	my $count = sub {
		my ($tag, $schema) = @_;

		return
		  "SELECT count(*) FROM inbox WHERE wd_dedup_key('p', payload) = '${tag}_' || i";
	};
	my $settings = <<'SQL';
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off
SQL

	$session->query_safe($settings);
	my ($launched, $result) = in_parallel($session, $count->('par'));
	cmp_ok($launched, '>', 0, 'workers in a new session');
	is($result, 5000, 'keys in a new session');

	set_elsewhere('par2');
	($launched, $result) = in_parallel($session, $count->('par2'));
	cmp_ok($launched, '>', 0, 'workers after a change');
	is($result, 5000, 'keys after a change elsewhere');

	# its own change, not yet committed
	$session->query_safe('BEGIN');
	$session->query_safe(setting('par3'));
	($launched, $result) = in_parallel($session, $count->('par3'));
	cmp_ok($launched, '>', 0, 'workers in a transaction that changed the rules');
	is($result, 5000, 'keys by its own change');
	$session->query_safe('SAVEPOINT s');
	$session->query_safe(setting('par4'));
	$session->query_safe('ROLLBACK TO s');
	is($session->query_safe($count->('par3')), 5000, 'one of them undone');
	$session->query_safe('ROLLBACK');
	is($session->query_safe($count->('par2')), 5000, 'all of it undone');

	# an older snapshot
	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$session->query_safe('SELECT count(*) FROM inbox');
	set_elsewhere('par5');
	($launched, $result) = in_parallel($session, $count->('par5'));
	cmp_ok($launched, '>', 0, 'workers with an older snapshot');
	is($result, 5000, 'keys with an older snapshot');
	$session->query_safe('COMMIT');

	# others that are PARALLEL SAFE
	($launched, $result) = in_parallel($session,
		q{SELECT count(*) FROM inbox WHERE wd_lookup('p', 'par5_' || i) IS NULL});
	cmp_ok($launched, '>', 0, 'workers for wd_lookup');
	is($result, 5000, 'answers of wd_lookup');
	($launched, $result) = in_parallel($session,
		q{SELECT count(*) FROM inbox, LATERAL wd_explain_key('p', body) e WHERE e.dedup_key = 'par5_' || i}
	);
	cmp_ok($launched, '>', 0, 'workers for wd_explain_key');
	is($result, 5000, 'answers of wd_explain_key');

	# an error in a worker
	is( sqlstate($node, undef,
			"$settings; SELECT count(*) FROM inbox WHERE wd_dedup_key('nobody', payload) = '';"
		),
		'WD005',
		'an error');
	$session->quit;
};

subtest 'G9: the built-in rows change, as by an update of the extension' => sub {
	my $key = q{SELECT wd_dedup_key('square', '{"event_id":"e","new_id":"n"}')};
	my $status = q{SELECT http_status FROM wd_acquire('square', 'held')};

	$other->query_safe(q{SELECT wd_try_acquire('square', 'held', NULL, '0')});
	is($other->query_safe($key), 'ev_e', 'as it came');
	is($other->query_safe($status), 409, 'as it came');
	$node->safe_psql('postgres', q{SELECT wd_set_provider('square', busy_status => 500)});
	is($other->query_safe($key), 'ev_e', 'with a status of its own');
	is($other->query_safe($status), 500, 'with a status of its own');
	$node->safe_psql('postgres', <<'SQL');
UPDATE webhook_dedup_providers SET key_templates = '{"new_{body:new_id}"}', busy_status = 503, hint = 'New.'
  WHERE provider = 'square' AND built_in
SQL
	is($other->query_safe($key), 'new_n',
		'what the user left out is as it comes now');
	is($other->query_safe($status), 500, 'what the user set is as it was');
	is( $node->safe_psql(
			'postgres',
			q{SELECT key_templates, busy_status, hint, is_changed FROM wd_providers WHERE provider = 'square'}
		),
		'{"new_{body:new_id}"}|500|New.|t',
		'and the view says so');
	$node->safe_psql('postgres', q{SELECT wd_drop_provider('square')});
	is($other->query_safe($status), 503, 'until the user drops it');
	$node->safe_psql('postgres',
		q{DELETE FROM webhook_dedup_providers WHERE provider = 'square' AND built_in}
	);
	is(key_in($other, 'square'), 'WD005', 'one that comes no more');
	$node->safe_psql('postgres', setting('own', 'square'));
	is(key_in($other, 'square'), 'own_1', 'but for a row of the user');
};

# What the ledger's own triggers may do while an event is acquired
subtest 'G1: a trigger that changes rules or asks for others' => sub {
	set_elsewhere('outer');
	set_elsewhere('inner', 'inner');
	$node->safe_psql('postgres', <<'SQL');
SELECT wd_set_provider('p', busy_status => 418, lease => '1 hour', max_attempts => 2);
SELECT wd_set_provider('inner', busy_status => 503, lease => '1 minute', max_attempts => 1);
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.provider <> 'p' THEN
    RETURN NEW;
  END IF;
  IF public.wd_dedup_key('inner', '{"id":1}') <> 'inner_1' OR public.wd_dedup_key('p', '{"id":1}') <> 'outer_1' THEN
    RAISE 'wrong key';
  END IF;
  PERFORM public.wd_set_provider('inner', comment => 'changed'), public.wd_set_provider('p', comment => 'changed');
  PERFORM public.wd_try_acquire('inner', 'of ' || NEW.dedup_key || NEW.attempt), public.wd_explain_key('inner', '{"id":1}');
  -- more than are kept
  FOR i IN 1 .. 1100 LOOP
    PERFORM public.wd_try_once('cycle-' || i, 'k');
  END LOOP;
  RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON webhook_dedup_events
  FOR EACH ROW EXECUTE FUNCTION meddle();
SQL
	my $session = new_session();
	my $columns =
	  q{acquired, outcome, dedup_key, attempt, http_status, lease_expires_at - clock_timestamp() BETWEEN '50 minutes' AND '1 hour'};

	is( $session->query_safe("SELECT $columns FROM wd_acquire('p', 'a')"),
		't|first|a|1||t', 'wd_acquire');
	is($session->query_safe(q{SELECT wd_try_acquire('p', 'b')}),
		't', 'wd_try_acquire');
	is($session->query_safe(q{SELECT wd_try_once('p', 'c')}), 't', 'wd_try_once');
	is( $session->query_safe(
			"SELECT $columns FROM wd_acquire_many('p', '{d,a,d}')"),
		"t|first|d|1||t\nf|in_progress|a|1|418|t\nf|in_progress|d|1|418|t",
		'wd_acquire_many');
	is( $session->query_safe(
			qq(SELECT $columns FROM wd_receive('p', '{"id":"e"}'))),
		't|first|outer_e|1||t', 'wd_receive');
	is( $session->query_safe(
			qq(SELECT $columns FROM wd_receive_items('p', '{"id":"f"}'))),
		't|first|outer_f|1||t', 'wd_receive_items');
	is( $session->query_safe(
			q{SELECT wd_extend_lease('p', 'a', 1) - clock_timestamp() BETWEEN '50 minutes' AND '1 hour'}
		),
		't',
		'wd_extend_lease');
	is($session->query_safe(q{SELECT wd_mark_failed('p', 'a', 1, 'E1')}),
		't', 'wd_mark_failed');
	is( $session->query_safe("SELECT $columns FROM wd_acquire('p', 'a')"),
		't|retry|a|2||t', 'taken over');
	is($session->query_safe(q{SELECT wd_mark_failed('p', 'a', 2, 'E2')}),
		't', 'wd_mark_failed');
	is( $session->query_safe(
			q{SELECT outcome, http_status FROM wd_acquire('p', 'a')}),
		'exhausted|200', 'up to the limit');
	is( $session->query_safe(
			q{SELECT comment FROM wd_providers WHERE provider IN ('p', 'inner')}),
		"changed\nchanged", 'the changes are there');
	$node->safe_psql('postgres',
		'DROP TRIGGER meddle ON webhook_dedup_events; DROP FUNCTION meddle()');
	$session->quit;
};

# A standby reads the primary's rows and hears of their changes.
subtest 'G9: a physical standby' => sub {
	$node->backup('backup');
	my $standby = PostgreSQL::Test::Cluster->new('rules_standby');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->start;
	set_elsewhere('first');
	$node->wait_for_catchup($standby);

	my $reader = new_session($standby);
	my $old = new_session($standby);
	my $explained =
	  q{SELECT template, dedup_key FROM wd_explain_key('p', '{"id":1}')};

	is(key_in($reader), 'first_1', 'rules of the primary');
	is($reader->query_safe($explained),
		'first_{body:id}|first_1', 'wd_explain_key');
	is(key_in($reader, 'nobody'), 'WD005', 'an unknown provider');
	is(key_in($reader, 'paypal'), 'ev_1', 'a built-in one');
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is(key_in($old), 'first_1', 'an older snapshot');

	set_elsewhere('second');
	set_elsewhere('known', 'nobody');
	$node->wait_for_catchup($standby);
	is(key_in($reader), 'second_1', 'a change of the primary');
	is($reader->query_safe($explained),
		'second_{body:id}|second_1', 'wd_explain_key');
	is(key_in($reader, 'nobody'), 'known_1', 'no longer unknown');
	is(key_in($old), 'second_1', 'a change, with an older snapshot');
	$old->query_safe('COMMIT');
	is(key_in($old), 'second_1', 'and after it');

	$node->safe_psql('postgres',
		'BEGIN; ' . setting('prepared') . q{; PREPARE TRANSACTION 'standby'});
	$node->wait_for_catchup($standby);
	is(key_in($reader), 'second_1', 'a prepared transaction');
	$node->safe_psql('postgres', q{COMMIT PREPARED 'standby'});
	$node->wait_for_catchup($standby);
	is(key_in($reader), 'prepared_1', 'committed');

	# settings without templates, for what is settled
	$node->safe_psql('postgres',
		q{SELECT wd_try_acquire('p', 'standby', NULL, '0'), wd_set_provider('p', busy_status => 425)}
	);
	$node->wait_for_catchup($standby);
	is( $reader->query_safe(
			q{SELECT wd_lookup('p', 'standby'), (wd_acquire('p', 'standby')).http_status}
		),
		'processing|425',
		'wd_lookup and the status of a busy event');
	is( sqlstate($standby, undef,
			q{SELECT wd_set_provider('p', busy_status => 503);}),
		'25006',
		'no changes here');
	is(sqlstate($standby, undef, q{SELECT wd_drop_provider('p');}),
		'25006', 'nor a drop');
	$node->safe_psql('postgres', q{SELECT wd_drop_provider('p')});
	$node->wait_for_catchup($standby);
	is(key_in($reader), 'WD005', 'dropped');

	# promoted, it has rules of its own
	$standby->promote;
	$standby->safe_psql('postgres', setting('promoted'));
	is(key_in($reader), 'promoted_1', 'promoted');
	$_->quit foreach $reader, $old;
	$standby->stop;
};

subtest 'G9: a subscriber of logical replication' => sub {
	my $subscriber =
	  ledger_node('rules_subscriber', allows_streaming => 'logical');
	my $connstr = $node->connstr . ' dbname=postgres';
	my $reader = new_session($subscriber);

	set_elsewhere('copied');
	$node->safe_psql('postgres',
		q{CREATE PUBLICATION rules FOR TABLE webhook_dedup_providers WHERE (NOT built_in) WITH (publish = 'insert, update, delete')}
	);
	is(key_in($reader), 'WD005', 'before');
	$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION rules CONNECTION '$connstr' PUBLICATION rules WITH (disable_on_error = true)"
	);
	$subscriber->wait_for_subscription_sync($node, 'rules');
	is(key_in($reader), 'copied_1', 'rows that were there');
	is(key_in($reader, 'paypal'), 'ev_1', 'the built-in ones are its own');

	my @changes = (
		'an update' => [ setting('updated'), 'updated_1' ],
		'a delete' => [ q{SELECT wd_drop_provider('p')}, 'WD005' ],
		'an insert' => [ setting('inserted'), 'inserted_1' ],
		'two in one transaction' => [
			'BEGIN; ' . setting('x') . '; ' . setting('y') . '; COMMIT', 'y_1'
		],
		'one that is rolled back' =>
		  [ 'BEGIN; ' . setting('x') . '; ROLLBACK', 'y_1' ],
	);
	while (my ($name, $change) = splice @changes, 0, 2)
	{
		$node->safe_psql('postgres', $change->[0]);
		$node->wait_for_catchup('rules');
		is(key_in($reader), $change->[1], "$name, in a session that had rules");
		my $fresh = new_session($subscriber);
		is(key_in($fresh), $change->[1], "$name, in a new session");
		$fresh->quit;
	}

	# what the publisher did not check is checked here
	my $position = log_size($subscriber);
	$node->safe_psql('postgres', <<'SQL');
ALTER TABLE webhook_dedup_providers DISABLE TRIGGER wd_check_provider;
UPDATE webhook_dedup_providers SET busy_status = 200 WHERE provider = 'p';
ALTER TABLE webhook_dedup_providers ENABLE ALWAYS TRIGGER wd_check_provider;
SQL
	$subscriber->wait_for_log(qr/argument "busy_status" must be between/,
		$position);
	is( $subscriber->safe_psql(
			'postgres',
			q{SELECT busy_status FROM wd_providers WHERE provider = 'p'}),
		503,
		'a row that makes no sense is refused');
	is(key_in($reader), 'y_1', 'and the rules are as they were');
	$node->safe_psql('postgres',
		q{UPDATE webhook_dedup_providers SET busy_status = 503 WHERE provider = 'p'}
	);
	$subscriber->safe_psql('postgres',
		'ALTER SUBSCRIPTION rules DISABLE; ALTER SUBSCRIPTION rules SET (slot_name = NONE); DROP SUBSCRIPTION rules'
	);
	$node->safe_psql('postgres',
		q{SELECT pg_drop_replication_slot('rules'); DROP PUBLICATION rules});
	$reader->quit;
	$subscriber->stop;
};

subtest 'G9: the extension is dropped and created again' => sub {
	my $kept = new_session();

	set_elsewhere('old');
	is(key_in($kept), 'old_1', 'before');
	$node->safe_psql('postgres', 'DROP EXTENSION webhook_dedup');
	is(key_in($kept), '42883', 'without the extension');
	$node->safe_psql('postgres', 'CREATE EXTENSION webhook_dedup');
	is(key_in($kept), 'WD005', 'rules that went with it');
	is(key_in($kept, 'paypal'), 'ev_1', 'rules that came with it');
	set_elsewhere('new');
	is(key_in($kept), 'new_1', 'a change of the new table');
	set_elsewhere('newer');
	is(key_in($kept), 'newer_1', 'and one more');

	# in one transaction, so that the session never meets the time between
	$node->safe_psql('postgres', <<"SQL");
BEGIN;
DROP EXTENSION webhook_dedup;
CREATE EXTENSION webhook_dedup;
${\ setting('again') };
COMMIT;
SQL
	is(key_in($kept), 'again_1', 'in one transaction');

	# in another schema
	$node->safe_psql('postgres', <<"SQL");
CREATE SCHEMA elsewhere;
DROP EXTENSION webhook_dedup;
CREATE EXTENSION webhook_dedup SCHEMA elsewhere;
SET search_path = elsewhere;
${\ setting('moved') };
SQL
	is(key_in($kept, 'p', 'elsewhere'), 'moved_1', 'in another schema');
	$node->safe_psql('postgres',
		'SET search_path = elsewhere; ' . setting('moved2'));
	is(key_in($kept, 'p', 'elsewhere'), 'moved2_1', 'and its changes');

	# undone
	$kept->query_safe('BEGIN');
	$kept->query_safe('DROP EXTENSION webhook_dedup');
	$kept->query_safe('CREATE EXTENSION webhook_dedup SCHEMA public');
	is(key_in($kept), 'WD005', 'in a transaction');
	$kept->query_safe('ROLLBACK');
	is(key_in($kept, 'p', 'elsewhere'), 'moved2_1', 'that is rolled back');
	$kept->quit;
};

$other->quit;
$node->stop;
done_testing();
