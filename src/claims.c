/*
 * claims.c
 *	  Acquiring many events of one provider, step by step.
 *
 * One statement for each step, not one for each event: look all keys up,
 * insert those that are new, lock and take over those whose attempt has
 * ended.  The rows of a step are locked in the order of their keys, and no
 * row is inserted once rows were taken over; so batches that overlap wait for
 * each other but never in a circle.  (Somebody who deletes rows meanwhile can
 * make one insert again, out of order; then the server may have to end a
 * deadlock.)
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "batch.h"
#include "claims.h"
#include "compat.h"
#include "lease.h"
#include "ledger.h"
#include "plans.h"

/* The key, behind the columns of an event */
#define COL_KEY 7

/* Rows that one statement takes over */
#define MAX_TAKE_OVER 1000

static bool pick(WdClaims *claims, WdClaimState state);
static void find_picked(WdClaims *claims);
static void lock_picked(WdClaims *claims);
static void read_picked(WdClaims *claims, WdPlan plan,
						WdClaimState acquirable);
static void insert_picked(WdClaims *claims);
static void renew_inserted(WdClaims *claims);
static void take_over_held(WdClaims *claims);
static void confirm_refused(WdClaims *claims);
static void settle_lost(WdClaims *claims);
static void settle_returned(WdClaims *claims, WdPlan plan, Datum *args,
							const char *nulls);
static uint64 settle_some(WdClaims *claims, WdPlan plan, Datum *args,
						  const char *nulls);
static WdClaim *find_claim(const WdClaims *claims, text *key);
static Datum picked_keys(const WdClaims *claims);
static Datum picked_ids(const WdClaims *claims);
static Datum picked_hashes(const WdClaims *claims);
static int	compare_claim(const void *key, const void *claim);

/*
 * Settle all claims: afterwards each has its outcome and its event as it is
 * now.  Raises 40001 where acquiring one event would.
 */
void
wd_claims_settle(WdClaims *claims)
{
	TimestampTz start = GetCurrentTimestamp();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");

	if (pick(claims, WD_CLAIM_MISSING))
		find_picked(claims);

	for (int lost = 0; pick(claims, WD_CLAIM_MISSING); lost++)
	{
		CHECK_FOR_INTERRUPTS();
		if (lost == WD_MAX_LOST_RACES)
			wd_raise_lost_races();
		insert_picked(claims);
		/* what another session inserted meanwhile is found now */
		if (pick(claims, WD_CLAIM_MISSING))
			find_picked(claims);
	}

	if (pick(claims, WD_CLAIM_OPEN))
		lock_picked(claims);
	if (pick(claims, WD_CLAIM_OPEN))
		settle_lost(claims);
	take_over_held(claims);
	if (wd_lease_is_worn(claims->lease, start, claims->n))
		renew_inserted(claims);
	if (IsolationUsesXactSnapshot())
		confirm_refused(claims);
	SPI_finish();
}

/* Pick all claims in that state; false if there are none. */
static bool
pick(WdClaims *claims, WdClaimState state)
{
	claims->npicked = 0;
	for (int i = 0; i < claims->n; i++)
	{
		if (claims->all[i].state == state)
			claims->picked[claims->npicked++] = &claims->all[i];
	}
	return claims->npicked > 0;
}

/* Look the picked claims up; those without a row stay as they are. */
static void
find_picked(WdClaims *claims)
{
	read_picked(claims, WD_PLAN_FIND_MANY, WD_CLAIM_OPEN);
}

/*
 * Lock the rows of the picked claims, so that what is read of them stays
 * true; those that are done by now, or gone, stay as they are.
 */
static void
lock_picked(WdClaims *claims)
{
	read_picked(claims, WD_PLAN_LOCK_MANY, WD_CLAIM_HELD);
}

/*
 * Read the rows of the picked claims.  A claim on an event that can be
 * acquired is put into the state acquirable, any other one is settled.
 */
static void
read_picked(WdClaims *claims, WdPlan plan, WdClaimState acquirable)
{
	Datum		args[] = {
		PointerGetDatum(claims->provider),
		picked_keys(claims),
	};
	uint64		nrows = wd_plan_run(plan, args, NULL);

	for (uint64 row = 0; row < nrows; row++)
	{
		WdClaim    *claim = claims->picked[wd_event_ordinality(row) - 1];

		wd_event_read(row, claim->event);
		claim->outcome = wd_event_outcome(claim->event, claims->max_attempts);
		claim->state = wd_outcome_acquires(claim->outcome) ?
			acquirable : WD_CLAIM_SETTLED;
	}
}

/* Insert the picked claims; those that another session has stay missing. */
static void
insert_picked(WdClaims *claims)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		args[] = {
		PointerGetDatum(claims->provider),
		picked_keys(claims),
		TimestampTzGetDatum(now),
		picked_hashes(claims),
		wd_lease_end(claims->lease, now),
	};
	char		nulls[] = "     ";

	if (!claims->lease->ends)
		nulls[4] = 'n';
	for (int i = 0; i < claims->npicked; i++)
		claims->picked[i]->outcome = WD_OUTCOME_FIRST;

	settle_some(claims, WD_PLAN_INSERT_MANY, args, nulls);
}

/*
 * Let the leases of the claims that were inserted begin now; those taken over
 * were locked before.
 */
