/*
 * claims.c
 *	  Acquiring many events of one provider, step by step.
 *
 * One statement for each step, not one for each event: look all keys up,
 * insert those that are new, take over those whose attempt has ended.  The
 * rows of a step are locked in the order of their keys, and no row is
 * inserted once rows were taken over; so batches that overlap wait for each
 * other but never in a circle.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "batch.h"
#include "claims.h"
#include "compat.h"
#include "ledger.h"
#include "plans.h"

/* Where the column behind those of an event stands in a result */
#define COL_KEY 7
#define COL_ORDINALITY 7

static bool pick(WdClaims *claims, WdClaimState state);
static void find_picked(WdClaims *claims);
static void insert_picked(WdClaims *claims);
static void renew_picked(WdClaims *claims);
static void take_over_picked(WdClaims *claims);
static void settle_lost(WdClaims *claims);
static void settle_returned(WdClaims *claims, uint64 nrows);
static Datum picked_keys(const WdClaims *claims);
static Datum picked_hashes(const WdClaims *claims);
static int	compare_claim(const void *key, const void *claim);

/*
 * Settle all claims: afterwards each has its outcome and its event as it is
 * now.  Raises 40001 where acquiring one event would.
 */
void
wd_claims_settle(WdClaims *claims)
{
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
		take_over_picked(claims);
	if (pick(claims, WD_CLAIM_OPEN))
	{
		find_picked(claims);
		settle_lost(claims);
	}
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
	Datum		args[] = {
		PointerGetDatum(claims->provider),
		picked_keys(claims),
	};
	uint64		nrows = wd_plan_run(WD_PLAN_FIND_MANY, args, NULL);

	for (uint64 row = 0; row < nrows; row++)
	{
		bool		isnull;
		int64		ord = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row],
													  SPI_tuptable->tupdesc,
													  COL_ORDINALITY,
													  &isnull));
		WdClaim    *claim = claims->picked[ord - 1];

		wd_event_read(row, claim->event);
		claim->outcome = wd_event_outcome(claim->event);
		claim->state = wd_outcome_acquires(claim->outcome) ?
			WD_CLAIM_OPEN : WD_CLAIM_SETTLED;
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

	settle_returned(claims, wd_plan_run(WD_PLAN_INSERT_MANY, args, nulls));
	if (wd_lease_is_worn(claims->lease, now))
		renew_picked(claims);
}

/* Let the leases of the claims just inserted begin now. */
static void
renew_picked(WdClaims *claims)
{
	Datum		args[] = {
		PointerGetDatum(claims->provider),
		(Datum) 0,
		wd_lease_interval(claims->lease),
	};
	int			inserted = 0;

	for (int i = 0; i < claims->npicked; i++)
	{
		if (claims->picked[i]->state == WD_CLAIM_SETTLED)
			claims->picked[inserted++] = claims->picked[i];
	}
	claims->npicked = inserted;
	args[1] = picked_keys(claims);
	settle_returned(claims, wd_plan_run(WD_PLAN_RENEW_MANY, args, NULL));
}

/* Take the picked claims over; those that were changed meanwhile stay. */
static void
take_over_picked(WdClaims *claims)
{
	Datum	   *attempts = palloc(sizeof(Datum) * claims->npicked);
	Datum	   *statuses = palloc(sizeof(Datum) * claims->npicked);
	bool	   *not_null = palloc0(sizeof(bool) * claims->npicked);
	Datum		args[7];
	char		nulls[] = "       ";

	for (int i = 0; i < claims->npicked; i++)
	{
		const WdEvent *event = claims->picked[i]->event;

		attempts[i] = Int32GetDatum(event->attempt);
		statuses[i] = CStringGetTextDatum(wd_status_name(event->status));
	}

	args[0] = PointerGetDatum(claims->provider);
	args[1] = picked_keys(claims);
	args[2] = wd_int4_array(attempts, not_null, claims->npicked);
	args[3] = wd_text_array(statuses, not_null, claims->npicked);
	args[4] = wd_lease_interval(claims->lease);
	args[5] = picked_hashes(claims);
	args[6] = CStringGetTextDatum(wd_status_name(WD_PROCESSING));
	if (!claims->lease->ends)
		nulls[4] = 'n';
	settle_returned(claims, wd_plan_run(WD_PLAN_TAKE_OVER_MANY, args, nulls));
}

/*
 * Whoever won these events may have failed, or lost them, since.  To take
 * them now would be out of order, so they are busy until they come again.
 */
static void
settle_lost(WdClaims *claims)
{
	for (int i = 0; i < claims->npicked; i++)
	{
		if (claims->picked[i]->state != WD_CLAIM_SETTLED)
			claims->picked[i]->outcome = WD_OUTCOME_IN_PROGRESS;
	}
}

/* Settle the claims whose rows the last statement returned, with a key. */
static void
settle_returned(WdClaims *claims, uint64 nrows)
{
	for (uint64 row = 0; row < nrows; row++)
	{
		bool		isnull;
		Datum		key = SPI_getbinval(SPI_tuptable->vals[row],
										SPI_tuptable->tupdesc, COL_KEY,
										&isnull);
		WdClaim    *claim = bsearch(DatumGetTextPP(key), claims->all,
									claims->n, sizeof(WdClaim), compare_claim);

		wd_event_read(row, claim->event);
		claim->state = WD_CLAIM_SETTLED;
	}
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
