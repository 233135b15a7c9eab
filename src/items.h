/*
 * items.h
 *	  The events of a payload that holds several.
 */
#ifndef WD_ITEMS_H
#define WD_ITEMS_H

#include "jsonscan.h"
#include "template.h"

/*
 * How many bytes may be read for the keys of all events of a payload.  Every
 * event can name a value of the elements around it: this keeps one long value
 * there from being read ten thousand times.
 */
#define WD_ITEMS_BUDGET(payload_len) \
	(INT64CONST(64) * 1024 * 1024 + INT64CONST(4) * (payload_len))

/* An element of a payload that is an event. */
typedef struct WdItem
{
	int			array_path;		/* the path of its array's elements */
	int			match_no;		/* number in the list of that path */
	const char *token;
	int			len;
} WdItem;

extern int	wd_items_find(const WdTemplateSet *set, const WdJsonList *lists,
						  WdItem **items);
extern bool wd_items_may_be_none(const WdTemplateSet *set,
								 const WdJsonValue *values);
extern void wd_item_values(const WdTemplateSet *set, const WdJsonList *lists,
						   const WdItem *item, const WdJsonValue *whole,
						   WdJsonValue *values);
extern char *wd_item_path(const WdTemplateSet *set, const WdJsonList *lists,
						  const WdItem *item);

#endif							/* WD_ITEMS_H */
