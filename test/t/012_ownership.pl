# Owners change, and others depend on the ledger.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node run_as sqlstate);

my $node = ledger_node('ownership', schema => 'dedup');

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE receiver LOGIN;
CREATE ROLE new_owner LOGIN;
SELECT dedup.wd_grant_receiver('receiver');
SQL

# A receiver's life with one event
sub works
{
	my ($key, $name) = @_;
	my ($stdout, $stderr) = run_as($node, 'receiver', <<"SQL");
SELECT dedup.wd_try_acquire('shop', '$key');
SELECT dedup.wd_mark_done('shop', '$key', 1);
SELECT dedup.wd_try_acquire('shop', '$key');
SELECT dedup.wd_lookup('shop', '$key');
SQL
	is($stdout . $stderr, "t\nt\nf\ndone", $name);
	return;
}

subtest 'G9: the schema gets another owner' => sub {
	works('before', 'before');
	$node->safe_psql('postgres', 'ALTER SCHEMA dedup OWNER TO new_owner');
	works('after', 'a receiver works');
	is( $node->safe_psql('postgres', q{SELECT dedup.wd_lookup('shop', 'before')}),
		'done', 'the ledger is the same');
	is( sqlstate(
			$node, 'new_owner', 'SELECT * FROM dedup.webhook_dedup_events;'),
		'42501',
		'the owner of the schema is not the owner of the ledger');
	is( sqlstate(
			$node, 'new_owner', q{SELECT dedup.wd_try_acquire('shop', 'x');}),
		'42501',
		'and may not acquire');
};

subtest 'G9: the ledger and its functions get another owner' => sub {
	$node->safe_psql('postgres', <<'SQL');
ALTER TABLE dedup.webhook_dedup_events OWNER TO new_owner;
ALTER TABLE dedup.webhook_dedup_providers OWNER TO new_owner;
ALTER VIEW dedup.wd_providers OWNER TO new_owner;
DO $$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'dedup'::regnamespace
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO new_owner', f);
  END LOOP;
END $$;
SQL
	works('owned', 'a receiver works');
	is( sqlstate(
			$node, 'new_owner',
			q{SELECT dedup.wd_grant_operator('receiver');}),
		'00000',
		'the new owner grants');
	is( sqlstate(
			$node, 'receiver', 'SELECT count(*) FROM dedup.webhook_dedup_events;'),
		'00000',
		'and that counts');
	my ($stdout, $stderr) = run_as($node, 'new_owner', <<'SQL');
SELECT dedup.wd_set_provider('acme', '{"ev_{body:id}"}');
INSERT INTO dedup.webhook_dedup_providers (provider, busy_status) VALUES ('other', 409);
SELECT dedup.wd_dedup_key('acme', '{"id":"1"}');
SELECT count(*) FROM dedup.wd_providers WHERE NOT is_built_in;
SQL
	is($stdout . $stderr, "\nev_1\n2", 'and describes providers');
};

subtest 'G9: DROP EXTENSION and those who depend on it' => sub {
	my %dependants = (
		'a view on the ledger' => [
			'CREATE VIEW v AS SELECT dedup_key FROM dedup.webhook_dedup_events',
			'DROP VIEW v'
		],
		'a view on the providers' => [
			'CREATE VIEW v AS SELECT provider FROM dedup.wd_providers',
			'DROP VIEW v'
		],
		'a view that calls a function' => [
			q{CREATE VIEW v AS SELECT dedup.wd_lookup('shop', 'before')},
			'DROP VIEW v'
		],
		'a column of a type' =>
		  [ 'CREATE TABLE t (s dedup.wd_status)', 'DROP TABLE t' ],
		'a foreign key' => [
			'CREATE TABLE t (event bigint REFERENCES dedup.webhook_dedup_events (id))',
			'DROP TABLE t'
		],
		'a function in SQL' => [
			q{CREATE FUNCTION f(k text) RETURNS dedup.wd_status BEGIN ATOMIC SELECT dedup.wd_lookup('shop', k); END},
			'DROP FUNCTION f'
		],
		'an expression index' => [
			q{CREATE TABLE t (b bytea); CREATE INDEX ON t (dedup.wd_payload_hash(b))},
			'DROP TABLE t'
		],
		'a default' => [
			q{CREATE TABLE t (h text DEFAULT dedup.wd_payload_hash(''))},
			'DROP TABLE t'
		],
	);

	foreach my $name (sort keys %dependants)
	{
		my ($create, $drop) = @{ $dependants{$name} };

		$node->safe_psql('postgres', $create);
		is(sqlstate($node, undef, 'DROP EXTENSION webhook_dedup;'),
			'2BP01', "$name: refused");
		$node->safe_psql('postgres', $drop);
	}
	works('kept', 'the extension is as it was');
	is(sqlstate($node, undef, 'DROP TABLE dedup.webhook_dedup_events;'),
		'2BP01', 'the ledger cannot be dropped alone');
	is(sqlstate($node, undef, 'DROP TABLE dedup.webhook_dedup_providers CASCADE;'),
		'2BP01', 'nor can the providers');
	is( sqlstate(
			$node, undef, 'ALTER EXTENSION webhook_dedup SET SCHEMA public;'),
		'0A000',
		'the extension stays in its schema');

	$node->safe_psql('postgres',
		'CREATE VIEW v AS SELECT dedup_key FROM dedup.webhook_dedup_events');
	$node->safe_psql('postgres', 'DROP EXTENSION webhook_dedup CASCADE');
	is( $node->safe_psql(
			'postgres', <<'SQL'), '0|0|0', 'CASCADE leaves nothing behind');
SELECT (SELECT count(*) FROM pg_proc WHERE proname LIKE 'wd\_%'),
  (SELECT count(*) FROM pg_type WHERE typname LIKE 'wd\_%'),
  (SELECT count(*) FROM pg_class WHERE relname LIKE 'webhook_dedup%' OR relname = 'v')
SQL
};

$node->stop;
done_testing();
