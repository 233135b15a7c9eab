/*
 * lease.c
 *	  How long an acquisition lasts.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "args.h"
#include "lease.h"

/*
 * A statement that took longer, for so many rows, has waited for another
 * session.  What it wrote was made before the wait, unless the other session
 * changed the row, and so was the end of the lease.
 */
#define WORN_AFTER_USEC(nrows) (INT64CONST(100000) + (nrows) * INT64CONST(100))

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
wd_lease_is_worn(const WdLease *lease, TimestampTz start, int nevents)
{
	return lease->ends &&
		GetCurrentTimestamp() - start > WORN_AFTER_USEC(nevents);
}
