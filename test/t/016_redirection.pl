# A statement of the extension reaches the extension's own table and no other,
# whatever becomes of names, policies, roles and settings in between, in the
# middle of a transaction and while a call waits for a lock too.
#
# mallory owns the extension's schema, as a role that was given it or that owns
# the database does, and receives events.  She puts a table like the ledger
# where it used to be, with a trigger: if that ever ran, it would be with the
# rights of the ledger's owner, a superuser.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use WebhookDedup qw(ledger_node);

# How long the stress lasts, in seconds
use constant STRESS => 12;

my $node = ledger_node('redirection',
	conf => "deadlock_timeout = 50ms\nlog_statement = none\n");

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory LOGIN;
CREATE ROLE keeper LOGIN;
SQL

# The writes of the extension: the call for an event k, what is made of the event
# before, and what the call answers and leaves
my $acquire = q{SELECT dedup.wd_try_acquire('shop', k)};
my %writes = (
	wd_try_acquire => [ q{dedup.wd_try_acquire('shop', k)}, undef, 'true processing' ],
	wd_acquire => [
		q{(SELECT outcome FROM dedup.wd_acquire('shop', k))},
		"$acquire, dedup.wd_mark_failed('shop', k)", 'retry processing' ],
	wd_acquire_many => [
		q{(SELECT outcome FROM dedup.wd_acquire_many('shop', ARRAY[k]))}, undef,
		'first processing' ],
	wd_try_once => [ q{dedup.wd_try_once('shop', k)}, undef, 'true done' ],
	wd_extend_lease => [
		q{dedup.wd_extend_lease('shop', k, 1) > now()}, $acquire,
		'true processing' ],
	wd_assert_owner =>
	  [ q{dedup.wd_assert_owner('shop', k, 1)}, $acquire, ' processing' ],
	wd_mark_failed =>
	  [ q{dedup.wd_mark_failed('shop', k, 1)}, $acquire, 'true failed' ],
	wd_mark_done =>
	  [ q{dedup.wd_mark_done('shop', k, 1)}, $acquire, 'true done' ],
	wd_mark_done_many =>
	  [ q{dedup.wd_mark_done_many('shop', ARRAY[k])}, $acquire, '1 done' ],
	wd_reopen => [
		q{dedup.wd_reopen('shop', k)},
		q{SELECT dedup.wd_try_once('shop', k)}, 'true failed' ],
	wd_set_provider =>
	  [ q{dedup.wd_set_provider(k, busy_status => 409)}, undef, ' 409' ],
	wd_drop_provider => [
		q{dedup.wd_drop_provider(k)},
		q{SELECT dedup.wd_set_provider(k, busy_status => 409)}, 'true ' ],
);

# A new database, with the extension in schema dedup, which is mallory's.  A
# trap that is sprung advances canary.sprung, which a rollback does not undo.
# The functions in schema api call those of the extension by their OIDs, so
# that a rename does not keep a session from calling them.
sub new_database
{
	my ($database) = @_;

	my $wrappers = join '', map { <<"SQL" } sort keys %writes;
CREATE FUNCTION api.$_(k text) RETURNS text BEGIN ATOMIC
  SELECT ($writes{$_}[0])::text;
END;
SQL

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, <<"SQL");
CREATE SCHEMA dedup;
CREATE EXTENSION webhook_dedup SCHEMA dedup;
SELECT dedup.wd_grant_receiver('mallory'), dedup.wd_grant_operator('mallory');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA dedup TO mallory;
GRANT CREATE ON DATABASE $database TO mallory;
ALTER SCHEMA dedup OWNER TO mallory;
GRANT USAGE ON SCHEMA dedup TO PUBLIC;
CREATE SCHEMA canary;
CREATE SEQUENCE canary.sprung;
CREATE TABLE canary.seen (who name, at_table regclass, did text);
GRANT USAGE ON SCHEMA canary TO PUBLIC;
GRANT ALL ON canary.sprung, canary.seen TO PUBLIC;
CREATE SCHEMA api;
GRANT USAGE ON SCHEMA api TO PUBLIC;
$wrappers
SQL
	return;
}

