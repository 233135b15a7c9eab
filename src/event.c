/*
 * event.c
 *	  One event of the ledger, and the steps that lead to holding it.
 *
 * The unique constraint on (provider, dedup_key) is the one place where
 * concurrency is decided.  Every step states what it has seen before, and
 * changes nothing if that is no longer so; the caller then looks again.
 *
 * In REPEATABLE READ and SERIALIZABLE, a look-up sees what was so when the
 * transaction began.  An answer that rests on it is given only if the newest
 * committed state is the same.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "args.h"
#include "compat.h"
#include "event.h"
#include "lease.h"
#include "plans.h"
#include "table.h"

/* Columns of a statement that returns events */
#define STATEMENT_COLUMNS 7

/* Behind them where an event is looked up */
#define COL_WRITTEN_BY 8

static const char *const status_names[] = {
	[WD_PROCESSING] = "processing",
	[WD_DONE] = "done",
	[WD_FAILED] = "failed",
};

static bool find_by_statement(text *provider, text *key, WdEvent *event);
static void read_found(TupleTableSlot *row, void *event);
static void raise_if_changed(const WdEvent *seen, const WdEvent *latest);
static void renew(const WdRequest *request, int32 attempt, WdEvent *event);
static void read_columns(TupleTableSlot *row, const AttrNumber *attnums,
						 WdEventDetail detail, WdEvent *event);
static WdStatus parse_status(text *name);

/* The status as it stands in the ledger. */
const char *
wd_status_name(WdStatus status)
{
	return status_names[status];
}

/*
 * What a delivery of this event meets: an event to take over, or the reason
 * why not.  A max_attempts of 0 is no limit, but for that of the type.
 */
WdOutcome
wd_event_outcome(const WdEvent *event, int max_attempts)
{
	bool		counted_out = event->attempt == PG_INT32_MAX;
	bool		exhausted = counted_out ||
		(max_attempts > 0 && event->attempt >= max_attempts);

	switch (event->status)
	{
		case WD_DONE:
			return WD_OUTCOME_DONE;
		case WD_FAILED:
			/* a time on a failed event: an operator let it in once more */
			return exhausted && (counted_out || !event->has_lease_end) ?
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

/* Begin to look events up; each sees the same until wd_lookup_end. */
void
wd_lookup_begin(WdLookup *lookup, WdView view)
{
	switch (view)
	{
		case WD_VIEW_NEW:
			/* what this transaction wrote, in the same statement too */
			CommandCounterIncrement();
			PushActiveSnapshot(GetTransactionSnapshot());
			break;
		case WD_VIEW_LATEST:
			PushActiveSnapshot(GetLatestSnapshot());
			break;
		case WD_VIEW_OF_QUERY:
			PushActiveSnapshot(GetActiveSnapshot());
			break;
	}
	lookup->by_index = wd_probe_begin(&lookup->probe, GetActiveSnapshot());
}

/* Look an event up; false if the ledger does not show it. */
bool
wd_lookup_event(WdLookup *lookup, text *provider, text *key,
				WdEventDetail detail, WdEvent *event)
{
	TupleTableSlot *row;
	HeapTuple	tuple;

	if (!lookup->by_index)
		return find_by_statement(provider, key, event);
	row = wd_probe_find(&lookup->probe, provider, key);
	if (row == NULL)
		return false;
	read_columns(row, wd_event_attnums(), detail, event);
	/* not the column xmin, which is there when the row is frozen, too */
	tuple = ExecFetchSlotHeapTuple(row, false, NULL);
	event->written_by = HeapTupleHeaderGetXmin(tuple->t_data);
	return true;
}

void
wd_lookup_end(WdLookup *lookup)
{
	if (lookup->by_index)
		wd_probe_end(&lookup->probe);
	PopActiveSnapshot();
}

/*
 * Read the event as it is now; false if the index does not lead to it.  The
 * caller then tries to insert it, which tells whether there is none.
 */
bool
wd_event_find(text *provider, text *key, WdEventDetail detail, WdEvent *event)
{
	WdLookup	lookup;
	bool		found;

	wd_lookup_begin(&lookup, WD_VIEW_NEW);
	found = wd_lookup_event(&lookup, provider, key, detail, event);
	wd_lookup_end(&lookup);
	return found;
}

/*
 * As wd_event_find, for a caller to whom the answer that there is no such
 * event matters: a distributed ledger is not found by its index.
 */
bool
wd_event_exists(text *provider, text *key, WdView view, WdEvent *event)
{
	WdLookup	lookup;
	bool		found;

	wd_lookup_begin(&lookup, view);
	found = wd_lookup_event(&lookup, provider, key, WD_STATE_ONLY, event);
	if (!found && lookup.by_index)
	{
		found = find_by_statement(provider, key, event);
		if (found)
			wd_probe_distrust();
	}
	wd_lookup_end(&lookup);
	return found;
}

/* Look an event up by a statement, with the active snapshot. */
static bool
find_by_statement(text *provider, text *key, WdEvent *event)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(key)};

	return wd_plan_read(WD_PLAN_FIND, args, GetActiveSnapshot(),
						read_found, event) > 0;
}

