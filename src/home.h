/*
 * home.h
 *	  Where the extension's tables are.
 */
#ifndef WD_HOME_H
#define WD_HOME_H

/* Room for the qualified and quoted name of a table */
#define WD_MAX_TABLE_NAME (NAMEDATALEN * 4 + 8)

typedef enum WdTable
{
	WD_TABLE_EVENTS,
	WD_TABLE_PROVIDERS
} WdTable;

#define WD_TABLE_COUNT (WD_TABLE_PROVIDERS + 1)

extern Oid	wd_home_find(WdTable table, char *name);

#endif							/* WD_HOME_H */
