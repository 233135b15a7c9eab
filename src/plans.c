/*
 * plans.c
 *	  Runs the SQL statements of the extension, prepared once per backend.
 *
 * The text of a statement names its table, and the server may analyze it
 * again whenever it has to believe that something changed: a catalog, the
 * role, row_security, the search_path.  By then the name may lead to another
 * table (table.c tells who could want that).  So the plan that is about to be
 * executed is compared with the table at every call, and it is executed here
 * and not by SPI, which would fetch it once more.
 *
 * Plans are generic, as they are fetched without the values of a call.  A plan
 * made while the ledger is small would read all of it, and would be cached
 * while the ledger grows; so planning happens with those methods off that
 * read more than the wanted rows.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "owner.h"
#include "plans.h"

/* How often a statement is prepared anew before its call gives up */
#define MAX_TRIES 100

/* A statement that was prepared, and the name that its table's schema had */
typedef struct Prepared
{
	SPIPlanPtr	plan;			/* NULL until first used */
	NameData	schema;
} Prepared;

static Prepared prepared[WD_PLAN_COUNT];

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
	/* methods that are off count as so dear that JIT would seem to pay */
	{"jit", "off"},
};

/* Passes the rows of a statement on. */
typedef struct Receiver
{
	DestReceiver base;
	WdRowFunction function;
	void	   *arg;
	MemoryContext context;
} Receiver;

static uint64 run(WdPlan id, const Datum *args, const char *nulls,
				  Snapshot snapshot, WdRowFunction function, void *arg);
static CachedPlan *fetch_plan(WdPlan id, Relation table, char **text);
static CachedPlanSource *source_of(SPIPlanPtr plan);
static void prepare(Prepared *entry, const WdStatement *statement,
					const char *schema, const char *table);
static void forget(Prepared *entry);
static CachedPlan *plan_entry(Prepared *entry);
static CachedPlan *plan_source(CachedPlanSource *source);
static bool is_planned(CachedPlanSource *source);
static bool is_for(const CachedPlan *plan, Relation table);
static bool is_child(Oid relid, Relation table);
static ParamListInfo make_params(const WdStatement *statement,
								 const Datum *args, const char *nulls);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static void start_rows(DestReceiver *self, int operation, TupleDesc desc);
static void end_rows(DestReceiver *self);

/*
 * Run a statement as the owner of its table, with a snapshot that shows what
 * this transaction did and, in READ COMMITTED, all that is committed by now.
 * nulls may be NULL, else it has an 'n' for each null argument.  function is
 * called for each row returned.
 *
 * Returns the number of rows that were returned or changed.  Raises what
 * wd_table_open and wd_owner_check do.
 */
uint64
wd_plan_run(WdPlan id, const Datum *args, const char *nulls,
			WdRowFunction function, void *arg)
{
	return run(id, args, nulls, InvalidSnapshot, function, arg);
}

/* As wd_plan_run, for a statement that reads with the given snapshot. */
uint64
wd_plan_read(WdPlan id, const Datum *args, Snapshot snapshot,
			 WdRowFunction function, void *arg)
{
	return run(id, args, NULL, snapshot, function, arg);
}

static uint64
run(WdPlan id, const Datum *args, const char *nulls, Snapshot snapshot,
	WdRowFunction function, void *arg)
{
	const WdStatement *statement = wd_statement(id);
	Relation	table = wd_table_open(statement->table, statement->lockmode);
	Receiver	receiver = {
		{receive_row, start_rows, end_rows, end_rows, DestNone},
		function, arg, CurrentMemoryContext
	};
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "webhook_dedup statement",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(scratch);
	WdIdentity	former;
	CachedPlan *plan;
	char	   *text;
	QueryDesc  *query;
	uint64		nrows;

	wd_owner_check(table, statement->lockmode >= RowExclusiveLock,
				   statement->deletes);
	wd_owner_become(table, &former);
	plan = fetch_plan(id, table, &text);

	/* not before, as that may wait for locks */
	if (snapshot == InvalidSnapshot)
	{
		CommandCounterIncrement();
		snapshot = GetTransactionSnapshot();
	}
	PushActiveSnapshot(snapshot);
	query = CreateQueryDesc(linitial_node(PlannedStmt, plan->stmt_list), text,
							GetActiveSnapshot(), InvalidSnapshot,
							&receiver.base,
							make_params(statement, args, nulls), NULL, 0);
	ExecutorStart(query, 0);
	WdExecutorRun(query);
	nrows = query->estate->es_processed;
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);

	PopActiveSnapshot();
	ReleaseCachedPlan(plan, CurrentResourceOwner);
	wd_owner_leave(&former);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(scratch);
	/* as any statement does, keep the lock until the transaction ends */
	table_close(table, NoLock);
	return nrows;
}

/*
 * A plan of the statement that is for that table, to be released by the
 * caller, and a copy of its text.  Raises 0A000 for a table with rules, which
 * put other statements in the place of ours, and 40001 if the table's name
 * leads elsewhere again and again.
 */
