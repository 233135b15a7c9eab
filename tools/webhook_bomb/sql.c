/*
 * sql.c
 *	  Deliveries straight to wd_receive, without a receiver.
 *
 * Each delivery has a connection with its statements prepared.  When all are
 * open, the calls are sent one right after the other.  The one that acquires
 * the event completes it at once.  Of the server's messages about a delivery
 * only the SQLSTATE is used.
 */
#include <err.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bomb.h"

struct Call
{
	struct Delivery *delivery;
	PGconn	   *conn;
	bool		completing;
};

/*
 * The connection string as it may be shown: without passwords.
 */
char *
sql_target(const char *dsn)
{
	PQconninfoOption *options = PQconninfoParse(dsn, NULL);
	char	   *target;
	size_t		length;
	FILE	   *stream = open_memstream(&target, &length);

	/* libpq's own message would quote a piece of the string */
	if (options == NULL)
		errx(MISUSE, "option --dsn is not a valid connection string");
	fputs("postgresql", stream);
	for (PQconninfoOption *o = options; o->keyword; o++)
		if (o->val && o->dispchar[0] == '\0')
			fprintf(stream, " %s=%s", o->keyword, o->val);
	fclose(stream);
	PQconninfoFree(options);
	return target;
}

/*
 * What libpq says here has no secret: it has not got the event yet.
 */
static void
require(PGconn *conn, bool good)
{
	if (!good)
		errx(MISUSE, "could not open a connection, nothing was delivered: %.*s",
			 (int) strcspn(PQerrorMessage(conn), "\n"), PQerrorMessage(conn));
}

/*
 * Finds the extension in whichever schema it is.  The server ends a call that
 * takes too long, so that none goes on that nobody waits for.
 */
static PGconn *
open_connection(const struct Options *options)
{
	static const char format[] = "SET client_min_messages = error;"
		" SET statement_timeout = %d;"
		" SELECT set_config('search_path', quote_ident(nspname), false)"
		" FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
		" WHERE extname = 'webhook_dedup';"
		" PREPARE receive(text, bytea, jsonb) AS"
		" SELECT CASE WHEN acquired THEN 'processed'"
		" WHEN outcome = 'done' THEN 'already_processed'"
		" ELSE outcome::text END,"
		" coalesce(http_status, 200), dedup_key, attempt"
		" FROM wd_receive($1, $2, $3);"
		" PREPARE done(text, text, integer) AS"
		" SELECT CASE WHEN wd_mark_done($1, $2, $3)"
		" THEN 'processed' ELSE 'lease lost' END, 200";
	char		seconds[16];
	char		setup[sizeof(format) + 16];
	const char *keywords[] = {"connect_timeout", "fallback_application_name",
	"dbname", "client_encoding", NULL};
	const char *values[] = {seconds, "webhook_bomb", options->dsn, "UTF8",
	NULL};
	PGconn	   *conn;
	PGresult   *result;

	snprintf(seconds, sizeof(seconds), "%d", 1 + (int) options->timeout);
	conn = PQconnectdbParams(keywords, values, 1);
	require(conn, PQstatus(conn) == CONNECTION_OK);
	snprintf(setup, sizeof(setup), format, (int) (1000 * options->timeout));
	result = PQexec(conn, setup);
	require(conn, PQresultStatus(result) == PGRES_COMMAND_OK);
	PQclear(result);
	return conn;
}

static void
send_event(const struct Options *options, const struct Call *call)
{
	const struct Event *event = call->delivery->event;
	const char *values[] = {options->provider, event->body,
	event->headers_json};
	int			lengths[] = {0, (int) event->length, 0};
	int			formats[] = {0, 1, 0};

	PQsendQueryPrepared(call->conn, "receive", 3, values, lengths, formats, 0);
}

/*
 * Takes a result, whose first column is a status or a word to show instead,
 * and completes an event that was acquired.  Answers whether that was all.
 * What could not be sent has no result: a network error as well.
 */
static bool
advance(const struct Options *options, struct Call *call)
{
	struct Delivery *delivery = call->delivery;
	PGresult   *result = PQgetResult(call->conn);
	PGresult   *more;
	bool		good = PQresultStatus(result) == PGRES_TUPLES_OK;
	const char *word = good ? PQgetvalue(result, 0, 0) :
		PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool		acquired;

	/* only after a null the connection takes the next call */
	while (result && (more = PQgetResult(call->conn)) != NULL)
		PQclear(more);
	delivery->status = good ? status_named(word) : STATUS_NONE;
	delivery->http_status = good ? atoi(PQgetvalue(result, 0, 1)) : 0;
	if (PQstatus(call->conn) != CONNECTION_OK || word == NULL)
		network_error(delivery, "connection lost");
	else if (delivery->status == STATUS_NONE)
		snprintf(delivery->error, sizeof(delivery->error), "%s", word);
	acquired = delivery->status == STATUS_PROCESSED && !call->completing;
	if (acquired)
	{
		const char *values[] = {options->provider, PQgetvalue(result, 0, 2),
		PQgetvalue(result, 0, 3)};

		call->completing = true;
		PQsendQueryPrepared(call->conn, "done", 3, values, NULL, NULL, 0);
	}
	PQclear(result);
	return !acquired;
}

/*
 * Makes these deliveries at one moment.  Ends with a message if a connection
 * cannot be opened: nothing has been delivered then.
 */
void
sql_fire(const struct Options *options, struct Delivery *deliveries, int n)
{
	struct Call *calls = allocate(n, sizeof(struct Call));
	struct pollfd *polls = allocate(n, sizeof(struct pollfd));
	double		released_at;
	int			waiting = n;

	for (int i = 0; i < n; i++)
	{
		calls[i].delivery = &deliveries[i];
		calls[i].conn = open_connection(options);
		polls[i] = (struct pollfd) {PQsocket(calls[i].conn), POLLIN, 0};
	}
	released_at = clock_ms();
	for (int i = 0; i < n; i++)
		send_event(options, &calls[i]);
	/* the server should end all before the second at the end is over */
	while (waiting > 0 && poll(polls, n, 1000 * options->timeout + 1000) > 0)
		for (int i = 0; i < n; i++)
			if (polls[i].revents &&
				(!PQconsumeInput(calls[i].conn) || !PQisBusy(calls[i].conn)))
			{
				deliveries[i].ms = clock_ms() - released_at;
				if (!advance(options, &calls[i]))
					continue;
				polls[i].fd = -1;
				waiting--;
			}
	for (int i = 0; i < n; i++)
	{
		if (polls[i].fd != -1)
			network_error(&deliveries[i], "timeout");
		PQfinish(calls[i].conn);
	}
	free(calls);
	free(polls);
}
