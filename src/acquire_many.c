/*
 * acquire_many.c
 *	  Acquiring many events of one provider in one call.
 *
 * One statement for each step, not one for each event: look all keys up,
 * insert those that are new, take over those whose attempt has ended.  The
 * rows of a step are locked in the order of their keys, and no row is
 * inserted once rows were taken over; so batches that overlap wait for each
 * other but never in a circle.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "acquisition.h"
#include "args.h"
#include "batch.h"
#include "compat.h"
#include "ledger.h"
#include "plans.h"

PG_FUNCTION_INFO_V1(wd_acquire_many);

/* Where the column behind those of an event stands in a result */
#define COL_KEY 7
#define COL_ORDINALITY 7

typedef enum ClaimState
{
	CLAIM_MISSING,				/* not in the ledger */
	CLAIM_OPEN,					/* in the ledger, to be taken over */
	CLAIM_SETTLED				/* the outcome stands */
} ClaimState;

/* A key of the call, once however often it was given. */
typedef struct Claim
{
	text	   *key;
	text	   *hash;			/* NULL if there is none */
	ClaimState	state;
	WdOutcome	outcome;
	WdEvent		event;
} Claim;

/* The claims of a call, sorted by key. */
typedef struct Claims
{
	text	   *provider;
	const WdLease *lease;
	int			n;
	Claim	   *all;
	Claim	  **picked;			/* room for n: those that a step is about */
	int			npicked;
} Claims;

static void make_claims(const WdBatch *batch, Claims *claims,
						Claim **by_position, bool *is_first);
static void acquire_claims(Claims *claims);
static bool pick(Claims *claims, ClaimState state);
static void find_picked(Claims *claims);
static void insert_picked(Claims *claims);
static void renew_picked(Claims *claims);
static void take_over_picked(Claims *claims);
static void settle_lost(Claims *claims);
static void settle_returned(Claims *claims, uint64 nrows);
static Datum picked_keys(const Claims *claims);
static Datum picked_hashes(const Claims *claims);
static int	compare_claim(const void *key, const void *claim);
static void put_answers(FunctionCallInfo fcinfo, const WdBatch *batch,
						const Claims *claims, Claim **by_position,
						const bool *is_first);

/*
 * wd_acquire_many(provider text, dedup_keys text[], request_hashes text[],
 *				   lease interval) returns setof wd_acquisition
 *
 * One row for each key, in the order of the keys.  Raises what wd_acquire
 * does; then no event of the call was acquired.
 */
Datum
wd_acquire_many(PG_FUNCTION_ARGS)
{
	WdLease		lease = wd_arg_lease(fcinfo, 3);
	Claims		claims = {wd_arg_provider(fcinfo, 0), &lease};
	WdBatch		batch;
	Claim	  **by_position;
	bool	   *is_first;

	wd_batch_read_keys(fcinfo, 1, &batch);
	wd_batch_read_extra(fcinfo, 2, "request_hashes", TEXTOID, &batch);
	wd_batch_sort(&batch);

	by_position = palloc(sizeof(Claim *) * Max(batch.nitems, 1));
	is_first = palloc(sizeof(bool) * Max(batch.nitems, 1));
	make_claims(&batch, &claims, by_position, is_first);
	acquire_claims(&claims);
	put_answers(fcinfo, &batch, &claims, by_position, is_first);
	return (Datum) 0;
}

/* Make one claim of all items with the same key; the first one leads. */
static void
make_claims(const WdBatch *batch, Claims *claims, Claim **by_position,
			bool *is_first)
{
	claims->all = palloc0(sizeof(Claim) * Max(batch->nitems, 1));
	claims->picked = palloc(sizeof(Claim *) * Max(batch->nitems, 1));

	for (int i = 0; i < batch->nitems; i++)
	{
		const WdBatchItem *item = &batch->items[i];
		text	   *hash = NULL;

		if (!item->extra_is_null)
		{
			hash = DatumGetTextPP(item->extra);
			wd_check_hash(hash);
		}

		is_first[item->position] = i == 0 ||
			wd_compare_keys(item->key, batch->items[i - 1].key) != 0;
		if (is_first[item->position])
		{
			claims->all[claims->n].key = item->key;
			claims->all[claims->n++].hash = hash;
		}
		by_position[item->position] = &claims->all[claims->n - 1];
	}
}