static void
renew_inserted(WdClaims *claims)
{
	Datum		args[2];
	int			inserted = 0;

	for (int i = 0; i < claims->n; i++)
	{
		if (claims->all[i].outcome == WD_OUTCOME_FIRST)
			claims->picked[inserted++] = &claims->all[i];
	}
	claims->npicked = inserted;
	if (inserted == 0)
		return;
	args[0] = picked_ids(claims);
	args[1] = wd_lease_interval(claims->lease);
	settle_returned(claims, WD_PLAN_RENEW_MANY, args, NULL);
}

/*
 * Whoever won these events has completed them, or they are gone.  If one of
 * them can be acquired again already, it is too late to lock it in order: it
 * is busy until it comes again.
 */
static void
settle_lost(WdClaims *claims)
{
	find_picked(claims);
	for (int i = 0; i < claims->npicked; i++)
	{
		if (claims->picked[i]->state != WD_CLAIM_SETTLED)
			claims->picked[i]->outcome = WD_OUTCOME_IN_PROGRESS;
		claims->picked[i]->state = WD_CLAIM_SETTLED;
	}
}

/* As wd_event_confirm, for the claims that were refused. */
static void
confirm_refused(WdClaims *claims)
{
	Datum		args[] = {PointerGetDatum(claims->provider), (Datum) 0};
	uint64		nrows;

	claims->npicked = 0;
	for (int i = 0; i < claims->n; i++)
	{
		if (!wd_outcome_acquires(claims->all[i].outcome))
			claims->picked[claims->npicked++] = &claims->all[i];
	}
	if (claims->npicked == 0)
		return;

	args[1] = picked_keys(claims);
	nrows = wd_plan_read_latest(WD_PLAN_FIND_MANY, args);
	if (nrows < claims->npicked)
		wd_raise_old_snapshot();
	for (uint64 row = 0; row < nrows; row++)
	{
		WdEvent		latest;

		wd_event_read(row, &latest);
		wd_event_compare(claims->picked[wd_event_ordinality(row) - 1]->event,
						 &latest);
	}
}

/* Take the claims over whose rows are locked, a part of them at a time. */
static void
take_over_held(WdClaims *claims)
{
	while (pick(claims, WD_CLAIM_HELD))
	{
		Datum		args[3];

		CHECK_FOR_INTERRUPTS();
		/* looking for a row's hash takes the longer the more there are */
		claims->npicked = Min(claims->npicked, MAX_TAKE_OVER);
		args[0] = picked_ids(claims);
		args[1] = wd_lease_interval(claims->lease);
		args[2] = picked_hashes(claims);
		settle_returned(claims, WD_PLAN_TAKE_OVER_MANY, args,
						claims->lease->ends ? NULL : " n ");
	}
}

/*
 * Run a statement that changes all of the picked claims' rows and settle the
 * claims.  Raises 40001 if it did not change one of them.
 */
static void
settle_returned(WdClaims *claims, WdPlan plan, Datum *args,
				const char *nulls)
{
	if (settle_some(claims, plan, args, nulls) != claims->npicked)
		wd_raise_lost_races();
}

/*
 * Run a statement and settle the claims whose rows it returns, with a key.
 * Returns how many.
 */
static uint64
settle_some(WdClaims *claims, WdPlan plan, Datum *args, const char *nulls)
{
	uint64		nrows = wd_plan_run(plan, args, nulls);

	for (uint64 row = 0; row < nrows; row++)
	{
		bool		isnull;
		Datum		key = SPI_getbinval(SPI_tuptable->vals[row],
										SPI_tuptable->tupdesc, COL_KEY,
										&isnull);
		WdClaim    *claim = find_claim(claims, DatumGetTextPP(key));

		wd_event_read(row, claim->event);
		claim->state = WD_CLAIM_SETTLED;
	}
	return nrows;
}

/* The claim with that key; raises 39P01 if there is none. */
static WdClaim *
find_claim(const WdClaims *claims, text *key)
{
	WdClaim    *claim = bsearch(key, claims->all, claims->n, sizeof(WdClaim),
								compare_claim);

	if (claim == NULL)
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("the key of an event was changed by a trigger"),
				errhint("Drop the trigger on webhook_dedup_events that changes dedup_key."));
	return claim;
}

static Datum
picked_keys(const WdClaims *claims)
{
	Datum	   *keys = palloc(sizeof(Datum) * claims->npicked);

	for (int i = 0; i < claims->npicked; i++)
		keys[i] = PointerGetDatum(claims->picked[i]->key);
	return wd_text_array(keys, NULL, claims->npicked);
}

static Datum
picked_ids(const WdClaims *claims)
{
	Datum	   *ids = palloc(sizeof(Datum) * claims->npicked);

	for (int i = 0; i < claims->npicked; i++)
		ids[i] = Int64GetDatum(claims->picked[i]->event->id);
	return wd_int8_array(ids, claims->npicked);
}

static Datum
picked_hashes(const WdClaims *claims)
{
	Datum	   *hashes = palloc(sizeof(Datum) * claims->npicked);
	bool	   *nulls = palloc(sizeof(bool) * claims->npicked);

	for (int i = 0; i < claims->npicked; i++)
	{
		hashes[i] = PointerGetDatum(claims->picked[i]->hash);
		nulls[i] = claims->picked[i]->hash == NULL;
	}
	return wd_text_array(hashes, nulls, claims->npicked);
}

static int
compare_claim(const void *key, const void *claim)
{
	return wd_compare_keys((text *) key, ((const WdClaim *) claim)->key);
}
