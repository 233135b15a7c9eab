/*
 * jsonlist.c
 *	  All that a path leads to, where it leads to many values.
 */
#include "postgres.h"

#include "jsonlist.h"
#include "jsonscan.h"

/* Room for one more value at the end of the list. */
WdJsonFound *
wd_json_list_add(WdJsonList *list)
{
	if (list->n == list->size)
	{
		list->size = Max(16, list->size * 2);
		list->found = list->found == NULL ?
			palloc(sizeof(WdJsonFound) * list->size) :
			repalloc(list->found, sizeof(WdJsonFound) * list->size);
	}
	return &list->found[list->n++];
}

/*
 * The first value of the list that belongs to that element; NULL if none
 * does.  A list is in the order of the elements.
 */
const WdJsonFound *
wd_json_list_find(const WdJsonList *list, int element)
{
	int			low = 0;
	int			high = list->n;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (list->found[middle].element < element)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->n && list->found[low].element == element ?
		&list->found[low] : NULL;
}
