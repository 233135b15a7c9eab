/*
 * acquisition.h
 *	  The SQL type wd_acquisition: what a caller is told.
 */
#ifndef WD_ACQUISITION_H
#define WD_ACQUISITION_H

#include "fmgr.h"
#include "funcapi.h"

#include "event.h"

#define WD_ACQUISITION_COLUMNS 12

/* An answer to one delivery. */
typedef struct WdAnswer
{
	text	   *provider;
	text	   *key;
	text	   *hash;			/* as given; NULL if none was */
	int			busy_status;	/* what makes the provider come again */
	WdOutcome	outcome;
	const WdEvent *event;		/* as it is now */
} WdAnswer;

extern void wd_acquisition_check(TupleDesc desc, int first);
pg_noreturn extern void wd_acquisition_refuse(void);
extern void wd_acquisition_fill(const WdAnswer *answer, TupleDesc desc,
								int first, Datum *values, bool *nulls);
extern Datum wd_acquisition_datum(FunctionCallInfo fcinfo,
								  const WdAnswer *answer);

#endif							/* WD_ACQUISITION_H */
