# No payload and no header in the server's log or in what clients are told.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use WebhookDedup
  qw(ledger_node run_as state_of end_session wait_until_blocked log_size
  log_since);

# What must not be seen, be it as text or in a bytea literal
my $sentinel = 'SENTINEL_vq8Zx71';
my $sentinel_re = join '|', quotemeta $sentinel, unpack('H*', $sentinel);

# Takes effect only where the locale is other than C, to which the server is
# started.
$ENV{LANGUAGE} = 'de';

my $node = ledger_node('hygiene', conf => <<'CONF');
log_statement = none
log_min_messages = debug1
log_min_error_statement = error
log_error_verbosity = verbose
log_lock_waits = on
deadlock_timeout = 100ms
restart_after_crash = on
CONF

# name => body, headers, SQLSTATE.  ID is another identifier in each round.
my @deliveries = (
	[ 'first', qq({"id":"ID","secret":"$sentinel"}), '{}', '00000' ],
	[ 'duplicate', qq({"id":"ID","secret":"$sentinel"}), '{}', '00000' ],
	[ 'other body, same key', qq({"id":"ID","s":["$sentinel"]}), '{}', '00000' ],
	[
		'key in a header', qq({"s":"$sentinel"}),
		qq({"PayPal-Transmission-Id":"ID","Authorization":"$sentinel"}), '00000'
	],
	[ 'identifier', qq({"id":"$sentinel-ID"}), '{}', '00000' ],
	[ 'long identifier', '{"id":"' . "$sentinel-ID" x 500 . '"}', '{}', '00000' ],
	[ 'broken JSON', qq({"id":"ID","s":"$sentinel"), '{}', '22P02' ],
	[ 'no JSON at all', $sentinel, '{}', '22P02' ],
	[ 'token that is none', qq({"id":$sentinel}), '{}', '22P02' ],
	[ 'text behind the end', qq({"id":"ID"} $sentinel), '{}', '22P02' ],
	[ 'broken escape', qq({"id":"$sentinel\\q"}), '{}', '22P02' ],
	[ 'broken UTF-8', qq({"id":"$sentinel\xC3\x28"}), '{}', '22P02' ],
	[ 'NUL byte', qq({"id":"$sentinel\0"}), '{}', '22P02' ],
	[ 'NUL escape', qq({"id":"$sentinel\\u0000"}), '{}', '22P02' ],
	[ 'half a surrogate pair', qq({"id":"$sentinel\\ud800"}), '{}', '22P02' ],
	[
		'too deep', '{"id":' . '[' x 600 . qq("$sentinel") . ']' x 600 . '}',
		'{}', '54000'
	],
	[ 'no key', qq({"name":"$sentinel"}), '{}', 'WD001' ],
	[ 'no object', qq(["$sentinel"]), '{}', 'WD001' ],
	[ 'empty identifier', qq({"id":"","s":"$sentinel"}), '{}', 'WD001' ],
	[
		'header of a wrong type', qq({"s":"$sentinel"}),
		qq({"paypal-transmission-id":{"s":"$sentinel"}}), '22023'
	],
	[ 'headers that are no object', '{"id":"ID"}', qq(["$sentinel"]), '22023' ],
);

# Deliveries of several events, to be claimed one by one, and of forms: name =>
# provider, body, headers, SQLSTATE
my @several = (
	[ 'items', 'sendgrid', qq([{"sg_event_id":"ID","s":"$sentinel"},{"sg_event_id":"ID-2"}]), '{}', '00000' ],
	[ 'items again', 'sendgrid', qq([{"sg_event_id":"ID","s":["$sentinel"]}]), '{}', '00000' ],
	[ 'no items', 'sendgrid', '[]', qq({"s":"$sentinel"}), '00000' ],
	[ 'an item as identifier', 'sendgrid', qq([{"sg_event_id":"$sentinel-ID"}]), '{}', '00000' ],
	[ 'an item without a key', 'sendgrid', qq([{"sg_event_id":"x-ID"},{"s":"$sentinel"}]), '{}', 'WD001' ],
	[ 'an item that is none', 'sendgrid', qq(["$sentinel"]), '{}', 'WD001' ],
	[ 'no array', 'sendgrid', qq({"$sentinel":"$sentinel"}), '{}', 'WD001' ],
	[ 'an item that is no text', 'sendgrid', qq([{"sg_event_id":"$sentinel\\u0000"}]), '{}', '22P02' ],
	[ 'a broken item', 'sendgrid', qq([{"sg_event_id":"ID"},{"s":"$sentinel"]), '{}', '22P02' ],
	[ 'broken UTF-8', 'sendgrid', qq([{"sg_event_id":"ID","s":"$sentinel\xC3\x28"}]), '{}', '22P02' ],
	[ 'too many items', 'sendgrid', '[' . '{},' x 10_000 . qq({"s":"$sentinel"}]), '{}', '54000' ],
	[ 'a form', 'twilio', "MessageSid=ID&MessageStatus=sent&Body=$sentinel", '{}', '00000' ],
	[ 'a form without a key', 'twilio', "Body=$sentinel&$sentinel=1", qq({"$sentinel":"$sentinel"}), 'WD001' ],
	[ 'a form that is no text', 'twilio', "MessageSid=$sentinel%FF&MessageStatus=sent", '{}', '22P02' ],
	[ 'a header of a wrong type', 'github', $sentinel, qq({"x-github-delivery":{"$sentinel":1}}), '22023' ],
	[ 'a header that is no text', 'cloudevents', $sentinel, qq({"ce-source":"$sentinel%zz"}), '22023' ],
	[ 'no header', 'github', $sentinel, qq({"$sentinel":"$sentinel"}), 'WD001' ],
	[ 'headers that are no object', 'sendgrid', '[]', qq(["$sentinel"]), '22023' ],
	[ 'an unknown provider', 'nobody', $sentinel, qq({"s":"$sentinel"}), 'WD005' ],
	[ 'a provider without templates', 'bare', $sentinel, qq({"s":"$sentinel"}), '22023' ],
);

# The functions that take those
my @takers = (
	q{SELECT count(*) FROM wd_receive_items(PROVIDER, BODY, HEADERS);},
	# explained, not refused
	q{SELECT count(*), count(dedup_key) FROM wd_explain_key(PROVIDER, BODY, HEADERS);},
);

sub hex_literal
{
	my ($bytes) = @_;

	return '\x' . unpack('H*', $bytes);
}

# Check what was logged behind the position, and said to the client.
sub is_clean
{
	my ($position, $said, $name) = @_;

	unlike(log_since($node, $position),
		qr/$sentinel_re/i, "$name: nothing in the server's log");
	unlike($said, qr/$sentinel_re/i, "$name: nothing in the messages");
	return;
}

# The body as literals: its bytes, and its text where a statement can hold it
sub literals
{
	my ($body) = @_;
	my @literals = ("'" . hex_literal($body) . "'");

	push @literals, "convert_to(\$b\$$body\$b\$, 'UTF8')"
	  if $body !~ /[^\x01-\x7F]/;
	return @literals;
}

# All deliveries as literals in the statement
sub deliver_literals
{
	my ($round) = @_;

	foreach my $delivery (@deliveries)
	{
		my ($name, $body, $headers, $expected) = @$delivery;

		s/ID/$round/g foreach $body, $headers;
		foreach my $literal (literals($body))
		{
			my $position = log_size($node);
			my (undef, $stderr) = run_as($node, undef,
				"SELECT (wd_receive('paypal', $literal, '$headers')).outcome;"
			);

			is(state_of($stderr), $expected, "$name: $expected");
			is_clean($position, $stderr, $name);
		}
	}
	return;
}

# Deliveries of several events as literals in the statement
sub deliver_several
{
	my ($round) = @_;

	foreach my $delivery (@several)
	{
		my ($name, $provider, $body, $headers, $expected) = @$delivery;

		s/ID/$round/g foreach $body, $headers;
		foreach my $literal (literals($body))
		{
			foreach my $taker (@takers)
			{
				my $position = log_size($node);
				my ($stdout, $stderr) = run_as($node, undef,
					$taker =~ s/PROVIDER/'$provider'/r =~
					  s/BODY/$literal/r =~ s/HEADERS/'$headers'/r);

				is(state_of($stderr), $expected,
					"$name, received: $expected")
				  if $taker =~ /receive/;
				is_clean($position, $stdout . $stderr,
					"$name, $taker" =~ s/ FROM.*//r);
			}
		}
	}
	return;
}

# Describing a provider: key templates may be seen, as they are no payload
sub describe
{
	my $position = log_size($node);
	my (undef, $stderr) = run_as($node, undef,
		q[SELECT wd_set_provider('t', '{"visible_{body:id}"}'); SELECT wd_set_provider('t', '{"visible_{body:id"}');]
	);

	is(state_of($stderr), '22023', 'a malformed template');
	like($stderr, qr/Key template: visible_\{body:id/, 'is shown');
	$position = log_size($node);
	(undef, $stderr) = run_as($node, undef, <<"SQL");
SELECT wd_set_provider('t', '{"{body:kind=visible}ev_{body:id}"}', hint => 'A visible hint.');
SELECT (wd_receive('t', '{"kind":"$sentinel","id":"$sentinel"}')).outcome;
SQL
	is(state_of($stderr), 'WD001', 'a condition that is not met');
	like($stderr, qr/A visible hint/, 'with the hint of the provider');
	is_clean($position, $stderr, 'a condition that is not met');
	return;
}

# All deliveries as bound parameters
sub deliver_parameters
{
	my ($round, $mode) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/receive.sql';

	append_to_file($script,
		"SELECT (wd_receive('paypal', :body, :headers)).outcome;\n");
	foreach my $delivery (@deliveries)
	{
		my ($name, $body, $headers, $expected) = @$delivery;
		my $position = log_size($node);
		my ($stdout, $stderr);

		s/ID/$round/g foreach $body, $headers;
		my $succeeded = IPC::Run::run(
			[
				'pgbench', '-n',
				'-t', '2',
				'-M', $mode,
				'-f', $script,
				'-D', 'body=' . hex_literal($body),
				'-D', "headers=$headers",
				$node->connstr('postgres')
			],
			'>', \$stdout,
			'2>', \$stderr);
		is( $succeeded ? 'accepted' : 'refused',
			$expected eq '00000' ? 'accepted' : 'refused',
			"$name: $expected");
		is_clean($position, $stdout . $stderr, $name);
	}
	foreach my $i (0 .. $#takers)
	{
		deliver_several_parameters("$round-$i", $mode, $takers[$i]);
	}
	return;
}

# Deliveries of several events as bound parameters
sub deliver_several_parameters
{
	my ($round, $mode, $taker) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/several.sql';

	append_to_file($script,
		$taker =~ s/PROVIDER/:provider/r =~ s/BODY/:body/r =~
		  s/HEADERS/:headers/r . "\n");
	foreach my $delivery (@several)
	{
		my ($name, $provider, $body, $headers, $expected) = @$delivery;
		my $position = log_size($node);
		my ($stdout, $stderr);

		# more than a command line can hold
		next if length $body > 10_000;
		s/ID/$round/g foreach $body, $headers;
		my $succeeded = IPC::Run::run(
			[
				'pgbench', '-n',
				'-t', '1',
				'-M', $mode,
				'-f', $script,
				'-D', "provider=$provider",
				'-D', 'body=' . hex_literal($body),
				'-D', "headers=$headers",
				$node->connstr('postgres')
			],
			'>', \$stdout,
			'2>', \$stderr);
		is( $succeeded ? 'accepted' : 'refused',
			$expected eq '00000' ? 'accepted' : 'refused',
			"$name: $expected")
		  if $taker =~ /receive/;
		is_clean($position, $stdout . $stderr, $name);
	}
	return;
}

# A failed event, delivered again, completed, delivered again
sub deliver_failed
{
	my ($round) = @_;
	my $position = log_size($node);
	my ($stdout, $stderr) = run_as($node, undef, <<"SQL");
SELECT (wd_receive('paypal', '{"id":"failed-$round","s":"$sentinel"}', '{"h":"$sentinel"}')).outcome;
SELECT wd_mark_failed('paypal', 'ev_failed-$round', 1, 'E1');
SELECT (wd_receive('paypal', '{"id":"failed-$round","s":"$sentinel"}', '{"h":"$sentinel"}')).outcome;
SELECT wd_mark_done('paypal', 'ev_failed-$round', 1);
SELECT wd_assert_owner('paypal', 'ev_failed-$round', 1);
SELECT wd_mark_done('paypal', 'ev_failed-$round', 2);
SELECT (wd_receive('paypal', '{"id":"failed-$round","s":"$sentinel"}', '{"h":"$sentinel"}')).outcome;
SQL

	is($stdout, "first\nt\nretry\nf\nt\ndone", 'failed, retried and done');
	is(state_of($stderr), 'WD004', 'a superseded attempt');
	is_clean($position, $stderr, 'failed');
	return;
}

# The functions that only derive
sub derive_literals
{
	foreach my $call (
		qq{wd_dedup_key('paypal', '{"s":"$sentinel"}', '{}')},
		qq{wd_dedup_key('sendgrid', '[{"sg_event_id":"$sentinel"}]', '{}')},
		qq{wd_dedup_key('adyen', '{"$sentinel":"$sentinel"}', '{"$sentinel":"$sentinel"}')},
		qq{wd_dedup_key('nobody', '{"s":"$sentinel"}', '{"$sentinel":"$sentinel"}')},
		qq{wd_dedup_key('cloudevents', '{"s":"$sentinel"}', '{"ce-source":"$sentinel%zz"}')},
		qq{wd_paypal_dedup_key('{"s":"$sentinel"}', '{"h":"$sentinel"}')},
		qq{wd_paypal_dedup_key('{}', '{"paypal-transmission-id":[1,"$sentinel"]}')},
		qq{wd_toss_dedup_key('{"s":"$sentinel"}', '["$sentinel"]')},
		qq{wd_toss_dedup_key('"$sentinel"', '{}')})
	{
		my ($name) = $call =~ /(wd_\w+)/;
		my $position = log_size($node);
		my (undef, $stderr) = run_as($node, undef, "SELECT $call;");

		like(state_of($stderr), qr/^(?:WD00[15]|22023)$/, "$name is refused");
		is_clean($position, $stderr, $name);
	}
	return;
}

# Calls refused for another argument than the one with the sentinel, which is
# then not even looked at
my $secret_body = qq('{"id":"early","s":"$sentinel"}');
my $secret_headers = qq('{"h":"$sentinel"}');
my $long_provider = "'" . 'p' x 129 . "'";

my @refused_early = (
	[ '22023', "wd_receive('', $secret_body, $secret_headers)" ],
	[ '22004', "wd_receive(NULL, $secret_body, $secret_headers)" ],
	[ '22023', "wd_receive($long_provider, $secret_body, $secret_headers)" ],
	[ 'WD005', "wd_receive('nobody', $secret_body, $secret_headers)" ],
	[ '22004', "wd_receive('paypal', $secret_body, NULL)" ],
	[ '22004', "wd_receive('paypal', NULL, $secret_headers)" ],
	[
		'22023',
		"wd_receive('paypal', $secret_body, $secret_headers, '-1 s')"
	],
	[
		'22023',
		"wd_receive('paypal', $secret_body, $secret_headers, '100 years')"
	],
	[ '22023', "wd_receive_items('', $secret_body, $secret_headers)" ],
	[ '22004', "wd_receive_items(NULL, $secret_body, $secret_headers)" ],
	[ 'WD005', "wd_receive_items('nobody', $secret_body, $secret_headers)" ],
	[ '22004', "wd_receive_items('paypal', $secret_body, NULL)" ],
	[
		'22023',
		"wd_receive_items('paypal', $secret_body, $secret_headers, '-1 s')"
	],
	[ '22023', "wd_explain_key('', $secret_body, $secret_headers)" ],
	[ '22004', "wd_explain_key(NULL, $secret_body, $secret_headers)" ],
	[ 'WD005', "wd_explain_key('nobody', $secret_body, $secret_headers)" ],
	[ '22004', "wd_explain_key('paypal', $secret_body, NULL)" ],
	[ '22004', "wd_explain_key('paypal', NULL, $secret_headers)" ],
	[ '22023', "wd_dedup_key('', $secret_body, $secret_headers)" ],
	[ '22004', "wd_dedup_key(NULL, $secret_body, $secret_headers)" ],
	[ '22023', "wd_dedup_key($long_provider, $secret_body, $secret_headers)" ],
	[ '22004', "wd_dedup_key('paypal', NULL, $secret_headers)" ],
	[ '22004', "wd_dedup_key('paypal', $secret_body, NULL)" ],
	[ '22004', "wd_paypal_dedup_key($secret_body, NULL)" ],
	[ '22004', "wd_paypal_dedup_key(NULL, $secret_headers)" ],
	[ '22004', "wd_toss_dedup_key($secret_body, NULL)" ],
	[ '22004', "wd_toss_dedup_key(NULL, $secret_headers)" ],
);

sub refuse_early
{
	foreach my $refused (@refused_early)
	{
		my ($expected, $call) = @$refused;
		my $name = $call =~ s/$sentinel/.../gr =~ s/p{129}/p.../r;
		my $position = log_size($node);
		my (undef, $stderr) = run_as($node, undef, "SELECT $call;");

		is(state_of($stderr), $expected, "$name: $expected");
		like(log_since($node, $position),
			qr/ $expected: /, "$name: the error is logged");
		is_clean($position, $stderr, $name);
	}
	return;
}

my $received =
  q{SELECT (wd_receive('paypal', '{"id":"KEY","s":"SENTINEL"}', '{"h":"SENTINEL"}')).outcome;};

sub receive_statement
{
	my ($key) = @_;

	return $received =~ s/KEY/$key/r =~ s/SENTINEL/$sentinel/gr;
}

# What ends a delivery that waits for another one, by the SQLSTATE it meets
my %ends = (
	'lock_timeout' => [ '55P03', "SET lock_timeout = '400ms';", undef ],
	'statement_timeout' =>
	  [ '57014', "SET statement_timeout = '400ms';", undef ],
	'pg_cancel_backend' => [ '57014', '', 'pg_cancel_backend' ],
	'pg_terminate_backend' => [ '57P01', '', 'pg_terminate_backend' ],
);

sub wait_and_end
{
	my ($round) = @_;

	foreach my $end (sort keys %ends)
	{
		my ($expected, $setting, $function) = @{ $ends{$end} };
		my $statement = receive_statement("$end-$round");
		my $holder = $node->background_psql('postgres');
		my $waiter = $node->background_psql('postgres', on_error_stop => 0);
		my $position = log_size($node);

		$holder->query_safe("BEGIN; $statement");
		$waiter->query_until(qr/ready/, <<"SQL");
SET application_name = '$end-$round';
\\set VERBOSITY verbose
$setting
\\echo ready
$statement
SQL
		if (defined $function)
		{
			wait_until_blocked($node, "$end-$round");
			# "still waiting" is logged by then
			$node->wait_for_log(qr/ProcSleep/, $position);
			$node->safe_psql('postgres',
				"SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$end-$round'"
			);
		}

		# psql ends when it has lost the server
		my $said;
		if ($end eq 'pg_terminate_backend')
		{
			$waiter->{run}->finish;
			$said = $waiter->{stderr};
		}
		else
		{
			$waiter->query("\\echo over");
			$said = $waiter->{stderr};
			$waiter->quit;
		}
		$holder->query_safe('ROLLBACK');
		$holder->quit;
		is(state_of($said), $expected, "$end: $expected");
		is_clean($position, $said, $end);
	}
	return;
}

# What the database refuses
sub refused_by_server
{
	my ($round) = @_;
	my $position = log_size($node);
	my (undef, $stderr) = run_as($node, undef,
		'BEGIN READ ONLY; ' . receive_statement("read-only-$round"));

	is(state_of($stderr), '25006', 'read only: 25006');
	is_clean($position, $stderr, 'read only');

	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$position = log_size($node);
	$session->query_safe("\\set VERBOSITY verbose\n"
		  . 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$node->safe_psql('postgres',
		"SELECT wd_try_acquire('paypal', 'ev_snapshot-$round')");
	$session->query(receive_statement("snapshot-$round"));
	is(state_of($session->{stderr}), '40001', 'older snapshot: 40001');
	is_clean($position, $session->{stderr}, 'older snapshot');
	$session->quit;
	return;
}

# Start a client that receives events as bound parameters, in one transaction;
# it waits behind each until nobody holds the gate.
sub start_client
{
	my ($name, @keys) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/events.sql';
	my %client = (out => '');
	my @body;

	append_to_file($script, "BEGIN;\n");
	foreach my $i (0 .. $#keys)
	{
		push @body, '-D',
		  "body$i=" . hex_literal(qq({"id":"$keys[$i]","s":"$sentinel"}));
		append_to_file($script,
			"SELECT wd_receive('paypal', :body$i, :headers);\n"
			  . 'SELECT pg_advisory_xact_lock_shared('
			  . WebhookDedup::GATE . ");\n");
	}
	append_to_file($script, "ROLLBACK;\n");
	local $ENV{PGAPPNAME} = $name;
	$client{run} = IPC::Run::start(
		[
			'pgbench', '-n', '--verbose-errors', '-t', '1', '-M', 'extended',
			'-f', $script,
			@body, '-D', qq(headers={"h":"$sentinel"}),
			$node->connstr('postgres')
		],
		'>', \$client{out},
		'2>&1');
	return \%client;
}

# Two transactions that receive the same two events in opposite order.  The
# server logs the statements of both, with no values of parameters.
sub deadlock
{
	my $position = log_size($node);
	my $gate = $node->background_psql('postgres');

	$gate->query_safe(
		'BEGIN; SELECT pg_advisory_xact_lock(' . WebhookDedup::GATE . ')');
	my @clients =
	  (start_client('one', 'a', 'b'), start_client('two', 'b', 'a'));

	wait_until_blocked($node, $_) foreach 'one', 'two';
	$gate->query_safe('COMMIT');
	$gate->quit;
	$_->{run}->finish foreach @clients;
	my $said = join '', map { $_->{out} } @clients;

	like($said, qr/deadlock detected/, 'one of them is the victim');
	like(log_since($node, $position),
		qr/Process \d+: SELECT wd_receive/, 'the server logs the statements');
	is_clean($position, $said, 'deadlock');
	return;
}

# The server logs what a backend did that crashed.
sub crash
{
	my $holder = $node->background_psql('postgres');
	my $position = log_size($node);

	$holder->query_safe('BEGIN; ' . receive_statement('crash'));
	my $client = start_client('crash', 'crash');
	wait_until_blocked($node, 'crash');
	kill 'KILL',
	  $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE application_name = 'crash'");
	$client->{run}->finish;
	end_session($holder);
	$node->poll_query_until('postgres', 'SELECT true')
	  or die 'the server did not come back';
	like(log_since($node, $position),
		qr/was running: SELECT wd_receive/, 'the server logs the statement');
	is_clean($position, $client->{out}, 'crash');
	return;
}

sub all_of
{
	my ($round, $language) = @_;

	subtest "G6: literals, $language" => sub { deliver_literals($round) };
	subtest "G6: several events, and forms, $language" =>
	  sub { deliver_several($round) };
	subtest "G6: functions that derive, $language" => sub { derive_literals() };
	subtest "G6: described providers, $language" => sub { describe() };
	subtest "G6: arguments refused early, $language" =>
	  sub { refuse_early() };
	subtest "G6: failed events, $language" => sub { deliver_failed($round) };
	subtest "G6: deliveries that wait, $language" =>
	  sub { wait_and_end($round) };
	subtest "G6: what the server refuses, $language" =>
	  sub { refused_by_server($round) };
	return;
}

subtest 'G6: the measure sees a sentinel' => sub {
	my $position = log_size($node);
	my (undef, $stderr) =
	  run_as($node, undef, "SELECT '$sentinel'::integer;");

	like(log_since($node, $position), qr/$sentinel_re/i, 'in the log');
	like($stderr, qr/$sentinel_re/i, 'in the messages');
};

$node->safe_psql('postgres',
	q{SELECT wd_set_provider('bare', busy_status => 503)});
all_of('en', 'English');
foreach my $mode ('extended', 'prepared')
{
	subtest "G6: parameters, $mode" =>
	  sub { deliver_parameters("en-$mode", $mode) };
}

subtest 'G6: parameters in a deadlock' => sub { deadlock() };
subtest 'G6: parameters in a crash' => sub { crash() };

# The server's own messages, in another language if it has one.
sub other_locale
{
	my ($names) = run_command([ 'locale', '-a' ]);
	my @locales =
	  grep { /^[a-z]{2}_[A-Z]{2}.*utf-?8$/i && !/^en_/ } split /\n/, $names;

	foreach my $locale (@locales, 'C.UTF-8')
	{
		my (undef, $stderr) =
		  run_as($node, undef, "SET lc_messages = '$locale'; SELECT 1/0;");
		return $locale
		  if $stderr =~ /22012/ && $stderr !~ /division by zero/;
	}
	return;
}

SKIP:
{
	my $locale = other_locale();

	skip 'no locale whose messages are not English', 8
	  unless defined $locale;
	$node->append_conf('postgresql.conf', "lc_messages = '$locale'");
	$node->restart;
	all_of('xx', "lc_messages = $locale");
}

$node->stop;
done_testing();
