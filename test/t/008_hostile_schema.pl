# Same-named objects of an attacker, wherever the caller's names are looked
# up, capture nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use Test::More;
use WebhookDedup qw(run_as);

my $node = PostgreSQL::Test::Cluster->new('hostile');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;

# mallory lays the traps, as a user without any privilege but to create
# objects in a schema; victim calls the extension.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory LOGIN;
CREATE ROLE victim LOGIN;
SQL

# Types for which operators are trapped; the extension's own are among them
# where they exist.
my @plain_types = qw(text varchar integer bigint bytea boolean timestamptz
  interval jsonb "char" name regrole);
my @plain_arrays = qw(text[] integer[] interval[]);

# Traps in a schema.  Each one that is sprung advances the canary, which a
# rollback does not undo, and raises an error.
sub traps
{
	my ($schema, @own_types) = @_;
	my $sql = '';
	my $n = 0;

	my $trap = sub {
		my ($name, $arguments, $returns) = @_;

		$sql .= <<"SQL";
CREATE FUNCTION $schema.$name($arguments) RETURNS $returns LANGUAGE plpgsql AS \$\$
BEGIN
  PERFORM pg_catalog.nextval('canary.sprung');
  RAISE EXCEPTION 'captured by %', '$name($arguments)';
END \$\$;
SQL
		return;
	};

	# functions that the extension's statements and table call
	$trap->('clock_timestamp', '', 'timestamptz');
	$trap->('now', '', 'timestamptz');
	$trap->('unnest', 'anyarray', 'SETOF anyelement');
	$trap->('unnest', 'text[]', 'SETOF text');
	$trap->('unnest', 'integer[]', 'SETOF integer');
	$trap->('array_position', 'bigint[], bigint', 'integer');
	$trap->('nextval', 'regclass', 'bigint');
	$trap->('count', 'bigint', 'bigint');
	$trap->('int4pl', 'integer, integer', 'integer');
	$trap->('texteq', 'text, text', 'boolean');

	# operators, for each pair of types that could meet
	my @pairs;
	push @pairs, map { [ $_, $_ ] } @plain_types, @plain_arrays, @own_types;
	foreach my $own (@own_types)
	{
		push @pairs, [ $own, 'text' ], [ 'text', $own ], [ $own, 'varchar' ];
	}
	push @pairs, [ 'integer', 'bigint' ], [ 'bigint', 'integer' ],
	  [ 'text', 'varchar' ], [ 'varchar', 'text' ];
	foreach my $pair (@pairs)
	{
		my ($left, $right) = @$pair;

		$n++;
		$trap->("trap_$n", "$left, $right", 'boolean');
		foreach my $operator ('=', '<>', '<', '<=', '>', '>=')
		{
			$sql .=
			  "CREATE OPERATOR $schema.$operator (LEFTARG = $left, RIGHTARG = $right, FUNCTION = $schema.trap_$n);\n";
		}
	}
	foreach my $sum (
		[ 'timestamptz', 'interval', 'timestamptz' ],
		[ 'integer', 'integer', 'integer' ],
		[ 'text', 'text', 'text' ])
	{
		my ($left, $right, $returns) = @$sum;

		$n++;
		$trap->("trap_$n", "$left, $right", $returns);
		$sql .=
		  "CREATE OPERATOR $schema.$_ (LEFTARG = $left, RIGHTARG = $right, FUNCTION = $schema.trap_$n);\n"
		  foreach '+', '||';
	}
	return $sql;
}

# Tables and types with the names of the extension's
sub decoys
{
	my ($schema) = @_;

	return <<"SQL";
CREATE TABLE $schema.webhook_dedup_events (id bigint, provider text,
  dedup_key text, first_seen_at timestamptz, last_seen_at timestamptz,
  status text, request_hash text, attempt integer,
  lease_expires_at timestamptz, last_error text, UNIQUE (provider, dedup_key));
CREATE FUNCTION $schema.decoy() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
  PERFORM pg_catalog.nextval('canary.sprung');
  RAISE EXCEPTION 'captured by a table';
END \$\$;
CREATE TRIGGER decoy BEFORE INSERT OR UPDATE OR DELETE
  ON $schema.webhook_dedup_events FOR EACH STATEMENT EXECUTE FUNCTION $schema.decoy();
GRANT ALL ON $schema.webhook_dedup_events TO PUBLIC;
${\ decoy_providers($schema, 'decoy') }
SQL
}

