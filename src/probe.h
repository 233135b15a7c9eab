/*
 * probe.h
 *	  Looks events up by the unique index of the ledger, without a statement.
 */
#ifndef WD_PROBE_H
#define WD_PROBE_H

#include "access/genam.h"
#include "access/skey.h"
#include "executor/tuptable.h"
#include "utils/snapshot.h"

/* A look-up under way */
typedef struct WdProbe
{
	Relation	heap;
	Relation	index;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	ScanKeyData keys[2];
} WdProbe;

extern void wd_probe_choose_index(Relation heap);
extern bool wd_probe_begin(WdProbe *probe, Snapshot snapshot);
extern TupleTableSlot *wd_probe_find(WdProbe *probe, text *provider,
									 text *key);
extern void wd_probe_end(WdProbe *probe);
extern void wd_probe_distrust(void);

#endif							/* WD_PROBE_H */
