# Whose rights code on the ledger has.  A trigger, a constraint, an index or a
# policy that somebody puts on a table of the extension runs with the rights of
# that table's owner, and with the owner's alone: never with those of a
# superuser who created the extension, or of whoever calls a function.  So a
# database administrator bounds what such code can do by giving the tables to
# an unprivileged role.
#
# keeper is such a role.  mallory is somebody who was granted too much.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Utils;
use Test::More;
use WebhookDedup qw(ledger_node run_as sqlstate);

my $node = ledger_node('table_owner', conf => 'statement_timeout = 60s');
my $tempdir = PostgreSQL::Test::Utils::tempdir();
my $round = 0;

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE keeper LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE receiver LOGIN;
CREATE ROLE other;
GRANT other TO receiver;
SQL

# What foreign code does: it notes who it is, and tries to become more.  The
# sequences also count what is rolled back.
my $canary = <<'SQL';
CREATE SCHEMA canary;
GRANT USAGE ON SCHEMA canary TO PUBLIC;
CREATE SEQUENCE canary.runs;
CREATE SEQUENCE canary.runs_as_superuser;
CREATE TABLE canary.seen (place text, who name, path text, attempts text);
GRANT ALL ON ALL TABLES IN SCHEMA canary TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA canary TO PUBLIC;

CREATE FUNCTION canary.try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE command;
  RETURN '00000';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;