# A table with the name and the columns of that of the providers, whose rows
# would lead to other keys and settings
sub decoy_providers
{
	my ($schema, $function) = @_;

	return <<"SQL";
CREATE TABLE $schema.webhook_dedup_providers (provider text, built_in boolean,
  key_templates text[], busy_status integer, lease interval,
  lease_floor interval, retention interval, retry_window interval,
  max_attempts integer, payload_format text, hint text, comment text,
  UNIQUE (provider, built_in));
INSERT INTO $schema.webhook_dedup_providers (provider, built_in, key_templates, busy_status, lease, max_attempts)
  SELECT p, b, ARRAY['captured_{body:id}', 'captured_{body:eventId}'], 599, '1 us', 1
    FROM pg_catalog.unnest('{paypal,toss,shop,set}'::pg_catalog.text[]) p,
      pg_catalog.unnest('{t,f}'::pg_catalog.bool[]) b;
CREATE TRIGGER $function BEFORE INSERT OR UPDATE OR DELETE
  ON $schema.webhook_dedup_providers FOR EACH STATEMENT EXECUTE FUNCTION $schema.$function();
GRANT ALL ON $schema.webhook_dedup_providers TO PUBLIC;
CREATE VIEW $schema.wd_providers AS SELECT 'captured' AS provider;
GRANT ALL ON $schema.wd_providers TO PUBLIC;
SQL
}

sub decoy_types
{
	my ($schema) = @_;

	return <<"SQL";
CREATE DOMAIN $schema.wd_status AS integer;
CREATE TYPE $schema.wd_outcome AS ENUM ('captured');
CREATE TYPE $schema.wd_acquisition AS (captured integer);
CREATE TYPE $schema.wd_item AS (captured integer);
CREATE DOMAIN $schema.interval AS text;
CREATE DOMAIN $schema.timestamptz AS text;
CREATE DOMAIN $schema.regrole AS text;
CREATE DOMAIN $schema.text AS integer;
CREATE DOMAIN $schema.jsonb AS integer;
SQL
}

# Everything the extension does, with names that are its own
sub whole_life
{
	my ($schema, $round) = @_;

	return <<"SQL";
SELECT $schema.wd_try_acquire('shop', 'a$round');
SELECT $schema.wd_mark_failed('shop', 'a$round', 1, 'E1');
SELECT $schema.wd_acquire('shop', 'a$round', 'h');
SELECT $schema.wd_extend_lease('shop', 'a$round', 2, '1 microsecond');
SELECT $schema.wd_acquire('shop', 'a$round');
SELECT $schema.wd_assert_owner('shop', 'a$round', 3);
SELECT $schema.wd_mark_done('shop', 'a$round', 3);
SELECT $schema.wd_lookup('shop', 'a$round');
SELECT $schema.wd_reopen('shop', 'a$round');
SELECT $schema.wd_acquire_many('shop', '{a$round,b$round,c$round}', '{h,i,NULL}');
SELECT $schema.wd_mark_done_many('shop', '{a$round,b$round}', '{4,NULL}');
SELECT $schema.wd_acquire_many('shop', '{a$round,c$round}', NULL, '1 microsecond');
SELECT $schema.wd_try_once('shop', 'd$round');
SELECT $schema.wd_receive('paypal', '{"id":"$round"}', '{}', '1 hour');
SELECT $schema.wd_receive('toss', '{"eventId":"$round"}');
SELECT $schema.wd_dedup_key('paypal', '{"id":"$round"}', '{}');
SELECT $schema.wd_paypal_dedup_key('{}', '{"paypal-transmission-id":"$round"}');
SELECT $schema.wd_toss_dedup_key('{"eventId":"$round"}', '{}');
SELECT $schema.wd_payload_hash('$round');
SELECT $schema.wd_set_provider('set', '{"s_{body:id}"}', 409, '2 hours', '9 days', '8 days', 3, '1 hour', 'json', 'h', 'c');
SELECT $schema.wd_set_provider('set', max_attempts => 4, retention => '10 days', lease => '3 hours');
SELECT dedup_key OPERATOR(pg_catalog.||) ordinal::pg_catalog.text FROM $schema.wd_receive_items('set/$round', '{"id":"x"}');
SELECT http_status FROM $schema.wd_acquire('set/$round', 's_x');
SELECT dedup_key FROM $schema.wd_explain_key('set', '{"id":"x"}');
SELECT $schema.wd_drop_provider('set'), $schema.wd_drop_provider('set');
SQL
}

