# The ledger travels by pg_dump, as text and in the custom format.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Utils;
use Test::More;
use WebhookDedup qw(ledger_node sqlstate);

my $node = ledger_node('dump');
my $tempdir = PostgreSQL::Test::Utils::tempdir();

# one database for each schema of the extension, with a ledger in it
my %schemas = (plain => 'public', odd => '"Odd. Schema, public"');

# All that a ledger knows
my $rows = q{SELECT id, provider, dedup_key, first_seen_at, last_seen_at,
	status, request_hash, attempt, lease_expires_at, last_error
	FROM SCHEMA.webhook_dedup_events ORDER BY id};

# What the user set of providers, and what holds of them
my $set = q{SELECT * FROM SCHEMA.webhook_dedup_providers WHERE NOT built_in
	ORDER BY provider};
my $holds = q{SELECT * FROM SCHEMA.wd_providers ORDER BY provider};

# Who can call what, as far as roles were granted it
my $grants = q{SELECT p.oid::regprocedure::text, a.grantee::regrole,
	a.privilege_type
	FROM pg_proc p, aclexplode(p.proacl) a
	WHERE p.proname LIKE 'wd\_%' AND a.grantee <> p.proowner
	UNION ALL
	SELECT c.oid::regclass::text, a.grantee::regrole, a.privilege_type
	FROM pg_class c, aclexplode(c.relacl) a
	WHERE c.relname IN ('webhook_dedup_events', 'webhook_dedup_providers', 'wd_providers')
	  AND a.grantee <> c.relowner
	ORDER BY 1, 2, 3};

sub in_schema
{
	my ($schema, $sql) = @_;

	return $sql =~ s/SCHEMA\./$schema./gr;
}

sub dump_as_text
{
	my ($from, $to) = @_;

	$node->command_ok([ 'pg_dump', '-f', "$tempdir/$from.sql", $from ],
		'pg_dump');
	$node->command_ok(
		[
			'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$tempdir/psql.out",
			'-f', "$tempdir/$from.sql", $to
		],
		'psql');
	return;
}

sub dump_as_custom
{
	my ($from, $to) = @_;

	$node->command_ok(
		[ 'pg_dump', '-Fc', '-f', "$tempdir/$from.dump", $from ],
		'pg_dump -Fc');
	$node->command_ok(
		[ 'pg_restore', '-e', '-j', '2', '-d', $to, "$tempdir/$from.dump" ],
		'pg_restore');
	return;
}

my %ways = (text => \&dump_as_text, custom => \&dump_as_custom);

$node->safe_psql('postgres',
	'CREATE ROLE receiver LOGIN; CREATE ROLE operator LOGIN;');
foreach my $database (sort keys %schemas)
{
	my $schema = $schemas{$database};

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE SCHEMA IF NOT EXISTS $schema");
	$node->safe_psql($database, in_schema($schema, <<"SQL"));
CREATE EXTENSION webhook_dedup SCHEMA $schema;
SELECT SCHEMA.wd_grant_receiver('receiver');
SELECT SCHEMA.wd_grant_operator('operator');
SELECT SCHEMA.wd_try_acquire('shop', 'done', repeat('a', 64));
SELECT SCHEMA.wd_mark_done('shop', 'done', 1);
SELECT SCHEMA.wd_try_acquire('shop', 'failed', 'h');
SELECT SCHEMA.wd_mark_failed('shop', 'failed', 1, 'E1');
SELECT SCHEMA.wd_try_acquire('shop', 'failed', 'h');
SELECT SCHEMA.wd_mark_failed('shop', 'failed', 2, E'E2 \\t "quoted" \\\\ back');
SELECT SCHEMA.wd_try_acquire('shop/eu', 'held', NULL, '1 hour');
SELECT SCHEMA.wd_try_acquire('shop/eu', 'held for ever', NULL, '0');
SELECT SCHEMA.wd_try_acquire('shop', E'odd \\t key \\\\ of \\u00e9');
SELECT SCHEMA.wd_receive('paypal', '{"id":"WH-1"}');
SELECT SCHEMA.wd_try_acquire('shop', 'reopened'),
  SCHEMA.wd_mark_done('shop', 'reopened'), SCHEMA.wd_reopen('shop', 'reopened');
SELECT SCHEMA.wd_acquire_many('shop', ARRAY['m1', 'm2', 'm3']);
-- a provider of the user's, and changes of those that come with the extension
SELECT SCHEMA.wd_set_provider('acme', ARRAY['ev_{body:id}:{body:\u00e9}', E'h_{header:x "quoted" \\ id}'],
  429, '1 hour', '40 days', '30 days', 7, '1 minute', 'any', E'a\thint', E'a\ncomment');
SELECT SCHEMA.wd_set_provider('only a name');
SELECT SCHEMA.wd_set_provider('paypal', ARRAY['mine_{body:id}'], retention => '3 days');
SELECT SCHEMA.wd_set_provider('github', lease => '36 seconds');
-- a value of the sequence that no row has any more
DELETE FROM SCHEMA.webhook_dedup_events WHERE dedup_key = 'm3';
SQL
}

