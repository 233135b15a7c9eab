/*
 * acquire_batch.c
 *	  Acquiring the events of a batch.
 */
#include "postgres.h"

#include "acquire_batch.h"
#include "acquisition.h"
#include "args.h"
#include "batch.h"
#include "claims.h"
#include "compat.h"
#include "ledger.h"

static WdClaim **make_claims(const WdBatch *batch, WdClaims *claims);
static text *hash_of(const WdBatchItem *item);
static bool is_first(const WdBatch *batch, int i);

/*
 * Acquire the events of a batch, whose extras are request hashes.  The
 * provider, lease and limit are those of claims; the rest of it is made here.
 * Sorts the batch.
 *
 * Returns the answers in the order of the items' positions.  Raises 22023 for
 * hashes, and what wd_claims_settle does.
 */
WdAnswer *
wd_acquire_batch(WdClaims *claims, WdBatch *batch, int busy_status)
{
	WdAnswer   *answers = palloc0(sizeof(WdAnswer) * Max(batch->nitems, 1));
	WdClaim   **claim_of;

	wd_batch_sort(batch);
	claim_of = make_claims(batch, claims);
	wd_claims_settle(claims);

	for (int i = 0; i < batch->nitems; i++)
	{
		WdAnswer   *answer = &answers[batch->items[i].position];
		const WdClaim *claim = claim_of[i];

		answer->provider = claims->provider;
		answer->key = claim->key;
		answer->hash = hash_of(&batch->items[i]);
		answer->busy_status = busy_status;
		answer->outcome = claim->outcome;
		answer->event = claim->event;
		/* the second of two equal keys finds the first one at work */
		if (!is_first(batch, i) && wd_outcome_acquires(claim->outcome))
			answer->outcome = WD_OUTCOME_IN_PROGRESS;
	}
	return answers;
}

/*
 * Make one claim of all items with the same key, the first of which leads.
 * Returns the claim of each item, in the order of the batch.
 */
static WdClaim **
make_claims(const WdBatch *batch, WdClaims *claims)
{
	int			n = Max(batch->nitems, 1);
	WdClaim   **claim_of = palloc(sizeof(WdClaim *) * n);

	claims->all = palloc0(sizeof(WdClaim) * n);
	claims->picked = palloc(sizeof(WdClaim *) * n);
	for (int i = 0; i < batch->nitems; i++)
	{
		const WdBatchItem *item = &batch->items[i];
		text	   *hash = hash_of(item);

		if (hash != NULL)
			wd_check_hash(hash);
		if (is_first(batch, i))
		{
			WdClaim    *claim = &claims->all[claims->n++];

			claim->event = palloc0(sizeof(WdEvent));
			claim->key = item->key;
			claim->hash = hash;
		}
		claim_of[i] = &claims->all[claims->n - 1];
	}
	return claim_of;
}

static text *
hash_of(const WdBatchItem *item)
{
	return item->extra_is_null ? NULL : DatumGetTextPP(item->extra);
}

/* Is the item the first one with its key? */
static bool
is_first(const WdBatch *batch, int i)
{
	return i == 0 ||
		wd_compare_keys(batch->items[i].key, batch->items[i - 1].key) != 0;
}
