/*
 * event.h
 *	  One event of the ledger, and the steps that lead to holding it.
 */
#ifndef WD_EVENT_H
#define WD_EVENT_H

#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "lease.h"
#include "probe.h"

/*
 * Each lost race means that another session got on, so the limit is met only
 * if something hides the event's row from this one.
 */
#define WD_MAX_LOST_RACES 100

typedef enum WdStatus
{
	WD_PROCESSING,
	WD_DONE,
	WD_FAILED
} WdStatus;

/* In the order of the SQL type wd_outcome. */
typedef enum WdOutcome
{
	WD_OUTCOME_FIRST,
	WD_OUTCOME_RETRY,
	WD_OUTCOME_RECLAIMED,
	WD_OUTCOME_IN_PROGRESS,
	WD_OUTCOME_DONE,
	WD_OUTCOME_EXHAUSTED
} WdOutcome;

#define WD_OUTCOME_COUNT (WD_OUTCOME_EXHAUSTED + 1)

/* How much of an event's row is read */
typedef enum WdEventDetail
{
	WD_STATE_ONLY,
	WD_ALL_OF_IT
} WdEventDetail;

/* A row of the ledger. */
typedef struct WdEvent
{
	WdStatus	status;
	int32		attempt;
	bool		has_lease_end;
	TimestampTz lease_expires_at;
	int64		id;
	TransactionId written_by;	/* if it was looked up */
	/* these are read with all of it */
	TimestampTz first_seen_at;
	text	   *request_hash;	/* NULL if there is none */
	Jsonb	   *response;		/* NULL if there is none */
} WdEvent;

/* Who asks for what. */
typedef struct WdRequest
{
	text	   *provider;
	text	   *key;
	text	   *hash;			/* NULL if there is none */
	WdLease		lease;
	WdStatus	status;			/* to give to an acquired event */
	WdEventDetail detail;		/* what is wanted of the event */
	int			max_attempts;	/* 0: no limit */
} WdRequest;

/* What a look-up sees */
typedef enum WdView
{
	WD_VIEW_NEW,				/* what a new statement sees */
	WD_VIEW_LATEST,				/* all that is committed, whatever the
								 * isolation level */
	WD_VIEW_OF_QUERY			/* what the calling query sees */
} WdView;

/* Look-ups under way that see the same */
typedef struct WdLookup
{
	bool		by_index;
	WdProbe		probe;			/* if by index */
} WdLookup;

extern const char *wd_status_name(WdStatus status);
extern WdOutcome wd_event_outcome(const WdEvent *event, int max_attempts);
extern bool wd_outcome_acquires(WdOutcome outcome);
extern void wd_lookup_begin(WdLookup *lookup, WdView view);
extern bool wd_lookup_event(WdLookup *lookup, text *provider, text *key,
							WdEventDetail detail, WdEvent *event);
extern void wd_lookup_end(WdLookup *lookup);
extern bool wd_event_find(text *provider, text *key, WdEventDetail detail,
						  WdEvent *event);
extern bool wd_event_exists(text *provider, text *key, WdView view,
							WdEvent *event);
extern void wd_event_confirm(text *provider, text *key, const WdEvent *seen);
extern void wd_event_unchanged(text *provider, text *key);
extern bool wd_event_insert(const WdRequest *request, WdEvent *event);
extern bool wd_event_take_over(const WdRequest *request, WdEvent *event);
extern void wd_event_read(TupleTableSlot *row, void *event);
pg_noreturn extern void wd_raise_old_snapshot(void);
pg_noreturn extern void wd_raise_lost_races(void);

#endif							/* WD_EVENT_H */
