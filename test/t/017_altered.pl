# Tables of the extension that somebody altered.  Columns and constraints that
# are not those of this version lead to SQLSTATE 42804 from every function that
# would read them: never to a crash, and never to an answer made of something
# else.  That holds in the session that altered them, in a session that had
# used them before, and in a new one.  When the table is put right, everything
# works again.
#
# Additions of a user's own are no alteration: with them everything works.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node sqlstate);

# a crash, or a call without end, is to fail one test, not to end all
my $node = ledger_node('altered',
	conf => "restart_after_crash = on\nstatement_timeout = 30s\nlog_statement = none\n");
my $connstr = $node->connstr('postgres') =~ s/'/''/gr;

# The calls, of which each must be made of what the ledger holds.  # stands for
# a round, of which make_events() makes the events.
my $acquisition = q{concat_ws(' ', a.outcome, a.attempt, a.hash_matches,
  a.event_id > 0, a.first_seen_at > now() - interval '1 h',
  a.first_seen_at <= clock_timestamp(), a.request_hash, a.http_status)};
my $without_hash = "replace($acquisition, a.request_hash, '')";
my @calls = (
	q{wd_try_acquire('shop', 'new1#', 'h')},
	q{wd_try_acquire('shop', 'failed1#', 'h')},
	q{wd_try_acquire('shop', 'done#')},
	qq{$acquisition FROM wd_acquire('shop', 'new2#', 'h') a},
	qq{$acquisition FROM wd_acquire('shop', 'failed2#', 'h') a},
	qq{$acquisition FROM wd_acquire('shop', 'held1#', 'h') a},
	qq{$acquisition FROM wd_acquire('shop', 'done#', 'i') a},
	qq{string_agg($acquisition, ', ') FROM wd_acquire_many('shop', '{new3#,done#,held2#,failed3#}') a},
	q{wd_try_once('shop', 'new4#')},
	q{wd_try_once('shop', 'done#')},
	qq{$without_hash FROM wd_receive('paypal', '{"id":"new#"}') a},
	qq{$without_hash FROM wd_receive('paypal', '{"id":"#"}') a},
	qq{$without_hash FROM wd_receive_items('paypal', '{"id":"#"}') a},
	q{wd_extend_lease('shop', 'held1#', 1) > now()},
	q{wd_assert_owner('shop', 'held1#', 1)::text = ''},
	q{wd_mark_failed('shop', 'held2#', 1, 'E1')},
	q{wd_mark_done('shop', 'held1#', 1)},
	q{wd_mark_done_many('shop', '{held3#,held4#}', '{1,NULL}')},
	q{wd_lookup('shop', 'done#')},
	q{wd_lookup('shop', 'never#')},
	q{wd_reopen('shop', 'done#')},
);

# Calls that read what is known of a provider
my @provider_calls = (
	q{wd_dedup_key('paypal', '{"id":7}')},
	q{(wd_acquire('shop/#', '#')).outcome},
	q{(wd_acquire_many('shop/#', '{a#}')).outcome},
	q{(wd_receive('paypal', '{"id":"providers#"}')).dedup_key},
	q{(wd_explain_key('paypal', '{"id":7}')).dedup_key},
);

sub array_of
{
	my (@texts) = @_;

	return 'ARRAY[' . join(', ', map { "\$t\$$_\$t\$" } @texts) . ']';
}

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION dblink;

CREATE FUNCTION make_events(r text) RETURNS void LANGUAGE sql AS \$\$
  SELECT wd_acquire_many('shop', ARRAY['held1' || r, 'held2' || r, 'held3' || r,
      'held4' || r, 'failed1' || r, 'failed2' || r, 'failed3' || r], array_fill('h'::text, '{7}'));
  SELECT wd_mark_failed('shop', 'failed' || i || r, 1) FROM generate_series(1, 3) i;
  SELECT wd_try_once('shop', 'done' || r, 'h');
  SELECT wd_receive('paypal', convert_to(format('{"id":"%s"}', r), 'UTF8'));
\$\$;

