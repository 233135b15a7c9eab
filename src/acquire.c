/*
 * acquire.c
 *	  Acquiring one event: who of its callers is to process it.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "acquisition.h"
#include "args.h"
#include "compat.h"
#include "derive.h"
#include "lease.h"
#include "ledger.h"
#include "payload.h"
#include "provider.h"

PG_FUNCTION_INFO_V1(wd_try_acquire);
PG_FUNCTION_INFO_V1(wd_acquire);
PG_FUNCTION_INFO_V1(wd_try_once);
PG_FUNCTION_INFO_V1(wd_receive);

static const WdProvider *read_request(FunctionCallInfo fcinfo,
								   WdRequest *request);
static WdOutcome acquire(const WdRequest *request, WdEvent *event);
static Datum acquire_and_answer(FunctionCallInfo fcinfo,
								const WdRequest *request, int busy_status);

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
	WdRequest	request = {.status = WD_PROCESSING, .brief = true};
	const WdProvider *rules = read_request(fcinfo, &request);
	WdLease		lease = wd_arg_lease(fcinfo, 3, rules);
	WdEvent		event;

	request.lease = &lease;
	PG_RETURN_BOOL(wd_outcome_acquires(acquire(&request, &event)));
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
	WdRequest	request = {.status = WD_PROCESSING};
	const WdProvider *rules = read_request(fcinfo, &request);
	WdLease		lease = wd_arg_lease(fcinfo, 3, rules);

	request.lease = &lease;
	return acquire_and_answer(fcinfo, &request, rules->busy_status);
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
	WdLease		lease = {false, 0};
	WdRequest	request = {
		.lease = &lease, .status = WD_DONE, .brief = true
	};
	WdEvent		event;
	WdOutcome	outcome;

	(void) read_request(fcinfo, &request);
	outcome = acquire(&request, &event);
	/* "false" would let the caller tell the provider that all is well */
	if (outcome == WD_OUTCOME_IN_PROGRESS)
		ereport(ERROR,
				errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				errmsg("event is being processed under a lease"),
				errhint("Let the provider deliver it again later."));
	PG_RETURN_BOOL(wd_outcome_acquires(outcome));
}

/*
 * wd_receive(provider text, payload bytea, headers jsonb, lease interval)
 * returns wd_acquisition
 *
 * Hashes the payload, derives the key and acquires the event.  Raises what
 * wd_derive_key and wd_acquire do, with nothing of the payload.
 */
Datum
wd_receive(PG_FUNCTION_ARGS)
{
	ErrorContextCallback callback;
	WdRequest	request = {.status = WD_PROCESSING};
	const WdProvider *rules;
	WdLease		lease;
	WdDelivery	delivery;
	Datum		result;

	wd_hide_statement(&callback);
	request.provider = wd_arg_provider(fcinfo, 0);
	rules = wd_provider_find(request.provider);
	lease = wd_arg_lease(fcinfo, 3, rules);
	request.lease = &lease;
	request.max_attempts = wd_provider_max_attempts(rules);

	wd_arg_delivery(fcinfo, 1, rules, &delivery);
	request.key = wd_derive_key(wd_provider_templates(rules, request.provider),
								&delivery);
	request.hash = wd_hash_payload(delivery.payload, delivery.len);
	result = acquire_and_answer(fcinfo, &request, rules->busy_status);
	wd_show_statement(&callback);
	return result;
}

/*
 * Read the arguments 0 to 2: provider, key and hash.  Returns the provider's
 * rules.
 */
static const WdProvider *
read_request(FunctionCallInfo fcinfo, WdRequest *request)
{
	const WdProvider *rules;

	request->provider = wd_arg_provider(fcinfo, 0);
	request->key = wd_arg_key(fcinfo, 1);
	request->hash = wd_arg_hash(fcinfo, 2);
	rules = wd_provider_find(request->provider);
	request->max_attempts = wd_provider_max_attempts(rules);
	return rules;
}

static Datum
acquire_and_answer(FunctionCallInfo fcinfo, const WdRequest *request,
				   int busy_status)
{
	WdEvent		event;
	WdAnswer	answer = {
		request->provider, request->key, request->hash, busy_status
	};

	answer.outcome = acquire(request, &event);
	answer.event = &event;
	return wd_acquisition_datum(fcinfo, &answer);
}

/*
 * Look the event up, then insert it or take it over; a lost race is looked
 * up again, so that the answer is what is.  Returns the outcome, and the
 * event as it is now.
 */
static WdOutcome
acquire(const WdRequest *request, WdEvent *event)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");

	for (int lost = 0; lost < WD_MAX_LOST_RACES; lost++)
	{
		WdOutcome	outcome = WD_OUTCOME_FIRST;
		bool		settled;

		CHECK_FOR_INTERRUPTS();
		if (!wd_event_find(request, event))
			settled = wd_event_insert(request, event);
		else
		{
			outcome = wd_event_outcome(event, request->max_attempts);
			settled = !wd_outcome_acquires(outcome) ||
				wd_event_take_over(request, event);
		}

		if (settled)
		{
			if (!wd_outcome_acquires(outcome))
				wd_event_confirm(request, event);
			SPI_finish();
			return outcome;
		}
	}

	wd_raise_lost_races();
}
