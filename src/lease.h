/*
 * lease.h
 *	  How long an acquisition lasts.
 */
#ifndef WD_LEASE_H
#define WD_LEASE_H

#include "datatype/timestamp.h"
#include "fmgr.h"

/* How long an acquisition lasts. */
typedef struct WdLease
{
	bool		ends;
	int64		usec;			/* if it ends */
} WdLease;

struct WdProvider;

extern WdLease wd_arg_lease(FunctionCallInfo fcinfo, int argno,
							const struct WdProvider *rules);
extern Datum wd_lease_interval(const WdLease *lease);
extern Datum wd_lease_end(const WdLease *lease, TimestampTz start);
extern bool wd_lease_must_restart(const WdLease *lease, TimestampTz start,
								  int nevents);

#endif							/* WD_LEASE_H */
