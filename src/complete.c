/*
 * complete.c
 *	  What the holder of an event does with it: complete it, keep it longer,
 *	  make sure that it still holds it.
 *
 * The attempt is the fencing token: a holder whose attempt was superseded
 * changes nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "batch.h"
#include "compat.h"
#include "errors.h"
#include "lease.h"
#include "ledger.h"
#include "plans.h"
#include "provider.h"

PG_FUNCTION_INFO_V1(wd_mark_done);
PG_FUNCTION_INFO_V1(wd_mark_failed);
PG_FUNCTION_INFO_V1(wd_mark_done_many);
PG_FUNCTION_INFO_V1(wd_extend_lease);
PG_FUNCTION_INFO_V1(wd_assert_owner);

/* Characters of an error that are kept */
#define MAX_ERROR_CHARS 200

static void lock_event(Datum *args, WdEvent *event);
static bool complete(FunctionCallInfo fcinfo, WdStatus status, text *error);
static uint64 complete_many(text *provider, const WdBatch *batch);
static bool holds(const WdBatchItem *item, const WdEvent *event);
static text *clean_error(text *error);
static bool is_control(const unsigned char *s, int len);

/*
 * wd_mark_done(provider text, dedup_key text, attempt integer)
 * returns boolean
 *
 * True if this call completed the event, false if the caller does not hold
 * it any more.  Raises P0002 if it was never acquired.
 */
Datum
wd_mark_done(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(complete(fcinfo, WD_DONE, NULL));
}

/*
 * wd_mark_failed(provider text, dedup_key text, attempt integer, error text)
 * returns boolean
 *
 * As wd_mark_done; the next delivery acquires the event.
 */
Datum
wd_mark_failed(PG_FUNCTION_ARGS)
{
	text	   *error = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);

	PG_RETURN_BOOL(complete(fcinfo, WD_FAILED, clean_error(error)));
}

/*
 * wd_mark_done_many(provider text, dedup_keys text[], attempts integer[])
 * returns bigint
 *
 * The number of events that this call completed.  Raises P0002, and
 * completes none, if one of them was never acquired.
 */
Datum
wd_mark_done_many(PG_FUNCTION_ARGS)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	WdBatch		batch;
	uint64		completed;

	wd_batch_read_keys(fcinfo, 1, &batch);
	wd_batch_read_extra(fcinfo, 2, "attempts", INT4OID, &batch);
	wd_batch_sort(&batch);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	completed = complete_many(provider, &batch);
	SPI_finish();
	PG_RETURN_INT64(completed);
}

/*
 * wd_extend_lease(provider text, dedup_key text, attempt integer,
 *				   lease interval) returns timestamptz
 *
 * Lets the lease end the given time from now.  Returns when that is, null if
 * the caller does not hold the event any more, infinity if it does not end.
 * Raises P0002 if the event was never acquired.
 */
Datum
wd_extend_lease(PG_FUNCTION_ARGS)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	WdLease		lease = wd_arg_lease(fcinfo, 3, wd_provider_find(provider));
	text	   *key = wd_arg_key(fcinfo, 1);
	Datum		args[] = {
		PointerGetDatum(provider),
		PointerGetDatum(key),
		(Datum) 0,
		wd_lease_interval(&lease),
	};
	const char *nulls = lease.ends ? NULL : "   n";
	WdEvent		event;
	TimestampTz start;
	bool		held;

	wd_check_null(PG_ARGISNULL(2), "attempt");
	args[2] = PG_GETARG_DATUM(2);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	start = GetCurrentTimestamp();
	held = wd_plan_run(WD_PLAN_RENEW, args, nulls) > 0;
	/* if it waited, once more: now the row is this transaction's */
	if (held && wd_lease_is_worn(&lease, start, 1))
		held = wd_plan_run(WD_PLAN_RENEW, args, nulls) > 0;
	if (held)
		wd_event_read(0, &event);
	else
		wd_require_event(provider, key);
	SPI_finish();

	if (!held)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(event.has_lease_end ?
						  event.lease_expires_at : DT_NOEND);
}

/*
 * wd_assert_owner(provider text, dedup_key text, attempt integer)
 * returns void
 *
 * Locks the event's row until the transaction ends, so that what else the
 * transaction writes is committed by the holder or not at all.  Raises WD004
 * if the attempt was superseded or completed, P0002 if there is no event.
 */
Datum
wd_assert_owner(PG_FUNCTION_ARGS)
{
	Datum		args[] = {
		PointerGetDatum(wd_arg_provider(fcinfo, 0)),
		PointerGetDatum(wd_arg_key(fcinfo, 1)),
	};
	WdEvent		event;

	wd_check_null(PG_ARGISNULL(2), "attempt");

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	lock_event(args, &event);
	SPI_finish();

	if (event.status != WD_PROCESSING ||
		event.attempt != PG_GETARG_INT32(2))
		ereport(ERROR,
				errcode(ERRCODE_WD_NOT_OWNER),
				errmsg("attempt %d does not hold the event any more",
					   PG_GETARG_INT32(2)),
				errdetail("The event is at attempt %d with status \"%s\".",
						  event.attempt, wd_status_name(event.status)),
				errhint("Roll back: the event was acquired again or completed by somebody else."));
	PG_RETURN_VOID();
}

