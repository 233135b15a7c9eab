# Who can do what: receivers, operators, everybody else.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node run_as sqlstate);

my $node = ledger_node('privileges', schema => 'dedup');

# roles with names that need quotes as well
my %roles = (
	receiver => 'receiver',
	operator => 'operator',
	nobody => 'nobody',
	'receiver with an odd name' => q{Odd "Receiver's" role},
	'operator with an odd name' => q{Odd.Operator; DROP},
);

sub quoted
{
	my ($name) = @_;

	return '"' . ($name =~ s/"/""/gr) . '"';
}

$node->safe_psql('postgres', 'CREATE ROLE ' . quoted($_) . ' LOGIN')
  foreach values %roles;
foreach my $kind ('receiver', 'operator')
{
	$node->safe_psql('postgres',
		"SELECT dedup.wd_grant_$kind(\$r\$" . quoted($_) . '$r$)')
	  foreach $roles{$kind}, $roles{"$kind with an odd name"};
}

$node->safe_psql('postgres', <<'SQL');
SELECT dedup.wd_try_acquire('shop', k, NULL, '0')
  FROM unnest(ARRAY['held', 'fail', 'batch']) k;
SELECT dedup.wd_try_acquire('shop', 'done'), dedup.wd_mark_done('shop', 'done');
SQL

# What calls touch the ledger, and who can make them
my %calls = (
	q{dedup.wd_try_acquire('shop', 'a')} => 'receiver',
	q{dedup.wd_acquire('shop', 'b')} => 'receiver',
	q{dedup.wd_acquire_many('shop', '{c,d}')} => 'receiver',
	q{dedup.wd_try_once('shop', 'e')} => 'receiver',
	q{dedup.wd_receive('paypal', '{"id":"1"}')} => 'receiver',
	q{dedup.wd_receive_items('paypal', '{"id":"1"}')} => 'receiver',
	q{dedup.wd_dedup_key('paypal', '{"id":"1"}')} => 'receiver operator',
	q{dedup.wd_paypal_dedup_key('{"id":"1"}', '{}')} => 'receiver operator',
	q{dedup.wd_toss_dedup_key('{"eventId":"1"}', '{}')} =>
	  'receiver operator',
	q{dedup.wd_explain_key('paypal', '{"id":"1"}')} => 'operator',
	q{dedup.wd_set_provider('paypal', busy_status => 500)} => '',
	q{dedup.wd_drop_provider('paypal')} => '',
	q{dedup.wd_check_provider()} => '',
	q{dedup.wd_providers_changed()} => '',
	q{count(*) FROM dedup.webhook_dedup_providers} => 'operator',
	q{count(*) FROM dedup.wd_providers} => 'operator',
	q{1 FROM dedup.webhook_dedup_providers FOR UPDATE} => '',
	q{dedup.wd_mark_done('shop', 'done')} => 'receiver operator',
	q{dedup.wd_mark_failed('shop', 'done')} => 'receiver operator',
	q{dedup.wd_mark_done_many('shop', '{done}')} => 'receiver',
	q{dedup.wd_extend_lease('shop', 'held', 1, '0')} => 'receiver',
	q{dedup.wd_assert_owner('shop', 'held', 1)} => 'receiver',
	q{dedup.wd_lookup('shop', 'held')} => 'receiver operator',
	q{dedup.wd_reopen('shop', 'held')} => 'operator',
	q{dedup.wd_grant_receiver('nobody')} => '',
	q{dedup.wd_grant_operator('nobody')} => '',
	q{count(*) FROM dedup.webhook_dedup_events} => 'operator',
	q{nextval('dedup.webhook_dedup_events_id_seq')} => '',
	q{currval('dedup.webhook_dedup_events_id_seq')} => '',
	q{setval('dedup.webhook_dedup_events_id_seq', 1)} => '',
	q{last_value FROM dedup.webhook_dedup_events_id_seq} => '',
	q{1 FROM dedup.webhook_dedup_events FOR UPDATE} => '',
);

# What nobody but the owner can do
my @forbidden = (
	q{INSERT INTO dedup.webhook_dedup_events (provider, dedup_key) VALUES ('shop', 'x')},
	q{UPDATE dedup.webhook_dedup_events SET status = 'done'},
	q{DELETE FROM dedup.webhook_dedup_events},
	q{TRUNCATE dedup.webhook_dedup_events},
	q{BEGIN; LOCK dedup.webhook_dedup_events},
	q{ALTER TABLE dedup.webhook_dedup_events ADD COLUMN x integer},
	q{CREATE INDEX ON dedup.webhook_dedup_events (last_error)},
	q{CREATE TRIGGER t BEFORE INSERT ON dedup.webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()},
	q{CREATE TABLE t (id bigint REFERENCES dedup.webhook_dedup_events (id))},
	q{COPY dedup.webhook_dedup_events FROM STDIN},
	q{INSERT INTO dedup.webhook_dedup_providers (provider) VALUES ('shop')},
	q{UPDATE dedup.webhook_dedup_providers SET busy_status = 500},
	q{DELETE FROM dedup.webhook_dedup_providers},
	q{TRUNCATE dedup.webhook_dedup_providers},
	q{BEGIN; LOCK dedup.webhook_dedup_providers},
	q{COPY dedup.webhook_dedup_providers FROM STDIN},
	q{ALTER TABLE dedup.webhook_dedup_providers DISABLE TRIGGER wd_check_provider},
	q{DROP TRIGGER wd_providers_changed ON dedup.webhook_dedup_providers},
	q{CREATE TRIGGER t AFTER INSERT ON dedup.webhook_dedup_providers FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()},
	q{CREATE OR REPLACE VIEW dedup.wd_providers AS SELECT 1 AS provider},
	q{DROP EXTENSION webhook_dedup},
	q{ALTER FUNCTION dedup.wd_lookup(text, text) SECURITY INVOKER},
	q{CREATE TABLE dedup.t (i integer)},
);

# What everybody can call who can use the schema
my @pure = (
	q{dedup.wd_payload_hash('x')},
);

# without the schema, nothing of it has a name
subtest 'G9: a role that was granted nothing' => sub {
	foreach my $call ((sort keys %calls), @pure)
	{
		is(sqlstate($node, 'nobody', "SELECT $call;"), '42501', $call);
	}
};

$node->safe_psql('postgres', <<'SQL');
GRANT USAGE ON SCHEMA dedup TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
SQL
foreach my $role (sort keys %roles)
{
	subtest "G9: the $role" => sub {
		my ($kind) = $role =~ /^(\w+)/;

		foreach my $call (sort keys %calls)
		{
			my $allowed = $calls{$call} =~ /\b$kind\b/;

			is( sqlstate($node, $roles{$role}, "BEGIN; SELECT $call; ROLLBACK;"),
				$allowed ? '00000' : '42501',
				($allowed ? 'can: ' : 'cannot: ') . $call);
		}
		is(sqlstate($node, $roles{$role}, "SELECT $_;"), '00000', "can: $_")
		  foreach @pure;
		is(sqlstate($node, $roles{$role}, "$_;"), '42501', "cannot: $_")
		  foreach @forbidden;
	};
}

subtest 'G9: a receiver works' => sub {
	my ($stdout, $stderr) = run_as($node, 'receiver', <<'SQL');
SET search_path = dedup;
SELECT acquired, outcome, attempt FROM wd_receive('paypal', '{"id":"7"}');
SELECT wd_mark_done('paypal', 'ev_7', 1);
SELECT wd_lookup('paypal', 'ev_7');
SQL
	is($stdout, "t|first|1\nt\ndone", 'from first delivery to done');
	is($stderr, '', 'without complaint');
};

subtest 'G9: an operator reads and reopens' => sub {
	my ($stdout, $stderr) = run_as($node, 'operator', <<'SQL');
SELECT status FROM dedup.webhook_dedup_events WHERE dedup_key = 'done';
SELECT dedup.wd_reopen('shop', 'done');
SELECT status FROM dedup.webhook_dedup_events WHERE dedup_key = 'done';
SQL
	is($stdout, "done\nt\nfailed", 'as it is allowed to');
	is($stderr, '', 'without complaint');
};

subtest 'G9: who can grant' => sub {
	my $acls = q{SELECT md5(string_agg(proacl::text, ',' ORDER BY oid))
		FROM pg_proc WHERE pronamespace = 'dedup'::regnamespace;};

	is( sqlstate($node, undef, 'SELECT dedup.wd_grant_receiver(NULL);'),
		'22004', 'not to null');
	is( sqlstate($node, undef, 'SELECT dedup.wd_grant_operator(NULL);'),
		'22004', 'not to null');
	is( sqlstate($node, undef, q{SELECT dedup.wd_grant_receiver('absent');}),
		'42704', 'not to a role that is not there');
	is( sqlstate($node, undef, q{SELECT dedup.wd_grant_receiver(4242424);}),
		'42704', 'not to a number that is no role');

	# a role that was dropped between look-up and grant
	is( sqlstate(
			$node, undef, <<'SQL'), '42704', 'not to a role that was dropped');
CREATE ROLE gone;
SELECT 'gone'::regrole::oid AS gone \gset
DROP ROLE gone;
SELECT dedup.wd_grant_operator(:gone);
SQL

	# even if the owner lets others call the function, they cannot give more
	# than they have
	$node->safe_psql('postgres', <<'SQL');
GRANT EXECUTE ON FUNCTION dedup.wd_grant_receiver(regrole) TO receiver, nobody;
SQL
	my $before = $node->safe_psql('postgres', $acls);
	run_as($node, 'receiver', q{SELECT dedup.wd_grant_receiver('nobody');});
	is( sqlstate($node, 'nobody', q{SELECT dedup.wd_grant_receiver('nobody');}),
		'42501', 'not by somebody who may call it only');
	is($node->safe_psql('postgres', $acls),
		$before, 'nothing was granted by that');

	# granting twice is nothing special
	is( sqlstate(
			$node, undef,
			q{SELECT dedup.wd_grant_receiver('receiver'), dedup.wd_grant_receiver('receiver');}
		),
		'00000',
		'twice');

	# a role with all the owner's rights
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE admin LOGIN SUPERUSER;
CREATE ROLE granted LOGIN;
SQL
	is( sqlstate($node, 'admin', q{SELECT dedup.wd_grant_receiver('granted');}),
		'00000', 'by a superuser');
	is( sqlstate(
			$node, 'granted', q{SELECT dedup.wd_try_acquire('shop', 'z');}),
		'00000',
		'then the role can');

	# the role can be dropped like any other
	is( sqlstate($node, undef, 'DROP OWNED BY granted; DROP ROLE granted;'),
		'00000', 'and be dropped');
};

# The owner may let another role describe providers, which then needs nothing
# else, and gets past no check.
subtest 'G9: a role that describes providers' => sub {
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE configurator LOGIN;
GRANT EXECUTE ON FUNCTION dedup.wd_drop_provider(text),
  dedup.wd_set_provider(text, text[], integer, interval, interval, interval, integer, interval, text, text, text)
  TO configurator;
SQL
	is( sqlstate(
			$node, 'configurator',
			q{SELECT dedup.wd_set_provider('acme', '{"ev_{body:id}"}', 409);}),
		'00000',
		'describes one');
	my ($stdout, $stderr) = run_as($node, 'receiver', <<'SQL');
SELECT dedup_key FROM dedup.wd_receive('acme', '{"id":"1"}');
SELECT http_status FROM dedup.wd_receive('acme', '{"id":"1"}');
SQL
	is($stdout . $stderr, "ev_1\n409", 'for a receiver to use');
	is( sqlstate(
			$node, 'configurator',
			q{SELECT dedup.wd_set_provider('acme', busy_status => 200);}),
		'22023',
		'what makes no sense is refused');
	is( sqlstate(
			$node, 'configurator',
			q{UPDATE dedup.webhook_dedup_providers SET busy_status = 500;}),
		'42501',
		'the table is not its own');
	is( sqlstate(
			$node, 'configurator',
			q{SELECT dedup.wd_receive('acme', '{"id":"2"}');}),
		'42501',
		'nor is the ledger');
	is( sqlstate(
			$node, 'configurator', q{SELECT dedup.wd_drop_provider('acme');}),
		'00000',
		'drops it');
};

# The catalog knows all objects, those of tomorrow too.
my $members = q{
	SELECT p.* FROM pg_proc p
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	  AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass
	  AND e.oid = d.refobjid AND e.extname = 'webhook_dedup'};

subtest 'G9: what the catalog says' => sub {
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM ($members) p"),
		'>=', 18, 'the functions are found');
	is( $node->safe_psql(
			'postgres', <<"SQL"), '', 'SECURITY DEFINER only with a pinned path');
SELECT oid::regprocedure FROM ($members) p WHERE prosecdef
  AND NOT COALESCE(proconfig @> ARRAY['search_path=pg_catalog, dedup, pg_temp'], false)
SQL
	is( $node->safe_psql(
			'postgres', <<"SQL"), '', 'PUBLIC calls what is pure, no more');
SELECT oid::regprocedure FROM ($members) p
  WHERE has_function_privilege('nobody', oid, 'EXECUTE')
  AND (prosecdef OR provolatile = 'v' OR proconfig IS NOT NULL)
  AND proname <> 'wd_grant_receiver'
SQL
	is( $node->safe_psql(
			'postgres', <<"SQL"), '', 'whatever writes is VOLATILE and PARALLEL UNSAFE, the others are PARALLEL SAFE');
SELECT oid::regprocedure FROM ($members) p
  WHERE proparallel <> CASE provolatile WHEN 'v' THEN 'u' ELSE 's' END
SQL
	is( $node->safe_psql(
			'postgres', <<"SQL"),
SELECT string_agg(proname || ':' || provolatile::text, ' ' ORDER BY proname)
  FROM ($members) p
  WHERE proname IN ('wd_payload_hash', 'wd_dedup_key', 'wd_paypal_dedup_key',
    'wd_toss_dedup_key', 'wd_lookup', 'wd_acquire')
SQL
		'wd_acquire:v wd_dedup_key:s wd_lookup:s wd_payload_hash:i wd_paypal_dedup_key:s wd_toss_dedup_key:s',
		'volatility is as it truly is');
	is( $node->safe_psql(
			'postgres', <<'SQL'), '', 'each object and column has a comment');
WITH members AS (
  SELECT d.classid, d.objid FROM pg_depend d
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass
    AND e.oid = d.refobjid AND e.extname = 'webhook_dedup'
  WHERE d.deptype = 'e')
SELECT pg_describe_object(classid, objid, 0) FROM members
  WHERE obj_description(objid, classid::regclass::name) IS NULL
    AND classid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_class'::regclass)
    -- row types, array types and the sequence of a serial column come by
    -- themselves
    AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t
      WHERE t.oid = objid AND (t.typtype = 'b' OR t.typrelid <> 0
        AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c'))))
    AND NOT (classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c
      WHERE c.oid = objid AND c.relkind IN ('S', 'c')))
UNION ALL
SELECT attrelid::regclass || '.' || attname FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'v', 'p')
  JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
  WHERE attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL
SQL
	is( $node->safe_psql(
			'postgres', <<'SQL'), '', 'PUBLIC has no privilege on a table or sequence');
SELECT c.oid::regclass FROM pg_class c, aclexplode(c.relacl) a
  WHERE c.relnamespace = 'dedup'::regnamespace AND a.grantee = 0
SQL
};

$node->stop;
done_testing();