# What the whole life must leave in the ledger
my $left = <<'SQL';
SELECT string_agg(dedup_key OPERATOR(pg_catalog.||) ':'
    OPERATOR(pg_catalog.||) status::pg_catalog.text OPERATOR(pg_catalog.||) ':'
    OPERATOR(pg_catalog.||) attempt::pg_catalog.text, ' ' ORDER BY id)
  FROM SCHEMA.webhook_dedup_events WHERE dedup_key ~ 'ROUND$';
SQL

sub left_of
{
	my ($round) = @_;

	return
	  "a$round:done:4 b$round:done:1 c$round:processing:1 d$round:done:1 ev_$round:processing:1 ev_$round:processing:1";
}

# Let victim describe providers too, which its owner alone can.
sub may_describe
{
	my ($schema) = @_;

	return <<"SQL";
GRANT EXECUTE ON FUNCTION $schema.wd_drop_provider(text),
  $schema.wd_set_provider(text, text[], integer, interval, interval, interval, integer, interval, text, text, text)
  TO victim;
SQL
}

# Keys and settings are those of the extension's own table.
sub is_by_rules
{
	my ($answers, $round, $name) = @_;

	is( join(' ', @$answers[ 18 .. 20 ], @$answers[ 24 .. 27 ]),
		"ev_$round tx_$round ev_$round s_x1 409 s_x t|f",
		"$name: the providers are read");
	return;
}

sub check_life
{
	my ($database, $schema, $path, $round, $name) = @_;
	my ($stdout, $stderr) = run_as($node, 'victim',
		"SET search_path = $path;\n" . whole_life($schema, $round),
		$database);

	is($stderr, '', "$name: no call is captured");
	my @answers = split /\n/, $stdout;
	is(scalar @answers, 28, "$name: each call answers");
	is($answers[7], 'done', "$name: the ledger is read");
	is_by_rules(\@answers, $round, $name);
	is( $node->safe_psql(
			$database, $left =~ s/SCHEMA/$schema/r =~ s/ROUND/$round/r),
		left_of($round),
		"$name: the ledger holds what was done");
	is($node->safe_psql($database, 'SELECT is_called FROM canary.sprung'),
		'f', "$name: no trap was sprung");
	return;
}

sub new_database
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, <<'SQL');
CREATE SCHEMA canary;
CREATE SEQUENCE canary.sprung;
GRANT USAGE ON SCHEMA canary TO PUBLIC;
GRANT ALL ON SEQUENCE canary.sprung TO PUBLIC;
SQL
	return;
}

# Run a script as mallory, of which all must succeed.
sub as_mallory
{
	my ($database, $sql) = @_;

	$node->safe_psql($database, $sql, extra_params => [ '-U', 'mallory' ]);
	return;
}

subtest 'G1: a schema in front of the caller\'s path' => sub {
	new_database('path');
	$node->safe_psql('path', <<'SQL' . may_describe('dedup'));
CREATE SCHEMA dedup;
CREATE EXTENSION webhook_dedup SCHEMA dedup;
SELECT dedup.wd_grant_receiver('victim'), dedup.wd_grant_operator('victim');
CREATE SCHEMA hostile AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA dedup TO mallory;
SQL
	as_mallory('path',
		    decoys('hostile')
		  . traps('hostile', 'dedup.wd_status', 'dedup.wd_outcome')
		  . decoy_types('hostile')
		  . 'GRANT ALL ON SCHEMA hostile TO PUBLIC');

	check_life('path', 'dedup', 'hostile, pg_catalog, dedup', 1,
		'in front of pg_catalog');
	check_life('path', 'dedup', 'hostile, dedup', 2, 'in front of the schema');
	check_life('path', 'dedup', q{"$user", hostile}, 3, 'instead of it');

	# granting runs as its caller
	my (undef, $stderr) = run_as($node, undef, <<'SQL', 'path');
SET search_path = hostile, pg_catalog, dedup;
SELECT dedup.wd_grant_receiver('victim'), dedup.wd_grant_operator('victim');
SQL
	is($stderr, '', 'granting is not captured');
	is($node->safe_psql('path', 'SELECT is_called FROM canary.sprung'),
		'f', 'no trap was sprung by it');

	# that the traps work
	foreach my $statement (
		q{SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text},
		q{SELECT clock_timestamp()},
		q{SELECT unnest(ARRAY['a'::pg_catalog.text])},
		q{SELECT status = 'done'::pg_catalog.text FROM dedup.webhook_dedup_events},
		q{SELECT 1 + 1},
		q{DELETE FROM webhook_dedup_events})
	{
		(undef, $stderr) = run_as($node, undef,
			"SET search_path = hostile, pg_catalog, dedup; $statement;",
			'path');
		like($stderr, qr/captured by/, "the trap works: $statement");
	}
	is($node->safe_psql('path', 'SELECT is_called FROM canary.sprung'),
		't', 'and the canary knows');
};

