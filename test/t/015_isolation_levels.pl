# G8 every isolation level, as a matrix: a transaction of REPEATABLE READ or
# SERIALIZABLE has its snapshot of an event, another session brings the event
# into another state, and the transaction calls a function of the extension.
# What the call answers, and what it leaves in the ledger, must be what READ
# COMMITTED gives at that moment, or SQLSTATE 40001 and an event as it was.
#
# The states are all that legal calls lead to, up to the second attempt; so are
# the ways from one to the next.  What READ COMMITTED gives is found out by the
# same call for an event with the same history.
#
# Where nothing happened since the snapshot, and where the transaction itself
# is who changed the event, even in the same statement, 40001 is wrong too.
#
# wd_lookup is left out: it is STABLE, and answers as of its query's snapshot.
# So is wd_set_response: it is for the transaction that changed the event itself.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node);

my $node = ledger_node('isolation', conf => 'log_statement = none');

# The most attempts of an event
use constant MOST => 2;

# KEY stands for the event's key: of provider paypal, that of the payload
# PAYLOAD.
my %steps = (
	'acquire' => q{wd_acquire('paypal', KEY, 'h')},
	'acquire, ends' => q{wd_acquire('paypal', KEY, 'h', '1 us')},
	'acquire, endless' => q{wd_acquire('paypal', KEY, 'h', '0')},
	'once' => q{wd_try_once('paypal', KEY, 'h')},
	'done' => q{wd_mark_done('paypal', KEY)},
	'failed' => q{wd_mark_failed('paypal', KEY, NULL, 'E1')},
	'extend 1' => q{wd_extend_lease('paypal', KEY, 1)},
	'extend 2' => q{wd_extend_lease('paypal', KEY, 2)},
	'end 1' => q{wd_extend_lease('paypal', KEY, 1, '1 us')},
	'end 2' => q{wd_extend_lease('paypal', KEY, 2, '1 us')},
	'reopen' => q{wd_reopen('paypal', KEY)},
	'delete' => q{delete_event(KEY)},
);

# The calls of the matrix; attempt 1 and 2 are the holder's own, a former or
# a later one, according to the state.
my %calls = (
	'wd_try_acquire' => q{to_jsonb(wd_try_acquire('paypal', KEY, 'h'))},
	'wd_acquire' => q{to_jsonb(wd_acquire('paypal', KEY, 'h'))},
	'wd_acquire, exhausted' => q{to_jsonb(acquire_at_most(2, KEY))},
	'wd_try_once' => q{to_jsonb(wd_try_once('paypal', KEY, 'h'))},
	'wd_receive' => q{to_jsonb(wd_receive('paypal', PAYLOAD))},
	'wd_receive_once' => q{to_jsonb(wd_receive_once('paypal', PAYLOAD))},
	'wd_receive_items' => q{(SELECT to_jsonb(a) FROM wd_receive_items('paypal', PAYLOAD) a)},
	'wd_acquire_many' =>
	  q{(SELECT to_jsonb(a) FROM wd_acquire_many('paypal', ARRAY[KEY], '{h}') a)},
	'wd_acquire_many, two' =>
	  q{(SELECT to_jsonb(a) FROM wd_acquire_many('paypal', ARRAY['0' || KEY, KEY], '{i,h}') a
	     WHERE a.dedup_key = KEY)},
	'wd_reopen' => q{to_jsonb(wd_reopen('paypal', KEY))},
);
foreach my $attempt ('1', '2', 'NULL')
{
	$calls{"wd_mark_done $attempt"} =
	  qq{to_jsonb(wd_mark_done('paypal', KEY, $attempt))};
	$calls{"wd_mark_failed $attempt"} =
	  qq{to_jsonb(wd_mark_failed('paypal', KEY, $attempt, 'E2'))};
	$calls{"wd_mark_done_many $attempt"} =
	  qq{to_jsonb(wd_mark_done_many('paypal', ARRAY[KEY], ARRAY[$attempt]::integer[]))};
	next if $attempt eq 'NULL';
	$calls{"wd_extend_lease $attempt"} =
	  qq{jsonb_build_object('lease_expires_at', wd_extend_lease('paypal', KEY, $attempt, '1 h'))};
	$calls{"wd_assert_owner $attempt"} =
	  qq{to_jsonb(wd_assert_owner('paypal', KEY, $attempt)::text)};
}

