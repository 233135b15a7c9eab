/*
 * batch.h
 *	  The keys of one call, in the order in which every call locks them.
 */
#ifndef WD_BATCH_H
#define WD_BATCH_H

#include "fmgr.h"

/* One element of the caller's arrays. */
typedef struct WdBatchItem
{
	int			position;		/* in the caller's arrays, from 0 */
	text	   *key;
	Datum		extra;			/* of the same position in a second array */
	bool		extra_is_null;
} WdBatchItem;

/* Items sorted by key, byte by byte, then by position. */
typedef struct WdBatch
{
	int			nitems;
	WdBatchItem *items;
} WdBatch;

extern void wd_batch_read_keys(FunctionCallInfo fcinfo, int argno,
							   WdBatch *batch);
extern void wd_batch_read_extra(FunctionCallInfo fcinfo, int argno,
								const char *name, Oid type, WdBatch *batch);
extern void wd_batch_sort(WdBatch *batch);
extern int	wd_compare_keys(text *a, text *b);
extern Datum wd_text_array(Datum *values, bool *nulls, int n);
extern Datum wd_int8_array(Datum *values, int n);

#endif							/* WD_BATCH_H */