# Tables like those of the extension in a schema.  Whatever happens to them
# springs a trap; whoever reads them is told of attempts and settings that
# nothing else tells of.
sub lookalikes
{
	my ($schema, $keys) = @_;

	return <<"SQL";
CREATE TABLE $schema.webhook_dedup_events (id bigint DEFAULT -1,
  provider text COLLATE "C" NOT NULL, dedup_key text COLLATE "C" NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  last_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  status text COLLATE "C" NOT NULL DEFAULT 'processing',
  request_hash text COLLATE "C", attempt integer NOT NULL DEFAULT 1,
  lease_expires_at timestamptz, last_error text, response jsonb,
  CONSTRAINT lookalike UNIQUE (provider, dedup_key));
INSERT INTO $schema.webhook_dedup_events (id, provider, dedup_key, status, attempt)
  SELECT -1000, p, k, s, 1000
    FROM (VALUES ('shop', 'processing'), ('paypal', 'failed')) e(p, s), $keys k;
CREATE TABLE $schema.webhook_dedup_providers (provider text, built_in boolean,
  key_templates text[], busy_status integer, lease interval,
  lease_floor interval, retention interval, retry_window interval,
  max_attempts integer, payload_format text, hint text, comment text,
  UNIQUE (provider, built_in));
INSERT INTO $schema.webhook_dedup_providers (provider, built_in, key_templates, busy_status, lease)
  SELECT p, false, '{"captured_{body:id}"}', 599, '1 us' FROM unnest('{shop,paypal}'::text[]) p;
CREATE FUNCTION $schema.trap() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
  PERFORM pg_catalog.nextval('canary.sprung');
  INSERT INTO canary.seen VALUES (current_user, TG_RELID, TG_OP);
  RETURN NEW;
END \$\$;
CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON $schema.webhook_dedup_events
  FOR EACH ROW EXECUTE FUNCTION $schema.trap();
CREATE TRIGGER trap_all BEFORE INSERT OR UPDATE OR DELETE ON $schema.webhook_dedup_events
  FOR EACH STATEMENT EXECUTE FUNCTION $schema.trap();
CREATE TRIGGER trap_all BEFORE INSERT OR UPDATE OR DELETE ON $schema.webhook_dedup_providers
  FOR EACH STATEMENT EXECUTE FUNCTION $schema.trap();
GRANT USAGE ON SCHEMA $schema TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA $schema TO PUBLIC;
SQL
}

sub as_mallory
{
	my ($database, $sql) = @_;

	$node->safe_psql($database, $sql, extra_params => [ '-U', 'mallory' ]);
	return;
}

# No trap was sprung, not even by what was rolled back.
sub not_sprung
{
	my ($database, $name) = @_;

	is( $node->safe_psql(
			$database, <<'SQL'), 'f', "$name: no trap was sprung")
SELECT is_called FROM canary.sprung
SQL
	  or diag('sprung by: '
		  . $node->safe_psql($database, 'SELECT who, did, count(*) FROM canary.seen GROUP BY 1, 2'));
	return;
}

# What is left of an event, or a provider, of that name
my $left = <<'SQL';
SELECT concat_ws(' ', dedup.wd_lookup('shop', KEY),
  (SELECT busy_status FROM dedup.wd_providers WHERE provider = KEY))
SQL

# All of the extension gets an owner for whom row security holds, and a policy
# for updates that reads a table, which is locked when an update is to run.
my $keepers = <<'SQL';
CREATE TABLE dedup.tenants (tenant text);
INSERT INTO dedup.tenants VALUES ('any');
GRANT SELECT ON dedup.tenants TO PUBLIC;
ALTER TABLE dedup.webhook_dedup_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY r ON dedup.webhook_dedup_events FOR SELECT USING (true);
CREATE POLICY c ON dedup.webhook_dedup_events FOR INSERT WITH CHECK (true);
CREATE POLICY w ON dedup.webhook_dedup_events FOR UPDATE
  USING (EXISTS (SELECT FROM dedup.tenants)) WITH CHECK (true);
