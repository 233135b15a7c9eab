/*
 * args.c
 *	  Checks that all functions of the extension share: one text per
 *	  condition.
 *
 * No message quotes a key or a hash: a caller may have put anything there.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "compat.h"
#include "settings.h"

static void check_not_empty(text *value, const char *name);
static int64 interval_usec(const Interval *interval);

/* Raise 22004 if the argument called name is null. */
void
wd_check_null(bool isnull, const char *name)
{
	if (isnull)
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("argument \"%s\" must not be null", name));
}

/*
 * Fetch the provider's name.  Raises 22004 if it is null, 22023 if it is
 * empty or too long.
 */
text *
wd_arg_provider(FunctionCallInfo fcinfo, int argno)
{
	text	   *provider;

	wd_check_null(PG_ARGISNULL(argno), "provider");
	provider = PG_GETARG_TEXT_PP(argno);
	check_not_empty(provider, "provider");
	if (VARSIZE_ANY_EXHDR(provider) > WD_MAX_PROVIDER_LEN)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not be longer than %d bytes",
					   "provider", WD_MAX_PROVIDER_LEN));
	return provider;
}

/* Fetch an event's key; raises what wd_check_key does, and 22004. */
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

/* Fetch a request hash, NULL if there is none; raises as wd_check_hash. */
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
 * Raise 22023 if a hash is empty, or longer than any digest: a payload
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

/*
 * Fetch a lease; the setting webhook_dedup.lease is used where it is null.
 * Raises 22023 if it is out of range.
 */
WdLease
wd_arg_lease(FunctionCallInfo fcinfo, int argno)
{
	WdLease		lease;

	lease.usec = PG_ARGISNULL(argno) ?
		wd_lease_setting * USECS_PER_SEC :
		interval_usec(PG_GETARG_INTERVAL_P(argno));
	if (lease.usec < 0 || lease.usec > PG_INT32_MAX * USECS_PER_SEC)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be between 0 and %d seconds",
					   "lease", PG_INT32_MAX),
				errhint("A lease of 0 never ends."));
	lease.ends = lease.usec != 0;
	return lease;
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
 * The length of an interval, with months of 30 days and days of 24 hours;
 * -1 if it is negative or does not fit.
 */
static int64
interval_usec(const Interval *interval)
{
	int64		days = (int64) interval->month * DAYS_PER_MONTH +
		interval->day;
	double		total = (double) days * USECS_PER_DAY + interval->time;

	if (total < 0 || total > PG_INT32_MAX * (double) USECS_PER_SEC)
		return -1;
	return days * USECS_PER_DAY + interval->time;
}
