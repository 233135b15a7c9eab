/*
 * resultset.h
 *	  The result of a function that returns a set.
 */
#ifndef WD_RESULTSET_H
#define WD_RESULTSET_H

#include "fmgr.h"
#include "nodes/execnodes.h"

extern ReturnSetInfo *wd_result_set(FunctionCallInfo fcinfo, int ncolumns);

#endif							/* WD_RESULTSET_H */
