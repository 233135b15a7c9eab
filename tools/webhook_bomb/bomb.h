/*
 * bomb.h
 *	  What the files of webhook_bomb share.
 */
#ifndef BOMB_H
#define BOMB_H

#include <stdbool.h>
#include <stddef.h>

/* Nothing was judged: the first argument of err and errx */
#define MISUSE 2

struct Options
{
	const char *url;
	const char *dsn;
	const char *provider;
	const char *payload;
	const char *headers;
	const char *cacert;
	int			n;				/* deliveries of an event at one moment */
	int			events;
	bool		again;
	double		timeout;		/* seconds */
};

struct Event
{
	char	   *body;
	size_t		length;
	struct curl_slist *header_lines;	/* for HTTP */
	char	   *headers_json;	/* for wd_receive */
};

enum Status
{
	STATUS_NONE,				/* none of those that follow */
	STATUS_PROCESSED,
	STATUS_ALREADY_PROCESSED,
	STATUS_IN_PROGRESS,
	STATUS_COUNT
};

struct Delivery
{
	const struct Event *event;
	bool		network_error;
	int			http_status;	/* 0: none */
	enum Status status;
	char		error[256];		/* empty: none */
	double		ms;				/* from the release to the whole answer */
};

/* main.c */
extern void *allocate(size_t count, size_t size);
extern double clock_ms(void);
extern void network_error(struct Delivery *delivery, const char *error);

/* events.c */
extern struct Event *events_make(const struct Options *options);
extern void events_free(struct Event *events, int n);

/* http.c, sql.c */
extern char *http_target(const char *url);
extern void http_fire(const struct Options *options,
					  struct Delivery *deliveries, int n);
extern char *sql_target(const char *dsn);
extern void sql_fire(const struct Options *options,
					 struct Delivery *deliveries, int n);

/* report.c */
extern enum Status status_named(const char *name);
extern bool report(const struct Options *options, const char *target,
				   struct Delivery *deliveries, int n);

#endif
