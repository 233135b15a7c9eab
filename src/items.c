/*
 * items.c
 *	  The events of a payload that holds several.
 *
 * An event is an element that some path ends at with [*].  If paths lead on to
 * further elements inside it, these are the events instead: with paths to
 * entries and to their changes, each change is an event.  An entry without
 * changes remains one itself, so that no element is passed over.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "items.h"

static bool holds_items(const WdTemplateSet *set, const WdJsonList *lists,
						int array_path, int match_no);
static void append_path(StringInfo out, const WdTemplateSet *set,
						const WdJsonList *lists, int array_path, int match_no);
static int	compare_items(const void *a, const void *b);

/* Find the events in the order of the text.  Returns how many there are. */
int
wd_items_find(const WdTemplateSet *set, const WdJsonList *lists,
			  WdItem **items)
{
	int			size = 1;
	int			n = 0;

	for (int i = 0; i < set->npaths; i++)
		if (wd_json_ends_with_each(&set->paths[i]))
			size += lists[i].n;
	*items = palloc(sizeof(WdItem) * size);

	for (int i = 0; i < set->npaths; i++)
	{
		if (!wd_json_ends_with_each(&set->paths[i]))
			continue;
		for (int j = 0; j < lists[i].n; j++)
		{
			WdItem	   *item = &(*items)[n];

			if (holds_items(set, lists, i, j))
				continue;
			item->array_path = i;
			item->match_no = j;
			item->token = lists[i].found[j].value.token;
			item->len = lists[i].found[j].value.len;
			n++;
		}
	}
	qsort(*items, n, sizeof(WdItem), compare_items);
	return n;
}

/* Does the payload have an array of events, which may be empty? */
bool
wd_items_may_be_none(const WdTemplateSet *set, const WdJsonValue *values)
{
	for (int i = 0; i < set->npaths; i++)
	{
		if (wd_json_ends_with_each(&set->paths[i]) &&
			values[i].kind == WD_JSON_CONTAINER)
			return true;
	}
	return false;
}

/*
 * Set values to what each path of the set leads to for that event: in the
 * event, in the elements around it, or in the payload as a whole, whose values
 * are given as whole.
 */
void
wd_item_values(const WdTemplateSet *set, const WdJsonList *lists,
			   const WdItem *item, const WdJsonValue *whole,
			   WdJsonValue *values)
{
	int			array_path = item->array_path;
	int			match_no = item->match_no;

	for (int i = 0; i < set->npaths; i++)
	{
		values[i] = whole[i];
		if (set->paths[i].each)
			values[i].kind = WD_JSON_ABSENT;
	}

	/* the event, then the elements around it from the inside out */
	while (array_path >= 0)
	{
		const WdJsonFound *element = &lists[array_path].found[match_no];

		values[array_path] = element->value;
		for (int i = 0; i < set->npaths; i++)
		{
			const WdJsonFound *found;

			if (set->paths[i].parent_path != array_path ||
				wd_json_ends_with_each(&set->paths[i]))
				continue;
			found = wd_json_list_find(&lists[i], match_no);
			if (found != NULL)
				values[i] = found->value;
		}
		match_no = element->parent_match;
		array_path = set->paths[array_path].parent_path;
	}
}

/* The path of the event, with numbers in place of stars: a[0].b[2] */
char *
wd_item_path(const WdTemplateSet *set, const WdJsonList *lists,
			 const WdItem *item)
{
	StringInfoData path;

	initStringInfo(&path);
	append_path(&path, set, lists, item->array_path, item->match_no);
	return path.data;
}

/* Append the path of an element to that of the element around it. */
static void
append_path(StringInfo out, const WdTemplateSet *set, const WdJsonList *lists,
			int array_path, int match_no)
{
	const WdJsonFound *element = &lists[array_path].found[match_no];
	int			parent_path = set->paths[array_path].parent_path;
	const char *rest = set->path_texts[array_path];

	if (parent_path >= 0)
	{
		append_path(out, set, lists, parent_path, element->parent_match);
		rest += strlen(set->path_texts[parent_path]);
	}
	/* what stands between the two, which ends with [*] */
	appendStringInfo(out, "%.*s%d]", (int) strlen(rest) - 2, rest,
					 element->array_index);
}

/* Does that element hold further elements that some path leads to? */
static bool
holds_items(const WdTemplateSet *set, const WdJsonList *lists, int array_path,
			int match_no)
{
	for (int i = 0; i < set->npaths; i++)
	{
		if (set->paths[i].parent_path == array_path &&
			wd_json_ends_with_each(&set->paths[i]) &&
			wd_json_list_find(&lists[i], match_no) != NULL)
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