DO $$
DECLARE
  o text;
BEGIN
  FOR o IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'dedup'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO keeper', o);
  END LOOP;
  FOR o IN SELECT oid::regclass FROM pg_class
    WHERE relnamespace = 'dedup'::regnamespace AND relkind IN ('r', 'v') LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO keeper', o);
  END LOOP;
END $$;
SQL

# What could make the server read a statement's text again in the middle of a
# transaction, in which the ledger is locked already: what the owner of the
# ledger does before, what the session does first, and what it does when the
# names lead elsewhere.
my %ways = (
	'row security' => {
		owner => <<'SQL',
ALTER TABLE dedup.webhook_dedup_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE dedup.webhook_dedup_providers ENABLE ROW LEVEL SECURITY;
SQL
		first => ['SET LOCAL row_security = on'],
		later => ['SET LOCAL row_security = off'],
	},
	'a policy with a subquery' => { owner => $keepers, calls_before => 0 },
	'a search_path' => {
		first => ['SET LOCAL search_path = dedup'],
		later => ['SET LOCAL search_path = pg_temp, dedup, pg_catalog'],
	},
	'a temporary table' => {
		later => [ 'DROP TABLE IF EXISTS pg_temp.webhook_dedup_events',
			'CREATE TEMP TABLE webhook_dedup_events (i integer)' ],
	},
	'plans made anew' => { later => ['DISCARD PLANS'] },
	'a subtransaction' =>
	  { first => ['SAVEPOINT s'], later => ['ROLLBACK TO s'] },
	'nothing' => {},
);

foreach my $way (sort keys %ways)
{
	my $database = 'way_' . ($way =~ s/\W+/_/gr);
	my %way = (first => [], later => [], calls_before => 1, %{ $ways{$way} });

	subtest "G1: the schema is renamed in a transaction, and $way" => sub {
		new_database($database);
		$node->safe_psql($database, $way{owner}) if $way{owner};

		my $session = $node->background_psql(
			$database,
			on_error_stop => 0,
			extra_params => [ '-U', 'mallory' ]);
		$session->query_safe(
			'SET client_min_messages = warning');

		foreach my $write (sort keys %writes)
		{
			my (undef, $before, $right) = @{ $writes{$write} };
			my $hold = $write =~ /provider/ ? 'wd_set_provider' : 'wd_try_acquire';
			my @keys = map { "$write$_" } 1 .. 3;
			my $keys = "unnest('{" . join(',', @keys) . "}'::text[])";

			$node->safe_psql($database, "$before FROM $keys k") if $before;
			$session->query_safe($_)
			  foreach "SELECT api.$write('$keys[0]')", 'BEGIN', @{ $way{first} },
			  "SELECT api.$hold('other $write')",
			  $way{calls_before} ? "SELECT api.$write('$keys[1]')" : ();

			as_mallory($database, <<"SQL" . lookalikes('dedup', "$keys"));
ALTER SCHEMA dedup RENAME TO moved;
CREATE SCHEMA dedup;
SQL
			$session->query_safe($_) foreach @{ $way{later} };
			my $answer = $session->query("SELECT api.$write('$keys[2]')");
			my $stderr = $session->{stderr};

			$session->{stderr} = '';
			$session->query('COMMIT');
			as_mallory($database, <<'SQL');
SET client_min_messages = warning;
DROP SCHEMA dedup CASCADE;
ALTER SCHEMA moved RENAME TO dedup;
SQL
			is($stderr, '', "$write: no complaint");
			is( "$answer "
				  . $node->safe_psql($database,
					$left =~ s/KEY/'$keys[2]'/gr),
				$right,
				"$write: what it answers and leaves");
			not_sprung($database, $write);
			$node->safe_psql($database,
				'ALTER SEQUENCE canary.sprung RESTART; TRUNCATE canary.seen');
		}
		$session->quit;
	};
}

