/*
 * args.c
 *	  The command line.
 *
 * Messages name options, never their values: a URL or a connection string
 * may hold a password.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "fail.h"

enum Option
{
	OPT_URL, OPT_DSN, OPT_PROVIDER, OPT_N, OPT_PAYLOAD, OPT_HEADERS,
	OPT_TIMEOUT, OPT_MIX, OPT_CACERT, OPT_JSON, OPT_HELP, OPT_COUNT
};

static const char *const option_names[OPT_COUNT] = {
	"--url", "--dsn", "--provider", "--n", "--payload", "--headers",
	"--timeout", "--mix", "--cacert", "--json", "--help"
};

static void read_values(int argc, char **argv, const char **values);
static enum Option find_option(const char *arg, size_t length);
static void forbid(const char **values, enum Option option, enum Option with);
static void check_combination(const char **values);
static int	read_count(const char *value);
static double read_seconds(const char *value);

void
args_read(int argc, char **argv, struct Args *args)
{
	const char *values[OPT_COUNT] = {NULL};

	memset(args, 0, sizeof(*args));
	read_values(argc, argv, values);
	args->help = values[OPT_HELP] != NULL;
	if (args->help)
		return;
	check_combination(values);
	args->url = values[OPT_URL];
	args->dsn = values[OPT_DSN];
	args->provider = values[OPT_PROVIDER];
	args->payload = values[OPT_PAYLOAD];
	args->headers = values[OPT_HEADERS];
	args->mix = values[OPT_MIX];
	args->cacert = values[OPT_CACERT];
	args->json = values[OPT_JSON] != NULL;
	args->n = values[OPT_N] ? read_count(values[OPT_N]) : 5;
	args->timeout_ms = 1000.0 *
		(values[OPT_TIMEOUT] ? read_seconds(values[OPT_TIMEOUT]) : 10);
}

void
args_usage(void)
{
	puts("webhook_bomb fires identical webhooks at one moment and judges the answers.\n"
		 "\n"
		 "  webhook_bomb --url URL --payload FILE [--n N]\n"
		 "  webhook_bomb --dsn CONNINFO --provider NAME --payload FILE [--n N]\n"
		 "  webhook_bomb --mix FILE --url URL | --dsn CONNINFO\n"
		 "\n"
		 "  --url URL         http or https address of a receiver\n"
		 "  --dsn CONNINFO    call wd_receive in this database, without a receiver\n"
		 "  --provider NAME   provider of the payload, with --dsn\n"
		 "  --payload FILE    body of the deliveries, JSON\n"
		 "  --headers FILE    headers of the deliveries, a JSON object\n"
		 "  --n N             deliveries at one moment, 1 to 10000 (default 5)\n"
		 "  --mix FILE        fire a stream of generated events, described in FILE\n"
		 "  --timeout SECONDS how long to wait for an answer (default 10)\n"
		 "  --cacert FILE     certificates to trust, with an https URL\n"
		 "  --json            report as JSON\n"
		 "\n"
		 "Exit code: 0 verdict PASS, 1 verdict FAIL, 2 nothing was judged.");
}

/*
 * Takes "--name value" and "--name=value"; each option once.
 */
static void
read_values(int argc, char **argv, const char **values)
{
	for (int i = 1; i < argc; i++)
	{
		const char *equals = strchr(argv[i], '=');
		size_t		length = equals ? (size_t) (equals - argv[i]) :
			strlen(argv[i]);
		enum Option option = find_option(argv[i], length);
		bool		flag = option == OPT_JSON || option == OPT_HELP;

		if (values[option] != NULL)
			fail("option %s is given twice", option_names[option]);
		if (flag && equals)
			fail("option %s takes no value", option_names[option]);
		if (flag)
			values[option] = "";
		else if (equals)
			values[option] = equals + 1;
		else if (i + 1 < argc)
			values[option] = argv[++i];
		else
			fail("option %s needs a value", option_names[option]);
		if (!flag && values[option][0] == '\0')
			fail("option %s needs a value that is not empty",
				 option_names[option]);
	}
}

static enum Option
find_option(const char *arg, size_t length)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (strlen(option_names[i]) == length &&
			strncmp(option_names[i], arg, length) == 0)
			return (enum Option) i;
	if (strncmp(arg, "--", 2) == 0)
		fail("unrecognized option \"%.*s\" (--help lists all)",
			 (int) (length < 40 ? length : 40), arg);
	/* could be a value that holds a secret: it is not shown */
	fail("unexpected argument after the options (--help lists all)");
}

static void
forbid(const char **values, enum Option option, enum Option with)
{
	if (values[option] && values[with])
		fail("option %s cannot be used with %s",
			 option_names[option], option_names[with]);
}

static void
check_combination(const char **values)
{
	forbid(values, OPT_DSN, OPT_URL);
	forbid(values, OPT_PROVIDER, OPT_URL);
	forbid(values, OPT_CACERT, OPT_DSN);
	forbid(values, OPT_PAYLOAD, OPT_MIX);
	forbid(values, OPT_N, OPT_MIX);
	forbid(values, OPT_PROVIDER, OPT_MIX);
	if (!values[OPT_URL] && !values[OPT_DSN])
		fail("a target is missing: --url or --dsn (--help lists all)");
	if (values[OPT_MIX])
		return;
	if (!values[OPT_PAYLOAD])
		fail("option --payload is missing");
	if (values[OPT_DSN] && !values[OPT_PROVIDER])
		fail("option --dsn needs --provider");
}

static int
read_count(const char *value)
{
	char	   *end;
	long		n;

	errno = 0;
	n = strtol(value, &end, 10);
	if (errno || *end || value[strspn(value, "0123456789")] ||
		n < 1 || n > MAX_AT_ONCE)
		fail("option --n must be a whole number between 1 and %d",
			 MAX_AT_ONCE);
	return (int) n;
}

static double
read_seconds(const char *value)
{
	char	   *end;
	double		seconds = strtod(value, &end);

	if (*end || value[strspn(value, "0123456789.")] ||
		!isfinite(seconds) || seconds < 0.1 || seconds > 3600)
		fail("option --timeout must be a number of seconds between 0.1 and 3600");
	return seconds;
}
