/*
 * dsn.h
 *	  Deliveries straight to wd_receive, without a receiver.
 */
#ifndef DSN_H
#define DSN_H

struct Transport;

extern struct Transport *dsn_open(const char *dsn, int nslots,
								  double timeout_ms);

#endif