/* Settle all claims. */
static void
acquire_claims(Claims *claims)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");

	if (pick(claims, CLAIM_MISSING))
		find_picked(claims);

	for (int lost = 0; pick(claims, CLAIM_MISSING); lost++)
	{
		CHECK_FOR_INTERRUPTS();
		if (lost == WD_MAX_LOST_RACES)
			wd_raise_lost_races();
		insert_picked(claims);
		/* what another session inserted meanwhile is found now */
		if (pick(claims, CLAIM_MISSING))
			find_picked(claims);
	}

	if (pick(claims, CLAIM_OPEN))
		take_over_picked(claims);
	if (pick(claims, CLAIM_OPEN))
	{
		find_picked(claims);
		settle_lost(claims);
	}
	SPI_finish();
}

/* Pick all claims in that state; false if there are none. */
static bool
pick(Claims *claims, ClaimState state)
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
find_picked(Claims *claims)
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
		Claim	   *claim = claims->picked[ord - 1];

		wd_event_read(row, &claim->event);
		claim->outcome = wd_event_outcome(&claim->event);
		claim->state = wd_outcome_acquires(claim->outcome) ?
			CLAIM_OPEN : CLAIM_SETTLED;
	}
}

/* Insert the picked claims; those that another session has stay missing. */
static void
insert_picked(Claims *claims)
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
renew_picked(Claims *claims)
{
	Datum		args[] = {
		PointerGetDatum(claims->provider),
		(Datum) 0,
		wd_lease_interval(claims->lease),
	};
	int			inserted = 0;

	for (int i = 0; i < claims->npicked; i++)
	{
		if (claims->picked[i]->state == CLAIM_SETTLED)
			claims->picked[inserted++] = claims->picked[i];
	}
	claims->npicked = inserted;
	args[1] = picked_keys(claims);
	settle_returned(claims, wd_plan_run(WD_PLAN_RENEW_MANY, args, NULL));
}

/* Take the picked claims over; those that were changed meanwhile stay. */
static void
take_over_picked(Claims *claims)
{
	Datum	   *attempts = palloc(sizeof(Datum) * claims->npicked);
	Datum	   *statuses = palloc(sizeof(Datum) * claims->npicked);
	bool	   *not_null = palloc0(sizeof(bool) * claims->npicked);
	Datum		args[7];
	char		nulls[] = "       ";

	for (int i = 0; i < claims->npicked; i++)
	{
		const WdEvent *event = &claims->picked[i]->event;

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
settle_lost(Claims *claims)
{
	for (int i = 0; i < claims->npicked; i++)
	{
		if (claims->picked[i]->state != CLAIM_SETTLED)
			claims->picked[i]->outcome = WD_OUTCOME_IN_PROGRESS;
	}
}

/* Settle the claims whose rows the last statement returned, with a key. */
static void
settle_returned(Claims *claims, uint64 nrows)
{
	for (uint64 row = 0; row < nrows; row++)
	{
		bool		isnull;
		Datum		key = SPI_getbinval(SPI_tuptable->vals[row],
										SPI_tuptable->tupdesc, COL_KEY,
										&isnull);
		Claim	   *claim = bsearch(DatumGetTextPP(key), claims->all,
									claims->n, sizeof(Claim), compare_claim);

		wd_event_read(row, &claim->event);
		claim->state = CLAIM_SETTLED;
	}
}

static Datum
picked_keys(const Claims *claims)
{
	Datum	   *keys = palloc(sizeof(Datum) * claims->npicked);

	for (int i = 0; i < claims->npicked; i++)
		keys[i] = PointerGetDatum(claims->picked[i]->key);
	return wd_text_array(keys, NULL, claims->npicked);
}

static Datum
picked_hashes(const Claims *claims)
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
	return wd_compare_keys((text *) key, ((const Claim *) claim)->key);
}

/* Return one row for each item, in the caller's order. */
static void
put_answers(FunctionCallInfo fcinfo, const WdBatch *batch,
			const Claims *claims, Claim **by_position, const bool *is_first)
{
	ReturnSetInfo *result = wd_acquisition_set(fcinfo);
	text	  **hashes = palloc0(sizeof(text *) * Max(batch->nitems, 1));

	for (int i = 0; i < batch->nitems; i++)
	{
		const WdBatchItem *item = &batch->items[i];

		if (!item->extra_is_null)
			hashes[item->position] = DatumGetTextPP(item->extra);
	}

	for (int i = 0; i < batch->nitems; i++)
	{
		const Claim *claim = by_position[i];
		WdAnswer	answer = {
			claims->provider, claim->key, hashes[i], claim->outcome,
			&claim->event
		};
		Datum		values[WD_ACQUISITION_COLUMNS];
		bool		nulls[WD_ACQUISITION_COLUMNS];

		/* the second of two equal keys finds the first one at work */
		if (!is_first[i] && wd_outcome_acquires(claim->outcome))
			answer.outcome = WD_OUTCOME_IN_PROGRESS;
		wd_acquisition_fill(&answer, result->setDesc, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc,
							 values, nulls);
	}
}
