/*
 * statements.c
 *	  The texts of the SQL statements of the extension.
 *
 * The texts are constant but for the qualified name of the table, which
 * plans.c puts in, and values travel as parameters.  Nothing is left to the
 * search_path: functions and operators are qualified too, since a column's
 * type is the extension's own and pg_catalog has no operator of exactly that
 * type.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "statements.h"

/* Stands in each text, once, for the name of its table */
#define TABLE_MARK "@table@"

/* What decides about an event, and what a caller is told of it */
#define STATE_COLUMNS \
	"e.status, e.attempt, e.lease_expires_at"
#define EVENT_COLUMNS \
	STATE_COLUMNS ", e.id, e.first_seen_at, e.request_hash, e.response"

/* What is set beside the status when an event is acquired again */
#define TAKE_OVER_REST(lease) \
	" attempt = e.attempt OPERATOR(pg_catalog.+) 1," \
	" last_seen_at = pg_catalog.clock_timestamp()," \
	" lease_expires_at = pg_catalog.clock_timestamp()" \
	" OPERATOR(pg_catalog.+) " lease

/* An attempt has ended: it failed, or its lease did. */
#define ATTEMPT_ENDED \
	"(" STATUS " OPERATOR(pg_catalog.=) 'failed'::text" \
	" OR e.lease_expires_at OPERATOR(pg_catalog.<=)" \
	" pg_catalog.clock_timestamp())"

#define THIS_EVENT \
	"e.provider OPERATOR(pg_catalog.=) $1" \
	" AND e.dedup_key OPERATOR(pg_catalog.=) $2"

/* In a LATERAL subselect behind "unnest(...) AS k" */
#define EVENT_OF_K \
	"e.provider OPERATOR(pg_catalog.=) $1" \
	" AND e.dedup_key OPERATOR(pg_catalog.=) k.dedup_key"

/*
 * The status, compared in a collation that no index has.  The index on open
 * events must not look like a short cut to one of them: there may be few
 * when the statement is planned, and millions later.
 */
#define STATUS \
	"e.status COLLATE pg_catalog.\"POSIX\""
#define IS_PROCESSING \
	STATUS " OPERATOR(pg_catalog.=) 'processing'::text"

/* $3 now, $4 request hash, $5 end of lease, $6 status */
#define INSERT_EVENT \
	"INSERT INTO @table@ AS e (provider, dedup_key," \
	" first_seen_at, last_seen_at, status, request_hash, attempt," \
	" lease_expires_at)" \
	" VALUES ($1, $2, $3, $3, $6, $4, 1, $5)" \
	" ON CONFLICT (provider, dedup_key) DO NOTHING"

/* What is set of a provider, and what a null leaves as it is */
#define SETTINGS \
	"key_templates, busy_status, lease, retention, retry_window," \
	" max_attempts, lease_floor, payload_format, hint, comment"
#define MERGED(column) \
	column " = COALESCE(excluded." column ", p." column ")"

