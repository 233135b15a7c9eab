/*
 * mix.c
 *	  A stream of many events, some of them delivered several times.
 *
 * A volley (deliveries of one event at one moment) gets its slots when its
 * time has come and enough are free; it is released when the last of them is
 * armed.  Answers stand in the order of the deliveries.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "mix.h"
#include "mixfile.h"
#include "stream.h"
#include "transport.h"

/* What a slot carries */
struct Load
{
	struct Message message;
	int			event;
	int			leader;			/* slot that counts for its volley */
	bool		counted;		/* armed, as far as the leader knows */
	int			unarmed;		/* in the leader: of its volley */
	bool		pending;		/* in the leader: not released yet */
};

struct Run
{
	struct Transport *transport;
	const struct Mix *mix;
	const struct Stream *stream;
	json_t	   *headers;
	struct Answer *answers;
	struct MixResult *result;
	char		run_id[RUN_ID_LENGTH + 1];
	struct Load *loads;
	int		   *free_slots;
	int			nfree;
	int			nlive;
	int			next;			/* volley */
	int			answered;
	int			network_errors;
	int		   *processed;		/* per event */
	double		begin;
	double		told;
};

static void fire_due(struct Run *run);
static void start_volley(struct Run *run, const struct Volley *volley);
static void release_armed(struct Run *run);
static void collect(struct Run *run);
static void collect_one(struct Run *run, int slot);
static double pause_length(struct Run *run);
static double due(struct Run *run);
static void tell(struct Run *run, bool last);
static void count_events(struct Run *run, const bool *seen);

/*
 * Runs the stream; "answers" has room for each delivery.
 */
void
mix_run(struct Transport *transport, const struct Mix *mix,
		const struct Stream *stream, json_t *headers,
		struct Answer *answers, struct MixResult *result)
{
	struct Run	run = {
		.transport = transport,.mix = mix,.stream = stream,
		.headers = headers,.answers = answers,.result = result,
		.nfree = transport->nslots,.nlive = transport->nslots
	};
	bool	   *seen = xcalloc(stream->events, sizeof(bool));

	event_run_id(run.run_id);
	run.loads = xcalloc(transport->nslots, sizeof(struct Load));
	run.free_slots = xcalloc(transport->nslots, sizeof(int));
	run.processed = xcalloc(stream->events, sizeof(int));
	for (int i = 0; i < transport->nslots; i++)
		run.free_slots[i] = i;
	run.begin = run.told = clock_ms();
	while ((run.next < stream->nvolleys && run.nlive > 0) ||
		   run.nfree < run.nlive)
	{
		fire_due(&run);
		release_armed(&run);
		transport_wait(transport, pause_length(&run));
		release_armed(&run);
		collect(&run);
		if (clock_ms() - run.told >= 1000)
			tell(&run, false);
	}
	result->elapsed_ms = clock_ms() - run.begin;
	tell(&run, true);
	for (int i = 0; i < run.next; i++)
		seen[stream->volleys[i].event] = true;
	count_events(&run, seen);
	free(seen);
	free(run.loads);
	free(run.free_slots);
	free(run.processed);
}

/*
 * A volley larger than what is alive is cut: else the stream would stand
 * still when connections die.
 */
static void
fire_due(struct Run *run)
{
	while (run->next < run->stream->nvolleys && run->nlive > 0)
	{
		struct Volley volley = run->stream->volleys[run->next];
		double		late = clock_ms() - due(run);

		if (volley.count > run->nlive)
			volley.count = run->nlive;
		if (late < 0 || run->nfree < volley.count)
			break;
		if (late > run->result->lag_ms)
			run->result->lag_ms = late;
		start_volley(run, &volley);
		run->next++;
	}
}

static void
start_volley(struct Run *run, const struct Volley *volley)
{
	int			leader = run->free_slots[run->nfree - 1];

	run->loads[leader].unarmed = volley->count;
	run->loads[leader].pending = true;
	for (int i = 0; i < volley->count; i++)
	{
		int			slot = run->free_slots[--run->nfree];
		struct Load *load = &run->loads[slot];
		int			delivery = run->result->sent++;

		load->event = volley->event;
		load->leader = leader;
		load->counted = false;
		event_message(run->run_id, run->mix->provider, volley->event,
					  delivery, run->headers, &load->message);
		transport_start(run->transport, slot, &load->message,
						&run->answers[delivery]);
	}
}

static void
release_armed(struct Run *run)
{
	struct Transport *t = run->transport;

	for (int i = 0; i < t->nslots; i++)
		if (!run->loads[i].counted && t->slots[i].state >= SLOT_ARMED &&
			t->slots[i].state <= SLOT_DONE)
		{
			run->loads[i].counted = true;
			run->loads[run->loads[i].leader].unarmed--;
		}
	for (int i = 0; i < t->nslots; i++)
		if (t->slots[i].state == SLOT_ARMED &&
			run->loads[run->loads[i].leader].unarmed == 0)
			transport_release(t, i);
	for (int i = 0; i < t->nslots; i++)
		if (run->loads[i].unarmed == 0)
			run->loads[i].pending = false;
}

/*
 * A leader stays until its volley is released, even if it has ended itself.
 */
static void
collect(struct Run *run)
{
	for (int i = 0; i < run->transport->nslots; i++)
		if (run->transport->slots[i].state == SLOT_DONE &&
			run->loads[i].counted && !run->loads[i].pending)
			collect_one(run, i);
}

static void
collect_one(struct Run *run, int number)
{
	struct Slot *slot = &run->transport->slots[number];
	struct Load *load = &run->loads[number];

	if (slot->answer->network_error && !slot->answer->sent &&
		run->answered == 0)
		fail("could not open a connection, nothing was delivered: %s",
			 slot->detail);
	run->answered += !slot->answer->network_error;
	run->network_errors += slot->answer->network_error;
	run->processed[load->event] += slot->answer->status == STATUS_PROCESSED;
	transport_recycle(run->transport, number);
	event_free(&load->message);
	if (slot->state == SLOT_FREE)
		run->free_slots[run->nfree++] = number;
	else
		run->nlive--;
}

/*
 * Until the next volley is due, and never so long that progress stops.
 */
static double
pause_length(struct Run *run)
{
	double		ms;

	if (run->next >= run->stream->nvolleys || run->nfree == 0)
		return 100;
	ms = due(run) - clock_ms();
	if (ms < 0)
		return run->nfree < run->nlive ? 10 : 0;
	return ms < 100 ? ms : 100;
}

/*
 * The rate is that of deliveries, so a volley makes the next one wait.
 */
static double
due(struct Run *run)
{
	return run->begin + run->result->sent * 1000.0 / run->mix->rate;
}

static void
tell(struct Run *run, bool last)
{
	bool		terminal = isatty(STDERR_FILENO);

	run->told = clock_ms();
	fprintf(stderr, "%s%.0f s: %d of %d deliveries, %d answered, %d network errors%s",
			terminal ? "\r" : "", (run->told - run->begin) / 1000,
			run->result->sent, run->stream->deliveries, run->answered,
			run->network_errors, terminal && !last ? " " : "\n");
}

static void
count_events(struct Run *run, const bool *seen)
{
	struct MixResult *result = run->result;

	result->provider = run->mix->provider;
	result->events = run->stream->events;
	result->deliveries = run->stream->deliveries;
	result->duplicates = result->deliveries - result->events;
	for (int i = 0; i < run->stream->events; i++)
	{
		result->once += run->processed[i] == 1;
		result->twice += run->processed[i] > 1;
		result->never += seen[i] && run->processed[i] == 0;
	}
}
