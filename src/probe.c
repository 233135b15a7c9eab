/*
 * probe.c
 *	  Looks events up by the unique index of the ledger, without a statement.
 *
 * This is the hot path: most deliveries that a look-up ends are duplicates.
 * It needs no plan, no other identity and no search_path, as it evaluates
 * nothing but the comparison of text in collation "C", and reads nothing but
 * the table and the index that are opened by their OIDs.
 *
 * It is for a plain heap with a usable unique index.  Everything else, as a
 * partitioned ledger or one whose index is being rebuilt, is looked up by a
 * statement instead.  A ledger that is distributed over several servers can
 * look plain on the one that coordinates them; a caller that finds out calls
 * wd_probe_distrust.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "probe.h"
#include "table.h"

/* The index to use, InvalidOid for none */
static Oid	unique_index = InvalidOid;

static bool is_unique_index(Relation index);
static bool is_usable(Relation index);
static void init_keys(ScanKey keys);

/*
 * Begin to look events up, with a snapshot that is active until wd_probe_end.
 * False if the ledger is not of that kind: then use a statement.  Raises what
 * wd_table_open does.
 */
bool
wd_probe_begin(WdProbe *probe, Snapshot snapshot)
{
	probe->heap = wd_table_open(WD_TABLE_EVENTS, AccessShareLock);
	if (!OidIsValid(unique_index))
	{
		table_close(probe->heap, NoLock);
		return false;
	}

	probe->index = index_open(unique_index, AccessShareLock);
	if (!is_usable(probe->index))
	{
		index_close(probe->index, NoLock);
		table_close(probe->heap, NoLock);
		return false;
	}
	probe->slot = table_slot_create(probe->heap, NULL);
	probe->scan = WdIndexBeginScan(probe->heap, probe->index, snapshot, 2);
	init_keys(probe->keys);
	return true;
}

/*
 * Look an event up.  Returns its row, which is valid until the next call; NULL
 * if there is none.
 */
TupleTableSlot *
wd_probe_find(WdProbe *probe, text *provider, text *key)
{
	probe->keys[0].sk_argument = PointerGetDatum(provider);
	probe->keys[1].sk_argument = PointerGetDatum(key);
	index_rescan(probe->scan, probe->keys, 2, NULL, 0);
	return index_getnext_slot(probe->scan, ForwardScanDirection,
							  probe->slot) ? probe->slot : NULL;
}

void
wd_probe_end(WdProbe *probe)
{
	index_endscan(probe->scan);
	ExecDropSingleTupleTableSlot(probe->slot);
	/* as any statement does, keep the locks until the transaction ends */
	index_close(probe->index, NoLock);
	table_close(probe->heap, NoLock);
}

/*
 * The ledger has rows that the index does not lead to: look them up by
 * statements until the server tells of a change of the ledger.
 */
void
wd_probe_distrust(void)
{
	unique_index = InvalidOid;
}

/*
 * Choose the index, when the ledger is checked after a change.  Raises 42804
 * if there is none, usable or not, as nothing would decide between concurrent
 * callers.
 */
void
wd_probe_choose_index(Relation heap)
{
	List	   *indexes = RelationGetIndexList(heap);
	bool		is_plain = heap->rd_rel->relkind == RELKIND_RELATION &&
		heap->rd_rel->relam == HEAP_TABLE_AM_OID &&
		!heap->rd_rel->relhassubclass;
	bool		found = false;
	ListCell   *cell;

	unique_index = InvalidOid;
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (is_unique_index(index))
		{
			found = true;
			if (is_plain && index->rd_index->indisvalid)
				unique_index = RelationGetRelid(index);
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);

	if (!found)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("table \"%s\" must have a unique index on columns \"%s\" and \"%s\"",
					   RelationGetRelationName(heap), "provider",
					   "dedup_key"),
				errhint("Nothing else decides which of several callers acquires an event.  Add the constraint uq_webhook_dedup_events again, not deferrable and with the default operator class and collation."));
}

/* Does the index decide between events with the same provider and key? */
static bool
is_unique_index(Relation index)
{
	static const WdEventColumn columns[] = {
		WD_EVENT_PROVIDER, WD_EVENT_DEDUP_KEY
	};
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indimmediate ||
		index->rd_rel->relam != BTREE_AM_OID ||
		IndexRelationGetNumberOfKeyAttributes(index) != lengthof(columns) ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return false;

	for (int i = 0; i < lengthof(columns); i++)
	{
		if (form->indkey.values[i] != wd_event_attnums()[columns[i]] ||
			index->rd_opfamily[i] != TEXT_BTREE_FAM_OID ||
			index->rd_indcollation[i] != C_COLLATION_OID)
			return false;
	}
	return true;
}

/*
 * Can snapshots of now use the index?  One that was built while rows changed
 * may not lead to what old snapshots see.
 */
static bool
is_usable(Relation index)
{
	HeapTupleHeader header = index->rd_indextuple->t_data;

	return !index->rd_index->indcheckxmin ||
		TransactionIdPrecedes(HeapTupleHeaderGetXmin(header),
							  TransactionXmin);
}

static void
init_keys(ScanKey keys)
{
	for (int i = 0; i < 2; i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber,
							   InvalidOid, C_COLLATION_OID, F_TEXTEQ,
							   (Datum) 0);
}