-- what a call answers, or the SQLSTATE that it raises
CREATE FUNCTION answer(call text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
  answer text;
BEGIN
  EXECUTE 'SELECT ' || call INTO answer;
  RETURN coalesce(answer, 'null');
EXCEPTION WHEN OTHERS THEN
  RETURN 'SQLSTATE ' || SQLSTATE;
END \$\$;

-- all calls' answers in one line, or what they all say
CREATE FUNCTION answers(r text, calls text[] DEFAULT ${\ array_of(@calls) })
RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
  all_of text[];
BEGIN
  FOR i IN 1 .. cardinality(calls) LOOP
    all_of[i] := answer(replace(calls[i], '#', r));
  END LOOP;
  RETURN CASE WHEN all_of[1] = ALL (all_of) THEN all_of[1]
    ELSE array_to_string(all_of, '; ') END;
END \$\$;

CREATE FUNCTION provider_answers(r text) RETURNS text LANGUAGE sql AS \$\$
  SELECT answers(r, ${\ array_of(@provider_calls) })
\$\$;

-- views of the extension keep columns from being altered
CREATE FUNCTION free_columns() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
  v regclass;
BEGIN
  FOR v IN SELECT objid FROM pg_depend JOIN pg_class c ON c.oid = objid AND relkind = 'v'
    WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'webhook_dedup')
  LOOP
    EXECUTE format('ALTER EXTENSION webhook_dedup DROP VIEW %s; DROP VIEW %1\$s CASCADE', v);
  END LOOP;
END \$\$;

CREATE FUNCTION keep() RETURNS void LANGUAGE sql AS \$\$
  DROP TABLE IF EXISTS kept;
  CREATE TABLE kept AS SELECT id, provider, dedup_key, first_seen_at, last_seen_at,
      status::text, request_hash, attempt, lease_expires_at, last_error
    FROM webhook_dedup_events;
\$\$;

-- the extension anew, with the events that were kept
CREATE FUNCTION anew() RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
  DROP EXTENSION IF EXISTS webhook_dedup CASCADE;
  CREATE EXTENSION webhook_dedup;
  PERFORM free_columns();
  INSERT INTO webhook_dedup_events (id, provider, dedup_key, first_seen_at,
      last_seen_at, status, request_hash, attempt, lease_expires_at, last_error)
    SELECT * FROM kept;
  PERFORM setval('webhook_dedup_events_id_seq', max(id)) FROM kept;
END \$\$;
SELECT free_columns();
SQL

# What the calls answer if nothing is wrong
my $works = join '; ', 'true', 'true', 'false', 'first 1 t t t t h',
  'retry 2 t t t t h', 'in_progress 1 t t t t h 503', 'done 1 f t t t h 200',
  'first 1 t t t t, done 1 t t t t h 200, in_progress 1 t t t t h 503, retry 2 t t t t h',
  'true', 'false', 'first 1 t t t t ', 'in_progress 1 t t t t  409',
  'in_progress 1 t t t t  409', 'true', 'true', 'true', 'true', '2', 'done',
  'null', 'true';
my $refused = 'SQLSTATE 42804';
my $providers_work = qr/^ev_7; first; first; ev_providers\w+; ev_7$/;

my $number = 0;

# How all is put right: by a statement of the alteration's own, or by the
# extension created anew with the same events
my $anew = 'DO $$BEGIN PERFORM anew(); END$$';

