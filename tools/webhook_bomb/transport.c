/*
 * transport.c
 *	  What both transports share: states, deadlines, latencies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "answer.h"
#include "clock.h"
#include "fail.h"
#include "transport.h"

void
transport_init(struct Transport *transport, const struct TransportOps *ops,
			   int nslots, double timeout_ms)
{
	transport->ops = ops;
	transport->nslots = nslots;
	transport->timeout_ms = timeout_ms;
	transport->slots = xcalloc(nslots, sizeof(struct Slot));
	transport_allow_files(nslots);
}

/*
 * Begins to arm a delivery; message and answer must live until the slot is
 * recycled.
 */
void
transport_start(struct Transport *transport, int slot,
				const struct Message *message, struct Answer *answer)
{
	struct Slot *s = &transport->slots[slot];

	s->state = SLOT_ARMING;
	s->message = message;
	s->answer = answer;
	s->detail = NULL;
	s->since = clock_ms();
	memset(answer, 0, sizeof(*answer));
	transport->ops->start(transport, slot);
}

/*
 * Lets an armed delivery go; one that has ended while it was armed stays so.
 */
void
transport_release(struct Transport *transport, int slot)
{
	struct Slot *s = &transport->slots[slot];

	if (s->state != SLOT_ARMED)
		return;
	s->state = SLOT_RELEASED;
	s->since = clock_ms();
	s->answer->sent = true;
	transport->ops->release(transport, slot);
}

/*
 * Moves bytes for at most this time, or until something happened; ends what
 * is over its deadline.
 */
void
transport_wait(struct Transport *transport, double ms)
{
	double		now;

	transport->ops->wait(transport, ms);
	now = clock_ms();
	for (int i = 0; i < transport->nslots; i++)
	{
		struct Slot *s = &transport->slots[i];

		if (s->state >= SLOT_ARMING && s->state <= SLOT_RELEASED &&
			now - s->since > transport->timeout_ms)
		{
			transport_network_error(s, "timeout", "timeout");
			transport->ops->abandon(transport, i);
		}
	}
}

/*
 * Makes a finished slot usable again.
 */
void
transport_recycle(struct Transport *transport, int slot)
{
	transport->slots[slot].state = SLOT_FREE;
	transport->ops->recycle(transport, slot);
}

void
transport_finish(struct Slot *slot)
{
	slot->answer->ms = clock_ms() - slot->since;
	slot->state = SLOT_DONE;
}

void
transport_network_error(struct Slot *slot, const char *error,
						const char *detail)
{
	slot->answer->network_error = true;
	slot->answer->status = STATUS_NONE;
	slot->answer->http_status = 0;
	snprintf(slot->answer->error, sizeof(slot->answer->error), "%s", error);
	slot->detail = detail;
	transport_finish(slot);
}

void
transport_close(struct Transport *transport)
{
	struct Slot *slots = transport->slots;

	transport->ops->close(transport);
	free(slots);
}

/*
 * Raises the limit of open files, as far as this process may, to that many
 * connections and a few files.
 */
void
transport_allow_files(int wanted)
{
	struct rlimit limit;
	rlim_t		needed = (rlim_t) wanted + 32;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
		return;
	if (limit.rlim_max < needed)
		fail("%d connections need more open files than the limit of %lu allows",
			 wanted, (unsigned long) limit.rlim_max);
	limit.rlim_cur = needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("could not raise the limit of open files");
}