#
# Stress: long-lived sessions call everything, while others swap names, change
# policies and owners, and hold locks.
#

# The events of the stress are those of paypal with the keys ev_1 to this.
use constant EVENTS => 1000;

# What the workers call: each gives for an event by how much its attempt grew,
# how many attempts it completed, and whether it told what only a look-alike
# would tell.
my $acquisition = 'a.dedup_key, a.acquired::int, 0,'
  . ' a.event_id < 0 OR a.attempt >= 1000 OR a.http_status = 599';
my @works = (
	q{ev, dedup.wd_try_acquire('paypal', ev)::int, 0, false},
	qq{$acquisition FROM dedup.wd_acquire('paypal', ev) a},
	qq{$acquisition FROM dedup.wd_acquire_many('paypal', ARRAY[ev, other]) a},
	qq{$acquisition FROM dedup.wd_receive('paypal',
	     convert_to(format('{"id":"%s"}', substr(ev, 4)), 'UTF8')) a},
	q{ev, o, o, false FROM (SELECT dedup.wd_try_once('paypal', ev)::int o OFFSET 0) s},
	q{ev, 0, dedup.wd_mark_done('paypal', ev)::int, false},
	q{ev, 0, dedup.wd_mark_failed('paypal', ev)::int, false},
	q{ev, 0, dedup.wd_mark_done_many('paypal', ARRAY[ev])::int, false},
	q{ev, 0, 0, dedup.wd_extend_lease('paypal', ev, 1000) IS NOT NULL},
	q{ev, 0, 0, dedup.wd_extend_lease('paypal', ev, 1) < clock_timestamp()},
	q{ev, 0, 0, dedup.wd_assert_owner('paypal', ev, 1) IS NULL},
	q{ev, 0, 0, dedup.wd_reopen('paypal', ev) IS NULL},
	q{ev, 0, 0, false FROM dedup.wd_lookup('paypal', ev)},
	q{ev, 0, 0, dedup.wd_dedup_key('paypal', '{"id":7}') <> 'ev_7'},
);

# How a call may fail: as it does without a stress; by its transaction's
# isolation level or a deadlock; or as the ledger is out of reach for a moment.
my @ordinary = ('P0002', 'WD004', '55P03');
my @clean = (@ordinary, '40001', '40P01', '42P01', '42501');

# The transactions of the workers, and how often each is run: CALL is the same
# call, with other events, throughout a transaction.
my %transactions = (
	alone => [ 2, 'CALL' ],
	many => [ 1, 'BEGIN', 'ANY', 'PAUSE', 'ANY', 'ANY', 'COMMIT' ],
	row_security => [
		4, 'BEGIN',
		('SET LOCAL row_security = on', 'CALL', 'PAUSE',
			'SET LOCAL row_security = off', 'CALL', 'PAUSE') x 3,
		'COMMIT'
	],
	search_path => [
		1, 'BEGIN', 'CALL', 'SET LOCAL search_path = decoy, pg_temp, dedup',
		'PAUSE', 'CALL', 'SET LOCAL search_path = pg_catalog', 'CALL', 'COMMIT'
	],
	role => [
		1, 'BEGIN', 'CALL', 'SET LOCAL ROLE second', 'PAUSE', 'CALL',
		'RESET ROLE', 'CALL', 'COMMIT'
	],
	snapshot => [
		1, 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'CALL', 'PAUSE', 'CALL',
		'CALL', 'COMMIT'
	],
	temporary => [
		1, 'BEGIN', 'CALL',
		'CREATE TEMP TABLE webhook_dedup_events (i integer) ON COMMIT DROP',
		'PAUSE', 'CALL', 'COMMIT'
	],
);