static CachedPlan *
fetch_plan(WdPlan id, Relation table, char **text)
{
	Prepared   *entry = &prepared[id];

	if (table->rd_rules != NULL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("rules of table \"%s\" are not supported",
					   RelationGetRelationName(table)),
				errhint("Use a trigger instead of a rule."));

	for (int tries = 0; tries < MAX_TRIES; tries++)
	{
		char	   *schema = get_namespace_name(RelationGetNamespace(table));
		CachedPlan *plan;

		CHECK_FOR_INTERRUPTS();
		if (schema == NULL)
			elog(ERROR, "cache lookup failed for namespace %u",
				 RelationGetNamespace(table));
		if (entry->plan != NULL && strcmp(NameStr(entry->schema), schema) != 0)
			forget(entry);
		if (entry->plan == NULL)
			prepare(entry, wd_statement(id), schema,
					RelationGetRelationName(table));

		plan = plan_entry(entry);
		if (plan != NULL && is_for(plan, table))
		{
			/* a trigger that calls the extension may replace the plan */
			*text = pstrdup(source_of(entry->plan)->query_string);
			return plan;
		}

		/* planned by other methods, or the name led to another table */
		if (plan != NULL)
			ReleaseCachedPlan(plan, CurrentResourceOwner);
		forget(entry);
	}

	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not plan a statement for table \"%s\" due to concurrent changes",
				   RelationGetRelationName(table)));
}

/*
 * As plan_source, for a prepared statement.  Planning can run a function that
 * calls the extension; so the statement is out of its reach meanwhile.
 */
static CachedPlan *
plan_entry(Prepared *entry)
{
	Prepared	mine = *entry;
	CachedPlan *plan;

	entry->plan = NULL;
	PG_TRY();
	{
		plan = plan_source(source_of(mine.plan));
	}
	PG_CATCH();
	{
		SPI_freeplan(mine.plan);
		PG_RE_THROW();
	}
	PG_END_TRY();

	if (entry->plan != NULL)
		forget(entry);
	*entry = mine;
	return plan;
}

static CachedPlanSource *
source_of(SPIPlanPtr plan)
{
	return linitial(SPI_plan_get_plan_sources(plan));
}

/* Prepare a statement with the name of the table. */
static void
prepare(Prepared *entry, const WdStatement *statement, const char *schema,
		const char *table)
{
	const char *name = quote_qualified_identifier(schema, table);
	Oid			argtypes[WD_MAX_STATEMENT_ARGS];
	SPIPlanPtr	plan;

	SPI_connect();
	memcpy(argtypes, statement->argtypes, sizeof(argtypes));
	plan = SPI_prepare(wd_statement_text(statement, name), statement->nargs,
					   argtypes);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare a statement of webhook_dedup: %s",
			 SPI_result_code_string(SPI_result));
	SPI_finish();
	if (entry->plan != NULL)
		forget(entry);
	namestrcpy(&entry->schema, schema);
	entry->plan = plan;
}

static void
forget(Prepared *entry)
{
	SPIPlanPtr	plan = entry->plan;

	entry->plan = NULL;
	SPI_freeplan(plan);
}

/*
 * The plan of a statement, made by the methods of planning[]; NULL if the
 * server made it anew without them.  It does so after a change at that
 * very moment, or once the session has temporary objects.
 */
static CachedPlan *
plan_source(CachedPlanSource *source)
{
	int			generation = source->generation;
	CachedPlan *plan;
	int			nest_level;

	if (is_planned(source))
	{
		plan = GetCachedPlan(source, NULL, CurrentResourceOwner, NULL);
		if (source->generation == generation)
			return plan;
		ReleaseCachedPlan(plan, CurrentResourceOwner);
		return NULL;
	}

	nest_level = NewGUCNestLevel();
	for (int i = 0; i < lengthof(planning); i++)
		(void) set_config_option(planning[i].name, planning[i].value,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	plan = GetCachedPlan(source, NULL, CurrentResourceOwner, NULL);
	AtEOXact_GUC(false, nest_level);
	return plan;
}

/*
 * Is there a plan that the server is likely to use as it is?  It plans again
 * if it planned while an index could not be used by all snapshots.
 */
static bool
is_planned(CachedPlanSource *source)
{
	return source->is_valid && source->gplan != NULL &&
		source->gplan->is_valid &&
		!TransactionIdIsValid(source->gplan->saved_xmin);
}

/*
 * Is that table the only one that the plan reads or writes, but for those that
 * inherit from it?
 */
static bool
is_for(const CachedPlan *plan, Relation table)
{
	PlannedStmt *statement;
	ListCell   *cell;

	/* the name can lead to a view with rules */
	if (list_length(plan->stmt_list) != 1)
		return false;
	statement = linitial_node(PlannedStmt, plan->stmt_list);
	if (statement->commandType == CMD_UTILITY)
		return false;
	foreach(cell, statement->rtable)
	{
		Oid			relid = lfirst_node(RangeTblEntry, cell)->relid;

		if (OidIsValid(relid) && relid != RelationGetRelid(table) &&
			!is_child(relid, table))
			return false;
	}
	return list_member_oid(statement->relationOids,
						   RelationGetRelid(table));
}

/* Does the relation inherit from that table, as its partitions do? */
static bool
is_child(Oid relid, Relation table)
{
	return table->rd_rel->relhassubclass &&
		list_member_oid(find_all_inheritors(RelationGetRelid(table), NoLock,
											NULL), relid);
}

static ParamListInfo
make_params(const WdStatement *statement, const Datum *args,
			const char *nulls)
{
	ParamListInfo params = makeParamList(statement->nargs);

	for (int i = 0; i < statement->nargs; i++)
	{
		params->params[i].value = args[i];
		params->params[i].isnull = nulls != NULL && nulls[i] == 'n';
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = statement->argtypes[i];
	}
	return params;
}

/* Pass a row on. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Receiver   *receiver = (Receiver *) self;
	MemoryContext old_context = MemoryContextSwitchTo(receiver->context);

	if (receiver->function != NULL)
		receiver->function(slot, receiver->arg);
	MemoryContextSwitchTo(old_context);
	return true;
}

static void
start_rows(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
end_rows(DestReceiver *self)
{
}
