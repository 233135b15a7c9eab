# The settings, by each way that a server knows.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Test::More;
use WebhookDedup qw(ledger_node run_as sqlstate);

my $node = ledger_node('settings');

my $n = 0;

# A query that acquires an event, with $arguments behind the key, and tells
# whether its lease lasts so many seconds from then; undef is for ever.
sub acquire_for
{
	my ($seconds, $arguments) = @_;
	my $lasts =
	  defined $seconds
	  ? "lease_expires_at - make_interval(secs => $seconds) BETWEEN statement_timestamp() AND clock_timestamp()"
	  : 'lease_expires_at IS NULL';

	$n++;
	return "SELECT CASE WHEN $lasts THEN 'as expected' ELSE 'until ' || COALESCE(lease_expires_at::text, 'never') END"
	  . " FROM wd_acquire('shop', 'lease-$n'$arguments)";
}

# A role holds an event for so many seconds after that SQL.
sub lease_is
{
	my ($role, $sql, $seconds, $name) = @_;
	my ($stdout, $stderr) =
	  run_as($node, $role, "$sql\n" . acquire_for($seconds, '') . ';');

	is($stdout . ($stderr =~ /ERROR: .*/ ? $& : ''), 'as expected', $name);
	return;
}

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE handler LOGIN;
CREATE ROLE patient LOGIN;
SELECT wd_grant_receiver('handler'), wd_grant_receiver('patient');
SQL

subtest 'G2: webhook_dedup.lease' => sub {
	lease_is('handler', '', 300, 'five minutes by default');
	lease_is('handler', q{SET webhook_dedup.lease = 90;},
		90, 'SET, in seconds');
	foreach my $value (
		[ '45s' => 45 ],
		[ '2min' => 120 ],
		[ '1h' => 3600 ],
		[ '3d' => 259200 ],
		[ '90000ms' => 90 ],
		[ '0' => undef ],
		[ '2147483647' => 2147483647 ])
	{
		lease_is('handler', "SET webhook_dedup.lease = '$value->[0]';",
			$value->[1], "SET to $value->[0]");
	}
	lease_is('handler', 'BEGIN; SET LOCAL webhook_dedup.lease = 20; COMMIT;',
		300, 'SET LOCAL ends with its transaction');
	lease_is('handler', q{SET webhook_dedup.lease = 20; RESET ALL;},
		300, 'RESET');

	# a session that has loaded the library, and one that has not
	foreach my $load ('', q{SELECT wd_lookup('shop', 'x') \g /dev/null} . "\n")
	{
		foreach my $value ('-1', '2147483648', '1 fortnight', 'soon', '')
		{
			my $name =
			  "'$value'" . ($load eq '' ? ', library not loaded' : '');

			if ($load eq '')
			{
				# the server cannot know yet; it goes back to the default
				lease_is('handler', "SET webhook_dedup.lease = '$value';",
					300, "$name is not used");
			}
			else
			{
				is( sqlstate(
						$node, 'handler',
						"${load}SET webhook_dedup.lease = '$value';"),
					'22023',
					"$name is refused");
			}
		}
	}

	$node->safe_psql('postgres',
		q{ALTER ROLE patient SET webhook_dedup.lease = '10min'});
	lease_is('patient', '', 600, 'ALTER ROLE ... SET');
	lease_is('handler', '', 300, 'of that role alone');

	$node->safe_psql('postgres',
		q{ALTER DATABASE postgres SET webhook_dedup.lease = '8min'});
	lease_is('handler', '', 480, 'ALTER DATABASE ... SET');
	lease_is('patient', '', 600, 'the role goes first');
	$node->safe_psql('postgres',
		q{ALTER DATABASE postgres RESET webhook_dedup.lease});

	$node->append_conf('postgresql.conf', "webhook_dedup.lease = '7min'");
	$node->reload;
	lease_is('handler', '', 420, 'postgresql.conf, after a reload');
	lease_is('handler', 'SET webhook_dedup.lease = 5;', 5, 'SET goes first');
	$node->restart;
	lease_is('handler', '', 420, 'postgresql.conf, after a restart');

	is($node->safe_psql('postgres', acquire_for(30, q{, NULL, '30 s'})),
		'as expected', 'the argument goes first');

	# what a running session sees after a reload
	my $session = $node->background_psql('postgres');
	is($session->query_safe(acquire_for(420, '')),
		'as expected', 'a running session');
	$node->append_conf('postgresql.conf', "webhook_dedup.lease = '6min'");
	$node->reload;
	ok( poll_session($session, 'SHOW webhook_dedup.lease', '6min'),
		'takes part in a reload');
	is($session->query_safe(acquire_for(360, '')),
		'as expected', 'and uses it');
	$session->quit;
};

