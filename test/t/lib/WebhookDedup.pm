# What the tests on real clusters share.

package WebhookDedup;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT_OK = qw(ledger_node run_as state_of sqlstate at_once at_gate
  end_session wait_until_blocked log_size log_since);

# The gate behind which sessions wait that are to act at the same moment.
use constant GATE => 7301;

# A running server with the extension in database postgres.  %params: conf,
# lines for postgresql.conf; schema, to be created for the extension; the
# others are those of init().
sub ledger_node
{
	my ($name, %params) = @_;
	my $conf = delete $params{conf} // '';
	my $schema = delete $params{schema};
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%params);
	$node->append_conf('postgresql.conf', <<"CONF");
max_connections = 100
autovacuum = off
$conf
CONF
	$node->start;
	$node->safe_psql('postgres', qq{CREATE SCHEMA $schema})
	  if defined $schema;
	$node->safe_psql('postgres',
		'CREATE EXTENSION webhook_dedup'
		  . (defined $schema ? qq{ SCHEMA $schema} : ''));
	return $node;
}

# Run a script as a role.  Returns what it printed, and what it complained
# of with SQLSTATEs and contexts; "" if it did not.
sub run_as
{
	my ($node, $role, $sql, $dbname) = @_;
	my ($stdout, $stderr);

	$node->psql(
		$dbname // 'postgres',
		"\\set VERBOSITY verbose\n\\set SHOW_CONTEXT always\n$sql",
		stdout => \$stdout,
		stderr => \$stderr,
		on_error_stop => 0,
		extra_params => defined $role ? [ '-U', $role ] : []);
	return ($stdout, $stderr);
}

# The SQLSTATE of the last error in what psql complained of, in any language;
# "00000" if there is none.
sub state_of
{
	my ($stderr) = @_;
	my @states =
	  grep { !/^0[01]/ } $stderr =~ /\S+:  ([0-9A-Z]{5}): /g;

	return @states > 0 ? $states[-1] : '00000';
}

# The SQLSTATE of a script's last error.
sub sqlstate
{
	my ($node, $role, $sql, $dbname) = @_;
	my (undef, $stderr) = run_as($node, $role, $sql, $dbname);

	return state_of($stderr);
}

# Run all scripts at the same moment, each in a session of its own.  Returns
# what they printed, in their order.
sub at_once
{
	my ($node, @scripts) = @_;
	my $wait =
	  'DO $$BEGIN PERFORM pg_advisory_lock_shared(' . GATE . '); END$$;';

	return at_gate($node, 'SELECT pg_advisory_xact_lock(' . GATE . ')',
		map { "$wait\n$_" } @scripts);
}

# Run all scripts, each in a session of its own, while one more session holds
# the locks that $lock takes; let it go as soon as all wait for locks.
# Returns what the scripts printed, in their order.
sub at_gate
{
	my ($node, $lock, @scripts) = @_;
	my $gate = $node->background_psql('postgres');
	my @sessions;

	$gate->query_safe("BEGIN; $lock");
	foreach my $script (@scripts)
	{
		my $session = { stdin => "$script;\n", stdout => '', stderr => '' };

		$session->{run} = IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ],
			'<', \$session->{stdin},
			'>', \$session->{stdout},
			'2>', \$session->{stderr},
			IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
		push @sessions, $session;
	}
	while ($gate->query_safe(
			'SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted') <
		@scripts)
	{
		# sends the scripts, and dies when the time is up
		$_->{run}->pump_nb foreach @sessions;
		select(undef, undef, undef, 0.05);
	}
	$gate->query_safe('COMMIT');
	$_->{run}->finish foreach @sessions;
	$gate->quit;

	foreach my $session (@sessions)
	{
		die "session failed: $session->{stderr}" if $session->{stderr} ne '';
		chomp $session->{stdout};
	}
	return map { $_->{stdout} } @sessions;
}

# End a background session whose server side may be gone already.
sub end_session
{
	my ($session) = @_;

	$session->{run}->kill_kill;
	return;
}

# Wait until a statement of that application waits for a lock.
sub wait_until_blocked
{
	my ($node, $application) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '$application'"
	) or die "$application does not wait";
	return;
}

sub log_size
{
	my ($node) = @_;

	return -s $node->logfile;
}

# What the server logged behind that position.
sub log_since
{
	my ($node, $position) = @_;

	return substr(slurp_file($node->logfile), $position);
}

1;
