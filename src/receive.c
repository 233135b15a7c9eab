/*
 * receive.c
 *	  Receiving a delivered payload: its hash, its key, the event.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "acquire.h"
#include "acquire_many.h"
#include "acquisition.h"
#include "args.h"
#include "batch.h"
#include "compat.h"
#include "derive.h"
#include "items.h"
#include "jsonscan.h"
#include "lease.h"
#include "payload.h"
#include "privacy.h"
#include "provider.h"
#include "render.h"
#include "template.h"
#include "text.h"

PG_FUNCTION_INFO_V1(wd_receive);
PG_FUNCTION_INFO_V1(wd_receive_once);
PG_FUNCTION_INFO_V1(wd_receive_items);

/* Columns in front of those of wd_acquisition */
#define ITEM_COLUMNS 2

static int	read_delivery(FunctionCallInfo fcinfo, WdRequest *request);
static char **derive_batch(const WdTemplateSet *set,
						   const WdDelivery *delivery, WdBatch *batch);
static char **derive_items(const WdTemplateSet *set, const WdJsonList *lists,
						   const WdJsonValue *values,
						   const WdDelivery *delivery, WdBatch *batch);
static char **make_batch(WdBatch *batch, int n);
static void put_item(WdBatch *batch, int i, StringInfo key, const char *event,
					 int len);
static void put_answers(FunctionCallInfo fcinfo, const WdAnswer *answers,
						char **paths, int n);

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
	WdRequest	request = {
		.status = WD_PROCESSING, .detail = WD_ALL_OF_IT
	};
	int			busy_status;
	Datum		result;

	wd_hide_statement(&callback);
	busy_status = read_delivery(fcinfo, &request);
	request.lease = wd_arg_lease(fcinfo, 3,
								 wd_provider_find(request.provider));
	result = wd_acquire_and_answer(fcinfo, &request, busy_status);
	wd_show_statement(&callback);
	return result;
}

/*
 * wd_receive_once(provider text, payload bytea, headers jsonb)
 * returns wd_acquisition
 *
 * As wd_receive, but an acquired event is done when the caller's transaction
 * commits.  Waits for a transaction that does the same.
 */
Datum
wd_receive_once(PG_FUNCTION_ARGS)
{
	ErrorContextCallback callback;
	WdRequest	request = {.status = WD_DONE, .detail = WD_ALL_OF_IT};
	int			busy_status;
	Datum		result;

	wd_hide_statement(&callback);
	busy_status = read_delivery(fcinfo, &request);
	result = wd_acquire_and_answer(fcinfo, &request, busy_status);
	wd_show_statement(&callback);
	return result;
}

/*
 * wd_receive_items(provider text, payload bytea, headers jsonb,
 *					lease interval)
 * returns setof wd_item
 *
 * Hashes each event of the payload, derives its key and acquires them all:
 * one row for each event.  Raises what wd_derive_key and wd_acquire do; then
 * none was acquired.
 */
Datum
wd_receive_items(PG_FUNCTION_ARGS)
{
	ErrorContextCallback callback;
	const WdProvider *provider;
	WdClaims	claims = {0};
	WdDelivery	delivery;
	WdBatch		batch;
	char	  **paths;

	wd_hide_statement(&callback);
	claims.provider = wd_arg_provider(fcinfo, 0);
	provider = wd_provider_find(claims.provider);
	claims.lease = wd_arg_lease(fcinfo, 3, provider);
	claims.max_attempts = wd_provider_max_attempts(provider);

	wd_arg_delivery(fcinfo, 1, provider, &delivery);
	paths = derive_batch(wd_provider_templates(provider, claims.provider),
						 &delivery, &batch);
	put_answers(fcinfo,
				wd_acquire_batch(&claims, &batch, provider->busy_status),
				paths, batch.nitems);
	wd_show_statement(&callback);
	return (Datum) 0;
}

/*
 * Read the arguments 0 to 2, provider, payload and headers, and derive what is
 * asked for.  Returns the provider's status for a busy event.
 */
static int
read_delivery(FunctionCallInfo fcinfo, WdRequest *request)
{
	const WdProvider *provider;
	WdDelivery	delivery;

	request->provider = wd_arg_provider(fcinfo, 0);
	provider = wd_provider_find(request->provider);
	request->max_attempts = wd_provider_max_attempts(provider);
	wd_arg_delivery(fcinfo, 1, provider, &delivery);
	request->key = wd_derive_key(wd_provider_templates(provider,
													   request->provider),
								 &delivery);
	request->hash = wd_hash_payload(delivery.payload, delivery.len);
	return provider->busy_status;
}