# What others do meanwhile, each of them one after another: names, by turns
# wrong and right again
my $both = 'ALTER SCHEMA dedup RENAME TO moved; ALTER SCHEMA decoy RENAME TO dedup';
my $ledger = 'dedup.webhook_dedup_events';
my $decoy = 'decoy.webhook_dedup_events';
my @swaps = (
	($both) x 6,
	"LOCK $ledger; SELECT pg_sleep(0.01); $both",
	"LOCK dedup.webhook_dedup_providers, $ledger; SELECT pg_sleep(0.01); $both",
	"ALTER TABLE $ledger SET SCHEMA aside; ALTER TABLE $decoy SET SCHEMA dedup",
	"ALTER TABLE $ledger RENAME TO was_ledger; ALTER TABLE $decoy SET SCHEMA dedup",
	'ALTER TABLE dedup.webhook_dedup_providers SET SCHEMA aside;'
	  . ' ALTER TABLE decoy.webhook_dedup_providers SET SCHEMA dedup',
);

# what the owner of the ledger, wherever that is, may change of it
my @changes = (
	('ALTER TABLE %s ENABLE ROW LEVEL SECURITY') x 3,
	'ALTER TABLE %s DISABLE ROW LEVEL SECURITY',
	'ALTER TABLE %s FORCE ROW LEVEL SECURITY',
	'ALTER TABLE %s NO FORCE ROW LEVEL SECURITY',
	'DROP POLICY IF EXISTS p ON %1$s; CREATE POLICY p ON %1$s USING (true)',
	'DROP POLICY IF EXISTS p ON %1$s;'
	  . ' CREATE POLICY p ON %1$s USING (EXISTS (SELECT FROM work.tenants))',
	'DROP POLICY IF EXISTS p ON %s',
	'ALTER TABLE %s OWNER TO keeper',
	'ALTER TABLE %s OWNER TO postgres',
	'GRANT SELECT ON %s TO second',
	'REVOKE SELECT ON %s FROM second',
	'ANALYZE %s',
	'ALTER ROLE keeper BYPASSRLS',
	'ALTER ROLE keeper NOBYPASSRLS',
);

# and locks
my @locks = (
	'LOCK TABLE %s; SELECT pg_sleep(0.005)',
	'LOCK TABLE %s IN SHARE MODE; SELECT pg_sleep(0.005)',
	'SELECT FROM %s ORDER BY random() LIMIT 10 FOR UPDATE; SELECT pg_sleep(0.01)',
);

sub array_of
{
	my (@texts) = @_;

	return 'ARRAY[' . join(', ', map { "\$t\$$_\$t\$" } @texts) . ']';
}

# A function that does one of these, for the ledger
sub one_of
{
	my ($name, @texts) = @_;

	return <<"SQL";
CREATE FUNCTION work.$name() RETURNS void LANGUAGE plpgsql
SET client_min_messages = warning AS \$\$
DECLARE
  texts text[] := ${\ array_of(@texts) };
BEGIN
  EXECUTE format(texts[1 + floor(random() * cardinality(texts))],
    (SELECT real::regclass FROM work.tables WHERE name = 'webhook_dedup_events'));
  PERFORM nextval('work.changed');
EXCEPTION WHEN OTHERS THEN
  -- a deadlock, or somebody else was faster
  NULL;
END \$\$;
SQL
}