/*
 * Lock an event's row and read it.  Raises P0002 if there is no event, 40001
 * if its row cannot be locked: it is never read without the lock.
 */
static void
lock_event(Datum *args, WdEvent *event)
{
	for (int lost = 0; lost < WD_MAX_LOST_RACES; lost++)
	{
		CHECK_FOR_INTERRUPTS();
		if (wd_plan_run(WD_PLAN_LOCK, args, NULL) > 0)
		{
			wd_event_read(0, event);
			return;
		}
		/* deleted while this waited for it, and inserted again? */
		wd_require_rows(WD_PLAN_FIND_STATE, args, 1);
	}
	wd_raise_lost_races();
}

/* Give the event of arguments 0 to 2 its final status. */
static bool
complete(FunctionCallInfo fcinfo, WdStatus status, text *error)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	text	   *key = wd_arg_key(fcinfo, 1);
	Datum		args[] = {
		PointerGetDatum(provider),
		PointerGetDatum(key),
		PG_GETARG_DATUM(2),
		CStringGetTextDatum(wd_status_name(status)),
		PointerGetDatum(error),
	};
	char		nulls[] = "     ";
	bool		changed;

	if (PG_ARGISNULL(2))
		nulls[2] = 'n';
	if (error == NULL)
		nulls[4] = 'n';

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	changed = wd_plan_run(WD_PLAN_COMPLETE, args, nulls) > 0;
	if (!changed)
		wd_require_event(provider, key);
	SPI_finish();
	return changed;
}

/* Complete those of the events that the attempts of the batch hold. */
static uint64
complete_many(text *provider, const WdBatch *batch)
{
	int			n = batch->nitems;
	Datum	   *keys = palloc(sizeof(Datum) * Max(n, 1));
	Datum	   *held = palloc(sizeof(Datum) * Max(n, 1));
	int			nheld = 0;
	Datum		args[] = {PointerGetDatum(provider), (Datum) 0};
	uint64		nrows;

	if (n == 0)
		return 0;
	for (int i = 0; i < n; i++)
		keys[i] = PointerGetDatum(batch->items[i].key);
	args[1] = wd_text_array(keys, NULL, n);

	nrows = wd_plan_run(WD_PLAN_LOCK_MANY, args, NULL);
	for (uint64 row = 0; row < nrows; row++)
	{
		WdEvent		event;

		wd_event_read(row, &event);
		if (holds(&batch->items[wd_event_ordinality(row) - 1], &event))
			held[nheld++] = Int64GetDatum(event.id);
	}
	if (nrows < n)
		wd_require_rows(WD_PLAN_FIND_MANY, args, n);
	if (nheld == 0)
		return 0;

	args[0] = wd_int8_array(held, nheld);
	return wd_plan_run(WD_PLAN_COMPLETE_MANY, args, NULL);
}

/* Does the item's attempt, if it has one, hold the event? */
static bool
holds(const WdBatchItem *item, const WdEvent *event)
{
	return event->status == WD_PROCESSING &&
		(item->extra_is_null ||
		 DatumGetInt32(item->extra) == event->attempt);
}

/*
 * What is kept of an error: its first characters, and no control characters,
 * which could forge lines where the ledger is printed.
 */
static text *
clean_error(text *error)
{
	StringInfoData result;
	const char *p;
	const char *end;

	if (error == NULL)
		return NULL;

	p = VARDATA_ANY(error);
	end = p + pg_mbcharcliplen(p, VARSIZE_ANY_EXHDR(error), MAX_ERROR_CHARS);
	initStringInfo(&result);
	while (p < end)
	{
		int			len = pg_mblen(p);

		if (is_control((const unsigned char *) p, len))
			appendStringInfoChar(&result, '?');
		else
			appendBinaryStringInfo(&result, p, len);
		p += len;
	}
	return cstring_to_text_with_len(result.data, result.len);
}

/*
 * Is the character of len bytes at s a control character?  Those between
 * U+0080 and U+009F are single bytes in the encodings of ISO 8859, while
 * other encodings have letters there.
 */
static bool
is_control(const unsigned char *s, int len)
{
	int			encoding = GetDatabaseEncoding();

	if (len == 2)
		return encoding == PG_UTF8 && s[0] == 0xC2 && s[1] < 0xA0;
	if (len > 2)
		return false;
	if ((encoding >= PG_LATIN1 && encoding <= PG_LATIN10) ||
		(encoding >= PG_ISO_8859_5 && encoding <= PG_ISO_8859_8))
		return (s[0] & 0x7F) < 0x20 || s[0] == 0x7F;
	return s[0] < 0x20 || s[0] == 0x7F;
}
