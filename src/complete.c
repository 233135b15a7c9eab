/*
 * complete.c
 *	  What the holder of an event does with it: complete it, extend its lease,
 *	  make sure that it still holds it.
 *
 * The attempt is the fencing token: a holder whose attempt was superseded
 * changes nothing.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "args.h"
#include "batch.h"
#include "compat.h"
#include "event.h"
#include "lease.h"
#include "plans.h"
#include "provider.h"
#include "webhook_dedup.h"

PG_FUNCTION_INFO_V1(wd_mark_done);
PG_FUNCTION_INFO_V1(wd_mark_failed);
PG_FUNCTION_INFO_V1(wd_mark_done_many);
PG_FUNCTION_INFO_V1(wd_set_response);
PG_FUNCTION_INFO_V1(wd_extend_lease);
PG_FUNCTION_INFO_V1(wd_assert_owner);

/* Characters of an error that are stored */
#define MAX_ERROR_CHARS 200

/* Bytes of a response, as text */
#define MAX_RESPONSE_LEN 8192

/* Behind the columns of an event, which of the given keys it has */
#define COL_ORDINALITY 8

/* The events of a batch that are locked, and those that it holds */
typedef struct LockedBatch
{
	const WdBatch *batch;
	Datum	   *held;			/* ids */
	int			nheld;
	bool	   *is_held;		/* for each item of the batch */
} LockedBatch;

static bool complete(FunctionCallInfo fcinfo, WdStatus status, text *error,
					 Jsonb *response);
static uint64 complete_many(text *provider, const WdBatch *batch);
static void read_locked(TupleTableSlot *row, void *arg);
static bool holds(const WdBatchItem *item, const WdEvent *event);
static void lock_event(text *provider, text *key, WdEvent *event);
static Jsonb *response_arg(FunctionCallInfo fcinfo, int argno);
static text *clean_error(text *error);
static bool is_control(const unsigned char *s, int len);

/*
 * wd_mark_done(provider text, dedup_key text, attempt integer,
 *				response jsonb) returns boolean
 *
 * True if this call completed the event, false if the caller does not hold
 * it any more.  Raises P0002 if it was never acquired, 22001 if the response
 * is too long.
 */
Datum
wd_mark_done(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(complete(fcinfo, WD_DONE, NULL, response_arg(fcinfo, 3)));
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

	PG_RETURN_BOOL(complete(fcinfo, WD_FAILED, clean_error(error), NULL));
}

/* Give the event of arguments 0 to 2 its final status. */
static bool
complete(FunctionCallInfo fcinfo, WdStatus status, text *error,
		 Jsonb *response)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	text	   *key = wd_arg_key(fcinfo, 1);
	Datum		args[] = {
		PointerGetDatum(provider),
		PointerGetDatum(key),
		PG_GETARG_DATUM(2),
		CStringGetTextDatum(wd_status_name(status)),
		PointerGetDatum(error),
		PointerGetDatum(response),
	};
	char		nulls[] = "      ";

	if (PG_ARGISNULL(2))
		nulls[2] = 'n';
	if (error == NULL)
		nulls[4] = 'n';
	if (response == NULL)
		nulls[5] = 'n';

	if (wd_plan_run(WD_PLAN_COMPLETE, args, nulls, NULL, NULL) > 0)
		return true;
	wd_event_unchanged(provider, key);
	return false;
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

	wd_batch_read_keys(fcinfo, 1, &batch);
	wd_batch_read_extra(fcinfo, 2, "attempts", INT4OID, &batch);
	wd_batch_sort(&batch);
	PG_RETURN_INT64(batch.nitems == 0 ? 0 : complete_many(provider, &batch));
}

/*
 * Lock the events of a batch, which has some, in the order of their keys, then
 * complete those of them that its attempts hold.
 */
static uint64
complete_many(text *provider, const WdBatch *batch)
{
	int			n = batch->nitems;
	Datum	   *keys = palloc(sizeof(Datum) * n);
	LockedBatch locked = {
		batch, palloc(sizeof(Datum) * n), 0, palloc0(sizeof(bool) * n)
	};
	Datum		args[] = {PointerGetDatum(provider), (Datum) 0};

	for (int i = 0; i < n; i++)
		keys[i] = PointerGetDatum(batch->items[i].key);
	args[1] = wd_text_array(keys, NULL, n);
	wd_plan_run(WD_PLAN_LOCK_MANY, args, NULL, read_locked, &locked);

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!locked.is_held[i])
			wd_event_unchanged(provider, batch->items[i].key);
	}
	if (locked.nheld == 0)
		return 0;

	args[0] = wd_int8_array(locked.held, locked.nheld);
	return wd_plan_run(WD_PLAN_COMPLETE_MANY, args, NULL, NULL, NULL);
}

