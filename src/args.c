/*
 * args.c
 *	  What SQL functions of the extension have in common: the checks of their
 *	  arguments, and results that are sets.
 *
 * No message quotes a key or a hash, since a caller may pass a payload there
 * by mistake.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "args.h"
#include "compat.h"

static void check_not_empty(text *value, const char *name);

/* Raise 22004 if the argument called name is null. */
void
wd_check_null(bool isnull, const char *name)
{
	if (isnull)
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("argument \"%s\" must not be null", name));
}

/* Fetch a provider's name.  Raises 22004 and as wd_check_provider_name. */
text *
wd_arg_provider(FunctionCallInfo fcinfo, int argno)
{
	text	   *provider;

	wd_check_null(PG_ARGISNULL(argno), "provider");
	provider = PG_GETARG_TEXT_PP(argno);
	wd_check_provider_name(provider);
	return provider;
}

/* Raise 22023 if a provider's name is empty or too long. */
void
wd_check_provider_name(text *provider)
{
	check_not_empty(provider, "provider");
	if (VARSIZE_ANY_EXHDR(provider) > WD_MAX_PROVIDER_LEN)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not be longer than %d bytes",
					   "provider", WD_MAX_PROVIDER_LEN));
}

/* Fetch an event's key.  Raises 22004 and as wd_check_key. */
text *
wd_arg_key(FunctionCallInfo fcinfo, int argno)
{
	text	   *key;

	wd_check_null(PG_ARGISNULL(argno), "dedup_key");
	key = PG_GETARG_TEXT_PP(argno);
	wd_check_key(key);
	return key;
}

/* Raise 22023 if a key is empty, 22001 if it is too long. */
void
wd_check_key(text *key)
{
	check_not_empty(key, "dedup_key");
	if (VARSIZE_ANY_EXHDR(key) > WD_MAX_GIVEN_KEY_LEN)
		ereport(ERROR,
				errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				errmsg("argument \"%s\" must not be longer than %d bytes",
					   "dedup_key", WD_MAX_GIVEN_KEY_LEN),
				errhint("Pass the SHA-256 digest of the key, for example wd_payload_hash(convert_to(key, 'UTF8'))."));
}

/* Fetch a request hash; NULL if it is null.  Raises as wd_check_hash. */
text *
wd_arg_hash(FunctionCallInfo fcinfo, int argno)
{
	text	   *hash;

	if (PG_ARGISNULL(argno))
		return NULL;
	hash = PG_GETARG_TEXT_PP(argno);
	wd_check_hash(hash);
	return hash;
}

/*
 * Raise 22023 if a hash is empty or longer than any digest.  A payload that is
 * passed by mistake must not be stored.
 */
void
wd_check_hash(text *hash)
{
	check_not_empty(hash, "request_hash");
	if (VARSIZE_ANY_EXHDR(hash) > WD_MAX_HASH_LEN)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not be longer than %d bytes",
					   "request_hash", WD_MAX_HASH_LEN),
				errhint("Pass a digest of the payload, for example wd_payload_hash(payload)."));
}

/* Fetch headers.  Raises 22004 if they are null, 22023 if no object. */
Jsonb *
wd_arg_headers(FunctionCallInfo fcinfo, int argno)
{
	Jsonb	   *headers;

	wd_check_null(PG_ARGISNULL(argno), "headers");
	headers = PG_GETARG_JSONB_P(argno);
	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be a JSON object", "headers"));
	return headers;
}

/*
 * The length of an interval in microseconds, with months of 30 days and days
 * of 24 hours.  Raises 22023, naming the argument, if it is out of range.
 */
int64
wd_interval_usec(const Interval *interval, const char *name)
{
	int64		days = (int64) interval->month * DAYS_PER_MONTH +
		interval->day;
	/* it may exceed 64 bits */
	double		total = (double) days * USECS_PER_DAY + interval->time;

	if (total < 0 || total > PG_INT32_MAX * (double) USECS_PER_SEC)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be between 0 and %d seconds",
					   name, PG_INT32_MAX),
				strcmp(name, "lease") == 0 ?
				errhint("A lease of 0 never ends.") : 0);
	return days * USECS_PER_DAY + interval->time;
}

static void
check_not_empty(text *value, const char *name)
{
	if (VARSIZE_ANY_EXHDR(value) == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not be empty", name));
}

/*
 * Begin the result of a function that returns a set of rows with ncolumns
 * columns.  The caller puts the rows into its setResult.  Raises 0A000 where a
 * set is not accepted.
 */
ReturnSetInfo *
wd_result_set(FunctionCallInfo fcinfo, int ncolumns)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old_context;
	TupleDesc	desc;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("set-valued function called in context that cannot accept a set"));

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != ncolumns)
		elog(ERROR, "function must return rows of %d columns", ncolumns);

	/* copy only the descriptor into per-query memory */
	old_context =
		MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setDesc = CreateTupleDescCopy(desc);
	result->setResult =
		tuplestore_begin_heap((result->allowedModes &
							   SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(old_context);
	return result;
}
