/*
 * ledger.c
 *	  One event of the ledger, and the steps that lead to holding it.
 *
 * The unique constraint on (provider, dedup_key) is the one place where
 * concurrency is decided.  Every step states what it has seen before and
 * changes nothing if that is not so any more; the caller then looks again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "compat.h"
#include "lease.h"
#include "ledger.h"
#include "plans.h"

/* Columns of a statement that reads events; brief ones stop at the lease */
enum
{
	COL_STATUS = 1,
	COL_ATTEMPT,
	COL_LEASE_EXPIRES_AT,
	COL_ID,
	COL_FIRST_SEEN_AT,
	COL_REQUEST_HASH,
	COL_ORDINALITY				/* where many are read */
};

static const char *const status_names[] = {
	[WD_PROCESSING] = "processing",
	[WD_DONE] = "done",
	[WD_FAILED] = "failed",
};

static WdStatus parse_status(text *name);
static void renew(const WdRequest *request, int32 attempt, WdEvent *event);

/* The status as it stands in the ledger. */
const char *
wd_status_name(WdStatus status)
{
	return status_names[status];
}

/*
 * What a delivery of this event meets: an event to take over, or the reason
 * why not.  A max_attempts of 0 is no limit.
 */
WdOutcome
wd_event_outcome(const WdEvent *event, int max_attempts)
{
	bool		exhausted = max_attempts > 0 &&
		event->attempt >= max_attempts;

	switch (event->status)
	{
		case WD_DONE:
			return WD_OUTCOME_DONE;
		case WD_FAILED:
			/* a time on a failed event: an operator let it in once more */
			return exhausted && !event->has_lease_end ?
				WD_OUTCOME_EXHAUSTED : WD_OUTCOME_RETRY;
		case WD_PROCESSING:
			break;
	}

	if (!event->has_lease_end ||
		event->lease_expires_at > GetCurrentTimestamp())
		return WD_OUTCOME_IN_PROGRESS;
	return exhausted ? WD_OUTCOME_EXHAUSTED : WD_OUTCOME_RECLAIMED;
}

/* Does the caller who is told this outcome hold the event? */
bool
wd_outcome_acquires(WdOutcome outcome)
{
	return outcome == WD_OUTCOME_FIRST ||
		outcome == WD_OUTCOME_RETRY ||
		outcome == WD_OUTCOME_RECLAIMED;
}

/* Read the event as it is now; false if it was never seen. */
bool
wd_event_find(const WdRequest *request, WdEvent *event)
{
	Datum		args[] = {
		PointerGetDatum(request->provider),
		PointerGetDatum(request->key),
	};

	if (wd_plan_run(request->brief ? WD_PLAN_FIND_STATE : WD_PLAN_FIND,
					args, NULL) == 0)
		return false;
	wd_event_read(0, event);
	return true;
}

/*
 * In a transaction that goes on with an old snapshot, raise 40001 unless the
 * event, seen with that, is still so.
 */
void
wd_event_confirm(const WdRequest *request, const WdEvent *event)
{
	Datum		args[] = {
		PointerGetDatum(request->provider),
		PointerGetDatum(request->key),
	};
	WdEvent		latest;

	if (!IsolationUsesXactSnapshot())
		return;
	if (wd_plan_read_latest(WD_PLAN_FIND_STATE, args) == 0)
		wd_raise_old_snapshot();
	wd_event_read(0, &latest);
	wd_event_compare(event, &latest);
}

/* Raise 40001 if another session has changed the event. */
void
wd_event_compare(const WdEvent *seen, const WdEvent *latest)
{
	if (seen->status != latest->status || seen->attempt != latest->attempt)
		wd_raise_old_snapshot();
}

/*
 * Insert the event as the first delivery of it; waits for a transaction that
 * is about to do the same.  False if another session's row is there by then.
 */
bool
wd_event_insert(const WdRequest *request, WdEvent *event)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		args[] = {
		PointerGetDatum(request->provider),
		PointerGetDatum(request->key),
		TimestampTzGetDatum(now),
		PointerGetDatum(request->hash),
		wd_lease_end(request->lease, now),
		CStringGetTextDatum(wd_status_name(request->status)),
	};
	char		nulls[] = "      ";

	if (request->hash == NULL)
		nulls[3] = 'n';
	if (!request->lease->ends)
		nulls[4] = 'n';

	if (wd_plan_run(request->brief ?
					WD_PLAN_INSERT : WD_PLAN_INSERT_RETURNING,
					args, nulls) == 0)
		return false;
	if (!request->brief)
		wd_event_read(0, event);
	if (wd_lease_is_worn(request->lease, now, 1))
		renew(request, 1, event);
	return true;
}

/*
 * Take over the event whose attempt has ended, given as it was seen; on
 * success *event is what it is now.  False if it was changed in between.
 */
