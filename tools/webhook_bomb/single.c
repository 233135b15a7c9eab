/*
 * single.c
 *	  One event, delivered many times at one moment.
 */
#include "answer.h"
#include "fail.h"
#include "single.h"
#include "transport.h"

static void wait_while(struct Transport *transport, enum SlotState state);

/*
 * Arms a delivery on each slot, then releases all; fills one answer per
 * slot.  Ends with a message if a connection cannot be opened: nothing has
 * been delivered then.
 */
void
single_fire(struct Transport *transport, const struct Message *message,
			struct Answer *answers)
{
	for (int i = 0; i < transport->nslots; i++)
		transport_start(transport, i, message, &answers[i]);
	wait_while(transport, SLOT_ARMING);
	for (int i = 0; i < transport->nslots; i++)
		if (answers[i].network_error)
			fail("could not open connection %d of %d, nothing was delivered: %s",
				 i + 1, transport->nslots, transport->slots[i].detail);
	for (int i = 0; i < transport->nslots; i++)
		transport_release(transport, i);
	wait_while(transport, SLOT_RELEASED);
	for (int i = 0; i < transport->nslots; i++)
		transport_recycle(transport, i);
}

static void
wait_while(struct Transport *transport, enum SlotState state)
{
	for (int i = 0; i < transport->nslots; i++)
		while (transport->slots[i].state == state)
			transport_wait(transport, 50);
}
