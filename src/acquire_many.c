/*
 * acquire_many.c
 *	  Acquiring many events of one provider in one call.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "acquire_batch.h"
#include "acquisition.h"
#include "args.h"
#include "batch.h"
#include "claims.h"
#include "lease.h"
#include "provider.h"

PG_FUNCTION_INFO_V1(wd_acquire_many);

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
	text	   *provider = wd_arg_provider(fcinfo, 0);
	const WdProvider *rules = wd_provider_find(provider);
	int			busy_status = rules->busy_status;
	WdLease		lease = wd_arg_lease(fcinfo, 3, rules);
	WdClaims	claims = {provider, &lease, wd_provider_max_attempts(rules)};
	WdBatch		batch;
	WdAnswer   *answers;
	ReturnSetInfo *result;

	wd_batch_read_keys(fcinfo, 1, &batch);
	wd_batch_read_extra(fcinfo, 2, "request_hashes", TEXTOID, &batch);
	answers = wd_acquire_batch(&claims, &batch, busy_status);

	result = wd_result_set(fcinfo, WD_ACQUISITION_COLUMNS);
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
