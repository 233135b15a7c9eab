/*
 * stream.c
 *	  Which event is delivered when, and how often.
 */
#include <math.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "fail.h"
#include "mixfile.h"
#include "stream.h"

static void size_stream(const struct Mix *mix, struct Stream *stream);
static double random_share(void);
static int	compare_volleys(const void *a, const void *b);

/*
 * Spreads the events over the stream.  A duplicate belongs to an event
 * chosen at random: every second one hits together with the first delivery,
 * the others at some later place.
 */
void
stream_plan(const struct Mix *mix, struct Stream *stream)
{
	struct Volley *volleys;

	size_stream(mix, stream);
	volleys = xcalloc(stream->deliveries, sizeof(struct Volley));
	for (int i = 0; i < stream->events; i++)
	{
		volleys[i].event = i;
		volleys[i].count = 1;
		volleys[i].position = (i + 0.5) / stream->events;
	}
	stream->nvolleys = stream->events;
	for (int i = stream->events; i < stream->deliveries; i++)
	{
		int			event = (int) (random_share() * stream->events);
		struct Volley *first = &volleys[event];

		if (i % 2 == 0 && first->count < mix->concurrency)
			first->count++;
		else
		{
			struct Volley *later = &volleys[stream->nvolleys++];

			later->event = event;
			later->count = 1;
			later->position = first->position +
				random_share() * (1 - first->position);
		}
	}
	qsort(volleys, stream->nvolleys, sizeof(struct Volley), compare_volleys);
	stream->volleys = volleys;
}

/*
 * Rate and time give the deliveries; a number of events may end the stream
 * earlier.
 */
static void
size_stream(const struct Mix *mix, struct Stream *stream)
{
	long		deliveries = (long) floor(mix->rate * mix->seconds + 1e-6);
	long		events = deliveries - lround(deliveries * mix->duplicates);

	if (events < 1)
		events = 1;
	if (mix->events > 0 && events > mix->events)
	{
		long		fewer = lround(mix->events / (1 - mix->duplicates));

		events = mix->events;
		if (fewer < deliveries)
			deliveries = fewer;
	}
	stream->events = (int) events;
	stream->deliveries = (int) deliveries;
}

/*
 * From 0 to just below 1.
 */
static double
random_share(void)
{
	unsigned int bits;

	if (RAND_bytes((unsigned char *) &bits, sizeof(bits)) != 1)
		fail("could not get random bytes");
	return bits / 4294967296.0;
}

static int
compare_volleys(const void *a, const void *b)
{
	double		x = ((const struct Volley *) a)->position;
	double		y = ((const struct Volley *) b)->position;

	return (x > y) - (x < y);
}
