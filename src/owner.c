/*
 * owner.c
 *	  Writing with the rights of a table's owner.
 *
 * Statements run as the owner of their table, as foreign-key checks do, with a
 * search_path of their own, and restricted as index functions are: what runs
 * along, as a trigger of the table, can leave nothing behind that runs later
 * as the caller.  It gains the owner's rights and no more, whoever called the
 * function; a DBA bounds them by giving the tables to a role without
 * privileges.
 *
 * If the owner is a superuser, code of anybody else must not run.  So writing
 * is refused where another role may put a trigger on the table, or where a
 * function that is part of the table is not a superuser's.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "owner.h"
#include "table.h"

#define SEARCH_PATH "pg_catalog, pg_temp"

#define OTHER_ROLE_HINT \
	"Or give the tables of the extension to a role without privileges."

/* The tables that were checked since the server last told of a change */
static Oid	trusted[WD_TABLE_COUNT];

static bool is_trusted(Oid relid);
static void trust(Oid relid);
static void check_privileges(Relation table);
static void check_code(Relation table);
static void check_triggers(Relation table);
static void check_columns(Relation table);
static void check_domain(Relation table, Oid type);
static void check_indexes(Relation table);
static void check_children(Relation table, bool writes);
static void check_references(Relation table);
static void check_expression(Relation table, Node *expression);
static bool find_foreign(Node *node, void *owner);
static bool is_foreign(Oid function, void *owner);
static Oid	function_owner(Oid function);
pg_noreturn static void refuse(Relation table, Oid role, const char *hint);
static void distrust_table(Datum arg, Oid relid);
static void distrust_all(Datum arg, int cacheid, uint32 hashvalue);

/* Called once, when the library is loaded. */
void
wd_owner_init(void)
{
	CacheRegisterRelcacheCallback(distrust_table, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, distrust_all, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, distrust_all, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, distrust_all, (Datum) 0);
	CacheRegisterSyscacheCallback(CONSTROID, distrust_all, (Datum) 0);
}

/*
 * Before a statement is planned that reads, writes or deletes from a table:
 * raise 42501 if the table is a superuser's and the statement could run the
 * code of somebody else.
 */
void
wd_owner_check(Relation table, bool writes, bool deletes)
{
	Oid			relid = RelationGetRelid(table);

	if (!superuser_arg(table->rd_rel->relowner))
		return;
	/* the CHECKs of what inherits from it are run when a plan is made */
	if (table->rd_rel->relhassubclass)
		check_children(table, writes);
	if (deletes)
		check_references(table);
	if (!writes || is_trusted(relid))
		return;

	/* before the check, so that a change in the midst of it counts */
	trust(relid);
	PG_TRY();
	{
		check_privileges(table);
		check_code(table);
	}
	PG_CATCH();
	{
		distrust_table((Datum) 0, relid);
		PG_RE_THROW();
	}
	PG_END_TRY();
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
						   SECURITY_RESTRICTED_OPERATION |
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

static bool
is_trusted(Oid relid)
{
	for (int i = 0; i < lengthof(trusted); i++)
	{
		if (trusted[i] == relid)
			return true;
	}
	return false;
}

static void
trust(Oid relid)
{
	for (int i = 0; i < lengthof(trusted); i++)
	{
		if (trusted[i] == InvalidOid)
		{
			trusted[i] = relid;
			return;
		}
	}
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
					   "Drop what the role has put on the table, then revoke the privilege TRIGGER.  " OTHER_ROLE_HINT);
		}
	}
	ReleaseSysCache(tuple);
}

/* No function that is part of the table is somebody else's. */
static void
check_code(Relation table)
{
	if (table->trigdesc != NULL)
		check_triggers(table);
	check_columns(table);
	check_indexes(table);
}

static void
check_triggers(Relation table)
{
	for (int i = 0; i < table->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &table->trigdesc->triggers[i];
		Oid			owner = function_owner(trigger->tgfoid);

		if (!superuser_arg(owner))
			refuse(table, owner, "Drop the trigger.  " OTHER_ROLE_HINT);
		if (trigger->tgqual != NULL)
			check_expression(table, stringToNode(trigger->tgqual));
	}
}

