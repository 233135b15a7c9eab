/*
 * acquire.h
 *	  Acquiring one event: who of its callers is to process it.
 */
#ifndef WD_ACQUIRE_H
#define WD_ACQUIRE_H

#include "event.h"

extern WdOutcome wd_acquire_event(const WdRequest *request, WdEvent *event);
extern Datum wd_acquire_and_answer(FunctionCallInfo fcinfo,
								   const WdRequest *request, int busy_status);

#endif							/* WD_ACQUIRE_H */
