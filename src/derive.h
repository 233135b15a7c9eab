/*
 * derive.h
 *	  From a delivered event to its key.
 */
#ifndef WD_DERIVE_H
#define WD_DERIVE_H

#include "fmgr.h"
#include "utils/jsonb.h"

extern text *wd_derive_key(text *provider, const char *payload, int len,
						   Jsonb *headers);
extern text *wd_hash_payload(const char *payload, int len);

#endif							/* WD_DERIVE_H */
