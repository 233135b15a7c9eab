/*
 * owner.h
 *	  Writing with the rights of a table's owner.
 */
#ifndef WD_OWNER_H
#define WD_OWNER_H

#include "utils/relcache.h"

/* Who the session was before */
typedef struct WdIdentity
{
	Oid			user;
	int			security_context;
	int			nest_level;		/* of its settings */
} WdIdentity;

extern void wd_owner_init(void);
extern void wd_owner_check(Relation table, bool writes, bool deletes);
extern void wd_owner_become(Relation table, WdIdentity *former);
extern void wd_owner_leave(const WdIdentity *former);

#endif							/* WD_OWNER_H */
