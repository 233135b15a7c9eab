/*
 * acquire_many.c
 *	  Acquiring many events of one provider in one call.
 *
 * Step by step for all of them, not event by event: look all keys up, insert
 * those that are new, lock and take over those whose attempt has ended.  The
 * rows of a step are locked in the order of their keys, and no row is inserted
 * once rows were taken over; so batches that overlap wait for each other but
 * never in a circle.  (If rows are deleted meanwhile, one can be inserted
 * again out of order; then the server may have to end a deadlock.)
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "acquire_many.h"
#include "args.h"
#include "compat.h"
#include "lease.h"
#include "plans.h"
#include "probe.h"
#include "provider.h"

PG_FUNCTION_INFO_V1(wd_acquire_many);

/* Behind the columns of an event: its key, or which given key it has */
#define COL_KEY 8
#define COL_ORDINALITY 8

/* Rows that one statement takes over */
#define MAX_TAKE_OVER 1000

static WdClaim **make_claims(const WdBatch *batch, WdClaims *claims);
static text *hash_of(const WdBatchItem *item);
static bool is_first(const WdBatch *batch, int i);
static void settle(WdClaims *claims);
static bool pick(WdClaims *claims, WdClaimState state);
static void find_picked(WdClaims *claims);
static void insert_missing(WdClaims *claims);
static void insert_picked(WdClaims *claims);
static void lock_picked(WdClaims *claims);
static void read_locked(TupleTableSlot *row, void *arg);
static void classify(const WdClaims *claims, WdClaim *claim,
					 WdClaimState acquirable);
static void settle_lost(WdClaims *claims);
static void take_over_held(WdClaims *claims);
static void renew_inserted(WdClaims *claims);
static void confirm_refused(const WdClaims *claims);
static void settle_all(WdClaims *claims, WdPlan plan, const Datum *args,
					   const char *nulls);
static void settle_row(TupleTableSlot *row, void *arg);
static WdClaim *find_claim(const WdClaims *claims, text *key);
static Datum picked_keys(const WdClaims *claims);
static Datum picked_ids(const WdClaims *claims);
static Datum picked_hashes(const WdClaims *claims);
static int	compare_claim(const void *key, const void *claim);

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
	text	   *name = wd_arg_provider(fcinfo, 0);
	const WdProvider *provider = wd_provider_find(name);
	int			busy_status = provider->busy_status;
	WdClaims	claims = {
		name, wd_arg_lease(fcinfo, 3, provider),
		wd_provider_max_attempts(provider)
	};
	WdBatch		batch;
	WdAnswer   *answers;
	ReturnSetInfo *result;

	wd_batch_read_keys(fcinfo, 1, &batch);
	wd_batch_read_extra(fcinfo, 2, "request_hashes", TEXTOID, &batch);
	answers = wd_acquire_batch(&claims, &batch, busy_status);

	result = wd_result_set(fcinfo, WD_ACQUISITION_COLUMNS);
	wd_acquisition_check(result->setDesc, 0);
	for (int i = 0; i < batch.nitems; i++)
	{
		Datum		values[WD_ACQUISITION_COLUMNS];
		bool		nulls[WD_ACQUISITION_COLUMNS];

		wd_acquisition_fill(&answers[i], result->setDesc, 0, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc,
							 values, nulls);
	}
	return (Datum) 0;
}

/*
 * Acquire the events of a batch, whose extras are request hashes.  The
 * provider, lease and limit are those of claims; the rest of it is made here.
 * Sorts the batch.
 *
 * Returns the answers in the order of the items' positions.  Raises 22023 for
 * hashes, and 40001 where acquiring one event would.
 */
