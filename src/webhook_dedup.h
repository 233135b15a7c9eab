/*
 * webhook_dedup.h
 *	  The settings of the extension, and the SQLSTATEs that are its own.
 *
 * Class WD is outside the ranges that the SQL standard and PostgreSQL use.
 */
#ifndef WD_WEBHOOK_DEDUP_H
#define WD_WEBHOOK_DEDUP_H

extern int	wd_lease_setting;	/* seconds, 0: does not end */
extern int	wd_max_attempts_setting;	/* 0: no limit */

/* no template of the provider's matched the event */
#define ERRCODE_WD_NO_KEY MAKE_SQLSTATE('W', 'D', '0', '0', '1')
/* the attempt was superseded by a later one, or is completed */
#define ERRCODE_WD_NOT_OWNER MAKE_SQLSTATE('W', 'D', '0', '0', '4')
/* a rule is needed of a provider that is not described */
#define ERRCODE_WD_UNRECOGNIZED_PROVIDER MAKE_SQLSTATE('W', 'D', '0', '0', '5')

#endif							/* WD_WEBHOOK_DEDUP_H */
