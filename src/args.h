/*
 * args.h
 *	  What SQL functions of the extension have in common.
 */
#ifndef WD_ARGS_H
#define WD_ARGS_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/jsonb.h"

#define WD_MAX_PROVIDER_LEN 128
#define WD_MAX_GIVEN_KEY_LEN 512
#define WD_MAX_HASH_LEN 128

extern void wd_check_null(bool isnull, const char *name);
extern text *wd_arg_provider(FunctionCallInfo fcinfo, int argno);
extern text *wd_arg_key(FunctionCallInfo fcinfo, int argno);
extern text *wd_arg_hash(FunctionCallInfo fcinfo, int argno);
extern Jsonb *wd_arg_headers(FunctionCallInfo fcinfo, int argno);
extern int64 wd_interval_usec(const Interval *interval, const char *name);
extern void wd_check_provider_name(text *provider);
extern void wd_check_key(text *key);
extern void wd_check_hash(text *hash);
extern ReturnSetInfo *wd_result_set(FunctionCallInfo fcinfo, int ncolumns);

#endif							/* WD_ARGS_H */
