/*
 * statements.h
 *	  The texts of the SQL statements of the extension.
 */
#ifndef WD_STATEMENTS_H
#define WD_STATEMENTS_H

#include "storage/lockdefs.h"

#include "table.h"

#define WD_MAX_STATEMENT_ARGS 11

typedef enum WdPlan
{
	WD_PLAN_FIND,
	WD_PLAN_INSERT,
	WD_PLAN_INSERT_RETURNING,
	WD_PLAN_INSERT_MANY,
	WD_PLAN_TAKE_OVER,
	WD_PLAN_TAKE_OVER_MANY,
	WD_PLAN_RENEW,
	WD_PLAN_RENEW_MANY,
	WD_PLAN_COMPLETE,
	WD_PLAN_COMPLETE_MANY,
	WD_PLAN_LOCK,
	WD_PLAN_LOCK_MANY,
	WD_PLAN_SET_RESPONSE,
	WD_PLAN_REOPEN,
	WD_PLAN_FIND_PROVIDER,
	WD_PLAN_SET_PROVIDER,
	WD_PLAN_DROP_PROVIDER
} WdPlan;

#define WD_PLAN_COUNT (WD_PLAN_DROP_PROVIDER + 1)

typedef struct WdStatement
{
	LOCKMODE	lockmode;		/* the lock on the table that it takes */
	int			nargs;
	Oid			argtypes[WD_MAX_STATEMENT_ARGS];
	const char *sql;
	WdTable		table;			/* the ledger, if left out */
	bool		deletes;
} WdStatement;

extern const WdStatement *wd_statement(WdPlan plan);
extern char *wd_statement_text(const WdStatement *statement,
							   const char *table_name);

#endif							/* WD_STATEMENTS_H */
