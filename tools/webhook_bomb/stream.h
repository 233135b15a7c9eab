/*
 * stream.h
 *	  Which event is delivered when, and how often.
 */
#ifndef STREAM_H
#define STREAM_H

struct Mix;

/* Deliveries of one event that hit at one moment */
struct Volley
{
	int			event;
	int			count;
	double		position;		/* in the stream, from 0 to 1 */
};

struct Stream
{
	int			events;
	int			deliveries;
	int			nvolleys;
	struct Volley *volleys;		/* in the order of time */
};

extern void stream_plan(const struct Mix *mix, struct Stream *stream);

#endif
