/*
 * lease.c
 *	  How long an acquisition lasts.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "args.h"
#include "lease.h"
#include "provider.h"
#include "webhook_dedup.h"

/*
 * A statement that took longer, for so many rows, has waited for another
 * session.  Its row, and the end of the lease in it, may have been made before
 * the wait.
 */
#define WAITED_AFTER_USEC(nrows) \
	(INT64CONST(100000) + (nrows) * INT64CONST(100))

static int64 default_usec(const WdProvider *provider);

/*
 * Fetch a lease, that of the provider where it is null.  Raises 22023
 * if it is out of range.
 */
WdLease
wd_arg_lease(FunctionCallInfo fcinfo, int argno, const WdProvider *provider)
{
	WdLease		lease;

	lease.usec = PG_ARGISNULL(argno) ? default_usec(provider) :
		wd_interval_usec(PG_GETARG_INTERVAL_P(argno), "lease");
	lease.ends = lease.usec != 0;
	return lease;
}

/*
 * The provider's own lease, else the setting webhook_dedup.lease; not less
 * than the provider may take to give up on its own delivery.
 */
static int64
default_usec(const WdProvider *provider)
{
	int64		usec = provider->has_lease ?
		provider->lease_usec : wd_lease_setting * USECS_PER_SEC;

	return usec == 0 ? 0 : Max(usec, provider->lease_floor_usec);
}

/* The lease as an interval; meaningless if it does not end. */
Datum
wd_lease_interval(const WdLease *lease)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = lease->usec;
	return IntervalPGetDatum(interval);
}

/* When a lease that begins at start ends; meaningless if it does not. */
Datum
wd_lease_end(const WdLease *lease, TimestampTz start)
{
	return TimestampTzGetDatum(start + (lease->ends ? lease->usec : 0));
}

/*
 * Did acquiring so many events, begun at start, take so long that the lease
 * must begin anew?
 */
bool
wd_lease_must_restart(const WdLease *lease, TimestampTz start, int nevents)
{
	return lease->ends &&
		GetCurrentTimestamp() - start > WAITED_AFTER_USEC(nevents);
}
