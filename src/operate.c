/*
 * operate.c
 *	  What an operator asks of one event.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"

#include "args.h"
#include "compat.h"
#include "ledger.h"
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
	Datum		args[] = {
		PointerGetDatum(wd_arg_provider(fcinfo, 0)),
		PointerGetDatum(wd_arg_key(fcinfo, 1)),
	};
	WdEvent		event;
	bool		found;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	found = wd_plan_read(WD_PLAN_FIND_STATE, args) > 0;
	if (found)
		wd_event_read(0, &event);
	SPI_finish();

	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wd_status_name(event.status)));
}

/*
 * wd_reopen(provider text, dedup_key text) returns boolean
 *
 * Lets the next delivery process an event that is done, failed, or whose
 * lease has ended, be the limit of attempts reached or not.  False while a
 * lease goes on.
 * Raises P0002 if it was never acquired.
 */
Datum
wd_reopen(PG_FUNCTION_ARGS)
{
	text	   *provider = wd_arg_provider(fcinfo, 0);
	text	   *key = wd_arg_key(fcinfo, 1);
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(key)};
	bool		changed;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	changed = wd_plan_run(WD_PLAN_REOPEN, args, NULL) > 0;
	if (!changed)
		wd_require_event(provider, key);
	SPI_finish();
	PG_RETURN_BOOL(changed);
}
