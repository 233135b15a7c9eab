/*
 * event.h
 *	  Generated events, in the form of PayPal's.
 */
#ifndef EVENT_H
#define EVENT_H

#include <jansson.h>

struct Message;

#define RUN_ID_LENGTH 17

extern void event_run_id(char *run_id);
extern void event_message(const char *run_id, const char *provider,
						  int event, int delivery, json_t *headers,
						  struct Message *message);
extern void event_free(struct Message *message);

#endif
