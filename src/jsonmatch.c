/*
 * jsonmatch.c
 *	  Tells which of the wanted paths lead to the current value of a JSON text.
 *
 * There is a bit for each path.  Every open object or array has the bits of
 * the paths that lead into it; if it has none, the names inside it are not
 * even compared.
 *
 * A path with [*] has a list of values.  Of members of one name only the last
 * one counts, so a second one takes back what the first one added: every open
 * object remembers how long the lists were when it began, and they are cut to
 * that length.
 */
#include "postgres.h"

#include "jsonmatch.h"
#include "text.h"

#define PATH_BIT(i) (UINT64CONST(1) << (i))

static bool name_matches(WdJsonMatch *match, const WdJsonStep *step,
						 const char *token, int len);
static int *list_mark(WdJsonMatch *match, int path);
static void add_found(WdJsonMatch *match, int path);
static WdJsonValue *last_value(WdJsonMatch *match, int path);

/*
 * Begin at the root.  The caller has set paths, npaths, values, lists and
 * levels.
 */
void
wd_json_match_begin(WdJsonMatch *match)
{
	int			deepest = 0;

	match->reached = 0;
	match->recorded = 0;
	match->depth = 0;
	match->marks = NULL;
	match->too_many = false;
	match->name.data = NULL;

	for (int i = 0; i < match->npaths; i++)
	{
		match->values[i].kind = WD_JSON_ABSENT;
		if (!match->paths[i].each || match->lists != NULL)
			match->reached |= PATH_BIT(i);
		deepest = Max(deepest, match->paths[i].nsteps);
	}
	if (match->lists != NULL)
	{
		memset(match->lists, 0, sizeof(WdJsonList) * match->npaths);
		match->marks = palloc(sizeof(int) * (deepest + 1) * match->npaths);
	}
}

/* A member's name: which of the paths into this object go on through it? */
void
wd_json_match_name(WdJsonMatch *match, const char *token, int len)
{
	uint64		live = match->levels[match->depth].live;

	match->reached = 0;
	match->name_is_decoded = false;
	for (int i = 0; live != 0; i++, live >>= 1)
	{
		const WdJsonStep *step;

		if ((live & 1) == 0)
			continue;
		step = &match->paths[i].steps[match->depth - 1];
		if (step->name == NULL || !name_matches(match, step, token, len))
			continue;
		match->reached |= PATH_BIT(i);
		/* an earlier member of this name does not count any more */
		match->values[i].kind = WD_JSON_ABSENT;
		if (match->paths[i].each)
			match->lists[i].n = *list_mark(match, i);
	}
}

/* Is the token, which is a string, the name of this step? */
static bool
name_matches(WdJsonMatch *match, const WdJsonStep *step, const char *token,
			 int len)
{
	if (memchr(token, '\\', len) == NULL)
		return len - 2 == step->name_len &&
			memcmp(token + 1, step->name, step->name_len) == 0;

	/* it is decoded once for all paths */
	if (!match->name_is_decoded)
	{
		if (match->name.data == NULL)
			initStringInfo(&match->name);
		resetStringInfo(&match->name);
		/* one that is no valid text is the name of no step */
		if (!wd_json_unescape(token, len, &match->name))
			match->name.len = -1;
		match->name_is_decoded = true;
	}
	return match->name.len == step->name_len &&
		memcmp(match->name.data, step->name, step->name_len) == 0;
}

/* An array's element: which of the paths into this array go on through it? */
void
wd_json_match_element(WdJsonMatch *match)
{
	const WdJsonLevel *level = &match->levels[match->depth];
	uint64		live = level->live;

	match->reached = 0;
	for (int i = 0; live != 0; i++, live >>= 1)
	{
		const WdJsonStep *step;

		if ((live & 1) == 0)
			continue;
		step = &match->paths[i].steps[match->depth - 1];
		if (step->name == NULL &&
			(step->array_index == level->array_index ||
			 step->array_index == WD_JSON_EACH))
			match->reached |= PATH_BIT(i);
	}
}

/* A value: record its token for the paths that end here. */
void
wd_json_match_value(WdJsonMatch *match, WdJsonKind kind, const char *token,
					int len)
{
	uint64		reached = match->reached;

	match->recorded = 0;
	for (int i = 0; reached != 0; i++, reached >>= 1)
	{
		WdJsonValue *value;

		if ((reached & 1) == 0 || match->paths[i].nsteps != match->depth)
			continue;
		if (match->paths[i].each)
			add_found(match, i);
		value = last_value(match, i);
		value->kind = kind;
		value->token = token;
		value->len = len;
		match->recorded |= PATH_BIT(i);
	}
}

/* The value just recorded is an object or array, which begins here. */
void
wd_json_match_open(WdJsonMatch *match, bool is_object)
{
	WdJsonLevel *level = &match->levels[++match->depth];
	uint64		reached = match->reached;

	level->is_object = is_object;
	level->array_index = 0;
	level->live = 0;
	level->ends = match->recorded;
	for (int i = 0; reached != 0; i++, reached >>= 1)
	{
		const WdJsonPath *path = &match->paths[i];

		if ((reached & 1) == 0 || path->nsteps < match->depth)
			continue;
		level->live |= PATH_BIT(i);
		if (path->each && is_object)
			*list_mark(match, i) = match->lists[i].n;
		else if (path->each && path->nsteps == match->depth)
			/* the array is there, even if it is empty */
			match->values[i].kind = WD_JSON_CONTAINER;
	}
}

/* The innermost object or array ends; its text does so at end. */
void
wd_json_match_close(WdJsonMatch *match, const char *end)
{
	uint64		ends = match->levels[match->depth].ends;

	for (int i = 0; ends != 0; i++, ends >>= 1)
	{
		WdJsonValue *value;

		if ((ends & 1) == 0)
			continue;
		value = last_value(match, i);
		value->len = end - value->token;
	}
	match->depth--;
}

/* Where the length of a path's list is noted for the innermost object. */
static int *
list_mark(WdJsonMatch *match, int path)
{
	return &match->marks[match->depth * match->npaths + path];
}

/* Add a value to the list of a path. */
static void
add_found(WdJsonMatch *match, int path)
{
	WdJsonList *list = &match->lists[path];
	WdJsonFound *found;
	int			parent_path = match->paths[path].parent_path;

	if (list->n == list->size)
	{
		list->size = Max(16, list->size * 2);
		list->found = list->found == NULL ?
			palloc(sizeof(WdJsonFound) * list->size) :
			repalloc(list->found, sizeof(WdJsonFound) * list->size);
	}
	found = &list->found[list->n++];
	found->array_index = match->levels[match->depth].array_index;
	found->parent_match = parent_path < 0 ? -1 :
		match->lists[parent_path].n - 1;
	match->too_many |= list->n > WD_JSON_MAX_ELEMENTS;
}

/* The last value that a path led to */
static WdJsonValue *
last_value(WdJsonMatch *match, int path)
{
	WdJsonList *list;

	if (!match->paths[path].each)
		return &match->values[path];
	list = &match->lists[path];
	return &list->found[list->n - 1].value;
}
