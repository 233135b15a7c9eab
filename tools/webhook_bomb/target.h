/*
 * target.h
 *	  Where the deliveries go, checked, and as it may be shown.
 */
#ifndef TARGET_H
#define TARGET_H

extern char *target_of_url(const char *url);
extern char *target_of_dsn(const char *dsn);

#endif
