/*
 * plans.c
 *	  Runs the SQL statements of the extension, prepared once per backend.
 *
 * Plans are generic: they must not depend on the values of one call.  A plan
 * made while the ledger is small would read all of it, and would be kept
 * while the ledger grows; so planning happens with those methods off that
 * read more than the wanted rows.
 *
 * The text of a plan names its table, and the server may analyze it again
 * at any change of a catalog.  By then the name may lead elsewhere (home.c
 * tells who could want that); so what is not known to be as it was is looked
 * up and prepared anew here.  The table is locked first: from then on no
 * change is noticed in the middle of an execution.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "home.h"
#include "plans.h"
#include "statements.h"

typedef struct KeptPlan
{
	SPIPlanPtr	plan;			/* NULL until first used */
	uint64		checked_at;		/* changes seen when it was last checked */
	int			running;		/* executions under way: more than one if a
								 * trigger calls the extension */
} KeptPlan;

static KeptPlan plans[WD_PLAN_COUNT];

/* The tables that the plans are for */
typedef struct Table
{
	Oid			oid;
	char		name[WD_MAX_TABLE_NAME];
} Table;

static Table tables[WD_TABLE_COUNT];

/* Counts the changes of catalogs after which a plan has to be checked */
static uint64 changes = 1;

/* How to plan: none of the methods that read a whole table or index range */
static const struct
{
	const char *name;
	const char *value;
}			planning[] =
{
	{"enable_seqscan", "off"},
	{"enable_hashjoin", "off"},
	{"enable_mergejoin", "off"},
	{"plan_cache_mode", "force_generic_plan"},
};

static uint64 run(WdPlan id, Datum *args, const char *nulls, bool read_only);
static bool is_checked(const KeptPlan *kept);
static bool is_analyzed(SPIPlanPtr plan);
static bool is_planned(SPIPlanPtr plan);
static void check(KeptPlan *kept, const WdStatement *statement);
static void find_table(const WdStatement *statement);
static void forget_plans(int table);
static SPIPlanPtr prepare(const WdStatement *statement);
static bool is_for(SPIPlanPtr plan, Oid table);
static int	execute(SPIPlanPtr plan, Datum *args, const char *nulls,
					bool read_only, bool may_plan);
static void count_relation_change(Datum arg, Oid relid);
static void count_schema_change(Datum arg, int cacheid, uint32 hashvalue);

