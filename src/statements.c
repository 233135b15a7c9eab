/*
 * statements.c
 *	  The texts of the SQL statements of the extension.
 *
 * The texts are constant and values travel as parameters.  Names resolve
 * through the search_path that every function calling here is created with;
 * the operators are qualified, since the type of a column is the extension's
 * own and pg_catalog has no operator of exactly that type.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "plans.h"
#include "statements.h"

/* What decides about an event, and all that a caller is told of it */
#define STATE_COLUMNS \
	"e.status, e.attempt, e.lease_expires_at"
#define EVENT_COLUMNS \
	STATE_COLUMNS ", e.id, e.first_seen_at, e.request_hash"

/* What is set when an event is acquired again; $5, $6 and $7 of its users */
#define TAKE_OVER_SET \
	" SET status = $7, attempt = e.attempt OPERATOR(pg_catalog.+) 1," \
	" last_seen_at = pg_catalog.clock_timestamp()," \
	" lease_expires_at = pg_catalog.clock_timestamp()" \
	" OPERATOR(pg_catalog.+) $5"

/* An attempt has ended: it failed, or its lease did. */
#define ATTEMPT_ENDED \
	"(e.status OPERATOR(pg_catalog.=) 'failed'::text" \
	" OR e.lease_expires_at OPERATOR(pg_catalog.<=)" \
	" pg_catalog.clock_timestamp())"

#define THIS_EVENT \
	"e.provider OPERATOR(pg_catalog.=) $1" \
	" AND e.dedup_key OPERATOR(pg_catalog.=) $2"

/* In a LATERAL subselect behind "unnest(...) AS k" */
#define EVENT_OF_K \
	"e.provider OPERATOR(pg_catalog.=) $1" \
	" AND e.dedup_key OPERATOR(pg_catalog.=) k.dedup_key"

#define IS_PROCESSING \
	"e.status OPERATOR(pg_catalog.=) 'processing'::text"

/* $3 now, $4 request hash, $5 end of lease, $6 status */
#define INSERT_EVENT \
	"INSERT INTO webhook_dedup_events AS e (provider, dedup_key," \
	" first_seen_at, last_seen_at, status, request_hash, attempt," \
	" lease_expires_at)" \
	" VALUES ($1, $2, $3, $3, $6, $4, 1, $5)" \
	" ON CONFLICT (provider, dedup_key) DO NOTHING"

