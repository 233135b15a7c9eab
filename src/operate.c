/*
 * operate.c
 *	  What an operator asks of one event.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "args.h"
#include "compat.h"
#include "event.h"
#include "plans.h"

PG_FUNCTION_INFO_V1(wd_lookup);
PG_FUNCTION_INFO_V1(wd_reopen);

/*
 * wd_lookup(provider text, dedup_key text) returns wd_status
 *
 * The event's status, null if it was never seen.  Only reads.
 */
Datum
wd_lookup(PG_FUNCTION_ARGS)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	text	   *key = wd_arg_key(fcinfo, 1);
	WdEvent		event;

	if (!wd_event_exists(provider, key, WD_VIEW_OF_QUERY, &event))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wd_status_name(event.status)));
}

/*
 * wd_reopen(provider text, dedup_key text) returns boolean
 *
 * Lets the next delivery process an event that is done, failed, or whose
 * lease has ended, whether the limit of attempts is reached or not.  False
 * while a lease goes on.  Raises P0002 if it was never acquired.
 */
Datum
wd_reopen(PG_FUNCTION_ARGS)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	text	   *key = wd_arg_key(fcinfo, 1);
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(key)};

	if (wd_plan_run(WD_PLAN_REOPEN, args, NULL, NULL, NULL) > 0)
		PG_RETURN_BOOL(true);
	wd_event_unchanged(provider, key);
	PG_RETURN_BOOL(false);
}