/*
 * Make a batch of the events of a delivery; one that is an event as a whole
 * is the only one.  Returns where in the payload each of them is.
 */
static char **
derive_batch(const WdTemplateSet *set, const WdDelivery *delivery,
			 WdBatch *batch)
{
	WdJsonValue values[WD_JSON_MAX_PATHS];
	WdJsonList *lists = NULL;
	StringInfoData key;
	char	  **paths;

	if (set->has_elements)
		lists = palloc0(sizeof(WdJsonList) * set->npaths);
	initStringInfo(&key);
	if (!wd_try_derive_key(set, delivery, values, lists, &key))
	{
		if (lists == NULL)
			wd_check_rendered(WD_NO_MATCH, set, delivery, NULL);
		return derive_items(set, lists, values, delivery, batch);
	}

	paths = make_batch(batch, 1);
	paths[0] = pstrdup("");
	put_item(batch, 0, &key, delivery->payload, delivery->len);
	return paths;
}

static char **
derive_items(const WdTemplateSet *set, const WdJsonList *lists,
			 const WdJsonValue *values, const WdDelivery *delivery,
			 WdBatch *batch)
{
	WdItem	   *items;
	int			n = wd_items_find(set, lists, &items);
	char	  **paths = make_batch(batch, n);
	WdJsonValue own[WD_JSON_MAX_PATHS];
	int64		budget = WD_ITEMS_BUDGET(delivery->len);
	WdRenderSource source = {own, delivery->headers, &budget};
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "webhook_dedup event",
												  ALLOCSET_DEFAULT_SIZES);

	if (n == 0 && !wd_items_may_be_none(set, values))
		wd_check_rendered(WD_NO_MATCH, NULL, delivery, NULL);

	for (int i = 0; i < n; i++)
	{
		MemoryContext old_context;
		WdRenderResult result;
		StringInfoData key;

		CHECK_FOR_INTERRUPTS();
		paths[i] = wd_item_path(set, lists, &items[i]);
		wd_item_values(set, lists, &items[i], values, own);

		old_context = MemoryContextSwitchTo(scratch);
		initStringInfo(&key);
		result = wd_templates_render(set, items[i].array_path, &source, &key);
		MemoryContextSwitchTo(old_context);

		wd_check_rendered(result, set, delivery, wd_from_utf8(paths[i]));
		put_item(batch, i, &key, items[i].token, items[i].len);
		MemoryContextReset(scratch);
	}
	return paths;
}

/* A batch of n items.  Returns room for their paths. */
static char **
make_batch(WdBatch *batch, int n)
{
	batch->nitems = n;
	batch->items = palloc0(sizeof(WdBatchItem) * Max(n, 1));
	return palloc(sizeof(char *) * Max(n, 1));
}

static void
put_item(WdBatch *batch, int i, StringInfo key, const char *event, int len)
{
	WdBatchItem *item = &batch->items[i];

	item->position = i;
	item->key = cstring_to_text_with_len(key->data, key->len);
	item->extra = PointerGetDatum(wd_hash_payload(event, len));
}

/* Return one row for each event, in the order of the payload. */
static void
put_answers(FunctionCallInfo fcinfo, const WdAnswer *answers, char **paths,
			int n)
{
	ReturnSetInfo *result =
		wd_result_set(fcinfo, ITEM_COLUMNS + WD_ACQUISITION_COLUMNS);

	if (TupleDescAttr(result->setDesc, 0)->atttypid != INT4OID ||
		TupleDescAttr(result->setDesc, 1)->atttypid != TEXTOID)
		wd_acquisition_refuse();
	wd_acquisition_check(result->setDesc, ITEM_COLUMNS);
	for (int i = 0; i < n; i++)
	{
		Datum		values[ITEM_COLUMNS + WD_ACQUISITION_COLUMNS];
		bool		nulls[ITEM_COLUMNS + WD_ACQUISITION_COLUMNS] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(wd_from_utf8(paths[i]));
		wd_acquisition_fill(&answers[i], result->setDesc, ITEM_COLUMNS,
							values + ITEM_COLUMNS, nulls + ITEM_COLUMNS);
		tuplestore_putvalues(result->setResult, result->setDesc,
							 values, nulls);
	}
}