static const WdStatement statements[] = {
	[WD_PLAN_FIND] = {
		AccessShareLock, 2, {TEXTOID, TEXTOID},
		"SELECT " EVENT_COLUMNS ", e.xmin"
		" FROM @table@ e WHERE " THIS_EVENT
	},

	/* one row for each key that is there; ord counts the keys from 1 */
	[WD_PLAN_FIND_MANY] = {
		AccessShareLock, 2, {TEXTOID, TEXTARRAYOID},
		"SELECT e.*, k.ord"
		" FROM ROWS FROM (pg_catalog.unnest($2))"
		" WITH ORDINALITY AS k(dedup_key, ord)"
		" CROSS JOIN LATERAL (SELECT " EVENT_COLUMNS
		"  FROM @table@ e WHERE " EVENT_OF_K " OFFSET 0) e"
	},

	[WD_PLAN_INSERT] = {
		RowExclusiveLock, 6,
		{TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, TEXTOID},
		INSERT_EVENT
	},

	[WD_PLAN_INSERT_RETURNING] = {
		RowExclusiveLock, 6,
		{TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, TEXTOID},
		INSERT_EVENT " RETURNING " EVENT_COLUMNS
	},

	/*
	 * $2 keys, $3 now, $4 request hashes, $5 end of lease.  The keys come
	 * sorted and are inserted in that order, in which every other batch waits
	 * for them.
	 */
	[WD_PLAN_INSERT_MANY] = {
		RowExclusiveLock, 5,
		{TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, TEXTARRAYOID, TIMESTAMPTZOID},
		"INSERT INTO @table@ AS e (provider, dedup_key,"
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
	 * $7 new status.
	 */
	[WD_PLAN_TAKE_OVER] = {
		RowExclusiveLock, 7,
		{TEXTOID, TEXTOID, INT4OID, TEXTOID, INTERVALOID, TEXTOID, TEXTOID},
		"UPDATE @table@ e"
		" SET status = $7," TAKE_OVER_REST("$5")
		", request_hash = COALESCE(e.request_hash, $6),"
		" last_error = CASE WHEN $7 OPERATOR(pg_catalog.=) 'done'::text"
		"  THEN NULL ELSE e.last_error END, response = NULL"
		" WHERE " THIS_EVENT
		" AND e.attempt OPERATOR(pg_catalog.=) $3"
		" AND " STATUS " OPERATOR(pg_catalog.=) $4"
		" AND " ATTEMPT_ENDED
		" RETURNING " EVENT_COLUMNS
	},

	/*
	 * $1 ids of rows that are locked, $2 lease, $3 their request hashes.  By
	 * id alone, without a join: there is one way to run that.
	 */
	[WD_PLAN_TAKE_OVER_MANY] = {
		RowExclusiveLock, 3,
		{INT8ARRAYOID, INTERVALOID, TEXTARRAYOID},
		"UPDATE @table@ e"
		" SET status = 'processing'," TAKE_OVER_REST("$2")
		", request_hash = COALESCE(e.request_hash,"
		"  $3[pg_catalog.array_position($1, e.id)])"
		" WHERE e.id OPERATOR(pg_catalog.=) ANY ($1)"
		" RETURNING " EVENT_COLUMNS ", e.dedup_key"
	},

	/* $3 attempt, $4 lease */
	[WD_PLAN_RENEW] = {
		RowExclusiveLock, 4,
		{TEXTOID, TEXTOID, INT4OID, INTERVALOID},
		"UPDATE @table@ e"
		" SET lease_expires_at = pg_catalog.clock_timestamp()"
		" OPERATOR(pg_catalog.+) $4"
		" WHERE " THIS_EVENT
		" AND e.attempt OPERATOR(pg_catalog.=) $3"
		" AND " IS_PROCESSING
		" RETURNING " EVENT_COLUMNS
	},

	/* $1 ids of rows inserted by this transaction, $2 lease */
	[WD_PLAN_RENEW_MANY] = {
		RowExclusiveLock, 2,
		{INT8ARRAYOID, INTERVALOID},
		"UPDATE @table@ e"
		" SET lease_expires_at = pg_catalog.clock_timestamp()"
		" OPERATOR(pg_catalog.+) $2"
		" WHERE e.id OPERATOR(pg_catalog.=) ANY ($1)"
		" RETURNING " EVENT_COLUMNS ", e.dedup_key"
	},

	/* $3 attempt or null, $4 new status, $5 error, $6 response */
	[WD_PLAN_COMPLETE] = {
		RowExclusiveLock, 6,
		{TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, JSONBOID},
		"UPDATE @table@ e"
		" SET status = $4, lease_expires_at = NULL, last_error = $5,"
		" response = $6, last_seen_at = pg_catalog.clock_timestamp()"
		" WHERE " THIS_EVENT " AND " IS_PROCESSING
		" AND ($3 IS NULL OR e.attempt OPERATOR(pg_catalog.=) $3)"
	},

	/* $1 ids of rows that are locked */
	[WD_PLAN_COMPLETE_MANY] = {
		RowExclusiveLock, 1,
		{INT8ARRAYOID},
		"UPDATE @table@ e"
		" SET status = 'done', lease_expires_at = NULL, last_error = NULL,"
		" response = NULL, last_seen_at = pg_catalog.clock_timestamp()"
		" WHERE e.id OPERATOR(pg_catalog.=) ANY ($1)"
	},

	[WD_PLAN_LOCK] = {
		RowShareLock, 2, {TEXTOID, TEXTOID},
		"SELECT " STATE_COLUMNS
		" FROM @table@ e WHERE " THIS_EVENT
		" FOR NO KEY UPDATE"
	},

	/*
	 * $2 sorted keys: locks those of them that are not done, in their order,
	 * as k drives the join that the subselect depends on.  ord counts the
	 * keys from 1.
	 */
	[WD_PLAN_LOCK_MANY] = {
		RowShareLock, 2, {TEXTOID, TEXTARRAYOID},
		"SELECT e.*, k.ord"
		" FROM ROWS FROM (pg_catalog.unnest($2))"
		" WITH ORDINALITY AS k(dedup_key, ord)"
		" CROSS JOIN LATERAL (SELECT " EVENT_COLUMNS
		"  FROM @table@ e WHERE " EVENT_OF_K
		"  AND " STATUS " OPERATOR(pg_catalog.<>) 'done'::text"
		"  FOR NO KEY UPDATE) e"
	},

	/* $3 attempt as seen before, $4 response */
	[WD_PLAN_SET_RESPONSE] = {
		RowExclusiveLock, 4,
		{TEXTOID, TEXTOID, INT4OID, JSONBOID},
		"UPDATE @table@ e SET response = $4"
		" WHERE " THIS_EVENT
		" AND e.attempt OPERATOR(pg_catalog.=) $3"
		" AND " STATUS " OPERATOR(pg_catalog.=) 'done'::text"
	},

	/*
	 * The time marks an event that may exceed the limit of attempts once.  An
	 * ended lease can be one that nobody takes over, as the limit is reached.
	 */
	[WD_PLAN_REOPEN] = {
		RowExclusiveLock, 2, {TEXTOID, TEXTOID},
		"UPDATE @table@ e"
		" SET status = 'failed', response = NULL,"
		" lease_expires_at = pg_catalog.clock_timestamp(),"
		" last_seen_at = pg_catalog.clock_timestamp()"
		" WHERE " THIS_EVENT
		" AND (" STATUS " OPERATOR(pg_catalog.<>) 'processing'::text"
		" OR e.lease_expires_at OPERATOR(pg_catalog.<=)"
		"  pg_catalog.clock_timestamp())"
	},

	/* the built-in row comes before the user's */
	[WD_PLAN_FIND_PROVIDER] = {
		AccessShareLock, 1, {TEXTOID},
		"SELECT p.built_in, p.key_templates, p.busy_status, p.lease,"
		" p.lease_floor, p.max_attempts, p.payload_format, p.hint,"
		" p.retention, p.retry_window"
		" FROM @table@ p WHERE p.provider OPERATOR(pg_catalog.=) $1"
		" ORDER BY p.built_in DESC",
		WD_TABLE_PROVIDERS
	},

	/* $2 to $11 as in SETTINGS */
	[WD_PLAN_SET_PROVIDER] = {
		RowExclusiveLock, 11,
		{TEXTOID, TEXTARRAYOID, INT4OID, INTERVALOID, INTERVALOID,
		INTERVALOID, INT4OID, INTERVALOID, TEXTOID, TEXTOID, TEXTOID},
		"INSERT INTO @table@ AS p (provider, built_in, " SETTINGS ")"
		" VALUES ($1, false, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
		" ON CONFLICT (provider, built_in) DO UPDATE SET "
		MERGED("key_templates") ", " MERGED("busy_status") ", "
		MERGED("lease") ", " MERGED("retention") ", "
		MERGED("retry_window") ", " MERGED("max_attempts") ", "
		MERGED("lease_floor") ", " MERGED("payload_format") ", "
		MERGED("hint") ", " MERGED("comment"),
		WD_TABLE_PROVIDERS
	},

	[WD_PLAN_DROP_PROVIDER] = {
		RowExclusiveLock, 1, {TEXTOID},
		"DELETE FROM @table@ p WHERE p.provider OPERATOR(pg_catalog.=) $1"
		" AND NOT p.built_in",
		WD_TABLE_PROVIDERS
	},
};

StaticAssertDecl(lengthof(statements) == WD_PLAN_COUNT,
				 "each plan needs its statement");

/* The statement of a WdPlan. */
const WdStatement *
wd_statement(WdPlan plan)
{
	return &statements[plan];
}

/* The text of a statement, with the qualified and quoted name of its table. */
char *
wd_statement_text(const WdStatement *statement, const char *table_name)
{
	const char *mark = strstr(statement->sql, TABLE_MARK);

	return psprintf("%.*s%s%s", (int) (mark - statement->sql), statement->sql,
					table_name, mark + strlen(TABLE_MARK));
}