# Alter a table, and see what the calls answer: $verdict is "refused", "works",
# or "either" of the two where this version need not know what it is about.
sub altered
{
	my ($verdict, $name, $alter, $undo, $answers) = @_;
	my $stdout;

	$answers //= 'answers';
	$undo //= $anew;
	$number++;
	my ($warm, $inside, $elsewhere, $fresh, $last) =
	  map { "'$_$number'" } 'a' .. 'e';
	# what was refused has changed nothing
	$last = $elsewhere if $verdict eq 'refused';
	$node->psql(
		'postgres', <<"SQL", stdout => \$stdout, on_error_stop => 0);
SET client_min_messages = error;
TRUNCATE webhook_dedup_events;
SELECT make_events(r) FROM unnest(ARRAY[$warm, $inside, $elsewhere, $fresh, 'e$number']) r
  \\g /dev/null
SELECT 'before: ' || $answers($warm);
BEGIN;
$alter;
SELECT 'in the transaction: ' || $answers($inside);
ROLLBACK;
SELECT keep() \\g /dev/null
SELECT dblink_exec('$connstr', \$sql\$SET client_min_messages = error; $alter\$sql\$) \\g /dev/null
SELECT 'elsewhere: ' || $answers($elsewhere);
SELECT 'a new session: ' || answer
  FROM dblink('$connstr', \$sql\$SELECT $answers($fresh)\$sql\$) d(answer text);
SELECT dblink_exec('$connstr', \$sql\$SET client_min_messages = error; $undo\$sql\$) \\g /dev/null
SELECT 'put right: ' || $answers($inside);
SELECT 'put right, a new session: ' || answer
  FROM dblink('$connstr', \$sql\$SELECT $answers($last)\$sql\$) d(answer text);
SQL

	my %answer = map { /^([\w ,]+): (.*)$/ ? ($1 => $2) : () } split /\n/, $stdout;

	subtest "G5: $verdict: $name" => sub {
		foreach my $when ('before', 'in the transaction', 'elsewhere',
			'a new session', 'put right', 'put right, a new session')
		{
			my $got = $answer{$when} // 'none: the session is gone';

			$got = 'works' if $got eq $works || $got =~ $providers_work;
			$got = 'refused' if $got eq $refused;
			if ($when !~ /before|right/ && $verdict eq 'either')
			{
				like($got, qr/^(works|refused)$/, $when);
			}
			else
			{
				is($got, $when =~ /before|right/ ? 'works' : $verdict, $when);
			}
		}
	};
	return if exists $answer{'put right, a new session'};

	# the server has crashed
	$node->poll_query_until('postgres', 'SELECT true')
	  or die 'the server does not come back';
	$node->safe_psql('postgres', 'SELECT keep()')
	  if $stdout !~ /elsewhere|transaction/;
	$node->safe_psql('postgres', 'SELECT anew()');
	return;
}

my $ledger = 'ALTER TABLE webhook_dedup_events';

#
# Columns of other types, reversible where that is possible
#

my $no_status_index = 'DROP INDEX idx_webhook_dedup_status';
my $status_index = q{CREATE INDEX idx_webhook_dedup_status ON webhook_dedup_events (status)
  WHERE status = 'processing'::text OR status = 'failed'::text};
my $utc = q{AT TIME ZONE 'UTC'};
my @types = (
	[ id => 'text', 'id::text', 'bigint', 'id::bigint' ],
	[ id => 'integer', 'id::integer', 'bigint', 'id::bigint' ],
	[ provider => 'bytea', q{convert_to(provider, 'UTF8')} ],
	[ provider => 'name', 'provider::name', 'text COLLATE "C"', 'provider::text' ],
	[ provider => 'varchar COLLATE "C"', 'provider', 'text COLLATE "C"', 'provider' ],
	[ dedup_key => 'bytea', q{convert_to(dedup_key, 'UTF8')} ],
	[ dedup_key => 'uuid', 'md5(dedup_key)::uuid' ],
	[ dedup_key => 'varchar COLLATE "C"', 'dedup_key', 'text COLLATE "C"', 'dedup_key' ],
	[ first_seen_at => 'timestamp', "first_seen_at $utc", 'timestamptz', "first_seen_at $utc" ],
	[
		first_seen_at => 'text',
		'first_seen_at::text', 'timestamptz', 'first_seen_at::timestamptz'
	],
	[ last_seen_at => 'timestamp', "last_seen_at $utc", 'timestamptz', "last_seen_at $utc" ],
	[ last_seen_at => 'date', 'last_seen_at::date' ],
	[ status => 'integer', '5' ],
	[ status => 'text', 'status::text', 'wd_status', 'status::wd_status' ],
	[ status => '"char"', 'status::text::"char"' ],
	[ request_hash => 'bigint', '5' ],
	[
		request_hash => 'bytea',
		q{convert_to(request_hash, 'UTF8')}, 'text COLLATE "C"', q{convert_from(request_hash, 'UTF8')}
	],
	[ attempt => 'bigint', 'attempt', 'integer', 'attempt::integer' ],
	[ attempt => 'smallint', 'attempt', 'integer', 'attempt' ],
	[ attempt => 'text', 'attempt::text', 'integer', 'attempt::integer' ],
	[ attempt => 'float4', 'attempt' ],
	[
		lease_expires_at => 'timestamp',
		"lease_expires_at $utc", 'timestamptz', "lease_expires_at $utc"
	],
	[
		lease_expires_at => 'text',
		'lease_expires_at::text', 'timestamptz', 'lease_expires_at::timestamptz'
	],
	[ lease_expires_at => 'bigint', '5' ],
	[ last_error => 'integer', 'NULL::integer' ],
	[ last_error => 'bytea', q{convert_to(last_error, 'UTF8')} ],
);

