/*
 * dsn.c
 *	  Deliveries straight to wd_receive, without a receiver.
 *
 * Each slot is one connection, opened and with its statements prepared
 * before the first delivery is released.  Who acquires the event completes
 * it at once.  Of the server's messages about a delivery only the SQLSTATE
 * is used.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "dsn.h"
#include "fail.h"
#include "transport.h"

enum Step
{
	STEP_RECEIVE, STEP_COMPLETE
};

struct DsnSlot
{
	PGconn	   *conn;
	PGresult   *result;			/* of the running call, as far as read */
	enum Step	step;
	bool		unsent;			/* libpq still holds bytes to send */
};

struct DsnTransport
{
	struct Transport base;
	struct DsnSlot *slots;
	struct pollfd *polls;
};

static void dsn_start(struct Transport *transport, int slot);
static void dsn_release(struct Transport *transport, int slot);
static void dsn_wait(struct Transport *transport, double ms);
static void dsn_abandon(struct Transport *transport, int slot);
static void dsn_recycle(struct Transport *transport, int slot);
static void dsn_close(struct Transport *transport);
static PGconn *connect_one(const char *dsn, double timeout_ms, int number,
						   int total);
static char *find_schema(PGconn *conn);
static void check_privileges(PGconn *conn, const char *schema);
static void prepare(PGconn *conn, const char *schema);
static void flush(struct DsnTransport *transport, int number);
static void advance(struct DsnTransport *transport, int number);
static void take_result(struct DsnTransport *transport, int number,
						const PGresult *result);
static void take_acquisition(struct DsnTransport *transport, int number,
							 const PGresult *result);
static void complete(struct DsnTransport *transport, int number,
					 const PGresult *acquisition);
static void lose(struct DsnTransport *transport, int number);

static const struct TransportOps dsn_ops = {
	dsn_start, dsn_release, dsn_wait, dsn_abandon, dsn_recycle, dsn_close
};

struct Transport *
dsn_open(const char *dsn, int nslots, double timeout_ms)
{
	struct DsnTransport *t = xcalloc(1, sizeof(*t));
	char	   *schema = NULL;

	transport_init(&t->base, &dsn_ops, nslots, timeout_ms);
	t->slots = xcalloc(nslots, sizeof(struct DsnSlot));
	t->polls = xcalloc(nslots, sizeof(struct pollfd));
	for (int i = 0; i < nslots; i++)
	{
		PGconn	   *conn = connect_one(dsn, timeout_ms, i + 1, nslots);

		if (schema == NULL)
		{
			schema = find_schema(conn);
			check_privileges(conn, schema);
		}
		prepare(conn, schema);
		PQsetnonblocking(conn, 1);
		t->slots[i].conn = conn;
	}
	free(schema);
	return &t->base;
}

static void
quiet(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

static PGconn *
connect_one(const char *dsn, double timeout_ms, int number, int total)
{
	char		seconds[16];
	const char *keywords[] = {"connect_timeout", "fallback_application_name",
	"dbname", "client_encoding", NULL};
	const char *values[] = {seconds, "webhook_bomb", dsn, "UTF8", NULL};
	PGconn	   *conn;

	snprintf(seconds, sizeof(seconds), "%d", 1 + (int) (timeout_ms / 1000));
	conn = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(conn) != CONNECTION_OK)
	{
		char		line[512];

		snprintf(line, sizeof(line), "%s", PQerrorMessage(conn));
		line[strcspn(line, "\n")] = '\0';
		fail("could not open connection %d of %d: %s", number, total, line);
	}
	PQsetNoticeReceiver(conn, quiet, NULL);
	return conn;
}

static char *
find_schema(PGconn *conn)
{
	PGresult   *result;
	char	   *schema;

	result = PQexec(conn,
					"SELECT pg_catalog.quote_ident(n.nspname)"
					" FROM pg_catalog.pg_extension e"
					" JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
					" WHERE e.extname = 'webhook_dedup'");
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail("could not look up the extension: SQLSTATE %s",
			 PQresultErrorField(result, PG_DIAG_SQLSTATE));
	if (PQntuples(result) == 0)
		fail("extension webhook_dedup is not installed in this database");
	schema = xstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return schema;
}

