/*
 * resultset.c
 *	  The result of a function that returns a set.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/tuplestore.h"

#include "resultset.h"

/*
 * Begin the result of a function that returns a set of rows with ncolumns
 * columns.  The caller puts the rows into its setResult.  Raises 0A000 where a
 * set is not accepted.
 */
ReturnSetInfo *
wd_result_set(FunctionCallInfo fcinfo, int ncolumns)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old_context;
	TupleDesc	desc;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("set-valued function called in context that cannot accept a set"));

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != ncolumns)
		elog(ERROR, "function must return rows of %d columns", ncolumns);

	/* copy only the descriptor into per-query memory */
	old_context =
		MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setDesc = CreateTupleDescCopy(desc);
	result->setResult =
		tuplestore_begin_heap((result->allowedModes &
							   SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(old_context);
	return result;
}
