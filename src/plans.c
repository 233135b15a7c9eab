/*
 * plans.c
 *	  Runs the SQL statements of the extension, prepared once per backend.
 *
 * Plans are generic: they must not depend on the values of one call.  A plan
 * made while the ledger is small would read all of it, and would be kept
 * while the ledger grows; so planning happens with those methods off that
 * read more than the wanted rows.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

#include "plans.h"
#include "statements.h"

typedef struct KeptPlan
{
	SPIPlanPtr	plan;			/* NULL until first used */
	uint64		planned_at;		/* invalidations seen when it was planned */
} KeptPlan;

static KeptPlan plans[WD_PLAN_COUNT];

/* planner settings: what reads a whole table or index range */
static const char *const greedy_methods[] = {
	"enable_seqscan", "enable_hashjoin", "enable_mergejoin"
};

/* counts up with each change that can make the server plan anew */
static uint64 invalidations = 1;

static void count_invalidation(Datum arg, Oid relid);
static SPIPlanPtr prepare(const WdStatement *statement);
static int	execute(KeptPlan *plan, Datum *args, const char *nulls,
					bool read_only);
static uint64 run(WdPlan id, Datum *args, const char *nulls, bool read_only);

/* Called once, when the library is loaded. */
void
wd_plans_init(void)
{
	CacheRegisterRelcacheCallback(count_invalidation, (Datum) 0);
}

/*
 * Run a statement with a new snapshot, which sees all that is committed by
 * now and all that this transaction did.  nulls may be NULL, else has an 'n'
 * for each null argument.
 *
 * Returns the number of rows; those returned are in SPI_tuptable.  Must be
 * called between SPI_connect and SPI_finish.
 */
uint64
wd_plan_run(WdPlan id, Datum *args, const char *nulls)
{
	return run(id, args, nulls, false);
}

/*
 * Run a statement that only reads, with the snapshot of the calling query:
 * what a STABLE function must do.
 */
uint64
wd_plan_read(WdPlan id, Datum *args)
{
	return run(id, args, NULL, true);
}

/*
 * Run a statement that only reads, with the newest snapshot, whatever the
 * isolation level.
 */
uint64
wd_plan_read_latest(WdPlan id, Datum *args)
{
	uint64		nrows;

	PushActiveSnapshot(GetLatestSnapshot());
	nrows = run(id, args, NULL, true);
	PopActiveSnapshot();
	return nrows;
}

static uint64
run(WdPlan id, Datum *args, const char *nulls, bool read_only)
{
	const WdStatement *statement = wd_statement(id);
	KeptPlan   *plan = &plans[id];
	int			result;

	if (plan->plan == NULL)
		plan->plan = prepare(statement);

	result = execute(plan, args, nulls, read_only);
	if (result != statement->expected)
		elog(ERROR, "statement %d of webhook_dedup returned %s", (int) id,
			 SPI_result_code_string(result));
	return SPI_processed;
}

static SPIPlanPtr
prepare(const WdStatement *statement)
{
	Oid			argtypes[WD_MAX_STATEMENT_ARGS];
	SPIPlanPtr	plan;

	memcpy(argtypes, statement->argtypes, sizeof(argtypes));
	plan = SPI_prepare_cursor(statement->sql, statement->nargs, argtypes,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare a statement of webhook_dedup: %s",
			 SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep a statement of webhook_dedup");
	return plan;
}

/*
 * Execute, carefully if the server may have to plan.
 *
 * An invalidation that arrives during the execution may or may not have made
 * the server plan: then the next call is careful again.
 */
static int
execute(KeptPlan *plan, Datum *args, const char *nulls, bool read_only)
{
	uint64		before = invalidations;
	int			nest_level;
	int			result;

	if (plan->planned_at == before)
		return SPI_execute_plan(plan->plan, args, nulls, read_only, 0);

	nest_level = NewGUCNestLevel();
	for (int i = 0; i < lengthof(greedy_methods); i++)
		(void) set_config_option(greedy_methods[i], "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	result = SPI_execute_plan(plan->plan, args, nulls, read_only, 0);
	AtEOXact_GUC(true, nest_level);
	plan->planned_at = before;
	return result;
}

static void
count_invalidation(Datum arg, Oid relid)
{
	invalidations++;
}