foreach (@types)
{
	my ($column, $type, $using, $type_before, $using_before) = @$_;
	my $to = sub {
		my ($to_type, $by) = @_;

		return join '; ', ($column eq 'status' ? $no_status_index : ()),
		  "$ledger ALTER $column DROP DEFAULT, ALTER $column TYPE $to_type USING $by";
	};

	my $undo;

	$undo = $to->($type_before, $using_before)
	  . ($column eq 'status' ? "; $status_index" : '')
	  . ($column eq 'id' ? "; $ledger ALTER id SET DEFAULT nextval('webhook_dedup_events_id_seq')" : '')
	  if defined $type_before;
	$undo =~ s/DROP INDEX \w+; // if defined $undo;
	# what the domain is over can do without it
	altered($column eq 'status' && $type eq 'text' ? 'either' : 'refused',
		"$column is of type $type", $to->($type, $using), $undo);
}

#
# Collations: keys are compared byte by byte.
#

$node->safe_psql('postgres', <<'SQL');
CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SQL
foreach my $column ('provider', 'dedup_key')
{
	altered('refused', "$column has collation $_",
		qq{$ledger ALTER $column TYPE text COLLATE "$_"},
		qq{$ledger ALTER $column TYPE text COLLATE "C"})
	  foreach 'POSIX', 'und-x-icu', 'ignoring_case';
}

#
# Columns dropped, renamed, added again
#

my %columns = (
	id => q{bigint DEFAULT nextval('webhook_dedup_events_id_seq')},
	provider => 'text COLLATE "C"',
	dedup_key => 'text COLLATE "C"',
	first_seen_at => 'timestamptz',
	last_seen_at => 'timestamptz',
	status => 'wd_status',
	request_hash => 'text COLLATE "C"',
	attempt => 'integer',
	lease_expires_at => 'timestamptz',
	last_error => 'text',
);
my @nullable = ('request_hash', 'lease_expires_at', 'last_error');
my $unique = 'ADD CONSTRAINT uq_webhook_dedup_events UNIQUE (provider, dedup_key)';

foreach my $column (sort keys %columns)
{
	my $drop = "$ledger DROP $column CASCADE";

	# with its owner the sequence would go, and with that the extension
	$drop = "ALTER SEQUENCE webhook_dedup_events_id_seq OWNED BY NONE; $drop"
	  if $column eq 'id';
	altered('refused', "$column is dropped", $drop);
	altered('refused', "$column is renamed",
		"$ledger RENAME $column TO other",
		"$ledger RENAME other TO $column");
	# its number is another one then
	my $by = $column eq 'id' ? 'provider, dedup_key' : 'id';
	my @again = ("CREATE TABLE once AS SELECT $by, $column AS value FROM webhook_dedup_events",
		$drop,
		"$ledger ADD $column $columns{$column}",
		"UPDATE webhook_dedup_events e SET $column = o.value FROM once o WHERE (e."
		  . ($by =~ s/, /, e./r) . ') = (o.' . ($by =~ s/, /, o./r) . ')',
		'DROP TABLE once');
	push @again, "$ledger ALTER $column SET NOT NULL"
	  if !grep { $_ eq $column } @nullable;
	push @again, "$ledger $unique" if $column =~ /^(provider|dedup_key)$/;
	push @again, "$ledger ADD PRIMARY KEY (id)" if $column eq 'id';
	altered('either', "$column is added again", join('; ', @again));
}

