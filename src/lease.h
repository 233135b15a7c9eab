/*
 * lease.h
 *	  How long an acquisition lasts.
 */
#ifndef WD_LEASE_H
#define WD_LEASE_H

#include "datatype/timestamp.h"

struct WdLease;

extern Datum wd_lease_interval(const struct WdLease *lease);
extern Datum wd_lease_end(const struct WdLease *lease, TimestampTz start);
extern bool wd_lease_is_worn(const struct WdLease *lease, TimestampTz start,
							 int nevents);

#endif							/* WD_LEASE_H */
