/*
 * ledger.h
 *	  One event of the ledger, and the steps that lead to holding it.
 *
 * Every function must be called between SPI_connect and SPI_finish.
 */
#ifndef WD_LEDGER_H
#define WD_LEDGER_H

#include "datatype/timestamp.h"

#include "compat.h"

struct WdLease;

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

/* A row of the ledger. */
typedef struct WdEvent
{
	WdStatus	status;
	int32		attempt;
	bool		has_lease_end;
	TimestampTz lease_expires_at;
	/* these are not read for a brief request */
	int64		id;
	TimestampTz first_seen_at;
	text	   *request_hash;	/* NULL if there is none */
} WdEvent;

/* Who asks for what. */
typedef struct WdRequest
{
	text	   *provider;
	text	   *key;
	text	   *hash;			/* NULL if there is none */
	const struct WdLease *lease;
	WdStatus	status;			/* to give to an acquired event */
	bool		brief;			/* no more than the outcome is wanted */
	int			max_attempts;	/* 0: no limit */
} WdRequest;

extern const char *wd_status_name(WdStatus status);
extern WdOutcome wd_event_outcome(const WdEvent *event, int max_attempts);
extern bool wd_outcome_acquires(WdOutcome outcome);
extern bool wd_event_find(const WdRequest *request, WdEvent *event);
extern void wd_event_confirm(const WdRequest *request, const WdEvent *event);
extern void wd_event_compare(const WdEvent *seen, const WdEvent *latest);
extern bool wd_event_insert(const WdRequest *request, WdEvent *event);
extern bool wd_event_take_over(const WdRequest *request, WdEvent *event);
extern void wd_event_read(uint64 row, WdEvent *event);
extern int64 wd_event_ordinality(uint64 row);
extern void wd_require_event(text *provider, text *key);
extern void wd_require_rows(int plan, Datum *args, uint64 nrows);
pg_noreturn extern void wd_raise_old_snapshot(void);
pg_noreturn extern void wd_raise_lost_races(void);

#endif							/* WD_LEDGER_H */
