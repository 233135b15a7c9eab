/*
 * webhook_dedup.c
 *	  Loads the extension's library: its settings, and nothing else.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "compat.h"
#include "owner.h"
#include "provider.h"
#include "table.h"
#include "webhook_dedup.h"

WD_MODULE_MAGIC;

void		_PG_init(void);

int			wd_lease_setting = 300;
int			wd_max_attempts_setting = 0;

/* Called when the library is loaded into a backend. */
void
_PG_init(void)
{
	DefineCustomIntVariable("webhook_dedup.lease",
							"How long an acquired event is held.",
							"Used where a call names no lease.  0 means for ever.",
							&wd_lease_setting,
							300, 0, PG_INT32_MAX,
							PGC_USERSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("webhook_dedup.max_attempts",
							"How often an event is acquired before it is exhausted.",
							"0 means no limit.",
							&wd_max_attempts_setting,
							0, 0, PG_INT32_MAX,
							PGC_USERSET, 0,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("webhook_dedup");
	wd_table_init();
	wd_owner_init();
	wd_provider_init();
}