subtest 'G1: a schema for temporary objects' => sub {
	new_database('temporary');
	$node->safe_psql('temporary', <<'SQL' . may_describe('dedup'));
CREATE SCHEMA dedup;
CREATE EXTENSION webhook_dedup SCHEMA dedup;
SELECT dedup.wd_grant_receiver('victim'), dedup.wd_grant_operator('victim');
SQL
	# the caller's own, as functions that it was tricked into would leave them
	my ($stdout, $stderr) = run_as($node, 'victim',
		    decoys('pg_temp')
		  . traps('pg_temp', 'dedup.wd_status')
		  . decoy_types('pg_temp')
		  . "SET search_path = pg_temp, pg_catalog, dedup;\n"
		  . whole_life('dedup', 1),
		'temporary');

	is($stderr, '', 'no call is captured');
	is( $node->safe_psql(
			'temporary', $left =~ s/SCHEMA/dedup/r =~ s/ROUND/1/r),
		left_of(1),
		'the ledger holds what was done');
	is($node->safe_psql('temporary', 'SELECT is_called FROM canary.sprung'),
		'f', 'no trap was sprung');
};

subtest 'G1: the extension\'s own schema, where others can create' => sub {
	new_database('shared');
	$node->safe_psql('shared', <<'SQL');
CREATE SCHEMA shared;
GRANT ALL ON SCHEMA shared TO mallory;
GRANT USAGE ON SCHEMA shared TO victim;
SQL
	# some traps are there before the extension, some come later
	as_mallory('shared', traps('shared'));
	$node->safe_psql('shared', 'CREATE EXTENSION webhook_dedup SCHEMA shared');
	$node->safe_psql('shared',
		q{SELECT shared.wd_grant_receiver('victim'), shared.wd_grant_operator('victim');}
		  . may_describe('shared'));
	as_mallory('shared', <<'SQL');
CREATE FUNCTION shared.trap_own(shared.wd_status, text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.nextval('canary.sprung');
  RAISE EXCEPTION 'captured by wd_status';
END $$;
CREATE FUNCTION shared.trap_own(shared.wd_status, shared.wd_status) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.nextval('canary.sprung');
  RAISE EXCEPTION 'captured by wd_status';
END $$;
CREATE OPERATOR shared.= (LEFTARG = shared.wd_status, RIGHTARG = text, FUNCTION = shared.trap_own);
CREATE OPERATOR shared.<> (LEFTARG = shared.wd_status, RIGHTARG = text, FUNCTION = shared.trap_own);
CREATE OPERATOR shared.= (LEFTARG = shared.wd_status, RIGHTARG = shared.wd_status, FUNCTION = shared.trap_own);
SQL
	check_life('shared', 'shared', 'pg_catalog, shared', 1, 'default path');
	check_life('shared', 'shared', 'shared, pg_catalog', 2, 'shared first');
	my (undef, $stderr) = run_as(
		$node, undef,
		q{SELECT 'done'::shared.wd_status OPERATOR(shared.=) 'done'::text;},
		'shared');
	like($stderr, qr/captured by wd_status/, 'the trap works');
};

subtest 'G1: a type of that name is there before the extension' => sub {
	new_database('before');
	$node->safe_psql('before',
		'CREATE SCHEMA dedup; GRANT ALL ON SCHEMA dedup TO mallory');
	as_mallory('before', decoys('dedup'));
	my (undef, $stderr) = run_as($node, undef,
		'CREATE EXTENSION webhook_dedup SCHEMA dedup;', 'before');

	like($stderr, qr/42P07: /, 'the extension does not adopt a table');
	is( $node->safe_psql(
			'before',
			q{SELECT count(*) FROM pg_extension WHERE extname = 'webhook_dedup'}
		),
		0,
		'and is not created');
};

# What tempts a function with its owner's rights: a table like the ledger, with
# events of its own and a trigger that would make mallory a superuser.
sub lookalike
{
	my ($schema, $round) = @_;

	return <<"SQL";
CREATE TABLE $schema.webhook_dedup_events (id bigserial PRIMARY KEY,
  provider text COLLATE "C" NOT NULL, dedup_key text COLLATE "C" NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  last_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  status text COLLATE "C" NOT NULL DEFAULT 'processing',
  request_hash text COLLATE "C", attempt integer NOT NULL DEFAULT 1,
  lease_expires_at timestamptz, last_error text,
  UNIQUE (provider, dedup_key));
INSERT INTO $schema.webhook_dedup_events (provider, dedup_key, status, attempt)
  SELECT 'shop', k || r, 'failed', 99
    FROM unnest('{a,b,c,d}'::text[]) k, unnest('{$round}'::text[]) r;
CREATE TABLE $schema.trapped (who text, did text);
CREATE FUNCTION $schema.trap() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
  INSERT INTO $schema.trapped VALUES (current_user, TG_OP);
  BEGIN
    ALTER ROLE mallory SUPERUSER;
  EXCEPTION WHEN insufficient_privilege THEN
    NULL;
  END;
  RETURN NEW;
END \$\$;
CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON $schema.webhook_dedup_events
  FOR EACH ROW EXECUTE FUNCTION $schema.trap();
CREATE TRIGGER trap_all BEFORE INSERT OR UPDATE ON $schema.webhook_dedup_events
  FOR EACH STATEMENT EXECUTE FUNCTION $schema.trap();
${\ decoy_providers($schema, 'trap') }
GRANT USAGE ON SCHEMA $schema TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA $schema TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA $schema TO PUBLIC;
SQL
}

sub is_untouched
{
	my ($database, $schema, $name) = @_;

	is( $node->safe_psql(
			$database,
			"SELECT (SELECT count(*) FROM $schema.trapped), count(*), sum(attempt) = 99 * count(*) FROM $schema.webhook_dedup_events"
		),
		'0|20|t',
		"$name: the look-alike is as it was");
	is( $node->safe_psql(
			$database,
			"SELECT count(*), min(busy_status), max(busy_status) FROM $schema.webhook_dedup_providers"
		),
		'8|599|599',
		"$name: and so are its providers");
	is( $node->safe_psql(
			$database, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}
		),
		'f',
		"$name: mallory is no superuser");
	return;
}

