/*
 * acquisition.c
 *	  The SQL type wd_acquisition: what a caller is told.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "acquisition.h"
#include "compat.h"

/* The status of an answer to a delivery that needs no processing. */
#define HTTP_OK 200

/* Columns of wd_acquisition, in its order */
enum
{
	ACQ_ACQUIRED,
	ACQ_OUTCOME,
	ACQ_EVENT_ID,
	ACQ_PROVIDER,
	ACQ_DEDUP_KEY,
	ACQ_ATTEMPT,
	ACQ_LEASE_EXPIRES_AT,
	ACQ_FIRST_SEEN_AT,
	ACQ_REQUEST_HASH,
	ACQ_HASH_MATCHES,
	ACQ_HTTP_STATUS,
	ACQ_RESPONSE
};

/* Their types; that of the outcome is the extension's own */
static const Oid column_types[] = {
	[ACQ_ACQUIRED] = BOOLOID,
	[ACQ_OUTCOME] = InvalidOid,
	[ACQ_EVENT_ID] = INT8OID,
	[ACQ_PROVIDER] = TEXTOID,
	[ACQ_DEDUP_KEY] = TEXTOID,
	[ACQ_ATTEMPT] = INT4OID,
	[ACQ_LEASE_EXPIRES_AT] = TIMESTAMPTZOID,
	[ACQ_FIRST_SEEN_AT] = TIMESTAMPTZOID,
	[ACQ_REQUEST_HASH] = TEXTOID,
	[ACQ_HASH_MATCHES] = BOOLOID,
	[ACQ_HTTP_STATUS] = INT4OID,
	[ACQ_RESPONSE] = JSONBOID,
};

StaticAssertDecl(lengthof(column_types) == WD_ACQUISITION_COLUMNS,
				 "each column needs its type");

static const char *const outcome_names[] = {
	[WD_OUTCOME_FIRST] = "first",
	[WD_OUTCOME_RETRY] = "retry",
	[WD_OUTCOME_RECLAIMED] = "reclaimed",
	[WD_OUTCOME_IN_PROGRESS] = "in_progress",
	[WD_OUTCOME_DONE] = "done",
	[WD_OUTCOME_EXHAUSTED] = "exhausted",
};

/* The values of the type wd_outcome, which never change, and that type */
static Oid	outcome_type = InvalidOid;
static Datum outcome_values[WD_OUTCOME_COUNT];

static Datum outcome_datum(WdOutcome outcome, Oid type);
static bool hash_matches(text *stored, text *given);
static int	http_status(const WdAnswer *answer);

/*
 * Raise 42804 unless the columns from first on, counted from 0, are those of
 * wd_acquisition in this version: the owner of a type can alter it.
 */
void
wd_acquisition_check(TupleDesc desc, int first)
{
	bool		same = desc->natts == first + WD_ACQUISITION_COLUMNS;

	for (int i = 0; same && i < WD_ACQUISITION_COLUMNS; i++)
	{
		Oid			type = TupleDescAttr(desc, first + i)->atttypid;

		same = i == ACQ_OUTCOME ? type_is_enum(type) : type == column_types[i];
	}
	if (!same)
		wd_acquisition_refuse();
}

/* Raise 42804 for a type that was altered. */
void
wd_acquisition_refuse(void)
{
	ereport(ERROR,
			errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("the result type of the function is not that of this version"),
			errhint("Undo the change of the type, or bring the extension up to date with ALTER EXTENSION webhook_dedup UPDATE."));
}

/*
 * Write the columns of wd_acquisition to values and nulls, which have room
 * for WD_ACQUISITION_COLUMNS.  In desc, which has been checked, they are the
 * ones from first on.
 */
