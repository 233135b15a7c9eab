/*
 * derive.h
 *	  Derives the key of an event from its delivery.
 */
#ifndef WD_DERIVE_H
#define WD_DERIVE_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "payload.h"
#include "provider.h"
#include "render.h"
#include "template.h"

extern text *wd_derive_key(const WdTemplateSet *set,
						   const WdDelivery *delivery);
extern bool wd_try_derive_key(const WdTemplateSet *set,
							  const WdDelivery *delivery, WdJsonValue *values,
							  WdJsonList *lists, StringInfo key);
extern void wd_check_rendered(WdRenderResult result, const WdTemplateSet *set,
							  const WdDelivery *delivery, const char *item);
extern void wd_arg_delivery(FunctionCallInfo fcinfo, int argno,
							const WdProvider *provider, WdDelivery *delivery);
extern text *wd_hash_payload(const char *payload, int len);

#endif							/* WD_DERIVE_H */