#
# Nulls where none may be
#

foreach my $column ('first_seen_at', 'status', 'attempt', 'provider', 'id')
{
	my $free = "$ledger ALTER $column DROP NOT NULL";

	$free = "$ledger DROP CONSTRAINT webhook_dedup_events_pkey; $free"
	  if $column eq 'id';
	altered('either', "$column may be null", $free,
		$column eq 'id' ? undef : "$ledger ALTER $column SET NOT NULL");
	next if $column eq 'provider';
	altered('refused', "$column is null",
		"$free; UPDATE webhook_dedup_events SET $column = NULL");
}

#
# The unique constraint, which decides who acquires
#

my $no_unique = "$ledger DROP CONSTRAINT uq_webhook_dedup_events";
my $index = 'INDEX uq_webhook_dedup_events ON webhook_dedup_events';
my $add = "$ledger ADD CONSTRAINT uq_webhook_dedup_events";
my @constraints = (
	[ refused => 'is dropped', '' ],
	[ refused => 'is of the provider and the id', "$add UNIQUE (provider, id)" ],
	[ refused => 'has one column less', "$add UNIQUE (dedup_key)" ],
	[ refused => 'has one column more', "$add UNIQUE (provider, dedup_key, attempt)" ],
	[ refused => 'is of an expression', "CREATE UNIQUE $index (provider, lower(dedup_key))" ],
	[ refused => 'is partial', "CREATE UNIQUE $index (provider, dedup_key) WHERE attempt > 0" ],
	[ refused => 'is not unique', "CREATE $index (provider, dedup_key)" ],
	[ refused => 'is a hash index', "CREATE $index USING hash (dedup_key)" ],
	[
		refused => 'is an exclusion constraint',
		"$add EXCLUDE (provider WITH =, dedup_key WITH =)"
	],
	[ refused => 'is deferrable', "$ledger $unique DEFERRABLE" ],
	[ refused => 'is deferred', "$ledger $unique DEFERRABLE INITIALLY DEFERRED" ],
	[
		refused => 'ignores case',
		"CREATE UNIQUE $index (provider, dedup_key COLLATE ignoring_case)"
	],
	[ either => 'has another order', "$add UNIQUE (dedup_key, provider)" ],
	[
		either => 'has another operator class',
		"CREATE UNIQUE $index (provider text_pattern_ops, dedup_key text_pattern_ops)"
	],
	[
		either => 'has another collation',
		qq{CREATE UNIQUE $index (provider COLLATE "POSIX", dedup_key COLLATE "POSIX")}
	],
	[ either => 'has NULLS NOT DISTINCT', "$add UNIQUE NULLS NOT DISTINCT (provider, dedup_key)" ],
	[ either => 'goes downwards', "CREATE UNIQUE $index (provider DESC, dedup_key DESC)" ],
	[ either => 'includes a column', "$add UNIQUE (provider, dedup_key) INCLUDE (id)" ],
	[ either => 'has another name', "$ledger ADD CONSTRAINT other UNIQUE (provider, dedup_key)" ],
	[ either => 'is an index', "CREATE UNIQUE $index (provider, dedup_key)" ],
	[ works => 'is made anew', "$ledger $unique" ],
);

foreach (@constraints)
{
	my ($verdict, $name, $sql) = @$_;

	altered($verdict, "the unique constraint $name", "$no_unique; $sql");
}

# The index compares keys byte by byte, but the column does not.
altered('refused', 'dedup_key ignores case beside its index', <<"SQL");
$no_unique;
$ledger ALTER dedup_key TYPE text COLLATE ignoring_case;
CREATE UNIQUE $index (provider, dedup_key COLLATE "C")
SQL

#
# Another table as a member of the extension
#

my $take_out = 'ALTER EXTENSION webhook_dedup DROP TABLE webhook_dedup_events; '
  . "$ledger RENAME TO was_ledger; "
  . 'ALTER EXTENSION webhook_dedup DROP SEQUENCE webhook_dedup_events_id_seq';
