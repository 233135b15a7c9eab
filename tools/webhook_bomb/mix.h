/*
 * mix.h
 *	  A stream of many events, some of them delivered several times.
 */
#ifndef MIX_H
#define MIX_H

#include <jansson.h>

struct Answer;
struct Mix;
struct Stream;
struct Transport;

struct MixResult
{
	const char *provider;
	int			events;
	int			deliveries;
	int			duplicates;
	int			sent;
	int			once;			/* events by how often they were processed */
	int			twice;
	int			never;
	double		elapsed_ms;
	double		lag_ms;			/* how far behind its rate the stream was */
};

extern void mix_run(struct Transport *transport, const struct Mix *mix,
					const struct Stream *stream, json_t *headers,
					struct Answer *answers, struct MixResult *result);

#endif
