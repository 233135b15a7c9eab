/*
 * home.c
 *	  Where the ledger is.
 *
 * The functions run with the rights of the extension's owner, often a
 * superuser.  Whoever owns the schema could rename it and put a table with
 * triggers of his own where the name used to lead; so the ledger is not found
 * by a name but as a member of the extension, which nobody else can make one.
 */
#include "postgres.h"

#include "access/genam.h"
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
#define LEDGER_NAME "webhook_dedup_events"

static Oid	find_member(Oid extension);
static bool is_ledger(Form_pg_depend member);

/*
 * The OID of the ledger; writes its qualified and quoted name to name, which
 * has room for WD_MAX_LEDGER_NAME.  Raises 42704 without the extension,
 * 42P01 without the ledger.
 */
Oid
wd_home_ledger(char *name)
{
	Oid			ledger = find_member(get_extension_oid(EXTENSION_NAME, false));
	char	   *schema = NULL;

	if (OidIsValid(ledger))
		schema = get_namespace_name(get_rel_namespace(ledger));
	if (schema == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table \"%s\" is not a member of extension \"%s\"",
					   LEDGER_NAME, EXTENSION_NAME));

	strlcpy(name, quote_qualified_identifier(schema, LEDGER_NAME),
			WD_MAX_LEDGER_NAME);
	return ledger;
}

static Oid
find_member(Oid extension)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			ledger = InvalidOid;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ExtensionRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2,
							  key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend member = (Form_pg_depend) GETSTRUCT(tuple);

		if (is_ledger(member))
			ledger = member->objid;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return ledger;
}

static bool
is_ledger(Form_pg_depend member)
{
	char	   *name;

	if (member->classid != RelationRelationId || member->objsubid != 0 ||
		member->deptype != DEPENDENCY_EXTENSION)
		return false;
	name = get_rel_name(member->objid);
	return name != NULL && strcmp(name, LEDGER_NAME) == 0;
}