void
wd_acquisition_fill(const WdAnswer *answer, TupleDesc desc, int first,
					Datum *values, bool *nulls)
{
	const WdEvent *event = answer->event;
	bool		acquired = wd_outcome_acquires(answer->outcome);
	Oid			type = TupleDescAttr(desc, first + ACQ_OUTCOME)->atttypid;

	memset(nulls, 0, sizeof(bool) * WD_ACQUISITION_COLUMNS);
	values[ACQ_ACQUIRED] = BoolGetDatum(acquired);
	values[ACQ_OUTCOME] = outcome_datum(answer->outcome, type);
	values[ACQ_EVENT_ID] = Int64GetDatum(event->id);
	values[ACQ_PROVIDER] = PointerGetDatum(answer->provider);
	values[ACQ_DEDUP_KEY] = PointerGetDatum(answer->key);
	values[ACQ_ATTEMPT] = Int32GetDatum(event->attempt);
	values[ACQ_LEASE_EXPIRES_AT] =
		TimestampTzGetDatum(event->lease_expires_at);
	nulls[ACQ_LEASE_EXPIRES_AT] = !event->has_lease_end ||
		event->status != WD_PROCESSING;
	values[ACQ_FIRST_SEEN_AT] = TimestampTzGetDatum(event->first_seen_at);
	values[ACQ_REQUEST_HASH] = PointerGetDatum(event->request_hash);
	nulls[ACQ_REQUEST_HASH] = event->request_hash == NULL;
	values[ACQ_HASH_MATCHES] = BoolGetDatum(hash_matches(event->request_hash,
														 answer->hash));
	nulls[ACQ_HTTP_STATUS] = acquired;
	values[ACQ_HTTP_STATUS] = acquired ? (Datum) 0 :
		Int32GetDatum(http_status(answer));
	values[ACQ_RESPONSE] = PointerGetDatum(event->response);
	nulls[ACQ_RESPONSE] = event->response == NULL ||
		answer->outcome != WD_OUTCOME_DONE;
}

/* The answer as the result of a function that returns wd_acquisition. */
Datum
wd_acquisition_datum(FunctionCallInfo fcinfo, const WdAnswer *answer)
{
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);
	TupleDesc	desc;
	Datum		values[WD_ACQUISITION_COLUMNS];
	bool		nulls[WD_ACQUISITION_COLUMNS];
	HeapTuple	tuple;

	/* not get_call_result_type, which copies the descriptor at each call */
	if (!OidIsValid(type))
		type = get_func_rettype(fcinfo->flinfo->fn_oid);
	desc = lookup_rowtype_tupdesc(type, -1);
	wd_acquisition_check(desc, 0);
	wd_acquisition_fill(answer, desc, 0, values, nulls);
	tuple = heap_form_tuple(desc, values, nulls);
	ReleaseTupleDesc(desc);
	return HeapTupleGetDatum(tuple);
}

/*
 * The value of the type wd_outcome.  It is stored as the OID of a row of
 * pg_enum, which enum_in would look up by its name at each call.
 */
static Datum
outcome_datum(WdOutcome outcome, Oid type)
{
	if (type != outcome_type)
	{
		outcome_type = InvalidOid;
		for (int i = 0; i < WD_OUTCOME_COUNT; i++)
		{
			Datum		name = CStringGetDatum(outcome_names[i]);

			outcome_values[i] = DirectFunctionCall2(enum_in, name,
													ObjectIdGetDatum(type));
		}
		outcome_type = type;
	}
	return outcome_values[outcome];
}

/* Only two hashes that are there can differ. */
static bool
hash_matches(text *stored, text *given)
{
	if (stored == NULL || given == NULL)
		return true;
	return VARSIZE_ANY_EXHDR(stored) == VARSIZE_ANY_EXHDR(given) &&
		memcmp(VARDATA_ANY(stored), VARDATA_ANY(given),
			   VARSIZE_ANY_EXHDR(given)) == 0;
}

/*
 * What to answer when the caller does not hold the event.  A busy event must
 * never be answered with success: if its holder fails, it is to come again.
 */
static int
http_status(const WdAnswer *answer)
{
	return answer->outcome == WD_OUTCOME_IN_PROGRESS ?
		answer->busy_status : HTTP_OK;
}
