/*
 * claims.h
 *	  Acquiring many events of one provider, step by step.
 */
#ifndef WD_CLAIMS_H
#define WD_CLAIMS_H

struct WdEvent;
struct WdLease;

typedef enum WdClaimState
{
	WD_CLAIM_MISSING,				/* not in the ledger */
	WD_CLAIM_OPEN,					/* in the ledger, to be taken over */
	WD_CLAIM_HELD,				/* its row is locked, to be taken over */
	WD_CLAIM_SETTLED				/* the outcome stands */
} WdClaimState;

/* A key of the call, once however often it was given. */
typedef struct WdClaim
{
	text	   *key;
	text	   *hash;			/* NULL if there is none */
	WdClaimState	state;
	int			outcome;		/* a WdOutcome */
	struct WdEvent *event;		/* as it is now; room for one */
} WdClaim;

/* The claims of a call, sorted by key. */
typedef struct WdClaims
{
	text	   *provider;
	const struct WdLease *lease;
	int			max_attempts;	/* 0: no limit */
	int			n;
	WdClaim    *all;
	WdClaim   **picked;			/* room for n: those that a step is about */
	int			npicked;
} WdClaims;

extern void wd_claims_settle(WdClaims *claims);

#endif							/* WD_CLAIMS_H */
