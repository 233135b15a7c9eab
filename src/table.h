/*
 * table.h
 *	  The tables of the extension: found, opened and checked.
 */
#ifndef WD_TABLE_H
#define WD_TABLE_H

#include "access/attnum.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

typedef enum WdTable
{
	WD_TABLE_EVENTS,
	WD_TABLE_PROVIDERS
} WdTable;

#define WD_TABLE_COUNT (WD_TABLE_PROVIDERS + 1)

/* The columns of webhook_dedup_events that are read without a statement */
typedef enum WdEventColumn
{
	WD_EVENT_STATUS,
	WD_EVENT_ATTEMPT,
	WD_EVENT_LEASE_EXPIRES_AT,
	WD_EVENT_ID,
	WD_EVENT_FIRST_SEEN_AT,
	WD_EVENT_REQUEST_HASH,
	WD_EVENT_RESPONSE,
	WD_EVENT_PROVIDER,
	WD_EVENT_DEDUP_KEY
} WdEventColumn;

extern void wd_table_init(void);
extern Relation wd_table_open(WdTable table, LOCKMODE lockmode);
extern const AttrNumber *wd_event_attnums(void);
extern Oid	wd_table_oid(WdTable table);

#endif							/* WD_TABLE_H */