# The states: absent; held, ended and endless leases, failed, reopened and
# done events, each with its attempt.
my @states = ('absent');
push @states, map { my $n = $_; map { "$_\@$n" }
	  qw(held ended endless failed reopened done) } 1 .. MOST;

# Where each step leads from a state, deletion left out
sub steps_from
{
	my ($state) = @_;
	my ($kind, $n) = $state =~ /^(\w+)(?:@(\d+))?$/;
	my $next = ($n // 0) + 1;
	my %to;

	if ($kind =~ /^(absent|ended|failed|reopened)$/ && $next <= MOST)
	{
		$to{'acquire'} = "held\@$next";
		$to{'acquire, ends'} = "ended\@$next";
		$to{'acquire, endless'} = "endless\@$next";
		$to{'once'} = "done\@$next";
	}
	if ($kind =~ /^(held|ended|endless)$/)
	{
		$to{'done'} = "done\@$n";
		$to{'failed'} = "failed\@$n";
		$to{"extend $n"} = "held\@$n";
		$to{"end $n"} = "ended\@$n";
	}
	$to{'reopen'} = "reopened\@$n"
	  if $kind =~ /^(ended|failed|reopened|done)$/;
	return %to;
}

# The shortest ways, of one step or more, from a state to each other one and
# to itself: a hash of lists of steps
sub ways_from
{
	my ($from) = @_;
	my %way;
	my @ends = ([$from]);

	while (my $end = shift @ends)
	{
		my ($state, @steps) = @$end;
		my %to = steps_from($state);

		foreach my $step (sort keys %to)
		{
			next if exists $way{ $to{$step} };
			$way{ $to{$step} } = [ @steps, $step ];
			push @ends, [ $to{$step}, @steps, $step ];
		}
	}
	return %way;
}

my %reach = map { $_ => { ways_from($_) } } @states;

# The histories: the steps to a first state, and from it to a second one
my @histories;

sub history
{
	my ($from, $to, $how, @since) = @_;
	my @before = $from eq 'absent' ? () : @{ $reach{absent}{$from} };

	push @histories, { from => $from, to => $to, how => $how,
		before => \@before, since => \@since };
	return;
}

foreach my $from (@states)
{
	history($from, $from, 'as it was');
	foreach my $to (sort keys %{ $reach{$from} })
	{
		history($from, $to, 'changed', @{ $reach{$from}{$to} });
	}
	next if $from eq 'absent';
	history($from, 'absent', 'deleted', 'delete');
	# by the life of another event with this key, which may look the same
	foreach my $to (sort keys %{ $reach{absent} })
	{
		history($from, $to, 'came anew', 'delete', @{ $reach{absent}{$to} })
		  if $to eq $from || $to =~ /\@1$/;
	}
}

sub quoted
{
	my ($text) = @_;

	return q{'} . ($text =~ s/'/''/gr) . q{'};
}

sub array_of
{
	my (@texts) = @_;

	return 'ARRAY[' . join(', ', map { quoted($_) } @texts) . ']::text[]';
}

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION dblink;

CREATE TABLE histories (history integer PRIMARY KEY, from_state text,
  to_state text, how text, before text[], since text[]);
CREATE TABLE calls (call text PRIMARY KEY, expression text);
-- what READ COMMITTED answers, and leaves
CREATE TABLE rules (history integer, call text, answer text, event text,
  PRIMARY KEY (history, call));
CREATE TABLE results (history integer, call text, level text, way text,
  answer text, commit text, event text, event_before text);

CREATE FUNCTION delete_event(k text) RETURNS void LANGUAGE sql AS
  'DELETE FROM webhook_dedup_events WHERE provider = ''paypal'' AND dedup_key = k';

-- with a limit of attempts for this call
CREATE FUNCTION acquire_at_most(n integer, k text) RETURNS wd_acquisition
LANGUAGE plpgsql AS $$
DECLARE
  answer wd_acquisition;
BEGIN
  PERFORM set_config('webhook_dedup.max_attempts', n::text, true);
  answer := wd_acquire('paypal', k, 'h');
  PERFORM set_config('webhook_dedup.max_attempts', '0', true);
  RETURN answer;
END $$;

CREATE FUNCTION with_key(expression text, k text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT replace(replace(expression, 'KEY', quote_literal('ev_' || k)),
    'PAYLOAD', quote_literal(format('{"id":"%s"}', k)))
$$;

-- a history's steps as one transaction
CREATE FUNCTION script(steps text[], k text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT with_key('DO $do$ BEGIN '
    || coalesce(string_agg('PERFORM ' || step || '; ', '' ORDER BY n), '')
    || 'END $do$', k)
  FROM unnest(steps) WITH ORDINALITY s(step, n)
$$;

-- the steps and the call behind them as one statement
CREATE FUNCTION statement(steps text[], expression text, k text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT with_key('SELECT answer FROM (SELECT '
    || coalesce(string_agg(step || format(' AS step_%s, ', n), '' ORDER BY n), '')
    || expression || ' AS answer OFFSET 0) s', k)
  FROM unnest(steps) WITH ORDINALITY s(step, n)
$$;

-- what session a answers to a statement, or its SQLSTATE
CREATE FUNCTION answer_of(statement text) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT answer FROM dblink('a', statement) AS d(answer jsonb));
EXCEPTION WHEN OTHERS THEN
  RETURN to_jsonb('SQLSTATE ' || SQLSTATE);
END $$;

-- ends the transaction of session a
CREATE FUNCTION end_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN dblink_exec('a', command);
EXCEPTION WHEN OTHERS THEN
  RETURN 'SQLSTATE ' || SQLSTATE;
END $$;

-- the event as it is now, without what differs between two equal histories
CREATE FUNCTION event(k text) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(min(concat_ws(' ', status, attempt,
      regexp_replace(request_hash, '^\w{64}$', 'digest'), last_error,
      CASE WHEN lease_expires_at <= clock_timestamp() THEN 'ended'
           WHEN lease_expires_at IS NOT NULL THEN 'goes on' END)), 'absent')
    FROM webhook_dedup_events
    WHERE provider = 'paypal' AND dedup_key = 'ev_' || k
$$;

-- an answer, with what it says of this very event compared with the event
CREATE FUNCTION described(answer jsonb, k text) RETURNS text
LANGUAGE sql AS $$
  SELECT CASE WHEN jsonb_typeof(answer) <> 'object' THEN answer::text ELSE
    (SELECT string_agg(d.key || '=' || CASE
        WHEN d.value IS NULL THEN ''
        WHEN d.key IN ('id', 'event_id') THEN (e.id = d.value::bigint)::text
        WHEN d.key = 'dedup_key' THEN (e.dedup_key = d.value)::text
        WHEN d.key = 'first_seen_at' THEN (e.first_seen_at = d.value::timestamptz)::text
        WHEN d.key = 'lease_expires_at' THEN (e.lease_expires_at = d.value::timestamptz)::text
        WHEN d.key = 'request_hash' THEN (e.request_hash = d.value)::text
        ELSE d.value END, ' ' ORDER BY d.key)
      FROM jsonb_each_text(answer) d
      LEFT JOIN webhook_dedup_events e
        ON e.provider = 'paypal' AND e.dedup_key = 'ev_' || k)
  END
$$;

-- what READ COMMITTED gives
CREATE FUNCTION find_rule(h histories, c calls) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  k text := format('%s-%s-rule', h.history, md5(c.call));
  answer jsonb;
BEGIN
  PERFORM dblink_exec('b', script(h.before || h.since, k));
  answer := answer_of(with_key('SELECT ' || c.expression, k));
  INSERT INTO rules VALUES (h.history, c.call, described(answer, k), event(k));
END $$;

-- Session a has a snapshot, session b changes the event.
CREATE FUNCTION overtaken(h histories, c calls, level text, look text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  k text := format('%s-%s-%s-%s', h.history, md5(c.call), level, look);
  answer jsonb;
  event_before text;
  commit text;
BEGIN
  PERFORM dblink_exec('b', script(h.before, k));
  PERFORM dblink_exec('a', 'BEGIN ISOLATION LEVEL ' || level);
  PERFORM dblink_exec('a', script(ARRAY[look], k));
  IF cardinality(h.since) > 0 THEN
    PERFORM dblink_exec('b', script(h.since, k));
  END IF;
  event_before := event(k);
  answer := answer_of(with_key('SELECT ' || c.expression, k));
  commit := end_of('COMMIT');
  INSERT INTO results VALUES (h.history, c.call, level,
    CASE WHEN look = '1' THEN 'a snapshot' ELSE 'a look' END,
    described(answer, k), commit, event(k), event_before);
END $$;

-- Session a does all of it in one statement, after a snapshot of the first
-- state.
CREATE FUNCTION by_itself(h histories, c calls, level text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  k text := format('%s-%s-%s-self', h.history, md5(c.call), level);
  answer jsonb;
  event_before text;
  commit text;
BEGIN
  PERFORM dblink_exec('b', script(h.before, k));
  event_before := event(k);
  PERFORM dblink_exec('a', 'BEGIN ISOLATION LEVEL ' || level);
  PERFORM dblink_exec('a', script(ARRAY['1'], k));
  answer := answer_of(statement(h.since, c.expression, k));
  commit := end_of('COMMIT');
  INSERT INTO results VALUES (h.history, c.call, level, 'by itself',
    described(answer, k), commit, event(k), event_before);
END $$;

-- what one answer says and another one does not
CREATE FUNCTION differs(answer text, other text) RETURNS text
LANGUAGE sql AS $$
  SELECT string_agg(word, ' ' ORDER BY n) FROM string_to_table(answer, ' ')
    WITH ORDINALITY w(word, n) WHERE word <> ALL (string_to_array(other, ' '))
$$;

CREATE VIEW judged AS
SELECT s.*, h.from_state, h.to_state, h.how, u.answer AS wanted,
    u.event AS event_wanted,
    CASE
      WHEN s.answer = u.answer AND s.answer LIKE '"SQLSTATE%'
        THEN CASE WHEN s.commit = 'ROLLBACK' AND s.event = s.event_before
                  THEN 'right' ELSE 'wrong' END
      WHEN s.answer = u.answer AND s.commit = 'COMMIT' AND s.event = u.event
        THEN 'right'
      WHEN s.way <> 'by itself' AND h.how <> 'as it was'
        AND s.event = s.event_before
        AND (s.answer = '"SQLSTATE 40001"' AND s.commit = 'ROLLBACK'
          OR s.answer = u.answer AND s.commit = 'SQLSTATE 40001')
        THEN 'refused'
      ELSE 'wrong'
    END AS verdict
  FROM results s JOIN histories h USING (history)
  JOIN rules u USING (history, call);
SQL

my $n = 0;
$node->safe_psql('postgres', join "\n",
	map(sprintf('INSERT INTO histories VALUES (%d, %s, %s, %s, %s, %s);',
			++$n, quoted($_->{from}), quoted($_->{to}), quoted($_->{how}),
			array_of(@steps{ @{ $_->{before} } }),
			array_of(@steps{ @{ $_->{since} } })),
		@histories),
	map('INSERT INTO calls VALUES (' . quoted($_) . ', ' . quoted($calls{$_})
		  . ');', sort keys %calls));

# Run each case; what takes long in this is the number of cases.
$node->safe_psql('postgres', <<"SQL");
SELECT dblink_connect(s, ${\ quoted($node->connstr('postgres')) })
  FROM unnest('{a,b}'::text[]) s;
SELECT find_rule(h, c) FROM histories h, calls c;
-- to have looked at the event before makes a difference for SERIALIZABLE
SELECT overtaken(h, c, l.level, l.look) FROM histories h, calls c, (VALUES
    ('REPEATABLE READ', '1'), ('SERIALIZABLE', '1'),
    ('SERIALIZABLE', 'wd_lookup(''paypal'', KEY)')) l(level, look);
SELECT by_itself(h, c, level)
  FROM histories h, calls c,
    unnest('{READ COMMITTED,REPEATABLE READ,SERIALIZABLE}'::text[]) level;
SQL

# Show the wrong cases: what was answered and what READ COMMITTED answers, as
# far as they differ, and some of the changes of state that led to it.
sub show_wrong
{
	my ($condition) = @_;

	diag($node->safe_psql('postgres', <<"SQL"));
SELECT format('%s: %s, not %s | %s', count(*), got, right_one,
    array_to_string((array_agg(DISTINCT change))[1:4], ', '))
  FROM (SELECT differs(answer || ' ' || commit || ' ' || event, wanted || ' ' || event_wanted) AS got,
      differs(wanted || ' ' || event_wanted, answer || ' ' || event) AS right_one,
      concat_ws(' ', from_state, '->', to_state, nullif(how, 'changed')) AS change
      FROM judged WHERE verdict = 'wrong' AND $condition) w
  GROUP BY got, right_one ORDER BY count(*) DESC LIMIT 8
SQL
	return;
}

sub count_of
{
	my ($condition) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM judged WHERE $condition");
}

# What is not so would make the rest of the test worth less.
subtest 'G8: the matrix is what it should be' => sub {
	my $histories = @histories;
	my $calls = keys %calls;

	note "$histories histories, $calls calls";
	is(count_of('true'), $histories * $calls * 6, 'all cases ran');
	is( $node->safe_psql(
			'postgres', <<'SQL'), '55P03 P0002 WD004', 'READ COMMITTED raises what it should');
SELECT string_agg(DISTINCT state, ' ' ORDER BY state)
  FROM (SELECT substring(answer FROM 'SQLSTATE (.*)"') AS state FROM rules) s
SQL
	is( $node->safe_psql(
			'postgres', <<'SQL'), '0', 'and tells of the event that is there');
SELECT count(*) FROM rules WHERE answer ~ '(event_id|dedup_key|first_seen_at|lease_expires_at)=false'
SQL
	# an answer out of the old snapshot would be found out
	cmp_ok(
		$node->safe_psql(
			'postgres', <<'SQL'), '>', $histories * $calls / 4, 'the second state matters');
SELECT count(*) FROM rules u JOIN histories h USING (history)
  JOIN histories o ON o.from_state = h.from_state AND o.how = 'as it was'
  JOIN rules f ON f.history = o.history AND f.call = u.call
  WHERE u.answer <> f.answer
SQL
};

foreach my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	subtest "G8: $level, changed by the transaction itself" => sub {
		foreach my $call (sort keys %calls)
		{
			my $which =
			  "call = '$call' AND level = '$level' AND way = 'by itself'";

			is(count_of("$which AND verdict <> 'right'"), 0, $call)
			  or show_wrong($which);
		}
	};
	next if $level eq 'READ COMMITTED';

	subtest "G8: $level, changed since the snapshot" => sub {
		foreach my $call (sort keys %calls)
		{
			my $which =
			  "call = '$call' AND level = '$level' AND way <> 'by itself'";

			is(count_of("$which AND verdict = 'wrong'"), 0, $call)
			  or show_wrong($which);
		}
		note count_of("level = '$level' AND verdict = 'wrong'") . ' of '
		  . count_of("level = '$level'") . ' cases are wrong';
	};
}

$node->stop;
done_testing();