# A session of the victim, and the whole life in it.
sub victim_session
{
	my ($database) = @_;

	return $node->background_psql(
		$database,
		on_error_stop => 0,
		extra_params => [ '-U', 'victim' ]);
}

sub check_session_life
{
	my ($session, $database, $schema, $round, $name) = @_;
	my $stdout = $session->query(whole_life($schema, $round));

	is($session->{stderr}, '', "$name: no complaint");
	$session->{stderr} = '';
	my @answers = split /\n/, $stdout;
	is(scalar @answers, 28, "$name: each call answers");
	is($answers[7], 'done', "$name: the ledger is read");
	is_by_rules(\@answers, $round, $name);
	is( $node->safe_psql(
			$database, $left =~ s/SCHEMA/$schema/r =~ s/ROUND/$round/r),
		left_of($round),
		"$name: the ledger holds what was done");
	return;
}

# mallory owns the extension's schema, and nothing in it.
my %owned_schemas = (
	given => [
		'dedup', <<'SQL',
CREATE SCHEMA dedup;
CREATE EXTENSION webhook_dedup SCHEMA dedup;
ALTER SCHEMA dedup OWNER TO mallory;
GRANT CREATE ON DATABASE given TO mallory;
SQL
	],
	# by owning the database
	owned => [
		'public', <<'SQL',
ALTER DATABASE owned OWNER TO mallory;
ALTER SCHEMA public OWNER TO pg_database_owner;
CREATE EXTENSION webhook_dedup SCHEMA public;
SQL
	],
);

