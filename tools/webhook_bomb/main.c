/*
 * main.c
 *	  webhook_bomb: fires identical webhooks at one moment and judges the
 *	  answers.
 *
 * Messages about the command line name options, never their values: a URL or
 * a connection string may hold a password.
 */
#include <err.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bomb.h"

/* Deliveries that one moment can hold: each takes a connection */
#define MAX_AT_ONCE 1000

enum
{
	URL, DSN, PROVIDER, PAYLOAD, HEADERS, CACERT, N, EVENTS, TIMEOUT, AGAIN,
	HELP
};

/* In the order of the enum */
static const struct option names[] = {
	{"url", 1, NULL, 0}, {"dsn", 1, NULL, 0}, {"provider", 1, NULL, 0},
	{"payload", 1, NULL, 0}, {"headers", 1, NULL, 0}, {"cacert", 1, NULL, 0},
	{"n", 1, NULL, 0}, {"events", 1, NULL, 0}, {"timeout", 1, NULL, 0},
	{"again", 0, NULL, 0}, {"help", 0, NULL, 0}, {NULL, 0, NULL, 0}
};

static const char usage[] =
"webhook_bomb fires identical webhooks at one moment and judges the answers.\n"
"\n"
"  webhook_bomb --url URL --payload FILE [--n N]\n"
"  webhook_bomb --dsn CONNINFO --provider NAME --payload FILE [--n N]\n"
"\n"
"  --url URL         http or https address of a receiver\n"
"  --dsn CONNINFO    call wd_receive in this database, without a receiver\n"
"  --provider NAME   provider of the payload, with --dsn\n"
"  --payload FILE    body of the deliveries; @EVENT@ becomes the event's id\n"
"  --headers FILE    headers of the deliveries, a JSON object; @EVENT@ as above\n"
"  --n N             deliveries of an event at one moment (default 5)\n"
"  --events N        events at that moment (default 1)\n"
"  --again           deliver each event once more when all is answered\n"
"  --timeout SECONDS how long to wait for an answer (default 10)\n"
"  --cacert FILE     certificates to trust, with an https URL\n"
"\n"
"Exit code: 0 verdict PASS, 1 verdict FAIL, 2 nothing was judged.\n";

void *
allocate(size_t count, size_t size)
{
	void	   *p = calloc(count, size);

	if (p == NULL)
		errx(MISUSE, "out of memory");
	return p;
}

/*
 * Milliseconds since some moment in the past, whatever happens to the date.
 */
double
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000.0 + now.tv_nsec / 1000000.0;
}

/*
 * Ends a delivery that will never have an answer.
 */
void
network_error(struct Delivery *delivery, const char *error)
{
	delivery->network_error = true;
	delivery->ms = INFINITY;
	snprintf(delivery->error, sizeof(delivery->error), "%s", error);
}

/*
 * Takes the values of the options, of those without a value their name.
 */
static void
read_values(int argc, char **argv, const char **values)
{
	int			result;
	int			index;

	while ((result = getopt_long_only(argc, argv, ":", names, &index)) != -1)
	{
		char	   *name = argv[optind - 1];

		if (result != 0)
		{
			name[strcspn(name, "=")] = '\0';
			errx(MISUSE, result == ':' ? "option %s needs a value" :
				 "unrecognized or ambiguous option %s (--help lists all)",
				 name);
		}
		values[index] = optarg ? optarg : names[index].name;
	}
	if (optind < argc)
		errx(MISUSE, "unexpected argument (--help lists all)");
}

static double
read_number(const char **values, int option, double fallback, double min,
			double max)
{
	const char *value = values[option];
	bool		whole = option != TIMEOUT;
	char	   *end;
	double		number = value ? strtod(value, &end) : fallback;

	if (value && (value[strspn(value, whole ? "0123456789" : "0123456789.")] ||
				  end == value || *end || number < min || number > max))
		errx(MISUSE, "option --%s must be a %snumber between %g and %g",
			 names[option].name, whole ? "whole " : "", min, max);
	return number;
}

static void
check(const struct Options *options)
{
	if (!options->url == !options->dsn)
		errx(MISUSE, "either --url or --dsn is needed (--help lists all)");
	if (!options->payload)
		errx(MISUSE, "option --payload is missing");
	if (!options->dsn != !options->provider)
		errx(MISUSE, "options --dsn and --provider need each other");
	if (options->n * options->events > MAX_AT_ONCE)
		errx(MISUSE, "--n times --events must not exceed %d", MAX_AT_ONCE);
}

static bool
fire_and_judge(const struct Options *options)
{
	void		(*fire) (const struct Options *, struct Delivery *, int) =
		options->url ? http_fire : sql_fire;
	int			at_once = options->n * options->events;
	int			total = at_once + (options->again ? options->events : 0);
	char	   *target;
	struct Event *events;
	struct Delivery *deliveries;
	bool		pass;

	check(options);
	target = options->url ? http_target(options->url) :
		sql_target(options->dsn);
	events = events_make(options);
	deliveries = allocate(total, sizeof(struct Delivery));
	for (int i = 0; i < total; i++)
		deliveries[i].event = &events[i % options->events];
	fire(options, deliveries, at_once);
	if (options->again)
		fire(options, deliveries + at_once, options->events);
	pass = report(options, target, deliveries, total);
	events_free(events, options->events);
	free(deliveries);
	free(target);
	return pass;
}

int
main(int argc, char **argv)
{
	const char *values[HELP + 1] = {NULL};
	struct Options options;
	bool		pass = true;

	read_values(argc, argv, values);
	options = (struct Options)
	{
		.url = values[URL],.dsn = values[DSN],.provider = values[PROVIDER],
		.payload = values[PAYLOAD],.headers = values[HEADERS],
		.cacert = values[CACERT],.again = values[AGAIN] != NULL,
		.n = read_number(values, N, 5, 1, MAX_AT_ONCE),
		.events = read_number(values, EVENTS, 1, 1, MAX_AT_ONCE),
		.timeout = read_number(values, TIMEOUT, 10, 0.1, 3600)
	};
	if (values[HELP])
		fputs(usage, stdout);
	else
		pass = fire_and_judge(&options);
	/* a report that nobody could read must not look like a verdict */
	if (fflush(stdout) != 0)
		err(MISUSE, "could not write the report");
	return pass ? 0 : 1;
}
