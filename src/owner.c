/*
 * owner.c
 *	  Writing with the rights of a table's owner.
 *
 * Statements run as the owner of their table, as foreign-key checks do, and
 * with a search_path of their own.  A trigger on the table then gains the
 * owner's rights and no more, whoever called the function; a DBA bounds them
 * by giving the tables to a role without privileges.
 *
 * If the owner is a superuser, code of anybody else must not run: writing is
 * refused where another role may put a trigger on the table, or has its
 * function in one, or owns the domain of a column, whose CHECK runs too.
 * (Other code of a table, such as a default, needs the table's owner.)
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#include "compat.h"
#include "owner.h"

#define SEARCH_PATH "pg_catalog, pg_temp"

static void check_privileges(Relation table);
static void check_triggers(Relation table);
static void check_domains(Relation table);
pg_noreturn static void refuse(Relation table, Oid role, const char *hint);

/*
 * Before a table is written: raise 42501 if it is a superuser's and could run
 * the code of somebody else.
 */
void
wd_owner_check(Relation table)
{
	if (!superuser_arg(table->rd_rel->relowner))
		return;
	check_privileges(table);
	if (table->trigdesc != NULL)
		check_triggers(table);
	check_domains(table);
}

/*
 * From here to wd_owner_leave, run with the rights of the table's owner.  An
 * error undoes that by itself.
 */
void
wd_owner_become(Relation table, WdIdentity *former)
{
	GetUserIdAndSecContext(&former->user, &former->security_context);
	SetUserIdAndSecContext(table->rd_rel->relowner,
						   former->security_context |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
	former->nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", SEARCH_PATH, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Be again who the session was. */
void
wd_owner_leave(const WdIdentity *former)
{
	AtEOXact_GUC(false, former->nest_level);
	SetUserIdAndSecContext(former->user, former->security_context);
}

/* Nobody else may put a trigger on the table. */
static void
check_privileges(Relation table)
{
	Datum		relid = ObjectIdGetDatum(RelationGetRelid(table));
	HeapTuple	tuple = SearchSysCache1(RELOID, relid);
	bool		isnull;
	Datum		datum;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u",
			 RelationGetRelid(table));
	datum = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	if (!isnull)
	{
		Acl		   *acl = DatumGetAclP(datum);

		for (int i = 0; i < ACL_NUM(acl); i++)
		{
			const AclItem *item = &ACL_DAT(acl)[i];

			if ((ACLITEM_GET_PRIVS(*item) & ACL_TRIGGER) != 0 &&
				item->ai_grantee != table->rd_rel->relowner &&
				!superuser_arg(item->ai_grantee))
				refuse(table, item->ai_grantee,
					   "Revoke the privilege TRIGGER, or give the tables of the extension to a role without privileges.");
		}
	}
	ReleaseSysCache(tuple);
}

/* No trigger's function belongs to somebody else. */
static void
check_triggers(Relation table)
{
	for (int i = 0; i < table->trigdesc->numtriggers; i++)
	{
		Oid			function = table->trigdesc->triggers[i].tgfoid;
		HeapTuple	tuple = SearchSysCache1(PROCOID,
											ObjectIdGetDatum(function));
		Oid			owner;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for function %u", function);
		owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
		ReleaseSysCache(tuple);
		if (!superuser_arg(owner))
			refuse(table, owner,
				   "Drop the trigger, or give the tables of the extension to a role without privileges.");
	}
}

/* No column's domain, which may have a CHECK, belongs to somebody else. */
static void
check_domains(Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);

	for (int i = 0; i < desc->natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;
		HeapTuple	tuple;
		Oid			owner;

		if (TupleDescAttr(desc, i)->attisdropped || type < FirstNormalObjectId)
			continue;
		tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", type);
		owner = ((Form_pg_type) GETSTRUCT(tuple))->typowner;
		ReleaseSysCache(tuple);
		if (!superuser_arg(owner))
			refuse(table, owner,
				   "Give the type of the column back to the owner of the table, or give the tables of the extension to a role without privileges.");
	}
}

/* Raise 42501: the role's code could run as the table's owner, a superuser. */
static void
refuse(Relation table, Oid role, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			OidIsValid(role) ?
			errmsg("role \"%s\" could run code as superuser through table \"%s\"",
				   GetUserNameFromId(role, true),
				   RelationGetRelationName(table)) :
			errmsg("every role could run code as superuser through table \"%s\"",
				   RelationGetRelationName(table)),
			errhint("%s", hint));
}