WdAnswer *
wd_acquire_batch(WdClaims *claims, WdBatch *batch, int busy_status)
{
	WdAnswer   *answers = palloc0(sizeof(WdAnswer) * Max(batch->nitems, 1));
	WdClaim   **claim_of;

	wd_batch_sort(batch);
	claim_of = make_claims(batch, claims);
	settle(claims);

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

/*
 * Settle all claims: afterwards each has its outcome and its event as it is
 * now.  Raises 40001 where acquiring one event would.
 */
static void
settle(WdClaims *claims)
{
	TimestampTz start = GetCurrentTimestamp();

	if (pick(claims, WD_CLAIM_MISSING))
		find_picked(claims);
	insert_missing(claims);
	if (pick(claims, WD_CLAIM_OPEN))
		lock_picked(claims);
	if (pick(claims, WD_CLAIM_OPEN))
		settle_lost(claims);
	take_over_held(claims);
	if (wd_lease_must_restart(&claims->lease, start, claims->n))
		renew_inserted(claims);
	if (IsolationUsesXactSnapshot())
		confirm_refused(claims);
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
	WdLookup	lookup;

	wd_lookup_begin(&lookup, WD_VIEW_NEW);
	for (int i = 0; i < claims->npicked; i++)
	{
		WdClaim    *claim = claims->picked[i];

		CHECK_FOR_INTERRUPTS();
		if (wd_lookup_event(&lookup, claims->provider, claim->key,
							WD_ALL_OF_IT, claim->event))
			classify(claims, claim, WD_CLAIM_OPEN);
	}
	wd_lookup_end(&lookup);
}

/*
 * Give a claim whose event was read its outcome.  If the event can be
 * acquired, the claim is put into that state, else it is settled.
 */
static void
classify(const WdClaims *claims, WdClaim *claim, WdClaimState acquirable)
{
	claim->outcome = wd_event_outcome(claim->event, claims->max_attempts);
	claim->state = wd_outcome_acquires(claim->outcome) ?
		acquirable : WD_CLAIM_SETTLED;
}

/* Insert all missing claims, or find what another session inserted. */
static void
insert_missing(WdClaims *claims)
{
	for (int lost = 0; pick(claims, WD_CLAIM_MISSING); lost++)
	{
		CHECK_FOR_INTERRUPTS();
		if (lost == WD_MAX_LOST_RACES)
			wd_raise_lost_races();
		insert_picked(claims);
		if (!pick(claims, WD_CLAIM_MISSING))
			break;
		/* not found again: the index may not lead to all events */
		if (lost > 0)
			wd_probe_distrust();
		find_picked(claims);
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
		wd_lease_end(&claims->lease, now),
	};

	for (int i = 0; i < claims->npicked; i++)
		claims->picked[i]->outcome = WD_OUTCOME_FIRST;
	wd_plan_run(WD_PLAN_INSERT_MANY, args,
				claims->lease.ends ? NULL : "    n", settle_row, claims);
}

/*
 * Lock the rows of the picked claims, so that what is read of them stays
 * true; those that are done by now, or gone, stay as they are.
 */
static void
lock_picked(WdClaims *claims)
{
	Datum		args[] = {
		PointerGetDatum(claims->provider),
		picked_keys(claims),
	};

	wd_plan_run(WD_PLAN_LOCK_MANY, args, NULL, read_locked, claims);
}

static void
read_locked(TupleTableSlot *row, void *arg)
{
	WdClaims   *claims = arg;
	bool		isnull;
	Datum		number = slot_getattr(row, COL_ORDINALITY, &isnull);
	WdClaim    *claim = claims->picked[DatumGetInt64(number) - 1];

	wd_event_read(row, claim->event);
	classify(claims, claim, WD_CLAIM_HELD);
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
		args[1] = wd_lease_interval(&claims->lease);
		args[2] = picked_hashes(claims);
		settle_all(claims, WD_PLAN_TAKE_OVER_MANY, args,
				   claims->lease.ends ? NULL : " n ");
	}
}

/*
 * Let the leases of the claims that were inserted begin now; those taken over
 * were locked before.
 */
static void
renew_inserted(WdClaims *claims)
{
	Datum		args[2];

	claims->npicked = 0;
	for (int i = 0; i < claims->n; i++)
	{
		if (claims->all[i].outcome == WD_OUTCOME_FIRST)
			claims->picked[claims->npicked++] = &claims->all[i];
	}
	if (claims->npicked == 0)
		return;
	args[0] = picked_ids(claims);
	args[1] = wd_lease_interval(&claims->lease);
	settle_all(claims, WD_PLAN_RENEW_MANY, args, NULL);
}

/* As wd_event_confirm, for the claims that were refused. */
static void
confirm_refused(const WdClaims *claims)
{
	for (int i = 0; i < claims->n; i++)
	{
		const WdClaim *claim = &claims->all[i];

		if (!wd_outcome_acquires(claim->outcome))
			wd_event_confirm(claims->provider, claim->key, claim->event);
	}
}

/*
 * Run a statement that changes all of the picked claims' rows and settle the
 * claims.  Raises 40001 if it did not change one of them.
 */
static void
settle_all(WdClaims *claims, WdPlan plan, const Datum *args,
		   const char *nulls)
{
	if (wd_plan_run(plan, args, nulls, settle_row, claims) != claims->npicked)
		wd_raise_lost_races();
}

/* Settle the claim whose row a statement returns, with its key. */
static void
settle_row(TupleTableSlot *row, void *arg)
{
	bool		isnull;
	Datum		key = slot_getattr(row, COL_KEY, &isnull);
	WdClaim    *claim = find_claim(arg, isnull ? NULL : DatumGetTextPP(key));

	wd_event_read(row, claim->event);
	claim->state = WD_CLAIM_SETTLED;
}

/* The claim with that key; raises 39P01 if there is none. */
static WdClaim *
find_claim(const WdClaims *claims, text *key)
{
	WdClaim    *claim = key == NULL ? NULL :
		bsearch(key, claims->all, claims->n, sizeof(WdClaim), compare_claim);

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
