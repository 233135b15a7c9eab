/*
 * transport.h
 *	  A number of slots, each of which carries one delivery at a time.
 *
 * A delivery is first armed (its connection stands, nothing of the event is
 * processed yet) and later released, so that many hit at one moment.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

struct Answer;

enum SlotState
{
	SLOT_FREE,
	SLOT_ARMING,
	SLOT_ARMED,
	SLOT_RELEASED,
	SLOT_DONE,					/* the answer is complete */
	SLOT_DEAD					/* cannot carry anything any more */
};

struct Message
{
	const char *provider;
	const char *body;
	size_t		length;
	char	  **header_lines;
	char	   *headers_json;
};

struct Slot
{
	enum SlotState state;
	const struct Message *message;
	struct Answer *answer;
	const char *detail;			/* of a network error, for a person */
	double		since;			/* arming or released since, in ms */
};

struct Transport
{
	const struct TransportOps *ops;
	int			nslots;
	struct Slot *slots;
	double		timeout_ms;
};

struct TransportOps
{
	void		(*start) (struct Transport *transport, int slot);
	void		(*release) (struct Transport *transport, int slot);
	void		(*wait) (struct Transport *transport, double ms);
	void		(*abandon) (struct Transport *transport, int slot);
	void		(*recycle) (struct Transport *transport, int slot);
	void		(*close) (struct Transport *transport);
};

extern void transport_init(struct Transport *transport,
						   const struct TransportOps *ops, int nslots,
						   double timeout_ms);
extern void transport_start(struct Transport *transport, int slot,
							const struct Message *message,
							struct Answer *answer);
extern void transport_release(struct Transport *transport, int slot);
extern void transport_wait(struct Transport *transport, double ms);
extern void transport_recycle(struct Transport *transport, int slot);
extern void transport_finish(struct Slot *slot);
extern void transport_network_error(struct Slot *slot, const char *error,
									const char *detail);
extern void transport_close(struct Transport *transport);
extern void transport_allow_files(int wanted);

#endif