foreach my $database (sort keys %schemas)
{
	foreach my $way (sort keys %ways)
	{
		subtest "G9: $database schema, dumped as $way" => sub {
			my $schema = $schemas{$database};
			my $copy = "${database}_$way";

			$node->safe_psql('postgres', "CREATE DATABASE $copy");
			$ways{$way}->($database, $copy);

			my $query = in_schema($schema, $rows);
			my $before = $node->safe_psql($database, $query);

			is($node->safe_psql($copy, $query), $before, 'the rows are the same');
			is(scalar(split /\n/, $before), 9, 'and all of them');
			is( $node->safe_psql($copy, $grants),
				$node->safe_psql($database, $grants),
				'the grants are the same');
			like($node->safe_psql($copy, $grants),
				qr/wd_receive.*\|receiver\|EXECUTE/, 'and they are there');

			my $rules = in_schema($schema, $set);
			is( $node->safe_psql($copy, $rules),
				$node->safe_psql($database, $rules),
				'what is set of providers is the same');
			my $view = in_schema($schema, $holds);
			is( $node->safe_psql($copy, $view),
				$node->safe_psql($database, $view),
				'and what holds');
			is( $node->safe_psql($copy, in_schema($schema, <<'SQL')), '4|34|mine_7', 'beside the built-in ones');
SELECT count(*) FILTER (WHERE NOT built_in), count(*) FILTER (WHERE built_in),
    SCHEMA.wd_dedup_key('paypal', '{"id":7}')
  FROM SCHEMA.webhook_dedup_providers
SQL
			my $last = 'SELECT last_value, is_called FROM SCHEMA.webhook_dedup_events_id_seq';
			is( $node->safe_psql($copy, in_schema($schema, $last)),
				$node->safe_psql($database, in_schema($schema, $last)),
				'the sequence is the same');
			is( $node->safe_psql($copy, in_schema($schema, <<'SQL')), '11', 'and goes on behind the deleted row');
SELECT (SCHEMA.wd_acquire('shop', 'new')).event_id
SQL
			is( $node->safe_psql($copy, in_schema($schema, <<'SQL')),
SELECT string_agg(a.outcome || ' ' || a.attempt, ',' ORDER BY e.ord)
  FROM ROWS FROM (
    unnest('{shop,shop,shop/eu,shop/eu,shop,paypal}'::text[]),
    unnest('{done,failed,held,held for ever,reopened,ev_WH-1}'::text[]))
    WITH ORDINALITY AS e(provider, dedup_key, ord),
  LATERAL SCHEMA.wd_acquire(e.provider, e.dedup_key) a
SQL
				'done 1,retry 3,in_progress 1,in_progress 1,retry 2,in_progress 1',
				'deliveries go on');
			is( sqlstate(
					$node, 'receiver',
					in_schema($schema,
						q{SELECT SCHEMA.wd_mark_done('shop', 'failed', 3);}),
					$copy),
				'00000',
				'a receiver works');
			is( sqlstate(
					$node, 'receiver',
					in_schema($schema,
						q{SELECT * FROM SCHEMA.webhook_dedup_events;}),
					$copy),
				'42501',
				'and sees no more than before');
		};
	}
}

