/*
 * acquire.c
 *	  Acquiring one event: who of its callers is to process it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "acquire.h"
#include "acquisition.h"
#include "args.h"
#include "compat.h"
#include "lease.h"
#include "probe.h"
#include "provider.h"

PG_FUNCTION_INFO_V1(wd_try_acquire);
PG_FUNCTION_INFO_V1(wd_acquire);
PG_FUNCTION_INFO_V1(wd_try_once);

static const WdProvider *read_request(FunctionCallInfo fcinfo,
									  WdRequest *request);

/*
 * wd_try_acquire(provider text, dedup_key text, request_hash text,
 *				  lease interval) returns boolean
 *
 * True if the caller is to process the event, false if somebody did or does.
 * Raises what wd_acquire does.
 */
Datum
wd_try_acquire(PG_FUNCTION_ARGS)
{
	WdRequest	request = {
		.status = WD_PROCESSING, .detail = WD_STATE_ONLY
	};
	const WdProvider *provider = read_request(fcinfo, &request);
	WdEvent		event;

	request.lease = wd_arg_lease(fcinfo, 3, provider);
	PG_RETURN_BOOL(wd_outcome_acquires(wd_acquire_event(&request, &event)));
}

/*
 * wd_acquire(provider text, dedup_key text, request_hash text,
 *			  lease interval) returns wd_acquisition
 *
 * Raises 22004, 22023 and 22001 for arguments out of range, 40001 if the
 * transaction's isolation level forbids an answer.
 */
Datum
wd_acquire(PG_FUNCTION_ARGS)
{
	WdRequest	request = {
		.status = WD_PROCESSING, .detail = WD_ALL_OF_IT
	};
	const WdProvider *provider = read_request(fcinfo, &request);

	request.lease = wd_arg_lease(fcinfo, 3, provider);
	return wd_acquire_and_answer(fcinfo, &request, provider->busy_status);
}

/*
 * wd_try_once(provider text, dedup_key text, request_hash text)
 * returns boolean
 *
 * True if the caller's transaction is to process the event, which is done
 * when that transaction commits; false if it is done already, or exhausted.
 * Waits for a transaction that does the same.  Raises 55P03 if the event is
 * held under a lease, and what wd_acquire does.
 */
Datum
wd_try_once(PG_FUNCTION_ARGS)
{
	WdRequest	request = {.status = WD_DONE, .detail = WD_STATE_ONLY};
	WdEvent		event;
	WdOutcome	outcome;

	(void) read_request(fcinfo, &request);
	outcome = wd_acquire_event(&request, &event);
	/* "false" would let the caller tell the provider that all is well */
	if (outcome == WD_OUTCOME_IN_PROGRESS)
		ereport(ERROR,
				errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				errmsg("event is being processed under a lease"),
				errhint("Let the provider deliver it again later."));
	PG_RETURN_BOOL(wd_outcome_acquires(outcome));
}

/*
 * Read the arguments 0 to 2: provider, key and hash.  Returns what is known of
 * the provider.
 */
static const WdProvider *
read_request(FunctionCallInfo fcinfo, WdRequest *request)
{
	const WdProvider *provider;

	request->provider = wd_arg_provider(fcinfo, 0);
	request->key = wd_arg_key(fcinfo, 1);
	request->hash = wd_arg_hash(fcinfo, 2);
	provider = wd_provider_find(request->provider);
	request->max_attempts = wd_provider_max_attempts(provider);
	return provider;
}

/* Acquire an event; the result of a function that returns wd_acquisition. */
Datum
wd_acquire_and_answer(FunctionCallInfo fcinfo, const WdRequest *request,
					  int busy_status)
{
	WdEvent		event;
	WdAnswer	answer = {
		request->provider, request->key, request->hash, busy_status
	};

	answer.outcome = wd_acquire_event(request, &event);
	answer.event = &event;
	return wd_acquisition_datum(fcinfo, &answer);
}

/*
 * Look the event up, then insert it or take it over; after a lost race look
 * it up again, so that the answer describes the current state.  Returns the
 * outcome, and the event as it is now.
 */
WdOutcome
wd_acquire_event(const WdRequest *request, WdEvent *event)
{
	for (int lost = 0; lost < WD_MAX_LOST_RACES; lost++)
	{
		WdOutcome	outcome;

		CHECK_FOR_INTERRUPTS();
		if (!wd_event_find(request->provider, request->key, request->detail,
						   event))
		{
			if (wd_event_insert(request, event))
				return WD_OUTCOME_FIRST;
			/* not found again: the index may not lead to all events */
			if (lost > 0)
				wd_probe_distrust();
			continue;
		}

		outcome = wd_event_outcome(event, request->max_attempts);
		if (!wd_outcome_acquires(outcome))
		{
			wd_event_confirm(request->provider, request->key, event);
			return outcome;
		}
		if (wd_event_take_over(request, event))
			return outcome;
	}

	wd_raise_lost_races();
}
