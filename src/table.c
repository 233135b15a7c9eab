/*
 * table.c
 *	  The tables of the extension: found, opened and checked.
 *
 * A table is found as a member of the extension, never by its qualified name:
 * whoever owns the schema could rename it and put another table, with triggers
 * of his own, where the name used to lead.
 *
 * The columns of a table are checked against this version of the library, for
 * the owner of a table can alter it, and a value that is read as what it is
 * not crashes the server or shows its memory.  The result is cached until the
 * server tells of a change of the table.  Most changes need a lock that
 * conflicts with every other one, so that what was checked stays true for as
 * long as the caller holds its own.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "probe.h"
#include "table.h"

#define EXTENSION_NAME "webhook_dedup"

/* A column as this version of the library reads and writes it */
typedef struct Column
{
	const char *name;
	Oid			type;			/* or a domain over it */
	bool		not_null;
	Oid			collation;		/* InvalidOid: any */
} Column;

static const Column event_columns[] = {
	[WD_EVENT_STATUS] = {"status", TEXTOID, true},
	[WD_EVENT_ATTEMPT] = {"attempt", INT4OID, true},
	[WD_EVENT_LEASE_EXPIRES_AT] = {"lease_expires_at", TIMESTAMPTZOID},
	[WD_EVENT_ID] = {"id", INT8OID, true},
	[WD_EVENT_FIRST_SEEN_AT] = {"first_seen_at", TIMESTAMPTZOID, true},
	[WD_EVENT_REQUEST_HASH] = {"request_hash", TEXTOID},
	[WD_EVENT_RESPONSE] = {"response", JSONBOID},
	[WD_EVENT_PROVIDER] = {"provider", TEXTOID, true, C_COLLATION_OID},
	[WD_EVENT_DEDUP_KEY] = {"dedup_key", TEXTOID, true, C_COLLATION_OID},
	{"last_seen_at", TIMESTAMPTZOID},
	{"last_error", TEXTOID},
};

static const Column provider_columns[] = {
	{"provider", TEXTOID, true, C_COLLATION_OID},
	{"built_in", BOOLOID, true},
	{"key_templates", TEXTARRAYOID},
	{"busy_status", INT4OID},
	{"lease", INTERVALOID},
	{"lease_floor", INTERVALOID},
	{"retention", INTERVALOID},
	{"retry_window", INTERVALOID},
	{"max_attempts", INT4OID},
	{"payload_format", TEXTOID},
	{"hint", TEXTOID},
	{"comment", TEXTOID},
};

typedef enum CheckState
{
	UNCHECKED,					/* or the server told of a change since */
	CHECKING,
	CHECKED
} CheckState;

/* A table of this version, and what is cached of the one in the database */
typedef struct Table
{
	const char *name;
	const Column *columns;
	int			ncolumns;
	Oid			oid;
	CheckState	state;
} Table;

static Table tables[] = {
	[WD_TABLE_EVENTS] = {
		"webhook_dedup_events", event_columns, lengthof(event_columns)
	},
	[WD_TABLE_PROVIDERS] = {
		"webhook_dedup_providers", provider_columns,
		lengthof(provider_columns)
	},
};

/* Where the columns of the ledger are, in the order of event_columns */
static AttrNumber event_attnums[lengthof(event_columns)];

static Oid	find_member(const char *table_name);
static bool is_table(Form_pg_depend member, const char *table_name);
static void check_table(Relation relation, Table *table);
static AttrNumber check_column(Relation relation, const Column *column);
static void forget_check(Datum arg, Oid relid);

/* Called once, when the library is loaded. */
void
wd_table_init(void)
{
	CacheRegisterRelcacheCallback(forget_check, (Datum) 0);
}

/*
 * Open a table of the extension, locked as told.  Raises 42704 without the
 * extension, 42P01 without the table, 42804 if its columns are not those of
 * this version or the ledger has no unique index.
 */
Relation
wd_table_open(WdTable which, LOCKMODE lockmode)
{
	Table	   *table = &tables[which];

	for (;;)
	{
		Relation	relation;

		if (table->state != CHECKED)
			table->oid = find_member(table->name);
		relation = try_table_open(table->oid, lockmode);
		if (relation != NULL && table->state == CHECKED)
			return relation;

		/* while this waited for the lock, the name may have changed */
		if (relation != NULL &&
			strcmp(RelationGetRelationName(relation), table->name) == 0)
		{
			check_table(relation, table);
			return relation;
		}

		table->state = UNCHECKED;
		if (relation != NULL)
			table_close(relation, lockmode);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * The attribute numbers of the ledger's columns, indexed by WdEventColumn;
 * true for as long as the caller has the ledger open.
 */
const AttrNumber *
wd_event_attnums(void)
{
	return event_attnums;
}

/* The table that was last opened, InvalidOid before that. */
Oid
wd_table_oid(WdTable table)
{
	return tables[table].oid;
}

static Oid
find_member(const char *table_name)
{
	Relation	depend;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			extension = get_extension_oid(EXTENSION_NAME, false);
	Oid			found = InvalidOid;

	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ExtensionRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2,
							  key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend member = (Form_pg_depend) GETSTRUCT(tuple);

		if (is_table(member, table_name))
			found = member->objid;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);

	if (!OidIsValid(found))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table \"%s\" is not a member of extension \"%s\"",
					   table_name, EXTENSION_NAME));
	return found;
}

static bool
is_table(Form_pg_depend member, const char *table_name)
{
	char	   *name;

	if (member->classid != RelationRelationId || member->objsubid != 0 ||
		member->deptype != DEPENDENCY_EXTENSION)
		return false;
	name = get_rel_name(member->objid);
	return name != NULL && strcmp(name, table_name) == 0;
}

/*
 * Raise 42804 unless the columns are those of this version, and the ledger has
 * its unique index.
 */
static void
check_table(Relation relation, Table *table)
{
	bool		is_ledger = table == &tables[WD_TABLE_EVENTS];

	table->state = CHECKING;
	for (int i = 0; i < table->ncolumns; i++)
	{
		AttrNumber	attnum = check_column(relation, &table->columns[i]);

		if (is_ledger)
			event_attnums[i] = attnum;
	}
	if (is_ledger)
		wd_probe_choose_index(relation);

	/* not if the server told of a change meanwhile */
	if (table->state == CHECKING)
		table->state = CHECKED;
}

/* The attribute number of a column; raises 42804 as check_table does. */
static AttrNumber
check_column(Relation relation, const Column *column)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped ||
			strcmp(NameStr(attribute->attname), column->name) != 0)
			continue;
		if (getBaseType(attribute->atttypid) == column->type &&
			(!OidIsValid(column->collation) ||
			 attribute->attcollation == column->collation) &&
			(attribute->attnotnull || !column->not_null))
			return attribute->attnum;
	}

	ereport(ERROR,
			errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("table \"%s\" must have a column \"%s\" of type %s%s%s",
				   RelationGetRelationName(relation), column->name,
				   format_type_be(column->type),
				   OidIsValid(column->collation) ? " COLLATE \"C\"" : "",
				   column->not_null ? " NOT NULL" : ""),
			errhint("Undo the change of the table, or bring the extension up to date with ALTER EXTENSION webhook_dedup UPDATE."));
}

static void
forget_check(Datum arg, Oid relid)
{
	for (int i = 0; i < lengthof(tables); i++)
	{
		if (relid == InvalidOid || relid == tables[i].oid)
			tables[i].state = UNCHECKED;
	}
}
