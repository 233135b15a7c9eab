/*
 * items.c
 *	  The events of a payload that holds several.
 *
 * Events are the elements that some path leads to, but for those that hold
 * such elements themselves: of entries with changes, the changes are; an
 * entry without any is one itself, so that no element is passed over.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "items.h"
#include "jsonscan.h"
#include "template.h"

static bool is_elements(const WdTemplateSet *set, int path);
static bool has_elements(const WdTemplateSet *set, const WdJsonList *lists,
						 int place, int number);
static void append_path(StringInfo out, const WdTemplateSet *set,
						const WdJsonList *lists, int place, int number);
static int	compare_items(const void *a, const void *b);

/* Find the events in the order of the text.  Returns how many there are. */
int
wd_items_find(const WdTemplateSet *set, const WdJsonList *lists,
			  WdItem **items)
{
	int			size = 1;
	int			n = 0;

	for (int i = 0; i < set->npaths; i++)
		if (is_elements(set, i))
			size += lists[i].n;
	*items = palloc(sizeof(WdItem) * size);

	for (int i = 0; i < set->npaths; i++)
	{
		if (!is_elements(set, i))
			continue;
		for (int j = 0; j < lists[i].n; j++)
		{
			WdItem	   *item = &(*items)[n];

			if (has_elements(set, lists, i, j))
				continue;
			item->place = i;
			item->number = j;
			item->token = lists[i].found[j].value.token;
			item->len = lists[i].found[j].value.len;
			n++;
		}
	}
	qsort(*items, n, sizeof(WdItem), compare_items);
	return n;
}

/* Is there an array of events, so that it may be empty? */
bool
wd_items_may_be_none(const WdTemplateSet *set, const WdJsonValue *values)
{
	for (int i = 0; i < set->npaths; i++)
	{
		if (is_elements(set, i) && values[i].kind == WD_JSON_CONTAINER)
			return true;
	}
	return false;
}

/*
 * Set values to what each path of the set leads to from that event: in it, in
 * the elements around it, or in the payload as a whole, given as whole.
 */
void
wd_item_values(const WdTemplateSet *set, const WdJsonList *lists,
			   const WdItem *item, const WdJsonValue *whole,
			   WdJsonValue *values)
{
	int			place = item->place;
	int			number = item->number;

	for (int i = 0; i < set->npaths; i++)
	{
		values[i] = whole[i];
		if (set->paths[i].each)
			values[i].kind = WD_JSON_ABSENT;
	}

	while (place >= 0)
	{
		values[place] = lists[place].found[number].value;
		for (int i = 0; i < set->npaths; i++)
		{
			const WdJsonFound *found;

			if (set->paths[i].elements != place || is_elements(set, i))
				continue;
			found = wd_json_list_find(&lists[i], number);
			if (found != NULL)
				values[i] = found->value;
		}
		number = lists[place].found[number].element;
		place = set->paths[place].elements;
	}
}

/* Where the event is found: entry[0].changes[2] */
char *
wd_item_path(const WdTemplateSet *set, const WdJsonList *lists,
			 const WdItem *item)
{
	StringInfoData path;

	initStringInfo(&path);
	append_path(&path, set, lists, item->place, item->number);
	return path.data;
}

/* Append the path of an element, behind that of the one around it. */
static void
append_path(StringInfo out, const WdTemplateSet *set, const WdJsonList *lists,
			int place, int number)
{
	const WdJsonFound *found = &lists[place].found[number];
	int			around = set->paths[place].elements;
	const char *rest = set->path_texts[place];

	if (around >= 0)
	{
		append_path(out, set, lists, around, found->element);
		rest += strlen(set->path_texts[around]);
	}
	/* the number in place of the star */
	appendStringInfo(out, "%.*s%d]", (int) strlen(rest) - 2, rest,
					 found->index);
}

/* Does the path lead to elements, and not to something inside them? */
static bool
is_elements(const WdTemplateSet *set, int path)
{
	const WdJsonPath *p = &set->paths[path];

	return p->each && p->steps[p->nsteps - 1].index == WD_JSON_EACH;
}

/* Does that element hold elements that some path leads to? */
static bool
has_elements(const WdTemplateSet *set, const WdJsonList *lists, int place,
			 int number)
{
	for (int i = 0; i < set->npaths; i++)
	{
		if (set->paths[i].elements == place && is_elements(set, i) &&
			wd_json_list_find(&lists[i], number) != NULL)
			return true;
	}
	return false;
}

static int
compare_items(const void *a, const void *b)
{
	const char *left = ((const WdItem *) a)->token;
	const char *right = ((const WdItem *) b)->token;

	return left < right ? -1 : left > right;
}
