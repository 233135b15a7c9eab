/*
 * elements.h
 *	  The judge of lists and of the events in a payload.
 */
#ifndef FUZZ_ELEMENTS_H
#define FUZZ_ELEMENTS_H

#include "jsonscan.h"
#include "template.h"
#include "tree.h"

extern void compare_value(const WdJsonValue *value, const Node *node);
extern void check_lists(const WdTemplateSet *set, const WdJsonList *lists,
						const Node *root);
extern void check_items(const WdTemplateSet *set, const WdJsonValue *values,
						const WdJsonList *lists, const Node *root);

#endif							/* FUZZ_ELEMENTS_H */