/* Called once, when the library is loaded. */
void
wd_plans_init(void)
{
	CacheRegisterRelcacheCallback(count_relation_change, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, count_schema_change,
								  (Datum) 0);
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

/*
 * Run a statement that only reads, as the server reads its own catalogs: it
 * sees all that is committed, in any transaction, be it a parallel worker's.
 * *table is set before the table is read: of changes that are not seen, the
 * backend will be told after that.
 */
uint64
wd_plan_read_settings(WdPlan id, Datum *args, Oid *table)
{
	const WdStatement *statement = wd_statement(id);
	uint64		nrows;

	find_table(statement);
	*table = tables[statement->table].oid;
	PushActiveSnapshot(GetNonHistoricCatalogSnapshot(InvalidOid));
	nrows = run(id, args, NULL, true);
	PopActiveSnapshot();
	return nrows;
}

static uint64
run(WdPlan id, Datum *args, const char *nulls, bool read_only)
{
	const WdStatement *statement = wd_statement(id);
	KeptPlan   *kept = &plans[id];
	Oid			table = tables[statement->table].oid;
	bool		may_plan;
	int			result;

	if (OidIsValid(table))
		LockRelationOid(table, statement->lockmode);
	may_plan = !is_checked(kept);
	if (may_plan)
		check(kept, statement);

	kept->running++;
	PG_TRY();
	{
		result = execute(kept->plan, args, nulls, read_only, may_plan);
	}
	PG_FINALLY();
	{
		kept->running--;
	}
	PG_END_TRY();

	if (result != statement->expected)
		elog(ERROR, "statement %d of webhook_dedup returned %s", (int) id,
			 SPI_result_code_string(result));
	return SPI_processed;
}

/* Is the plan what it was when it was last checked? */
static bool
is_checked(const KeptPlan *kept)
{
	return kept->plan != NULL && kept->checked_at == changes &&
		is_analyzed(kept->plan) && is_planned(kept->plan);
}

/*
 * Will the server not analyze the text again?  It does so too, without notice,
 * if the search_path leads elsewhere: as it does once the session has
 * temporary objects.
 */
static bool
is_analyzed(SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	return SPI_plan_is_valid(plan) &&
		SearchPathMatchesCurrentEnvironment(source->search_path);
}

/*
 * Will the server not plan again?  It does, without notice, if it planned
 * while an index could not be used by all snapshots.
 */
static bool
is_planned(SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	CachedPlan *generic = source->gplan;

	return generic != NULL && generic->is_valid &&
		!TransactionIdIsValid(generic->saved_xmin);
}

/* Make sure that the plan is there and is for its table, which is locked. */
static void
check(KeptPlan *kept, const WdStatement *statement)
{
	SPIPlanPtr	old_plan;

	for (;;)
	{
		SPIPlanPtr	plan = NULL;
		uint64		before;

		find_table(statement);
		before = changes;
		old_plan = kept->plan;
		if (kept->plan == NULL || !is_analyzed(kept->plan))
			plan = prepare(statement);
		if (before == changes && is_for(plan ? plan : kept->plan,
										tables[statement->table].oid))
		{
			kept->checked_at = before;
			if (plan == NULL)
				return;
			if (SPI_keepplan(plan) != 0)
				elog(ERROR, "could not keep a statement of webhook_dedup");
			kept->plan = plan;
			break;
		}
		if (plan != NULL)
			SPI_freeplan(plan);
	}

	/* one that is still being executed is left alone: that is rare enough */
	if (old_plan != NULL && kept->running == 0)
		SPI_freeplan(old_plan);
}

/* Find and lock a statement's table; plans for another one are forgotten. */
static void
find_table(const WdStatement *statement)
{
	Table	   *table = &tables[statement->table];
	char		name[WD_MAX_TABLE_NAME];
	Oid			found;
	uint64		before;

	do
	{
		CHECK_FOR_INTERRUPTS();
		before = changes;
		found = wd_home_find(statement->table, name);
		LockRelationOid(found, statement->lockmode);
		/* the wait for its lock may have ended with another one */
	} while (before != changes);
	if (found == table->oid && strcmp(name, table->name) == 0)
		return;

	forget_plans(statement->table);
	table->oid = found;
	strlcpy(table->name, name, sizeof(table->name));
}

static void
forget_plans(int table)
{
	for (int i = 0; i < WD_PLAN_COUNT; i++)
	{
		if (wd_statement(i)->table != table)
			continue;
		if (plans[i].plan != NULL && plans[i].running == 0)
			SPI_freeplan(plans[i].plan);
		plans[i].plan = NULL;
	}
}

static SPIPlanPtr
prepare(const WdStatement *statement)
{
	char	   *sql = wd_statement_text(statement,
									tables[statement->table].name);
	Oid			argtypes[WD_MAX_STATEMENT_ARGS];
	SPIPlanPtr	plan;

	memcpy(argtypes, statement->argtypes, sizeof(argtypes));
	plan = SPI_prepare_cursor(sql, statement->nargs, argtypes,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare a statement of webhook_dedup: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

/* Has the name in the plan's text led to that table? */
static bool
is_for(SPIPlanPtr plan, Oid table)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	return list_member_oid(source->relationOids, table);
}

static int
execute(SPIPlanPtr plan, Datum *args, const char *nulls, bool read_only,
		bool may_plan)
{
	int			nest_level;
	int			result;

	if (!may_plan)
		return SPI_execute_plan(plan, args, nulls, read_only, 0);

	nest_level = NewGUCNestLevel();
	for (int i = 0; i < lengthof(planning); i++)
		(void) set_config_option(planning[i].name, planning[i].value,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	result = SPI_execute_plan(plan, args, nulls, read_only, 0);
	AtEOXact_GUC(true, nest_level);
	return result;
}

static void
count_relation_change(Datum arg, Oid relid)
{
	changes++;
}

static void
count_schema_change(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
}