CREATE FUNCTION canary.note(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.nextval('canary.runs');
  PERFORM pg_catalog.nextval('canary.runs_as_superuser')
    FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper;
  INSERT INTO canary.seen
    SELECT place, current_user, pg_catalog.current_setting('search_path'),
        pg_catalog.string_agg(DISTINCT canary.try(command), ',')
      FROM pg_catalog.unnest(ARRAY['SET ROLE postgres', 'SET ROLE receiver', 'RESET ROLE',
        'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION',
        'ALTER ROLE mallory SUPERUSER', 'ALTER ROLE keeper SUPERUSER']) command;
  -- for what the session does afterwards
  PERFORM pg_catalog.set_config('search_path', 'mallory', false);
END $$;

GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA canary TO PUBLIC;
SQL

# Code of a role's own, in a schema of its name: by a trigger, and by what must
# look as if it were immutable
sub code_of
{
	my ($role) = @_;

	return <<"SQL";
CREATE SCHEMA $role AUTHORIZATION $role;
SET ROLE $role;
CREATE FUNCTION $role.trigger() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
  PERFORM canary.note(pg_catalog.concat_ws(' ', TG_WHEN, TG_LEVEL, TG_OP));
  RETURN COALESCE(NEW, OLD);
END \$\$;
CREATE FUNCTION $role.expression(place text, value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN
  PERFORM canary.note(place);
  RETURN value;
END \$\$;
CREATE FUNCTION $role.fail() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
  RAISE EXCEPTION 'failed on purpose';
END \$\$;
RESET ROLE;
SQL
}

# All that writes, with events of a round of its own.  As foreign code may keep
# one call from its work, none depends on the one before.
sub writes
{
	my $r = ++$round;

	return <<"SQL";
SET search_path = hostile, public;
SELECT dedup.wd_try_acquire('shop', 'a$r');
SELECT dedup.wd_mark_failed('shop', 'a$r');
SELECT dedup.wd_acquire('shop', 'a$r');
SELECT dedup.wd_extend_lease('shop', 'a$r', 2);
SELECT dedup.wd_assert_owner('shop', 'a$r', 2);
SELECT dedup.wd_mark_done('shop', 'a$r');
SELECT dedup.wd_reopen('shop', 'a$r');
SELECT dedup.wd_acquire_many('shop', '{a$r,b$r,c$r}');
SELECT dedup.wd_mark_done_many('shop', '{a$r,b$r}');
SELECT dedup.wd_try_once('shop', 'd$r');
SELECT dedup.wd_receive('paypal', '{"id":"$r"}');
SELECT dedup.wd_receive_items('paypal', '{"id":"$r"}');
SELECT dedup.wd_lookup('shop', 'a$r');
SELECT current_user, session_user, current_setting('search_path');
SQL
}

my $provider_writes = <<'SQL';
SET search_path = hostile, public;
SELECT dedup.wd_set_provider('acme', '{"ev_{body:id}"}');
SELECT dedup.wd_set_provider('acme', busy_status => 409);
SELECT dedup.wd_drop_provider('acme');
SELECT current_user, session_user, current_setting('search_path');
SQL

# A database with the extension, and what is done to it
sub new_database
{
	my ($database, $sql) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, <<"SQL");
CREATE SCHEMA dedup;
CREATE EXTENSION webhook_dedup SCHEMA dedup;
SELECT dedup.wd_grant_receiver('receiver'), dedup.wd_grant_operator('receiver');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA dedup TO receiver;
GRANT USAGE ON SCHEMA dedup TO keeper, mallory;
CREATE SCHEMA hostile;
GRANT ALL ON SCHEMA hostile TO PUBLIC;
$canary
${\ code_of('keeper') }
${\ code_of('mallory') }
$sql
SQL
	return;
}

my $give_to_keeper = <<'SQL';
GRANT CREATE ON SCHEMA dedup TO keeper;
ALTER TABLE dedup.webhook_dedup_events OWNER TO keeper;
ALTER TABLE dedup.webhook_dedup_providers OWNER TO keeper;
SQL

# Run writes as the receiver and as a superuser.  They are themselves again
# after it.  Returns the SQLSTATEs of their errors.
sub run_writes
{
	my ($database, $name, $make) = @_;
	my @states;

	foreach my $role ('receiver', 'postgres')
	{
		my ($stdout, $stderr) = run_as($node, $role, $make->(), $database);

		like($stdout, qr/^$role\|$role\|hostile, public$/m,
			"$name, called by $role: who is as before");
		push @states, grep { !/^0[01]/ } $stderr =~ /\S+:  ([0-9A-Z]{5}): /g;
	}
	return @states;
}

# How many notes foreign code made since the last time, and how many of them as
# a superuser
sub noted
{
	my ($database) = @_;
	my $noted = $node->safe_psql($database, <<'SQL');
SELECT (SELECT count(*) FILTER (WHERE is_called) * max(last_value) FROM canary.runs),
  (SELECT count(*) FILTER (WHERE is_called) * max(last_value) FROM canary.runs_as_superuser)
SQL

	$node->safe_psql($database,
		'ALTER SEQUENCE canary.runs RESTART; ALTER SEQUENCE canary.runs_as_superuser RESTART'
	);
	return split /\|/, $noted;
}

sub forget
{
	my ($database) = @_;

	noted($database);
	$node->safe_psql($database, 'TRUNCATE canary.seen');
	return;
}

sub is_no_superuser
{
	my ($name) = @_;

	is( $node->safe_psql(
			'postgres', <<'SQL'), '', "$name: nobody became a superuser");
SELECT rolname FROM pg_roles WHERE rolsuper AND rolname <> 'postgres'
SQL
	$node->safe_psql('postgres',
		'ALTER ROLE keeper NOSUPERUSER; ALTER ROLE mallory NOSUPERUSER');
	return;
}

# The code that the owner of a table puts on it: how it is put there and taken
# away, and whether a call can do without it.
my $on = 'ON dedup.webhook_dedup_events';
my $alter = 'ALTER TABLE dedup.webhook_dedup_events';
my $do = 'EXECUTE FUNCTION keeper.trigger()';
my %codes = (
	'a trigger before each row' =>
	  [ "CREATE TRIGGER t BEFORE INSERT OR UPDATE $on FOR EACH ROW $do" ],
	'a trigger after each row' =>
	  [ "CREATE TRIGGER t AFTER INSERT OR UPDATE $on FOR EACH ROW $do" ],
	'a trigger before each statement' =>
	  [ "CREATE TRIGGER t BEFORE INSERT OR UPDATE $on $do" ],
	'a trigger after each statement' =>
	  [ "CREATE TRIGGER t AFTER INSERT OR UPDATE $on $do" ],
	'a constraint trigger' =>
	  [ "CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE $on FOR EACH ROW $do" ],
	# which the server runs at commit, by when the calls are over
	'a deferred constraint trigger' => [
		"CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE $on"
		  . " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW $do",
		undef, 'may be left out'
	],
	'a check' => [
		"$alter ADD CONSTRAINT c CHECK (keeper.expression('check', dedup_key) <> '')",
		"$alter DROP CONSTRAINT c"
	],
	'a default' => [
		"$alter ADD x text DEFAULT keeper.expression('default', 'x')",
		"$alter DROP x"
	],
	'a generated column' => [
		"$alter ADD x text"
		  . " GENERATED ALWAYS AS (keeper.expression('generated', dedup_key)) STORED",
		"$alter DROP x"
	],
	'an index on an expression' => [
		"CREATE INDEX i $on (keeper.expression('index', dedup_key))",
		'DROP INDEX dedup.i'
	],
	# evaluated whenever a statement is planned
	'the predicate of an index' => [
		"CREATE INDEX i $on (id) WHERE keeper.expression('predicate', 'x') = 'x'",
		'DROP INDEX dedup.i'
	],
	'a policy' => [
		"$alter ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
		  . " CREATE POLICY p $on USING (keeper.expression('policy', dedup_key) <> '')",
		"DROP POLICY p $on;"
		  . " $alter DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
		'may be left out'
	],
	'a policy for everybody' => [
		"$alter ENABLE ROW LEVEL SECURITY;"
		  . " CREATE POLICY p $on USING (keeper.expression('policy', dedup_key) <> '')",
		"DROP POLICY p $on; $alter DISABLE ROW LEVEL SECURITY",
		'may be left out'
	],
);

new_database('kept', $give_to_keeper);
run_writes('kept', 'without foreign code', \&writes);
foreach my $name (sort keys %codes)
{
	my ($create, $drop, $left_out) = @{ $codes{$name} };

	subtest "G9: $name runs as the ledger's owner" => sub {
		$node->safe_psql('kept', $create, extra_params => [ '-U', 'keeper' ]);
		forget('kept');
		run_writes('kept', $name, \&writes);
		my ($runs, $runs_as_superuser) = noted('kept');

		is($runs_as_superuser, 0, 'never as a superuser');
		is( $node->safe_psql(
				'kept', q{SELECT DISTINCT who FROM canary.seen WHERE who <> 'keeper'}),
			'', 'never as anybody else');
		is( $node->safe_psql(
				'kept', q{SELECT DISTINCT path FROM canary.seen WHERE path ~ 'hostile|public'}),
			'', 'not with the search_path of the caller');
		is( $node->safe_psql(
				'kept', q{SELECT DISTINCT attempts FROM canary.seen WHERE attempts <> '42501'}),
			'', 'without a way to become somebody else');
		is_no_superuser($name);
		cmp_ok($runs, '>', 0, 'it did run') if !$left_out;
		$node->safe_psql('kept', $drop // "DROP TRIGGER t $on");
	};
}

subtest 'G9: a trigger on the providers runs as their owner' => sub {
	$node->safe_psql('kept', <<"SQL", extra_params => [ '-U', 'keeper' ]);
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON dedup.webhook_dedup_providers FOR EACH ROW $do;
CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON dedup.webhook_dedup_providers $do;
SQL
	forget('kept');
	is(join(' ', run_writes('kept', 'providers', sub { $provider_writes })),
		'', 'all calls succeed');
	my ($runs, $runs_as_superuser) = noted('kept');

	is($runs_as_superuser, 0, 'never as a superuser');
	is( $node->safe_psql('kept', 'SELECT DISTINCT who FROM canary.seen'),
		'keeper', 'as the owner');
	is( $node->safe_psql(
			'kept', q{SELECT DISTINCT path FROM canary.seen WHERE path ~ 'hostile|public'}),
		'', 'not with the search_path of the caller');
	is( $node->safe_psql('kept', 'SELECT DISTINCT attempts FROM canary.seen'),
		'42501', 'without a way to become somebody else');
	is_no_superuser('providers');
	cmp_ok($runs, '>', 10, 'it did run');
};

# The server asks a table's owner for the right to use its schema.
subtest 'G9: an owner who may not use the schema' => sub {
	$node->safe_psql('kept', 'REVOKE USAGE ON SCHEMA dedup FROM keeper');
	my @states = run_writes('kept', 'no schema', \&writes);

	is(join(' ', grep { !/^(42501|P0002)$/ } @states),
		'', 'calls succeed, or are refused');
	$node->safe_psql('kept', 'GRANT USAGE ON SCHEMA dedup TO keeper');
	is(join(' ', run_writes('kept', 'schema', \&writes)),
		'', 'all succeed once he may');
};

# An error in the middle leaves nobody with rights that are not his.
subtest 'G9: a trigger that fails' => sub {
	$node->safe_psql('kept', <<"SQL", extra_params => [ '-U', 'keeper' ]);
DROP TRIGGER a ON dedup.webhook_dedup_providers;
DROP TRIGGER b ON dedup.webhook_dedup_providers;
CREATE TRIGGER t BEFORE INSERT $on FOR EACH ROW EXECUTE FUNCTION keeper.fail();
SQL
	my ($stdout, $stderr) = run_as($node, 'receiver', <<'SQL', 'kept');
SET search_path = hostile, public;
BEGIN;
SAVEPOINT s;
SELECT dedup.wd_try_acquire('shop', 'fails');
ROLLBACK TO s;
SELECT current_user, current_setting('search_path');
SET ROLE other;
SELECT current_user;
RESET ROLE;
DO $$
BEGIN
  PERFORM dedup.wd_acquire_many('shop', '{fails}');
EXCEPTION WHEN raise_exception THEN
  RAISE WARNING 'now %', current_user;
END $$;
COMMIT;
SELECT current_user, current_setting('search_path');
SELECT dedup.wd_try_once('shop', 'fails');
SELECT current_user;
SET ROLE other;
SELECT current_user;
SQL
	is( $stdout,
		"receiver|hostile, public\nother\nreceiver|hostile, public\nreceiver\nother",
		'the caller is itself again');
	like($stderr, qr/now receiver/, 'in a subtransaction too');
	$node->safe_psql('kept', "DROP TRIGGER t $on");
	is(sqlstate($node, 'receiver', q{SELECT dedup.wd_try_acquire('shop', 'fails');}, 'kept'),
		'00000', 'and works once the trigger is gone');
};

# Triggers of a role, which may put them on tables that a superuser owns.  What
# matters is that none runs as a superuser; the calls may be refused.
sub triggers_of
{
	my ($database, $role, $grantee) = @_;
	my $run = "EXECUTE FUNCTION $role.trigger()";
	my @triggers = (
		"CREATE TRIGGER t BEFORE INSERT OR UPDATE $on FOR EACH ROW $run",
		"CREATE TRIGGER t AFTER INSERT OR UPDATE $on $run",
		"CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE $on"
		  . " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW $run",
		# what it executes is the server's, and what it asks before is not
		"CREATE TRIGGER conditional BEFORE UPDATE $on FOR EACH ROW"
		  . " WHEN ($role.expression('when', NEW.dedup_key) <> '')"
		  . ' EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	);
	my $session = $node->background_psql(
		$database,
		on_error_stop => 0,
		extra_params => [ '-U', 'receiver' ]);
	my $check = sub {
		my ($name, $make) = @_;

		forget($database);
		my @states = run_writes($database, $name, $make);
		my ($runs, $runs_as_superuser) = noted($database);

		is($runs_as_superuser, 0, "$name: never runs as a superuser");
		is(join(' ', grep { !/^(42501|P0002)$/ } @states),
			'', "$name: calls succeed, or are refused");
		is_no_superuser($name);
	};

	$session->query(writes());
	$session->{stderr} = '';
	foreach my $trigger (@triggers)
	{
		my ($name) = $trigger =~ /CREATE (.*?) ON/;

		is(sqlstate($node, $role, "$trigger;", $database),
			'00000', "$name: is put there");
		$check->($name, \&writes);
		# in a session that wrote before
		$session->query(writes());
		$session->{stderr} = '';
		is((noted($database))[1], 0,
			"$name: does not in a session that was there before");
		$node->safe_psql($database,
			"DROP TRIGGER IF EXISTS t $on; DROP TRIGGER IF EXISTS conditional $on");
	}
	is( sqlstate($node, $role, <<"SQL", $database), '00000', 'one on the providers is put there');
CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON dedup.webhook_dedup_providers FOR EACH ROW $run;
SQL
	$check->('a trigger on the providers', sub { $provider_writes });
	$node->safe_psql($database, 'DROP TRIGGER t ON dedup.webhook_dedup_providers');

	# the right is taken away, and the triggers stay
	is(sqlstate($node, $role, "$triggers[0]; $triggers[3];", $database),
		'00000', 'two more are put there');
	$node->safe_psql($database, <<"SQL");
REVOKE ALL ON dedup.webhook_dedup_events, dedup.webhook_dedup_providers FROM $grantee;
SQL
	$check->('triggers that stay', \&writes);
	$node->safe_psql($database, "DROP TRIGGER t $on");
	$check->('a condition that stays', \&writes);
	$node->safe_psql($database, "DROP TRIGGER conditional $on");

	my $r = $round + 1;
	$session->query(writes());
	is($session->{stderr}, '', 'all works once nothing is left of it');
	is( $node->safe_psql($database, "SELECT dedup.wd_lookup('shop', 'd$r')"),
		'done', 'and was done');
	$session->quit;
	return;
}

subtest 'G9: somebody was granted all on a superuser\'s tables' => sub {
	new_database('granted', <<'SQL');
GRANT ALL ON dedup.webhook_dedup_events, dedup.webhook_dedup_providers TO mallory;
SQL
	triggers_of('granted', 'mallory', 'mallory');
};

subtest 'G9: everybody may put triggers on a superuser\'s tables' => sub {
	new_database('granted_to_all', <<'SQL');
GRANT TRIGGER ON dedup.webhook_dedup_events, dedup.webhook_dedup_providers TO PUBLIC;
SQL
	triggers_of('granted_to_all', 'mallory', 'PUBLIC');
};

# The CHECK of a domain runs as whoever writes a value of it.
subtest 'G9: somebody was given the domain of the status' => sub {
	new_database('domain', 'ALTER DOMAIN dedup.wd_status OWNER TO mallory');
	run_writes('domain', 'before', \&writes);
	is( sqlstate(
			$node, 'mallory', <<'SQL', 'domain'), '00000', 'she adds a check');
ALTER DOMAIN dedup.wd_status ADD CHECK (mallory.expression('domain', VALUE) <> '') NOT VALID;
SQL
	forget('domain');
	my @states = run_writes('domain', 'a check', \&writes);

	is((noted('domain'))[1], 0, 'it never runs as a superuser');
	is(join(' ', grep { !/^(42501|P0002)$/ } @states),
		'', 'calls succeed, or are refused');
	is_no_superuser('domain');
};

# A dump names the owner of neither functions nor tables of an extension, but
# the grants of both: restored by a superuser, they are the superuser's again.
subtest 'G9: dumped and restored, with another owner' => sub {
	new_database('dumped', <<"SQL");
$give_to_keeper
DO \$\$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'dedup'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO keeper', f);
  END LOOP;
END \$\$;
ALTER VIEW dedup.wd_providers OWNER TO keeper;
SQL
	run_writes('dumped', 'before', \&writes);
	$node->command_ok([ 'pg_dump', '-f', "$tempdir/dumped.sql", 'dumped' ],
		'pg_dump');
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok(
		[
			'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$tempdir/psql.out",
			'-f', "$tempdir/dumped.sql", 'restored'
		],
		'restored by a superuser');
	triggers_of('restored', 'keeper', 'keeper');
};

$node->stop;
done_testing();
