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
my @plain_arrays = qw(text[] integer[]);

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
SQL
}

sub decoy_types
{
	my ($schema) = @_;

	return <<"SQL";
CREATE DOMAIN $schema.wd_status AS integer;
CREATE TYPE $schema.wd_outcome AS ENUM ('captured');
CREATE TYPE $schema.wd_acquisition AS (captured integer);
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
SQL
}

# What the whole life must leave in the ledger
my $left = <<'SQL';
SELECT string_agg(dedup_key OPERATOR(pg_catalog.||) ':'
    OPERATOR(pg_catalog.||) status::pg_catalog.text OPERATOR(pg_catalog.||) ':'
    OPERATOR(pg_catalog.||) attempt::pg_catalog.text, ' ' ORDER BY id)
  FROM SCHEMA.webhook_dedup_events WHERE dedup_key ~ 'ROUND$';
SQL

sub check_life
{
	my ($database, $schema, $path, $round, $name) = @_;
	my ($stdout, $stderr) = run_as($node, 'victim',
		"SET search_path = $path;\n" . whole_life($schema, $round),
		$database);

	is($stderr, '', "$name: no call is captured");
	is(scalar(split /\n/, $stdout), 22, "$name: each call answers");
	is( $node->safe_psql(
			$database, $left =~ s/SCHEMA/$schema/r =~ s/ROUND/$round/r),
		"a$round:done:4 b$round:done:1 c$round:processing:1 d$round:done:1 ev_$round:processing:1 ev_$round:processing:1",
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
	$node->safe_psql('path', <<'SQL');
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
	$node->safe_psql('temporary', <<'SQL');
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
		'a1:done:4 b1:done:1 c1:processing:1 d1:done:1 ev_1:processing:1 ev_1:processing:1',
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
		q{SELECT shared.wd_grant_receiver('victim'), shared.wd_grant_operator('victim')}
	);
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

$node->stop;
done_testing();
