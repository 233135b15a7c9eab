/*
 * errors.h
 *	  The SQLSTATEs that are this extension's own.
 *
 * Class WD is outside the ranges that the SQL standard and PostgreSQL use.
 */
#ifndef WD_ERRORS_H
#define WD_ERRORS_H

/* no template of the provider's matched the event */
#define ERRCODE_WD_NO_KEY MAKE_SQLSTATE('W', 'D', '0', '0', '1')
/* the attempt was superseded by a later one, or is completed */
#define ERRCODE_WD_NOT_OWNER MAKE_SQLSTATE('W', 'D', '0', '0', '4')
/* keys of this provider cannot be derived, as nothing is known of it */
#define ERRCODE_WD_UNRECOGNIZED_PROVIDER MAKE_SQLSTATE('W', 'D', '0', '0', '5')

#endif							/* WD_ERRORS_H */
