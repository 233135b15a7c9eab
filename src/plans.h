/*
 * plans.h
 *	  Runs the SQL statements of the extension, prepared once per backend.
 */
#ifndef WD_PLANS_H
#define WD_PLANS_H

#include "executor/tuptable.h"
#include "utils/snapshot.h"

#include "statements.h"

/*
 * Called for each row that a statement returns, in the memory context of the
 * caller of wd_plan_run.
 */
typedef void (*WdRowFunction) (TupleTableSlot *row, void *arg);

extern uint64 wd_plan_run(WdPlan id, const Datum *args, const char *nulls,
						  WdRowFunction function, void *arg);
extern uint64 wd_plan_read(WdPlan id, const Datum *args, Snapshot snapshot,
						   WdRowFunction function, void *arg);

#endif							/* WD_PLANS_H */
