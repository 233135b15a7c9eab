/*
 * jsonlist.h
 *	  All that a path leads to, where it leads to many values.
 */
#ifndef WD_JSONLIST_H
#define WD_JSONLIST_H

struct WdJsonFound;
struct WdJsonList;

extern struct WdJsonFound *wd_json_list_add(struct WdJsonList *list);
extern const struct WdJsonFound *
			wd_json_list_find(const struct WdJsonList *list, int element);

#endif							/* WD_JSONLIST_H */