static const WdStatement statements[] = {
	[WD_PLAN_FIND_STATE] = {
		SPI_OK_SELECT, 2, {TEXTOID, TEXTOID},
		"SELECT " STATE_COLUMNS
		" FROM webhook_dedup_events e WHERE " THIS_EVENT
	},

	[WD_PLAN_FIND] = {
		SPI_OK_SELECT, 2, {TEXTOID, TEXTOID},
		"SELECT " EVENT_COLUMNS
		" FROM webhook_dedup_events e WHERE " THIS_EVENT
	},

	/* one row for each key that is there; ord counts the keys from 1 */
	[WD_PLAN_FIND_MANY] = {
		SPI_OK_SELECT, 2, {TEXTOID, TEXTARRAYOID},
		"SELECT e.*, k.ord"
		" FROM ROWS FROM (pg_catalog.unnest($2))"
		" WITH ORDINALITY AS k(dedup_key, ord)"
		" CROSS JOIN LATERAL (SELECT " EVENT_COLUMNS
		"  FROM webhook_dedup_events e WHERE " EVENT_OF_K " OFFSET 0) e"
	},

	[WD_PLAN_INSERT] = {
		SPI_OK_INSERT, 6,
		{TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, TEXTOID},
		INSERT_EVENT
	},

	[WD_PLAN_INSERT_RETURNING] = {
		SPI_OK_INSERT_RETURNING, 6,
		{TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, TEXTOID},
		INSERT_EVENT " RETURNING " EVENT_COLUMNS
	},

	/*
	 * $2 keys, $3 now, $4 request hashes, $5 end of lease.  The keys come
	 * sorted and are inserted in that order, in which every other batch
	 * waits for them.
	 */
	[WD_PLAN_INSERT_MANY] = {
		SPI_OK_INSERT_RETURNING, 5,
		{TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, TEXTARRAYOID, TIMESTAMPTZOID},
		"INSERT INTO webhook_dedup_events AS e (provider, dedup_key,"
		" first_seen_at, last_seen_at, status, request_hash, attempt,"
		" lease_expires_at)"
		" SELECT $1, k.dedup_key, $3, $3, 'processing', k.request_hash, 1, $5"
		" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($4))"
		" WITH ORDINALITY AS k(dedup_key, request_hash, ord)"
		" ORDER BY k.ord"
		" ON CONFLICT (provider, dedup_key) DO NOTHING"
		" RETURNING " EVENT_COLUMNS ", e.dedup_key"
	},

	/*
	 * $3 attempt and $4 status as seen before, $5 lease, $6 request hash,
	 * $7 new status.  The clock is read after any wait for the row.
	 */
	[WD_PLAN_TAKE_OVER] = {
		SPI_OK_UPDATE_RETURNING, 7,
		{TEXTOID, TEXTOID, INT4OID, TEXTOID, INTERVALOID, TEXTOID, TEXTOID},
		"UPDATE webhook_dedup_events e" TAKE_OVER_SET
		", request_hash = COALESCE(e.request_hash, $6)"
		" WHERE " THIS_EVENT
		" AND e.attempt OPERATOR(pg_catalog.=) $3"
		" AND e.status OPERATOR(pg_catalog.=) $4"
		" AND " ATTEMPT_ENDED
		" RETURNING " EVENT_COLUMNS
	},

	/*
	 * $2 sorted keys, $3 their attempts, $4 their statuses, $5 lease, $6
	 * request hashes, $7 new status.  Rows are locked in the order of the
	 * keys: the subselect depends on k, so k drives the join.
	 */
	[WD_PLAN_TAKE_OVER_MANY] = {
		SPI_OK_UPDATE_RETURNING, 7,
		{TEXTOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, INTERVALOID,
		TEXTARRAYOID, TEXTOID},
		"WITH held AS MATERIALIZED ("
		"SELECT e.dedup_key, k.request_hash"
		" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
		"  pg_catalog.unnest($4), pg_catalog.unnest($6))"
		" AS k(dedup_key, attempt, status, request_hash)"
		" CROSS JOIN LATERAL (SELECT e.dedup_key"
		"  FROM webhook_dedup_events e WHERE " EVENT_OF_K
		"  AND e.attempt OPERATOR(pg_catalog.=) k.attempt"
		"  AND e.status OPERATOR(pg_catalog.=) k.status"
		"  AND " ATTEMPT_ENDED " FOR NO KEY UPDATE) e)"
		" UPDATE webhook_dedup_events e" TAKE_OVER_SET
		", request_hash = COALESCE(e.request_hash, held.request_hash)"
		" FROM held WHERE e.provider OPERATOR(pg_catalog.=) $1"
		" AND e.dedup_key OPERATOR(pg_catalog.=) held.dedup_key"
		" RETURNING " EVENT_COLUMNS ", e.dedup_key"
	},

	/* $3 attempt, $4 lease */
	[WD_PLAN_RENEW] = {
		SPI_OK_UPDATE_RETURNING, 4,
		{TEXTOID, TEXTOID, INT4OID, INTERVALOID},
		"UPDATE webhook_dedup_events e"
		" SET lease_expires_at = pg_catalog.clock_timestamp()"
		" OPERATOR(pg_catalog.+) $4"
		" WHERE " THIS_EVENT
		" AND e.attempt OPERATOR(pg_catalog.=) $3"
		" AND " IS_PROCESSING
		" RETURNING " EVENT_COLUMNS
	},

	/* $2 keys, $3 lease: of events inserted by this transaction */
	[WD_PLAN_RENEW_MANY] = {
		SPI_OK_UPDATE_RETURNING, 3,
		{TEXTOID, TEXTARRAYOID, INTERVALOID},
		"UPDATE webhook_dedup_events e"
		" SET lease_expires_at = pg_catalog.clock_timestamp()"
		" OPERATOR(pg_catalog.+) $3"
		" WHERE e.provider OPERATOR(pg_catalog.=) $1"
		" AND e.dedup_key OPERATOR(pg_catalog.=) ANY ($2)"
		" RETURNING " EVENT_COLUMNS ", e.dedup_key"
	},

	/* $3 attempt or null, $4 new status, $5 error */
	[WD_PLAN_COMPLETE] = {
		SPI_OK_UPDATE, 5,
		{TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID},
		"UPDATE webhook_dedup_events e"
		" SET status = $4, lease_expires_at = NULL, last_error = $5,"
		" last_seen_at = pg_catalog.clock_timestamp()"
		" WHERE " THIS_EVENT " AND " IS_PROCESSING
		" AND ($3 IS NULL OR e.attempt OPERATOR(pg_catalog.=) $3)"
	},

	/* $2 sorted keys, $3 their attempts or nulls; locks as TAKE_OVER_MANY */
	[WD_PLAN_COMPLETE_MANY] = {
		SPI_OK_UPDATE, 3,
		{TEXTOID, TEXTARRAYOID, INT4ARRAYOID},
		"WITH held AS MATERIALIZED ("
		"SELECT e.dedup_key"
		" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3))"
		" AS k(dedup_key, attempt)"
		" CROSS JOIN LATERAL (SELECT e.dedup_key"
		"  FROM webhook_dedup_events e WHERE " EVENT_OF_K
		"  AND " IS_PROCESSING
		"  AND (k.attempt IS NULL"
		"   OR e.attempt OPERATOR(pg_catalog.=) k.attempt)"
		"  FOR NO KEY UPDATE) e)"
		" UPDATE webhook_dedup_events e"
		" SET status = 'done', lease_expires_at = NULL, last_error = NULL,"
		" last_seen_at = pg_catalog.clock_timestamp()"
		" FROM held WHERE e.provider OPERATOR(pg_catalog.=) $1"
		" AND e.dedup_key OPERATOR(pg_catalog.=) held.dedup_key"
		" AND " IS_PROCESSING
	},

	[WD_PLAN_LOCK] = {
		SPI_OK_SELECT, 2, {TEXTOID, TEXTOID},
		"SELECT " STATE_COLUMNS
		" FROM webhook_dedup_events e WHERE " THIS_EVENT
		" FOR NO KEY UPDATE"
	},

	/* the time marks an event that may exceed the limit of attempts once */
	[WD_PLAN_REOPEN] = {
		SPI_OK_UPDATE, 2, {TEXTOID, TEXTOID},
		"UPDATE webhook_dedup_events e"
		" SET status = 'failed',"
		" lease_expires_at = pg_catalog.clock_timestamp(),"
		" last_seen_at = pg_catalog.clock_timestamp()"
		" WHERE " THIS_EVENT
		" AND e.status OPERATOR(pg_catalog.<>) 'processing'::text"
	},
};

StaticAssertDecl(lengthof(statements) == WD_PLAN_COUNT,
				 "each plan needs its statement");

/* The statement of a WdPlan. */
const WdStatement *
wd_statement(int plan)
{
	return &statements[plan];
}