/* Note whether the batch holds an event whose row was locked. */
static void
read_locked(TupleTableSlot *row, void *arg)
{
	LockedBatch *locked = arg;
	bool		isnull;
	int			i = DatumGetInt64(slot_getattr(row, COL_ORDINALITY,
											   &isnull)) - 1;
	WdEvent		event;

	wd_event_read(row, &event);
	if (!holds(&locked->batch->items[i], &event))
		return;
	/* a table that inherits from the ledger can have a second row */
	if (locked->is_held[i])
		ereport(ERROR,
				errcode(ERRCODE_CARDINALITY_VIOLATION),
				errmsg("table \"%s\" has more than one row of an event",
					   "webhook_dedup_events"));
	locked->is_held[i] = true;
	locked->held[locked->nheld++] = Int64GetDatum(event.id);
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
 * wd_set_response(provider text, dedup_key text, response jsonb)
 * returns boolean
 *
 * Stores what the handler answered, for an event that the current transaction
 * has made done.  False for any other event.  Raises P0002 if it was never
 * acquired, 22001 if the response is too long.
 */
Datum
wd_set_response(PG_FUNCTION_ARGS)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	text	   *key = wd_arg_key(fcinfo, 1);
	Jsonb	   *response = response_arg(fcinfo, 2);
	WdEvent		event;
	Datum		args[] = {
		PointerGetDatum(provider),
		PointerGetDatum(key),
		(Datum) 0,
		PointerGetDatum(response),
	};

	if (!wd_event_exists(provider, key, WD_VIEW_NEW, &event) ||
		event.status != WD_DONE ||
		!TransactionIdIsCurrentTransactionId(event.written_by))
	{
		wd_event_unchanged(provider, key);
		PG_RETURN_BOOL(false);
	}
	args[2] = Int32GetDatum(event.attempt);
	PG_RETURN_BOOL(wd_plan_run(WD_PLAN_SET_RESPONSE, args,
							   response ? NULL : "   n", NULL, NULL) > 0);
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
	TimestampTz start = GetCurrentTimestamp();
	WdEvent		event;
	bool		held;

	wd_check_null(PG_ARGISNULL(2), "attempt");
	args[2] = PG_GETARG_DATUM(2);

	held = wd_plan_run(WD_PLAN_RENEW, args, nulls, wd_event_read, &event) > 0;
	/* if it waited, once more: now the row is this transaction's */
	if (held && wd_lease_must_restart(&lease, start, 1))
		held = wd_plan_run(WD_PLAN_RENEW, args, nulls, wd_event_read,
						   &event) > 0;
	if (!held)
	{
		wd_event_unchanged(provider, key);
		PG_RETURN_NULL();
	}
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
	text	   *provider = wd_arg_provider(fcinfo, 0);
	text	   *key = wd_arg_key(fcinfo, 1);
	WdEvent		event;

	wd_check_null(PG_ARGISNULL(2), "attempt");
	lock_event(provider, key, &event);
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
 * Lock an event's row and read its state.  Raises P0002 if there is no event,
 * 40001 if its row cannot be locked: it is never read without the lock.
 */
static void
lock_event(text *provider, text *key, WdEvent *event)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(key)};

	for (int lost = 0; lost < WD_MAX_LOST_RACES; lost++)
	{
		CHECK_FOR_INTERRUPTS();
		if (wd_plan_run(WD_PLAN_LOCK, args, NULL, wd_event_read, event) > 0)
			return;
		/* deleted while this waited for it, and inserted again? */
		wd_event_unchanged(provider, key);
	}
	wd_raise_lost_races();
}

/*
 * Fetch a response, NULL if there is none.  Raises 22001 if it is too long;
 * what a handler answers is short, and a payload passed by mistake must not be
 * stored.
 */
static Jsonb *
response_arg(FunctionCallInfo fcinfo, int argno)
{
	Jsonb	   *response;
	StringInfoData text_form;

	if (PG_ARGISNULL(argno))
		return NULL;
	response = PG_GETARG_JSONB_P(argno);
	initStringInfo(&text_form);
	(void) JsonbToCString(&text_form, &response->root, VARSIZE(response));
	if (text_form.len > MAX_RESPONSE_LEN)
		ereport(ERROR,
				errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				errmsg("argument \"%s\" must not be longer than %d bytes",
					   "response", MAX_RESPONSE_LEN),
				errhint("Store what the handler answers elsewhere, and a reference to it here."));
	pfree(text_form.data);
	return response;
}

/*
 * What is stored of an error: its first characters, and no control characters,
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
