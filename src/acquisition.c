/*
 * acquisition.c
 *	  The SQL type wd_acquisition: what a caller is told.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "acquisition.h"
#include "compat.h"
#include "ledger.h"

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
static int	http_status(const WdAnswer *answer);

/*
 * Write the columns of wd_acquisition to values and nulls, which have room
 * for WD_ACQUISITION_COLUMNS.  In desc they are the ones from first on,
 * counted from 0.
 */
void
wd_acquisition_fill(const WdAnswer *answer, TupleDesc desc, int first,
					Datum *values, bool *nulls)
{
	const WdEvent *event = answer->event;
	bool		acquired = wd_outcome_acquires(answer->outcome);
	Oid			outcome_type =
		TupleDescAttr(desc, first + ACQ_OUTCOME)->atttypid;

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
		Int32GetDatum(http_status(answer));
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

	wd_acquisition_fill(answer, desc, 0, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
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
http_status(const WdAnswer *answer)
{
	return answer->outcome == WD_OUTCOME_IN_PROGRESS ?
		answer->busy_status : HTTP_OK;
}
