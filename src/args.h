/*
 * args.h
 *	  Checks that all functions of the extension share: one text per
 *	  condition.
 */
#ifndef WD_ARGS_H
#define WD_ARGS_H

#include "datatype/timestamp.h"
#include "fmgr.h"

#define WD_MAX_PROVIDER_LEN 128
#define WD_MAX_GIVEN_KEY_LEN 512
#define WD_MAX_HASH_LEN 128

/* How long an acquisition lasts. */
typedef struct WdLease
{
	bool		ends;
	int64		usec;			/* if it ends */
} WdLease;

extern void wd_check_null(bool isnull, const char *name);
extern text *wd_arg_provider(FunctionCallInfo fcinfo, int argno);
extern text *wd_arg_key(FunctionCallInfo fcinfo, int argno);
extern text *wd_arg_hash(FunctionCallInfo fcinfo, int argno);
extern WdLease wd_arg_lease(FunctionCallInfo fcinfo, int argno);
extern void wd_check_key(text *key);
extern void wd_check_hash(text *hash);

#endif							/* WD_ARGS_H */