# The built-in rows are those of the version that is restored to.
subtest 'G9: built-in rows do not travel' => sub {
	my $file = "$tempdir/data.sql";
	my $rows_of = sub {
		my ($dump) = @_;
		my ($copied) =
		  slurp_file($dump) =~ /^COPY public\.webhook_dedup_providers .*? FROM stdin;\n(.*?)^\\\.$/ms;

		return join ' ', map { /^([^\t]+)\t(\w)/ ? "$1:$2" : $_ }
		  sort split /\n/, $copied // 'none';
	};

	is( $rows_of->("$tempdir/plain.sql"),
		'acme:f github:f only a name:f paypal:f',
		'the dump has the rows of the user');

	# a version with other built-in rows
	$node->safe_psql('plain', <<'SQL');
UPDATE webhook_dedup_providers SET busy_status = 599, hint = 'Old.' WHERE built_in;
INSERT INTO webhook_dedup_providers (provider, built_in) VALUES ('gone', true);
SQL
	$node->safe_psql('postgres', 'CREATE DATABASE newer');
	dump_as_text('plain', 'newer');
	is( $node->safe_psql(
			'newer', <<'SQL'), '34|0|mine_7', 'the new version keeps its own');
SELECT count(*), count(*) FILTER (WHERE busy_status = 599 OR hint = 'Old.'),
    wd_dedup_key('paypal', '{"id":7}')
  FROM webhook_dedup_providers WHERE built_in
SQL

	# the data alone, into a database that has the extension
	$node->safe_psql('postgres', 'CREATE DATABASE data_only');
	$node->safe_psql('data_only', 'CREATE EXTENSION webhook_dedup');
	$node->command_ok([ 'pg_dump', '--data-only', '-f', $file, 'plain' ],
		'pg_dump --data-only');
	$node->command_ok(
		[
			'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$tempdir/psql.out",
			'-f', $file, 'data_only'
		],
		'psql');
	is( $node->safe_psql('data_only', in_schema('public', $set)),
		$node->safe_psql('plain', in_schema('public', $set)),
		'the data alone');
	is( $node->safe_psql(
			'data_only', q{SELECT wd_dedup_key('paypal', '{"id":7}')}),
		'mine_7',
		'takes effect');

	# a row that makes no sense is not restored
	append_to_file("$tempdir/bad.sql",
		slurp_file($file) =~ s/^(paypal\t.*)3 days/${1}2 days/mr);
	$node->safe_psql('postgres', 'CREATE DATABASE bad');
	$node->safe_psql('bad', 'CREATE EXTENSION webhook_dedup');
	my ($result, undef, $stderr) = $node->psql('bad', '',
		extra_params => [ '-v', 'ON_ERROR_STOP=1', '-f', "$tempdir/bad.sql" ]);
	isnt($result, 0, 'a row that makes no sense');
	like($stderr, qr/"retention" must not be shorter than "retry_window"/,
		'is refused by name');
};

# pg_dump takes the table's definition for the extension's: what a user adds
# to it must be kept in a script.
subtest 'G9: additions of a user' => sub {
	$node->safe_psql('plain', <<'SQL');
CREATE INDEX users_index ON webhook_dedup_events (last_error);
ALTER TABLE webhook_dedup_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY users_policy ON webhook_dedup_events FOR SELECT USING (provider = 'shop');
CREATE FUNCTION users_function() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER users_trigger BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION users_function();
CREATE VIEW users_view AS SELECT dedup_key FROM webhook_dedup_events;
SQL
	$node->safe_psql('postgres', 'CREATE DATABASE additions');
	dump_as_text('plain', 'additions');
	is( $node->safe_psql(
			'additions', q{SELECT
  (SELECT count(*) FROM webhook_dedup_events),
  (SELECT count(*) FROM pg_class WHERE relname = 'users_view'),
  (SELECT count(*) FROM pg_class WHERE relname = 'users_index'),
  (SELECT count(*) FROM pg_trigger WHERE tgname = 'users_trigger'),
  (SELECT count(*) FROM pg_policy WHERE polname = 'users_policy'),
  (SELECT relrowsecurity FROM pg_class WHERE relname = 'webhook_dedup_events')}),
		'9|1|0|0|0|f',
		'rows and a view travel; an index, a trigger, a policy and row security do not'
	);
};

$node->stop;
done_testing();