static void
read_found(TupleTableSlot *row, void *event)
{
	bool		isnull;

	wd_event_read(row, event);
	((WdEvent *) event)->written_by =
		DatumGetTransactionId(slot_getattr(row, COL_WRITTEN_BY, &isnull));
}

/*
 * In a transaction that goes on with an old snapshot, raise 40001 unless the
 * event, seen with that, is still so.
 */
void
wd_event_confirm(text *provider, text *key, const WdEvent *seen)
{
	WdEvent		latest;

	if (!IsolationUsesXactSnapshot())
		return;
	if (!wd_event_exists(provider, key, WD_VIEW_LATEST, &latest))
		wd_raise_old_snapshot();
	raise_if_changed(seen, &latest);
}

/*
 * For a caller that changed nothing, as the event was not what it had to be:
 * raise P0002 if it was never acquired, and what wd_event_confirm does.
 */
void
wd_event_unchanged(text *provider, text *key)
{
	WdEvent		event;

	if (wd_event_exists(provider, key, WD_VIEW_NEW, &event))
	{
		wd_event_confirm(provider, key, &event);
		return;
	}
	if (IsolationUsesXactSnapshot() &&
		wd_event_exists(provider, key, WD_VIEW_LATEST, &event))
		wd_raise_old_snapshot();
	ereport(ERROR,
			errcode(ERRCODE_NO_DATA_FOUND),
			errmsg("event was never acquired"),
			errhint("Pass the provider and the key that acquired it.  Perhaps its transaction was rolled back or has not committed, or retention removed the event."));
}

/* Raise 40001 unless an answer from what was seen is one from the latest. */
static void
raise_if_changed(const WdEvent *seen, const WdEvent *latest)
{
	/* another id: it was deleted and acquired again */
	if (seen->id != latest->id ||
		seen->status != latest->status ||
		seen->attempt != latest->attempt ||
		seen->has_lease_end != latest->has_lease_end ||
		(seen->has_lease_end &&
		 seen->lease_expires_at != latest->lease_expires_at))
		wd_raise_old_snapshot();
}

/*
 * Insert the event as the first delivery of it; waits for a transaction that
 * is about to do the same.  False if another session's row is there by then.
 */
bool
wd_event_insert(const WdRequest *request, WdEvent *event)
{
	bool		brief = request->detail == WD_STATE_ONLY;
	TimestampTz now = GetCurrentTimestamp();
	Datum		args[] = {
		PointerGetDatum(request->provider),
		PointerGetDatum(request->key),
		TimestampTzGetDatum(now),
		PointerGetDatum(request->hash),
		wd_lease_end(&request->lease, now),
		CStringGetTextDatum(wd_status_name(request->status)),
	};
	char		nulls[] = "      ";

	if (request->hash == NULL)
		nulls[3] = 'n';
	if (!request->lease.ends)
		nulls[4] = 'n';

	if (wd_plan_run(brief ? WD_PLAN_INSERT : WD_PLAN_INSERT_RETURNING,
					args, nulls, wd_event_read, event) == 0)
		return false;
	if (wd_lease_must_restart(&request->lease, now, 1))
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
		wd_lease_interval(&request->lease),
		PointerGetDatum(request->hash),
		CStringGetTextDatum(wd_status_name(request->status)),
	};
	char		nulls[] = "       ";

	if (!request->lease.ends)
		nulls[4] = 'n';
	if (request->hash == NULL)
		nulls[5] = 'n';

	if (wd_plan_run(WD_PLAN_TAKE_OVER, args, nulls, wd_event_read, event) == 0)
		return false;
	if (wd_lease_must_restart(&request->lease, now, 1))
		renew(request, event->attempt, event);
	return true;
}