/* Defaults, generated columns, constraints, and the domains of columns */
static void
check_columns(Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);

	for (int i = 0; i < desc->natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;

		if (!TupleDescAttr(desc, i)->attisdropped &&
			get_typtype(type) == TYPTYPE_DOMAIN)
			check_domain(table, type);
	}
	if (desc->constr == NULL)
		return;
	for (int i = 0; i < desc->constr->num_defval; i++)
		check_expression(table, stringToNode(desc->constr->defval[i].adbin));
	for (int i = 0; i < desc->constr->num_check; i++)
		check_expression(table, stringToNode(desc->constr->check[i].ccbin));
}

static void
check_domain(Relation table, Oid type)
{
	/* the server releases it with its memory context, not before */
	DomainConstraintRef *ref = palloc(sizeof(DomainConstraintRef));
	ListCell   *cell;

	InitDomainConstraintRef(type, ref, CurrentMemoryContext, false);
	foreach(cell, ref->constraints)
	{
		DomainConstraintState *constraint = lfirst(cell);

		check_expression(table, (Node *) constraint->check_expr);
	}

	/* an owner can add a constraint, a domain's base type can be a domain */
	while (get_typtype(type) == TYPTYPE_DOMAIN)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Oid			owner;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", type);
		owner = ((Form_pg_type) GETSTRUCT(tuple))->typowner;
		type = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
		if (!superuser_arg(owner))
			refuse(table, owner,
				   "Drop the constraints that the role has put on the domain, then give it back to the table's owner.  " OTHER_ROLE_HINT);
	}
}

static void
check_indexes(Relation table)
{
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		check_expression(table, (Node *) RelationGetIndexExpressions(index));
		check_expression(table, (Node *) RelationGetIndexPredicate(index));
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
}

/* What inherits from the table is a superuser's, too, without such code. */
static void
check_children(Relation table, bool writes)
{
	List	   *relids = find_all_inheritors(RelationGetRelid(table),
											 AccessShareLock, NULL);
	ListCell   *cell;

	foreach(cell, relids)
	{
		Relation	child;

		if (lfirst_oid(cell) == RelationGetRelid(table))
			continue;
		child = table_open(lfirst_oid(cell), NoLock);
		if (!superuser_arg(child->rd_rel->relowner))
			refuse(child, child->rd_rel->relowner,
				   "Give the table to the owner of what it inherits from.  " OTHER_ROLE_HINT);
		if (writes)
			check_privileges(child);
		check_code(child);
		table_close(child, NoLock);
	}
	list_free(relids);
}

/*
 * What a deletion cascades to has triggers, which run before the rights are
 * given back: no foreign key is that of somebody else's table.
 */
static void
check_references(Relation table)
{
	if (table->trigdesc == NULL)
		return;
	for (int i = 0; i < table->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &table->trigdesc->triggers[i];
		HeapTuple	tuple;
		Oid			owner;

		if (!OidIsValid(trigger->tgconstrrelid) ||
			!TRIGGER_FOR_DELETE(trigger->tgtype))
			continue;
		tuple = SearchSysCache1(RELOID,
								ObjectIdGetDatum(trigger->tgconstrrelid));
		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for relation %u",
				 trigger->tgconstrrelid);
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
		if (!superuser_arg(owner))
			refuse(table, owner,
				   "Drop the foreign key that references the table.  " OTHER_ROLE_HINT);
	}
}

/* Raise 42501 if an expression calls a function that is no superuser's. */
static void
check_expression(Relation table, Node *expression)
{
	Oid			owner;

	if (find_foreign(expression, &owner))
		refuse(table, owner,
			   "Drop the default, constraint, trigger or index that calls the role's function.  " OTHER_ROLE_HINT);
}

static bool
find_foreign(Node *node, void *owner)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_foreign, owner) ||
		expression_tree_walker(node, find_foreign, owner);
}

/* Is the function no superuser's?  Then *owner is whose it is. */
static bool
is_foreign(Oid function, void *owner)
{
	if (function < FirstNormalObjectId)
		return false;
	*(Oid *) owner = function_owner(function);
	return !superuser_arg(*(Oid *) owner);
}

static Oid
function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
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

static void
distrust_table(Datum arg, Oid relid)
{
	for (int i = 0; i < lengthof(trusted); i++)
	{
		if (relid == InvalidOid || relid == trusted[i])
			trusted[i] = InvalidOid;
	}
}

static void
distrust_all(Datum arg, int cacheid, uint32 hashvalue)
{
	distrust_table(arg, InvalidOid);
}
