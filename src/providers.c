/*
 * providers.c
 *	  Describing providers.
 *
 * A provider can have two rows: the built-in one, which comes with the
 * extension and changes with it, and the user's, which is dumped and whose
 * columns take precedence where they are not null.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "utils/inval.h"

#include "args.h"
#include "plans.h"

PG_FUNCTION_INFO_V1(wd_set_provider);
PG_FUNCTION_INFO_V1(wd_drop_provider);
PG_FUNCTION_INFO_V1(wd_providers_changed);

/*
 * wd_set_provider(provider text, key_templates text[], busy_status integer,
 *				   lease interval, retention interval,
 *				   retry_window interval, max_attempts integer,
 *				   lease_floor interval, payload_format text, hint text,
 *				   comment text) returns void
 *
 * Describes a provider, or changes what is set of it; null leaves a setting
 * as it is.  Raises 22004 for a null provider, 22023 for what
 * wd_check_provider refuses.
 */
Datum
wd_set_provider(PG_FUNCTION_ARGS)
{
	Datum		args[11];
	char		nulls[] = "           ";

	args[0] = PointerGetDatum(wd_arg_provider(fcinfo, 0));
	for (int i = 1; i < lengthof(args); i++)
	{
		args[i] = PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}

	wd_plan_run(WD_PLAN_SET_PROVIDER, args, nulls, NULL, NULL);
	PG_RETURN_VOID();
}

/*
 * wd_drop_provider(provider text) returns boolean
 *
 * Forgets what was set of a provider; a built-in one is again as it came.
 * False if nothing was set.  Raises 22004, 22023.
 */
Datum
wd_drop_provider(PG_FUNCTION_ARGS)
{
	Datum		args[] = {PointerGetDatum(wd_arg_provider(fcinfo, 0))};

	PG_RETURN_BOOL(wd_plan_run(WD_PLAN_DROP_PROVIDER, args, NULL,
							   NULL, NULL) > 0);
}

/*
 * wd_providers_changed() returns trigger
 *
 * After each change of webhook_dedup_providers: when it commits, every backend
 * forgets what it knows of providers.
 */
Datum
wd_providers_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function must be called by a trigger"));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}
