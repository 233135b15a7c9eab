/*
 * home.c
 *	  Where the extension's tables are.
 *
 * The functions run with the rights of the extension's owner, often a
 * superuser.  Whoever owns the schema could rename it and put a table with
 * triggers of his own where the name used to lead; so a table is not found by
 * its qualified name but as a member of the extension, which nobody else can
 * make one.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "home.h"

#define EXTENSION_NAME "webhook_dedup"

static const char *const table_names[] = {
	[WD_TABLE_EVENTS] = "webhook_dedup_events",
	[WD_TABLE_PROVIDERS] = "webhook_dedup_providers",
};

static Oid	find_member(Oid extension, const char *table_name);
static bool is_table(Form_pg_depend member, const char *table_name);

/*
 * The OID of a table; writes its qualified and quoted name to name, which
 * has room for WD_MAX_TABLE_NAME.  Raises 42704 without the extension, 42P01
 * without the table.
 */
Oid
wd_home_find(WdTable table, char *name)
{
	const char *table_name = table_names[table];
	Oid			found = find_member(get_extension_oid(EXTENSION_NAME, false),
									table_name);
	char	   *schema = NULL;

	if (OidIsValid(found))
		schema = get_namespace_name(get_rel_namespace(found));
	if (schema == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table \"%s\" is not a member of extension \"%s\"",
					   table_name, EXTENSION_NAME));

	strlcpy(name, quote_qualified_identifier(schema, table_name),
			WD_MAX_TABLE_NAME);
	return found;
}

static Oid
find_member(Oid extension, const char *table_name)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			found = InvalidOid;

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