foreach my $database (sort keys %owned_schemas)
{
	my ($schema, $setup) = @{ $owned_schemas{$database} };

	subtest "G1: the schema is renamed under the ledger, $database" => sub {
		new_database($database);
		$node->safe_psql($database, <<"SQL");
$setup
GRANT USAGE ON SCHEMA $schema TO victim;
SELECT $schema.wd_grant_receiver('victim'), $schema.wd_grant_operator('victim');
${\ may_describe($schema) }
SQL
		my $kept = victim_session($database);

		check_session_life($kept, $database, $schema, 1, 'before');
		as_mallory($database, <<"SQL" . lookalike($schema, '1,2,3,4,5'));
ALTER SCHEMA $schema RENAME TO moved;
CREATE SCHEMA $schema;
SQL
		check_session_life($kept, $database, 'moved', 2,
			'a session with plans');
		is_untouched($database, $schema, 'a session with plans');
		check_life($database, 'moved', 'pg_catalog', 3, 'a new session');
		check_life($database, 'moved', "$schema, pg_catalog",
			4, 'the look-alike in the path');
		is_untouched($database, $schema, 'new sessions');

		# plans that are made while the look-alike is there
		$kept->query('DISCARD PLANS');
		check_session_life($kept, $database, 'moved', 5, 'plans made anew');
		is_untouched($database, $schema, 'plans made anew');

		# granting looks for the functions and the ledger too
		my (undef, $stderr) = run_as($node, undef,
			q{SELECT moved.wd_grant_receiver('mallory'), moved.wd_grant_operator('mallory');},
			$database);
		is($stderr, '', 'granting works');
		is( $node->safe_psql(
				$database,
				q{SELECT has_table_privilege('mallory', 'moved.webhook_dedup_events', 'INSERT')}
			),
			'f',
			'and grants no more than it should');

		# that the trap works
		$node->safe_psql($database,
			"INSERT INTO $schema.webhook_dedup_events (provider, dedup_key) VALUES ('shop', 'trapped')"
		);
		is( $node->safe_psql(
				$database,
				"SELECT rolsuper, (SELECT count(*) FROM $schema.trapped) FROM pg_roles WHERE rolname = 'mallory'"
			),
			't|2',
			'the trap works');
		$node->safe_psql($database, 'ALTER ROLE mallory NOSUPERUSER');
		$kept->quit;
	};
}

subtest 'G9: the schema is renamed honestly' => sub {
	new_database('honest');
	$node->safe_psql('honest', <<'SQL' . may_describe('dedup'));
CREATE SCHEMA dedup;
CREATE EXTENSION webhook_dedup SCHEMA dedup;
ALTER SCHEMA dedup OWNER TO mallory;
GRANT CREATE ON DATABASE honest TO mallory;
GRANT USAGE ON SCHEMA dedup TO victim;
SELECT dedup.wd_grant_receiver('victim'), dedup.wd_grant_operator('victim');
SQL
	my $kept = victim_session('honest');
	my $round = 10;
	my $schema = 'dedup';

	# names that need quotes, one of them the longest in its quotes
	foreach my $next ('dedup', 'renamed', '"Odd ""name"".x@ledger@"',
		'"' . '""' x 63 . '"', 'dedup')
	{
		as_mallory('honest', "ALTER SCHEMA $schema RENAME TO $next")
		  if $next ne $schema;
		$schema = $next;
		my $name = substr $schema, 0, 20;
		check_session_life($kept, 'honest', $schema, ++$round,
			"$name, a session with plans");
		check_life('honest', $schema, 'pg_catalog', ++$round,
			"$name, a new session");
	}

	# in a transaction of its own that is undone
	$node->safe_psql('honest', <<"SQL");
BEGIN;
ALTER SCHEMA dedup RENAME TO renamed;
${\ whole_life('renamed', 30) }
ROLLBACK;
${\ whole_life('dedup', 31) }
SQL
	is( $node->safe_psql(
			'honest', $left =~ s/SCHEMA/dedup/r =~ s/ROUND/31/r),
		left_of(31),
		'a rename that is rolled back, in the session of it');
	check_session_life($kept, 'honest', 'dedup', 32,
		'a rename that is rolled back, in another session');
	$kept->quit;
};

$node->stop;
done_testing();
