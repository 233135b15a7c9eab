/*
 * acquire_many.h
 *	  Acquiring many events of one provider in one call.
 */
#ifndef WD_ACQUIRE_MANY_H
#define WD_ACQUIRE_MANY_H

#include "acquisition.h"
#include "batch.h"
#include "event.h"

typedef enum WdClaimState
{
	WD_CLAIM_MISSING,			/* not in the ledger */
	WD_CLAIM_OPEN,				/* in the ledger, to be taken over */
	WD_CLAIM_HELD,				/* its row is locked, to be taken over */
	WD_CLAIM_SETTLED			/* the outcome stands */
} WdClaimState;

/* A key of the call, once however often it was given. */
typedef struct WdClaim
{
	text	   *key;
	text	   *hash;			/* NULL if there is none */
	WdClaimState state;
	WdOutcome	outcome;
	WdEvent    *event;			/* as it is now; room for one */
} WdClaim;

/* The claims of a call, sorted by key. */
typedef struct WdClaims
{
	text	   *provider;
	WdLease		lease;
	int			max_attempts;	/* 0: no limit */
	int			n;
	WdClaim    *all;
	WdClaim   **picked;			/* room for n: those that a step is about */
	int			npicked;
} WdClaims;

extern WdAnswer *wd_acquire_batch(WdClaims *claims, WdBatch *batch,
								  int busy_status);

#endif							/* WD_ACQUIRE_MANY_H */