/*
 * Let the lease of an event that this transaction acquired begin now.  Raises
 * 40001 if somebody's trigger keeps it from that.
 */
static void
renew(const WdRequest *request, int32 attempt, WdEvent *event)
{
	Datum		args[] = {
		PointerGetDatum(request->provider),
		PointerGetDatum(request->key),
		Int32GetDatum(attempt),
		wd_lease_interval(&request->lease),
	};

	if (wd_plan_run(WD_PLAN_RENEW, args, NULL, wd_event_read, event) == 0)
		wd_raise_lost_races();
}

/*
 * Copy the event out of a row that a statement returned, into the current
 * memory context; a WdRowFunction.
 */
void
wd_event_read(TupleTableSlot *row, void *event)
{
	static const AttrNumber attnums[] = {
		[WD_EVENT_STATUS] = 1,
		[WD_EVENT_ATTEMPT] = 2,
		[WD_EVENT_LEASE_EXPIRES_AT] = 3,
		[WD_EVENT_ID] = 4,
		[WD_EVENT_FIRST_SEEN_AT] = 5,
		[WD_EVENT_REQUEST_HASH] = 6,
		[WD_EVENT_RESPONSE] = STATEMENT_COLUMNS,
	};

	read_columns(row, attnums,
				 row->tts_tupleDescriptor->natts < STATEMENT_COLUMNS ?
				 WD_STATE_ONLY : WD_ALL_OF_IT, event);
}

/* Read the columns that have those attribute numbers in the row. */
static void
read_columns(TupleTableSlot *row, const AttrNumber *attnums,
			 WdEventDetail detail, WdEvent *event)
{
	bool		isnull;
	Datum		value;

	value = slot_getattr(row, attnums[WD_EVENT_STATUS], &isnull);
	event->status = parse_status(isnull ? NULL : DatumGetTextPP(value));
	value = slot_getattr(row, attnums[WD_EVENT_ATTEMPT], &isnull);
	event->attempt = isnull ? 0 : DatumGetInt32(value);
	value = slot_getattr(row, attnums[WD_EVENT_LEASE_EXPIRES_AT], &isnull);
	event->has_lease_end = !isnull;
	event->lease_expires_at = isnull ? 0 : DatumGetTimestampTz(value);
	value = slot_getattr(row, attnums[WD_EVENT_ID], &isnull);
	event->id = isnull ? 0 : DatumGetInt64(value);
	if (detail == WD_STATE_ONLY)
		return;

	value = slot_getattr(row, attnums[WD_EVENT_FIRST_SEEN_AT], &isnull);
	event->first_seen_at = isnull ? 0 : DatumGetTimestampTz(value);
	value = slot_getattr(row, attnums[WD_EVENT_REQUEST_HASH], &isnull);
	event->request_hash = isnull ? NULL : DatumGetTextPCopy(value);
	value = slot_getattr(row, attnums[WD_EVENT_RESPONSE], &isnull);
	event->response = isnull ? NULL : DatumGetJsonbPCopy(value);
}

/* Raises XX001 for a row that the CHECK of its status does not allow. */
static WdStatus
parse_status(text *name)
{
	for (int i = 0; name != NULL && i < lengthof(status_names); i++)
	{
		size_t		len = strlen(status_names[i]);

		if (VARSIZE_ANY_EXHDR(name) == len &&
			memcmp(VARDATA_ANY(name), status_names[i], len) == 0)
			return (WdStatus) i;
	}
	ereport(ERROR,
			errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("unrecognized status in table \"webhook_dedup_events\""));
}

/* Raise 40001 for an event that was changed since the transaction began. */
void
wd_raise_old_snapshot(void)
{
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not serialize access to event due to concurrent update"),
			errhint("Try again in a new transaction."));
}

/* Raise 40001 for an event that WD_MAX_LOST_RACES attempts did not settle. */
void
wd_raise_lost_races(void)
{
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not acquire event due to concurrent updates"),
			errhint("Try again.  If it happens again, look for a trigger on webhook_dedup_events that suppresses changes."));
}