my $put_in = 'ALTER EXTENSION webhook_dedup ADD TABLE webhook_dedup_events';
my $fill = 'INSERT INTO webhook_dedup_events SELECT * FROM was_ledger';
my $drop_both = "DROP EXTENSION webhook_dedup CASCADE; DROP TABLE was_ledger; $anew";

altered('works', 'a table of the same columns is the member',
	"$take_out; CREATE TABLE webhook_dedup_events (LIKE was_ledger INCLUDING ALL); $fill; $put_in",
	$drop_both);
altered('works', 'a partitioned table is the member', <<"SQL", $drop_both);
$take_out;
CREATE TABLE webhook_dedup_events (LIKE was_ledger INCLUDING DEFAULTS,
  UNIQUE (provider, dedup_key)) PARTITION BY HASH (dedup_key);
CREATE TABLE part_0 PARTITION OF webhook_dedup_events FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 (response jsonb, last_error text, gone integer, lease_expires_at timestamptz,
  attempt integer NOT NULL, request_hash text COLLATE "C", status wd_status NOT NULL,
  last_seen_at timestamptz NOT NULL, first_seen_at timestamptz NOT NULL,
  dedup_key text COLLATE "C" NOT NULL, provider text COLLATE "C" NOT NULL, id bigint NOT NULL);
ALTER TABLE part_1 DROP gone;
ALTER TABLE webhook_dedup_events ATTACH PARTITION part_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
$fill; $put_in
SQL
altered('refused', 'a table of other columns is the member', <<"SQL", $drop_both);
$take_out;
CREATE TABLE webhook_dedup_events (id text, provider bigint, dedup_key bigint,
  first_seen_at text, last_seen_at text, status bigint, request_hash bigint,
  attempt text, lease_expires_at text, last_error bigint, UNIQUE (provider, dedup_key));
$put_in
SQL
altered('refused', 'a table without the columns is the member',
	"$take_out; CREATE TABLE webhook_dedup_events (); $put_in", $drop_both);
altered('refused', 'a partitioned table of other columns is the member', <<"SQL", $drop_both);
$take_out;
CREATE TABLE webhook_dedup_events (LIKE was_ledger INCLUDING DEFAULTS) PARTITION BY HASH (dedup_key);
ALTER TABLE webhook_dedup_events ALTER request_hash TYPE bigint USING 5;
$put_in
SQL
altered('refused', 'a view is the member', <<"SQL", $drop_both);
$take_out;
CREATE VIEW webhook_dedup_events AS SELECT * FROM was_ledger;
ALTER EXTENSION webhook_dedup ADD VIEW webhook_dedup_events
SQL

#
# What a user may add
#

my $on = 'ON webhook_dedup_events';
my @additions = (
	[
		'columns',
		"$ledger ADD x integer, ADD y text NOT NULL DEFAULT 'y',"
		  . ' ADD z bigint GENERATED ALWAYS AS (id * 2) STORED'
	],
	[ 'columns that are gone again', "$ledger ADD x integer; $ledger DROP x" ],
	[
		'indexes',
		"CREATE INDEX $on (attempt);"
		  . " CREATE INDEX $on (lower(dedup_key)) WHERE attempt > 1"
	],
	[ 'a unique index of the same columns', "CREATE UNIQUE INDEX $on (provider, dedup_key)" ],
	[ 'a unique index of the other order', "CREATE UNIQUE INDEX $on (dedup_key, provider)" ],
	[ 'a unique index with the id', "CREATE UNIQUE INDEX $on (provider, id)" ],
	[ 'no index on the status', $no_status_index ],
	[
		'constraints',
		"$ledger ADD CHECK (attempt > 0);"
		  . " CREATE TABLE users (id bigint PRIMARY KEY);"
		  . " $ledger ADD user_id bigint REFERENCES users"
	],
	[ 'a reference', 'CREATE TABLE users (event bigint REFERENCES webhook_dedup_events)' ],
	[ 'a child', 'CREATE TABLE child () INHERITS (webhook_dedup_events)' ],
	[
		'other defaults',
		"$ledger ALTER first_seen_at DROP DEFAULT,"
		  . " ALTER attempt SET DEFAULT 7, ALTER last_error SET DEFAULT 'E'"
	],
	[
		'statistics and storage',
		"$ledger ALTER dedup_key SET STATISTICS 1000,"
		  . ' ALTER request_hash SET STORAGE EXTERNAL, ALTER last_error SET COMPRESSION pglz'
	],
	[
		'a fill factor, and rows rewritten',
		"$ledger SET (fillfactor = 70);"
		  . " CLUSTER webhook_dedup_events USING webhook_dedup_events_pkey"
	],
	[ 'not logged', "$ledger SET UNLOGGED" ],
	[
		'an identity',
		"$ledger ALTER id DROP DEFAULT;"
		  . " $ledger ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (START 1000000)"
	],
	[ 'a domain without its check', 'ALTER DOMAIN wd_status DROP CONSTRAINT wd_status_check' ],
	[ 'the index rebuilt', 'REINDEX TABLE webhook_dedup_events' ],
);

