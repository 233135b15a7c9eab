/*
 * home.h
 *	  Where the ledger is.
 */
#ifndef WD_HOME_H
#define WD_HOME_H

#define WD_MAX_LEDGER_NAME (NAMEDATALEN * 3 + 32)

extern Oid	wd_home_ledger(char *name);

#endif							/* WD_HOME_H */