/*
 * Without the privileges each delivery would fail: that says nothing about
 * the gate.
 */
static void
check_privileges(PGconn *conn, const char *schema)
{
	const char *values[] = {schema};
	PGresult   *result;

	result = PQexecParams(conn,
						  "SELECT pg_catalog.has_function_privilege($1 ||"
						  " '.wd_receive(text,bytea,jsonb,interval)',"
						  " 'EXECUTE') AND"
						  " pg_catalog.has_function_privilege($1 ||"
						  " '.wd_mark_done(text,text,integer)', 'EXECUTE')",
						  1, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail("could not find wd_receive and wd_mark_done: SQLSTATE %s",
			 PQresultErrorField(result, PG_DIAG_SQLSTATE));
	if (strcmp(PQgetvalue(result, 0, 0), "t") != 0)
		fail("this user may not call wd_receive and wd_mark_done (wd_grant_receiver allows it)");
	PQclear(result);
}

static void
prepare(PGconn *conn, const char *schema)
{
	char	   *receive = xasprintf("SELECT a.acquired, a.outcome,"
									" a.dedup_key, a.attempt, a.http_status"
									" FROM %s.wd_receive($1::text, $2::bytea,"
									" $3::jsonb) a", schema);
	char	   *done = xasprintf("SELECT %s.wd_mark_done($1::text, $2::text,"
								 " $3::integer)", schema);
	PGresult   *first = PQprepare(conn, "receive", receive, 3, NULL);
	PGresult   *second = PQprepare(conn, "done", done, 3, NULL);
	const PGresult *wrong = NULL;

	if (PQresultStatus(first) != PGRES_COMMAND_OK)
		wrong = first;
	else if (PQresultStatus(second) != PGRES_COMMAND_OK)
		wrong = second;
	if (wrong)
		fail("could not prepare a call of wd_receive: SQLSTATE %s",
			 PQresultErrorField(wrong, PG_DIAG_SQLSTATE));
	PQclear(first);
	PQclear(second);
	free(receive);
	free(done);
}

/*
 * The connection stands since dsn_open.
 */
static void
dsn_start(struct Transport *transport, int number)
{
	transport->slots[number].state = SLOT_ARMED;
}

static void
dsn_release(struct Transport *transport, int number)
{
	struct DsnTransport *t = (struct DsnTransport *) transport;
	const struct Message *m = transport->slots[number].message;
	const char *values[] = {m->provider, m->body, m->headers_json};
	int			lengths[] = {0, (int) m->length, 0};
	static const int formats[] = {0, 1, 0};

	t->slots[number].step = STEP_RECEIVE;
	if (!PQsendQueryPrepared(t->slots[number].conn, "receive", 3, values,
							 lengths, formats, 0))
		lose(t, number);
	else
		flush(t, number);
}

static void
dsn_wait(struct Transport *transport, double ms)
{
	struct DsnTransport *t = (struct DsnTransport *) transport;

	for (int i = 0; i < transport->nslots; i++)
	{
		bool		active = transport->slots[i].state == SLOT_RELEASED;

		t->polls[i].fd = active ? PQsocket(t->slots[i].conn) : -1;
		t->polls[i].events = POLLIN | (t->slots[i].unsent ? POLLOUT : 0);
		t->polls[i].revents = 0;
	}
	if (poll(t->polls, transport->nslots,
			 ms > 0 && ms < 1 ? 1 : (int) ms) <= 0)
		return;
	for (int i = 0; i < transport->nslots; i++)
	{
		if (t->polls[i].revents & POLLOUT)
			flush(t, i);
		if (t->polls[i].revents & (POLLIN | POLLERR | POLLHUP) &&
			transport->slots[i].state == SLOT_RELEASED)
			advance(t, i);
	}
}

/*
 * The answer to an abandoned call may still come: the connection is closed,
 * so that nobody takes it for the answer to a later one.
 */
static void
dsn_abandon(struct Transport *transport, int number)
{
	struct DsnSlot *slot = &((struct DsnTransport *) transport)->slots[number];

	PQclear(slot->result);
	slot->result = NULL;
	PQfinish(slot->conn);
	slot->conn = NULL;
	slot->unsent = false;
}

static void
dsn_recycle(struct Transport *transport, int number)
{
	struct DsnTransport *t = (struct DsnTransport *) transport;

	if (PQstatus(t->slots[number].conn) != CONNECTION_OK)
		transport->slots[number].state = SLOT_DEAD;
}

static void
dsn_close(struct Transport *transport)
{
	struct DsnTransport *t = (struct DsnTransport *) transport;

	for (int i = 0; i < transport->nslots; i++)
		dsn_abandon(transport, i);
	free(t->slots);
	free(t->polls);
	free(t);
}

static void
flush(struct DsnTransport *t, int number)
{
	int			rc = PQflush(t->slots[number].conn);

	t->slots[number].unsent = rc > 0;
	if (rc < 0)
		lose(t, number);
}

static void
advance(struct DsnTransport *t, int number)
{
	struct DsnSlot *slot = &t->slots[number];
	PGconn	   *conn = slot->conn;

	if (!PQconsumeInput(conn))
	{
		lose(t, number);
		return;
	}
	/* reading may have made room for what is still to be sent */
	if (slot->unsent)
		flush(t, number);
	while (t->base.slots[number].state == SLOT_RELEASED && !PQisBusy(conn))
	{
		PGresult   *result = PQgetResult(conn);

		if (result != NULL)
		{
			PQclear(slot->result);
			slot->result = result;
			continue;
		}
		/* only after this null the connection takes the next call */
		result = slot->result;
		slot->result = NULL;
		take_result(t, number, result);
		PQclear(result);
		break;
	}
}

static void
take_result(struct DsnTransport *t, int number, const PGresult *result)
{
	struct Slot *base = &t->base.slots[number];
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	/* a null result counts as a fatal error */
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
	{
		if (t->slots[number].step == STEP_RECEIVE)
		{
			take_acquisition(t, number, result);
			return;
		}
		if (strcmp(PQgetvalue(result, 0, 0), "t") != 0)
		{
			base->answer->status = STATUS_NONE;
			base->answer->http_status = 0;
			strcpy(base->answer->error, "lease_lost");
		}
		transport_finish(base);
	}
	else if (PQstatus(t->slots[number].conn) != CONNECTION_OK)
		lose(t, number);
	else
	{
		base->answer->status = STATUS_NONE;
		base->answer->http_status = 0;
		snprintf(base->answer->error, sizeof(base->answer->error), "%s",
				 sqlstate ? sqlstate : "protocol");
		transport_finish(base);
	}
}

static void
take_acquisition(struct DsnTransport *t, int number, const PGresult *result)
{
	struct Slot *base = &t->base.slots[number];
	const char *outcome = PQgetvalue(result, 0, 1);

	if (strcmp(PQgetvalue(result, 0, 0), "t") == 0)
	{
		base->answer->status = STATUS_PROCESSED;
		base->answer->http_status = 200;
		complete(t, number, result);
		return;
	}
	base->answer->http_status = atoi(PQgetvalue(result, 0, 4));
	if (strcmp(outcome, "done") == 0)
		base->answer->status = STATUS_ALREADY_PROCESSED;
	else if (strcmp(outcome, "in_progress") == 0)
		base->answer->status = STATUS_IN_PROGRESS;
	else if (strcmp(outcome, "exhausted") == 0)
		base->answer->status = STATUS_EXHAUSTED;
	else
		base->answer->status = STATUS_UNRECOGNIZED;
	transport_finish(base);
}

static void
complete(struct DsnTransport *t, int number, const PGresult *acquisition)
{
	const char *values[] = {t->base.slots[number].message->provider,
		PQgetvalue(acquisition, 0, 2), PQgetvalue(acquisition, 0, 3)};

	t->slots[number].step = STEP_COMPLETE;
	if (!PQsendQueryPrepared(t->slots[number].conn, "done", 3, values, NULL,
							 NULL, 0))
		lose(t, number);
	else
		flush(t, number);
}

static void
lose(struct DsnTransport *t, int number)
{
	transport_network_error(&t->base.slots[number], "connection_lost",
							"connection lost");
	dsn_abandon(&t->base, number);
}
