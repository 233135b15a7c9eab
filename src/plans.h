/*
 * plans.h
 *	  The SQL statements of the extension, prepared once per backend.
 */
#ifndef WD_PLANS_H
#define WD_PLANS_H

typedef enum WdPlan
{
	WD_PLAN_FIND_STATE,
	WD_PLAN_FIND,
	WD_PLAN_FIND_MANY,
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
	WD_PLAN_REOPEN,
	WD_PLAN_FIND_PROVIDER,
	WD_PLAN_SET_PROVIDER,
	WD_PLAN_DROP_PROVIDER
} WdPlan;

#define WD_PLAN_COUNT (WD_PLAN_DROP_PROVIDER + 1)

extern void wd_plans_init(void);
extern uint64 wd_plan_run(WdPlan id, Datum *args, const char *nulls);
extern uint64 wd_plan_read(WdPlan id, Datum *args);
extern uint64 wd_plan_read_latest(WdPlan id, Datum *args);
extern uint64 wd_plan_read_settings(WdPlan id, Datum *args, Oid *table);

#endif							/* WD_PLANS_H */
