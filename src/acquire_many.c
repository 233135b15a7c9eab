/*
 * acquire_many.c
 *	  Acquiring many events of one provider in one call.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "acquisition.h"
#include "args.h"
#include "batch.h"
#include "claims.h"
#include "compat.h"
#include "ledger.h"

PG_FUNCTION_INFO_V1(wd_acquire_many);

static void make_claims(const WdBatch *batch, WdClaims *claims,
						WdClaim **by_position, bool *is_first);
static void put_answers(FunctionCallInfo fcinfo, const WdBatch *batch,
						const WdClaims *claims, WdClaim **by_position,
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
	WdClaims		claims = {wd_arg_provider(fcinfo, 0), &lease};
	WdBatch		batch;
	WdClaim   **by_position;
	bool	   *is_first;

	wd_batch_read_keys(fcinfo, 1, &batch);
	wd_batch_read_extra(fcinfo, 2, "request_hashes", TEXTOID, &batch);
	wd_batch_sort(&batch);

	by_position = palloc(sizeof(WdClaim *) * Max(batch.nitems, 1));
	is_first = palloc(sizeof(bool) * Max(batch.nitems, 1));
	make_claims(&batch, &claims, by_position, is_first);
	wd_claims_settle(&claims);
	put_answers(fcinfo, &batch, &claims, by_position, is_first);
	return (Datum) 0;
}

/* Make one claim of all items with the same key; the first one leads. */
static void
make_claims(const WdBatch *batch, WdClaims *claims, WdClaim **by_position,
			bool *is_first)
{
	claims->all = palloc0(sizeof(WdClaim) * Max(batch->nitems, 1));
	claims->picked = palloc(sizeof(WdClaim *) * Max(batch->nitems, 1));

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
			WdClaim    *claim = &claims->all[claims->n++];

			claim->event = palloc0(sizeof(WdEvent));
			claim->key = item->key;
			claim->hash = hash;
		}
		by_position[item->position] = &claims->all[claims->n - 1];
	}
}

/* Return one row for each item, in the caller's order. */
static void
put_answers(FunctionCallInfo fcinfo, const WdBatch *batch,
			const WdClaims *claims, WdClaim **by_position,
			const bool *is_first)
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
		const WdClaim *claim = by_position[i];
		WdAnswer	answer = {
			claims->provider, claim->key, hashes[i], claim->outcome,
			claim->event
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
