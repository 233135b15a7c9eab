/*
 * event.h
 *	  An event out of a line of the fuzz target's input.
 */
#ifndef FUZZ_EVENT_H
#define FUZZ_EVENT_H

#include "utils/jsonb.h"

#include "jsonscan.h"
#include "keymodel.h"
#include "template.h"

#define EVENT_MAX_TEMPLATES 8

typedef struct Event
{
	Given		given[EVENT_MAX_TEMPLATES *
					  (WD_MAX_PLACEHOLDERS + WD_MAX_CONDITIONS)];
	int			ngiven;
	bool		is_form;
} Event;

extern void event_read(char **input, const char *const *texts, int ntexts,
					   bool is_form, Event *event);
extern Jsonb *event_headers(const Event *event);
extern void event_values(const Event *event, const WdTemplateSet *set,
						 WdJsonValue *values);

#endif							/* FUZZ_EVENT_H */