# Ask a session until it answers as expected.
sub poll_session
{
	my ($session, $query, $expected) = @_;

	for my $i (1 .. 1800)
	{
		return 1 if $session->query_safe($query) eq $expected;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

# The outcomes of an event that fails again and again
sub outcomes
{
	my ($sql) = @_;

	$n++;
	my ($stdout, $stderr) = run_as($node, 'handler',
		$sql . "\n" . <<"SQL" x 4);
SELECT outcome, http_status FROM wd_acquire('shop', 'attempts-$n');
SELECT count(*) FROM wd_mark_failed('shop', 'attempts-$n') \\g /dev/null
SQL
	return join ' ', split /\n/, $stdout;
}

subtest 'G5: webhook_dedup.max_attempts' => sub {
	is(outcomes(''), 'first| retry| retry| retry|', 'no limit by default');
	is(outcomes('SET webhook_dedup.max_attempts = 2;'),
		'first| retry| exhausted|200 exhausted|200', 'SET');
	is(outcomes('SET webhook_dedup.max_attempts = 1;'),
		'first| exhausted|200 exhausted|200 exhausted|200', 'one');
	is(outcomes('SET webhook_dedup.max_attempts = 0;'),
		'first| retry| retry| retry|', 'zero');
	foreach my $value ('-1', '2147483648', 'many', '1.5s')
	{
		is( sqlstate(
				$node, 'handler',
				"SELECT wd_lookup('shop', 'x'); SET webhook_dedup.max_attempts = '$value';"
			),
			'22023',
			"'$value' is refused");
	}
	$node->append_conf('postgresql.conf', 'webhook_dedup.max_attempts = 3');
	$node->reload;
	is(outcomes(''), 'first| retry| retry| exhausted|200', 'postgresql.conf');
	$node->safe_psql('postgres',
		'ALTER ROLE handler SET webhook_dedup.max_attempts = 1');
	is(outcomes(''), 'first| exhausted|200 exhausted|200 exhausted|200',
		'ALTER ROLE ... SET');
};

subtest 'G5: names that are no settings' => sub {
	is( sqlstate(
			$node, 'handler',
			q{SELECT wd_lookup('shop', 'x'); SET webhook_dedup.leese = 1;}),
		'42602',
		'are refused once the library is loaded');
	my (undef, $stderr) = run_as($node, 'handler',
		q{SET webhook_dedup.leese = 1; SELECT wd_lookup('shop', 'x');});
	like($stderr, qr/WARNING: .*"webhook_dedup\.leese"/,
		'are removed with a warning when it is');
	my ($stdout) = run_as($node, 'handler',
		q{SET webhook_dedup.leese = 1; SELECT wd_lookup('shop', 'x'); SHOW webhook_dedup.leese;});
	is($stdout, '', 'and gone');
};

subtest 'G5: a library loaded at the start' => sub {
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'webhook_dedup'");
	$node->restart;
	lease_is('handler', '', 360, 'the settings are used');
	is( sqlstate($node, 'handler', q{SET webhook_dedup.lease = 'soon';}),
		'22023', 'values are checked from the start');
	is( $node->safe_psql(
			'postgres',
			q{SELECT string_agg(name || ' ' || context || ' ' || COALESCE(unit, '-'), ', ' ORDER BY name) FROM pg_settings WHERE name LIKE 'webhook\_dedup.%'}
		),
		'webhook_dedup.lease user s, webhook_dedup.max_attempts user -',
		'pg_settings knows them');
	is( $node->safe_psql(
			'postgres',
			q{SELECT count(*) FROM pg_settings WHERE name LIKE 'webhook\_dedup.%' AND (short_desc = '' OR extra_desc = '')}
		),
		0,
		'and describes them');
};

$node->stop;
done_testing();