bool
wd_event_take_over(const WdRequest *request, WdEvent *event)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		args[] = {
		PointerGetDatum(request->provider),
		PointerGetDatum(request->key),
		Int32GetDatum(event->attempt),
		CStringGetTextDatum(wd_status_name(event->status)),
		wd_lease_interval(request->lease),
		PointerGetDatum(request->hash),
		CStringGetTextDatum(wd_status_name(request->status)),
	};
	char		nulls[] = "       ";

	if (!request->lease->ends)
		nulls[4] = 'n';
	if (request->hash == NULL)
		nulls[5] = 'n';

	if (wd_plan_run(WD_PLAN_TAKE_OVER, args, nulls) == 0)
		return false;
	wd_event_read(0, event);
	if (wd_lease_is_worn(request->lease, now, 1))
		renew(request, event->attempt, event);
	return true;
}

/*
 * Let the lease of an event that this transaction acquired begin now.  Raises
 * 40001 if somebody's trigger or policy keeps it from that.
 */
static void
renew(const WdRequest *request, int32 attempt, WdEvent *event)
{
	Datum		args[] = {
		PointerGetDatum(request->provider),
		PointerGetDatum(request->key),
		Int32GetDatum(attempt),
		wd_lease_interval(request->lease),
	};

	if (wd_plan_run(WD_PLAN_RENEW, args, NULL) == 0)
		wd_raise_lost_races();
	wd_event_read(0, event);
}

/*
 * Copy the event out of a row of the last statement's result.  Its hash is
 * allocated in the context that was current at SPI_connect.
 */
void
wd_event_read(uint64 row, WdEvent *event)
{
	HeapTuple	tuple = SPI_tuptable->vals[row];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(tuple, desc, COL_STATUS, &isnull);
	event->status = parse_status(DatumGetTextPP(value));
	value = SPI_getbinval(tuple, desc, COL_ATTEMPT, &isnull);
	event->attempt = DatumGetInt32(value);
	value = SPI_getbinval(tuple, desc, COL_LEASE_EXPIRES_AT, &isnull);
	event->has_lease_end = !isnull;
	event->lease_expires_at = isnull ? 0 : DatumGetTimestampTz(value);
	if (desc->natts < COL_ID)
		return;

	value = SPI_getbinval(tuple, desc, COL_ID, &isnull);
	event->id = DatumGetInt64(value);
	value = SPI_getbinval(tuple, desc, COL_FIRST_SEEN_AT, &isnull);
	event->first_seen_at = DatumGetTimestampTz(value);
	value = SPI_getbinval(tuple, desc, COL_REQUEST_HASH, &isnull);
	if (isnull)
		event->request_hash = NULL;
	else
	{
		/* detoasted first: what leaves SPI must be all of it */
		value = PointerGetDatum(DatumGetTextPP(value));
		event->request_hash = (text *)
			DatumGetPointer(SPI_datumTransfer(value, false, -1));
	}
}

/* Of which of the given keys, from 1, that row is the event. */
int64
wd_event_ordinality(uint64 row)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row],
									   SPI_tuptable->tupdesc,
									   COL_ORDINALITY, &isnull));
}

static WdStatus
parse_status(text *name)
{
	for (int i = 0; i < lengthof(status_names); i++)
	{
		size_t		len = strlen(status_names[i]);

		if (VARSIZE_ANY_EXHDR(name) == len &&
			memcmp(VARDATA_ANY(name), status_names[i], len) == 0)
			return (WdStatus) i;
	}
	elog(ERROR, "unrecognized status in the ledger");
}

/*
 * Raise P0002 unless the event was acquired before.  A transaction that goes
 * on with an old snapshot may not see it: then it is 40001.
 */
void
wd_require_event(text *provider, text *key)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(key)};

	wd_require_rows(WD_PLAN_FIND_STATE, args, 1);
}

/* As wd_require_event, for a statement that finds nrows events. */
void
wd_require_rows(int plan, Datum *args, uint64 nrows)
{
	if (wd_plan_run(plan, args, NULL) >= nrows)
		return;
	if (IsolationUsesXactSnapshot() &&
		wd_plan_read_latest(plan, args) >= nrows)
		wd_raise_old_snapshot();
	ereport(ERROR,
			errcode(ERRCODE_NO_DATA_FOUND),
			errmsg("event was never acquired"),
			errhint("Pass the provider and the key that acquired it."));
}

/* Raise 40001 for an event that was changed since the transaction began. */
void
wd_raise_old_snapshot(void)
{
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not tell about the event, which was changed after this transaction began"),
			errhint("Try again in a new transaction."));
}

/* Raise 40001 for an event that WD_MAX_LOST_RACES attempts did not settle. */
void
wd_raise_lost_races(void)
{
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not acquire the event due to concurrent changes"),
			errhint("Try again.  If it happens again, look for a trigger or a row security policy that hides rows of webhook_dedup_events."));
}
