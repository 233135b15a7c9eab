/*
 * derive.h
 *	  From a delivered event to its key.
 */
#ifndef WD_DERIVE_H
#define WD_DERIVE_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "render.h"

struct WdDelivery;
struct WdJsonList;
struct WdJsonValue;
struct WdProvider;
struct WdTemplateSet;

extern text *wd_derive_key(const struct WdTemplateSet *set,
						   const struct WdDelivery *delivery);
extern bool wd_try_derive_key(const struct WdTemplateSet *set,
							  const struct WdDelivery *delivery,
							  struct WdJsonValue *values,
							  struct WdJsonList *lists, StringInfo key);
extern void wd_check_rendered(WdRenderResult result,
							  const struct WdTemplateSet *set,
							  const struct WdDelivery *delivery,
							  const char *item);
extern void wd_arg_delivery(FunctionCallInfo fcinfo, int argno,
							const struct WdProvider *rules,
							struct WdDelivery *delivery);
extern text *wd_hash_payload(const char *payload, int len);

#endif							/* WD_DERIVE_H */