sub script_file
{
	my ($name, @lines) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$name.sql";
	my $works = @works;
	my %line = (
		CALL => 'SELECT work.call_:call();',
		ANY => "\\set any random(1, $works)\nSELECT work.call_:any();",
		PAUSE => '\sleep 3 ms');

	append_to_file($file, "\\set call random(1, $works)\n");
	append_to_file($file, ($line{$_} // (/^\\/ ? $_ : "$_;")) . "\n")
	  foreach @lines;
	return $file;
}

# Run pgbench for the time of the stress.
sub start_pgbench
{
	my ($role, $clients, @files) = @_;
	my $bench = { out => '' };

	$bench->{run} = IPC::Run::start(
		[
			'pgbench', '-n', '-h', $node->host, '-p', $node->port,
			'-U', $role, '-c', $clients, '-T', STRESS,
			(map { ('-f', $_) } @files), 'stress'
		],
		'<', \undef, '>', \$bench->{out}, '2>&1',
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $bench;
}

sub stress_database
{
	my $number = 0;
	my $works = join '', map { $number++; <<"SQL" } @works;
CREATE FUNCTION work.answer_$number(ev text, other text)
RETURNS TABLE (dedup_key text, gained integer, completed integer, odd boolean)
ROWS 2 BEGIN ATOMIC
  SELECT $_;
END;
-- the call, and what came of it; a text that is analyzed anew would let the
-- session hear of the swaps
CREATE FUNCTION work.call_$number() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
  ev text := 'ev_' || 1 + floor(random() * ${\ EVENTS });
  other text := 'ev_' || 1 + floor(random() * ${\ EVENTS });
BEGIN
  INSERT INTO work.effects SELECT $number, a.* FROM work.answer_$number(ev, other) a;
EXCEPTION WHEN OTHERS THEN
  INSERT INTO work.failures VALUES ($number, SQLSTATE, SQLERRM);
END \$\$;
SQL

	new_database('stress');
	$node->safe_psql('stress', <<"SQL");
CREATE ROLE worker LOGIN;
CREATE ROLE second;
GRANT second TO worker;
SELECT dedup.wd_grant_receiver(r), dedup.wd_grant_operator(r)
  FROM unnest('{worker,second}'::regrole[]) r;
ALTER DATABASE stress SET lock_timeout = '5s';

CREATE SCHEMA decoy;
CREATE SCHEMA aside;
GRANT USAGE ON SCHEMA decoy, aside TO PUBLIC;
${\ lookalikes('decoy', "(SELECT 'ev_' || i FROM generate_series(1, ${\ EVENTS }) i)") }

CREATE SCHEMA work;
GRANT USAGE ON SCHEMA work TO PUBLIC;
CREATE TABLE work.tenants ();
INSERT INTO work.tenants DEFAULT VALUES;
CREATE TABLE work.effects (call integer, dedup_key text, gained integer,
  completed integer, odd boolean);
CREATE TABLE work.failures (call integer, state text, message text);
CREATE SEQUENCE work.changed;
$works
GRANT ALL ON ALL TABLES IN SCHEMA work TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA work TO PUBLIC;

-- what is swapped, by OIDs
CREATE TABLE work.tables AS
  SELECT r.relname AS name, r.oid AS real, d.oid AS decoy,
      r.relnamespace AS real_schema, d.relnamespace AS decoy_schema
    FROM pg_class r JOIN pg_class d USING (relname)
    WHERE r.relnamespace = 'dedup'::regnamespace
      AND d.relnamespace = 'decoy'::regnamespace AND r.relkind = 'r';

CREATE FUNCTION work.put_right() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
  t record;
BEGIN
  SELECT * INTO t FROM work.tables LIMIT 1;
  IF t.real_schema::regnamespace::text <> 'dedup' THEN
    EXECUTE format('ALTER SCHEMA %s RENAME TO decoy', t.decoy_schema::regnamespace);
    EXECUTE format('ALTER SCHEMA %s RENAME TO dedup', t.real_schema::regnamespace);
  END IF;
  FOR t IN SELECT w.*, c.relname, c.relnamespace <> real_schema AS moved
    FROM work.tables w JOIN pg_class c ON c.oid = real
    WHERE c.relnamespace <> real_schema OR c.relname <> name
  LOOP
    EXECUTE format('ALTER TABLE %s SET SCHEMA decoy', t.decoy::regclass);
    IF t.moved THEN
      EXECUTE format('ALTER TABLE %s SET SCHEMA dedup', t.real::regclass);
    ELSE
      EXECUTE format('ALTER TABLE %s RENAME TO %I', t.real::regclass, t.name);
    END IF;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  PERFORM pg_sleep(0.01);
  PERFORM work.put_right();
END \$\$;

${\ one_of('swap', @swaps) }
${\ one_of('change', @changes) }
${\ one_of('lock', @locks) }
SQL
	return;
}

subtest 'G1: a stress' => sub {
	stress_database();
	my @benches = (
		start_pgbench('worker', 8,
			map {
				my ($weight, @lines) = @{ $transactions{$_} };
				script_file($_, @lines) . "\@$weight"
			} sort keys %transactions),
		start_pgbench('postgres', 1,
			script_file('swap', 'SELECT work.swap()', '\sleep 10 ms',
				'SELECT work.put_right()', '\sleep 15 ms')),
		start_pgbench('postgres', 1,
			script_file('change', 'SELECT work.change()', '\sleep 30 ms')),
		start_pgbench('postgres', 1,
			script_file('lock', 'SELECT work.lock()', '\sleep 50 ms')));

	foreach my $bench (@benches)
	{
		ok($bench->{run}->finish, 'a pgbench came to its end')
		  or diag($bench->{out});
	}
	$node->safe_psql('stress', 'SELECT work.put_right()');

	# no look-alike was written, or read
	not_sprung('stress', 'all the time');
	is( $node->safe_psql(
			'stress', <<'SQL'), 2 * EVENTS . '|t|2', 'the look-alikes are as they were');
SELECT count(*), bool_and(id = -1000 AND attempt = 1000),
    (SELECT count(*) FROM decoy.webhook_dedup_providers WHERE busy_status = 599)
  FROM decoy.webhook_dedup_events
SQL
	is($node->safe_psql('stress', 'SELECT * FROM work.effects WHERE odd'),
		'', 'nobody was told of them');

	# the ledger is right: an event's attempt is the number of its acquisitions
	# that were committed, and it is processing while one is not completed
	is( $node->safe_psql(
			'stress', <<'SQL'), '', 'the ledger holds what was done, in one row for each event');
WITH done AS (
  SELECT dedup_key, sum(gained) AS gained, sum(completed) AS completed
    FROM work.effects GROUP BY dedup_key HAVING sum(gained) > 0 OR sum(completed) > 0
)
SELECT * FROM done FULL JOIN dedup.webhook_dedup_events e USING (dedup_key)
  WHERE attempt IS DISTINCT FROM gained
    OR (status = 'processing')::int <> gained - completed
    OR provider <> 'paypal'
SQL
	is( $node->safe_psql(
			'stress', <<'SQL'), 0, 'and no event twice');
SELECT count(*) - count(DISTINCT (provider, dedup_key)) FROM dedup.webhook_dedup_events
SQL

	# and there was something to see
	my $clean = array_of(@clean);
	my $ordinary = array_of(@ordinary);
	is( $node->safe_psql(
			'stress', <<"SQL"), '', 'what fails, fails cleanly');
SELECT state, message, count(*) FROM work.failures WHERE state <> ALL ($clean) GROUP BY 1, 2
SQL
	note $node->safe_psql('stress', <<'SQL');
SELECT call, coalesce(state, 'answered'), count(*)
  FROM (SELECT call, NULL AS state FROM work.effects
    UNION ALL SELECT call, state FROM work.failures) s GROUP BY 1, 2 ORDER BY 1, 2
SQL
	is( $node->safe_psql(
			'stress', <<'SQL'), scalar(@works), 'each call succeeds');
SELECT count(DISTINCT call) FROM work.effects
SQL
	is( $node->safe_psql(
			'stress', <<"SQL"), 't', 'most calls are answered');
SELECT count(*) FILTER (WHERE state IS NULL OR state = ANY ($ordinary)) > count(*) / 2
  FROM (SELECT NULL AS state FROM work.effects UNION ALL SELECT state FROM work.failures) s
SQL
	cmp_ok($node->safe_psql('stress', 'SELECT last_value FROM work.changed'),
		'>', 100, 'while much was changed');
};

$node->stop;
done_testing();