foreach (@additions)
{
	my ($name, $sql) = @$_;

	altered('works', $name, $sql,
		"DROP TABLE IF EXISTS users, child CASCADE; $anew");
}

#
# What is known of providers
#

my $providers = 'ALTER TABLE webhook_dedup_providers';
my %provider_columns = (
	provider => [ 'bytea', q{convert_to(provider, 'UTF8')} ],
	built_in => [ 'integer', 'built_in::integer' ],
	key_templates => [ 'integer', '5' ],
	busy_status => [ 'text', 'busy_status::text' ],
	lease => [ 'bigint', '5' ],
	lease_floor => [ 'text', 'lease_floor::text' ],
	max_attempts => [ 'bigint', 'max_attempts' ],
	payload_format => [ 'bigint', '5' ],
	hint => [ 'bigint', '5' ],
);

foreach my $column (sort keys %provider_columns)
{
	my ($type, $using) = @{ $provider_columns{$column} };

	altered('refused', "a provider's $column is of type $type",
		"$providers ALTER $column DROP DEFAULT, ALTER $column TYPE $type USING $using",
		undef, 'provider_answers');
}
altered('refused', "a provider's lease is renamed", "$providers RENAME lease TO other",
	"$providers RENAME other TO lease", 'provider_answers');
altered('refused', 'key templates are of type text',
	"$providers ALTER key_templates TYPE text USING 'x'", undef, 'provider_answers');
altered('refused', 'key templates are integers',
	"$providers ALTER key_templates TYPE integer[] USING '{5}'", undef, 'provider_answers');
altered('works', 'a column more',
	"$providers ADD x integer", "$providers DROP x", 'provider_answers');

# The extension's trigger functions are for its own tables.
subtest 'G5: trigger functions on other tables' => sub {
	my %tables = (
		'without a column' => '()',
		'of other types' => '(' . join(', ',
			map { "$_ integer DEFAULT 5" } 'provider', 'built_in',
			'key_templates', 'busy_status', 'lease', 'lease_floor',
			'retention', 'retry_window', 'max_attempts', 'payload_format',
			'hint', 'comment') . ')',
		'of the same columns' => q{(LIKE webhook_dedup_providers INCLUDING DEFAULTS);
ALTER TABLE t ALTER provider SET DEFAULT 'x'},
	);

	foreach my $name (sort keys %tables)
	{
		foreach my $function ('wd_check_provider', 'wd_providers_changed')
		{
			foreach my $event ('BEFORE INSERT OR UPDATE', 'AFTER INSERT OR UPDATE OR DELETE')
			{
				my $state = sqlstate($node, undef, <<"SQL");
BEGIN;
CREATE TABLE t $tables{$name};
CREATE TRIGGER t $event ON t FOR EACH ROW EXECUTE FUNCTION $function();
INSERT INTO t DEFAULT VALUES;
ROLLBACK;
SQL
				like($state, qr/^(39P01|42804|42809|0A000)$/,
					"$function, $event, $name: refused");
				$node->poll_query_until('postgres', 'SELECT true');
			}
		}
	}
	# the ledger's other table is none for them either
	is( $node->safe_psql('postgres', 'SELECT answer($$wd_dedup_key(\'paypal\', \'{"id":7}\')$$)'),
		'ev_7', 'all is well');
};

$node->stop;
done_testing();
