/*
 * args.h
 *	  The command line.
 */
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>

/* Deliveries that one moment can hold */
#define MAX_AT_ONCE 10000

struct Args
{
	const char *url;
	const char *dsn;
	const char *provider;
	const char *payload;
	const char *headers;
	const char *mix;
	const char *cacert;
	int			n;
	double		timeout_ms;
	bool		json;
	bool		help;
};

extern void args_read(int argc, char **argv, struct Args *args);
extern void args_usage(void);

#endif
