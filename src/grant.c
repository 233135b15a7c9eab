/*
 * grant.c
 *	  Giving roles what they need, and no more.
 *
 * These run as their caller, who must be allowed to grant.
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "args.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(wd_grant_receiver);
PG_FUNCTION_INFO_V1(wd_grant_operator);

/* What a handler calls */
static const char *const receiver_functions[] = {
	"wd_try_acquire(text, text, text, interval)",
	"wd_acquire(text, text, text, interval)",
	"wd_acquire_many(text, text[], text[], interval)",
	"wd_try_once(text, text, text)",
	"wd_receive(text, bytea, jsonb, interval)",
	"wd_receive_items(text, bytea, jsonb, interval)",
	"wd_mark_done(text, text, integer)",
	"wd_mark_failed(text, text, integer, text)",
	"wd_mark_done_many(text, text[], integer[])",
	"wd_extend_lease(text, text, integer, interval)",
	"wd_assert_owner(text, text, integer)",
	"wd_lookup(text, text)",
	"wd_dedup_key(text, jsonb, jsonb)",
	"wd_paypal_dedup_key(jsonb, jsonb)",
	"wd_toss_dedup_key(jsonb, jsonb)",
};

/* What a person calls who looks after the ledger */
static const char *const operator_functions[] = {
	"wd_lookup(text, text)",
	"wd_reopen(text, text)",
	"wd_mark_done(text, text, integer)",
	"wd_mark_failed(text, text, integer, text)",
	"wd_dedup_key(text, jsonb, jsonb)",
	"wd_paypal_dedup_key(jsonb, jsonb)",
	"wd_toss_dedup_key(jsonb, jsonb)",
	"wd_explain_key(text, bytea, jsonb)",
};

static void grant(FunctionCallInfo fcinfo, const char *const *functions,
				  int nfunctions, const char *table_privilege);
static void execute(const char *command);

/*
 * wd_grant_receiver(role regrole) returns void
 *
 * Lets the role call what a webhook handler needs.
 */
Datum
wd_grant_receiver(PG_FUNCTION_ARGS)
{
	grant(fcinfo, receiver_functions, lengthof(receiver_functions), NULL);
	PG_RETURN_VOID();
}

/*
 * wd_grant_operator(role regrole) returns void
 *
 * Lets the role read the ledger and what is known of providers, and call what
 * changes single events.
 */
Datum
wd_grant_operator(PG_FUNCTION_ARGS)
{
	grant(fcinfo, operator_functions, lengthof(operator_functions),
		  "SELECT");
	PG_RETURN_VOID();
}

/*
 * Grant the functions, and a privilege on the ledger if there is one, to the
 * role that is argument 0.  Raises 22004 if it is null, 42704 if there is no
 * such role, and what GRANT does.
 */
static void
grant(FunctionCallInfo fcinfo, const char *const *functions, int nfunctions,
	  const char *table_privilege)
{
	Oid			schema_oid = get_func_namespace(fcinfo->flinfo->fn_oid);
	const char *schema;
	const char *role;
	StringInfoData command;

	wd_check_null(PG_ARGISNULL(0), "role");
	role = quote_identifier(GetUserNameFromId(PG_GETARG_OID(0), false));
	schema = quote_identifier(get_namespace_name(schema_oid));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");

	initStringInfo(&command);
	/* a public schema needs no grant, which its owner alone can give */
	if (object_aclcheck(NamespaceRelationId, schema_oid, PG_GETARG_OID(0),
						ACL_USAGE) != ACLCHECK_OK)
	{
		appendStringInfo(&command, "GRANT USAGE ON SCHEMA %s TO %s",
						 schema, role);
		execute(command.data);
	}

	resetStringInfo(&command);
	appendStringInfoString(&command, "GRANT EXECUTE ON FUNCTION ");
	for (int i = 0; i < nfunctions; i++)
		appendStringInfo(&command, "%s%s.%s", i > 0 ? ", " : "", schema,
						 functions[i]);
	appendStringInfo(&command, " TO %s", role);
	execute(command.data);

	if (table_privilege != NULL)
	{
		resetStringInfo(&command);
		appendStringInfo(&command,
						 "GRANT %s ON TABLE %s.webhook_dedup_events,"
						 " %s.webhook_dedup_providers, %s.wd_providers TO %s",
						 table_privilege, schema, schema, schema, role);
		execute(command.data);
	}
	SPI_finish();
}

static void
execute(const char *command)
{
	int			result = SPI_execute(command, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "could not grant: %s", SPI_result_code_string(result));
}
