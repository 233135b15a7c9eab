/*
 * acquisition.c
 *	  The SQL type wd_acquisition: what a caller is told.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "acquisition.h"
#include "compat.h"
#include "ledger.h"
#include "rules.h"

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
	ACQ_HTTP_STATUS
};

static const char *const outcome_names[] = {
	[WD_OUTCOME_FIRST] = "first",
	[WD_OUTCOME_RETRY] = "retry",
	[WD_OUTCOME_RECLAIMED] = "reclaimed",
	[WD_OUTCOME_IN_PROGRESS] = "in_progress",
	[WD_OUTCOME_DONE] = "done",
	[WD_OUTCOME_EXHAUSTED] = "exhausted",
};

static Datum outcome_datum(WdOutcome outcome, Oid type);
static bool hash_matches(text *stored, text *given);
static int	http_status(WdOutcome outcome, text *provider);

/*
 * Write the columns of wd_acquisition, described by desc, to values and
 * nulls, which have room for WD_ACQUISITION_COLUMNS.
 */
void
wd_acquisition_fill(const WdAnswer *answer, TupleDesc desc,
					Datum *values, bool *nulls)
{
	const WdEvent *event = answer->event;
	bool		acquired = wd_outcome_acquires(answer->outcome);
	Oid			outcome_type = TupleDescAttr(desc, ACQ_OUTCOME)->atttypid;

	memset(nulls, 0, sizeof(bool) * WD_ACQUISITION_COLUMNS);
	values[ACQ_ACQUIRED] = BoolGetDatum(acquired);
	values[ACQ_OUTCOME] = outcome_datum(answer->outcome, outcome_type);
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
		Int32GetDatum(http_status(answer->outcome, answer->provider));
}

/* The answer as the result of a function that returns wd_acquisition. */
Datum
wd_acquisition_datum(FunctionCallInfo fcinfo, const WdAnswer *answer)
{
	TupleDesc	desc;
	Datum		values[WD_ACQUISITION_COLUMNS];
	bool		nulls[WD_ACQUISITION_COLUMNS];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != WD_ACQUISITION_COLUMNS)
		elog(ERROR, "function must return wd_acquisition");

	wd_acquisition_fill(answer, desc, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/*
 * Begin the result of a function that returns setof wd_acquisition: rows go
 * into its setResult.  Raises 0A000 where a set cannot be returned.
 */
ReturnSetInfo *
wd_acquisition_set(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old_context;
	TupleDesc	desc;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("set-valued function called in context that cannot accept a set"));

	old_context =
		MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != WD_ACQUISITION_COLUMNS)
		elog(ERROR, "function must return setof wd_acquisition");
	result->returnMode = SFRM_Materialize;
	result->setDesc = desc;
	result->setResult =
		tuplestore_begin_heap((result->allowedModes &
							   SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(old_context);
	return result;
}

static Datum
outcome_datum(WdOutcome outcome, Oid type)
{
	return DirectFunctionCall2(enum_in,
							   CStringGetDatum(outcome_names[outcome]),
							   ObjectIdGetDatum(type));
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
http_status(WdOutcome outcome, text *provider)
{
	if (outcome != WD_OUTCOME_IN_PROGRESS)
		return HTTP_OK;
	return wd_rules_busy_status(VARDATA_ANY(provider),
								VARSIZE_ANY_EXHDR(provider));
}
