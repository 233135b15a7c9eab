/*
 * jsonmatch.c
 *	  Which of the wanted paths lead to a place in a JSON text.
 *
 * A bit for each path, kept for every open object or array.  Where no bit is
 * left, names are not even compared.
 *
 * A path that leads to each element of an array has a list of values.  Where
 * a member's name comes again, the lists that go through it are cut to what
 * they were when the object began: all that was added since came through the
 * former member.
 */
#include "postgres.h"

#include "jsonmatch.h"
#include "jsonscan.h"
#include "jsonstring.h"

#define PATH_BIT(i) (UINT64CONST(1) << (i))

static bool name_matches(WdJsonMatch *match, const WdJsonStep *step,
						 const char *token, int len);
static void decode_name(WdJsonMatch *match, const char *token, int len);
static void forget(WdJsonMatch *match, int path);
static uint64 paths_inside(const WdJsonMatch *match);
static void note_array(WdJsonMatch *match, uint64 live);
static void mark_lists(WdJsonMatch *match, uint64 live);
static void add_found(WdJsonMatch *match, int path);
static WdJsonValue *value_of(WdJsonMatch *match, int path);

/*
 * Begin at the root: paths, npaths, values, lists and levels are set, the
 * rest is set here.
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

/* A member's name: which of the live paths go through it? */
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
		forget(match, i);
	}
}

/* Is the token the name of this step? */
static bool
name_matches(WdJsonMatch *match, const WdJsonStep *step, const char *token,
			 int len)
{
	if (memchr(token, '\\', len) == NULL)
		return len - 2 == step->name_len &&
			memcmp(token + 1, step->name, step->name_len) == 0;

	/* once for all paths */
	if (!match->name_is_decoded)
		decode_name(match, token, len);
	return match->name.len == step->name_len &&
		memcmp(match->name.data, step->name, step->name_len) == 0;
}

static void
decode_name(WdJsonMatch *match, const char *token, int len)
{
	if (match->name.data == NULL)
		initStringInfo(&match->name);
	resetStringInfo(&match->name);
	/* a name that no text can hold is nobody's name */
	if (!wd_json_unescape(token, len, &match->name))
		match->name.len = -1;
	match->name_is_decoded = true;
}

/* Forget what a path led to through an earlier member of this object. */
static void
forget(WdJsonMatch *match, int path)
{
	match->values[path].kind = WD_JSON_ABSENT;
	if (match->paths[path].each)
		match->lists[path].n =
			match->marks[match->depth * match->npaths + path];
}

/* An array's element: which of the live paths go through its number? */
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
			(step->index == level->index || step->index == WD_JSON_EACH))
			match->reached |= PATH_BIT(i);
	}
}

/* A value: keep its token for the paths that end here. */
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
		value = value_of(match, i);
		value->kind = kind;
		value->token = token;
		value->len = len;
		match->recorded |= PATH_BIT(i);
	}
}

/* The value just kept is an object or array, which is entered now. */
void
wd_json_match_open(WdJsonMatch *match, bool is_object)
{
	WdJsonLevel *level;

	match->depth++;
	level = &match->levels[match->depth];
	level->is_object = is_object;
	level->index = 0;
	level->live = paths_inside(match);
	level->ends = match->recorded;
	if (match->lists == NULL)
		return;
	if (is_object)
		mark_lists(match, level->live);
	else
		note_array(match, level->live);
}

/* The innermost object or array is left, whose text ends at end. */
void
wd_json_match_close(WdJsonMatch *match, const char *end)
{
	uint64		ends = match->levels[match->depth].ends;

	for (int i = 0; ends != 0; i++, ends >>= 1)
	{
		WdJsonValue *value;

		if ((ends & 1) == 0)
			continue;
		value = value_of(match, i);
		value->len = end - value->token;
	}
	match->depth--;
}

/* The reached paths that lead on into the container just opened. */
static uint64
paths_inside(const WdJsonMatch *match)
{
	uint64		reached = match->reached;
	uint64		inside = reached;

	for (int i = 0; reached != 0; i++, reached >>= 1)
		if (match->paths[i].nsteps < match->depth)
			inside &= ~PATH_BIT(i);
	return inside;
}

/*
 * An array begins.  For paths to its elements, values tells that it is there,
 * be it empty.
 */
static void
note_array(WdJsonMatch *match, uint64 live)
{
	for (int i = 0; live != 0; i++, live >>= 1)
	{
		const WdJsonPath *path = &match->paths[i];

		if ((live & 1) != 0 && path->each && path->nsteps == match->depth)
			match->values[i].kind = WD_JSON_CONTAINER;
	}
}

/* An object begins: note the lengths of the lists that go through it. */
static void
mark_lists(WdJsonMatch *match, uint64 live)
{
	for (int i = 0; live != 0; i++, live >>= 1)
	{
		if ((live & 1) != 0)
			match->marks[match->depth * match->npaths + i] =
				match->lists[i].n;
	}
}

/* Add to the path's list a value of the current element. */
static void
add_found(WdJsonMatch *match, int path)
{
	WdJsonList *list = &match->lists[path];
	WdJsonFound *found;
	int			elements = match->paths[path].elements;

	if (list->n == list->size)
	{
		list->size = Max(16, list->size * 2);
		list->found = list->found == NULL ?
			palloc(sizeof(WdJsonFound) * list->size) :
			repalloc(list->found, sizeof(WdJsonFound) * list->size);
	}
	found = &list->found[list->n++];
	found->index = match->levels[match->depth].index;
	found->element = elements < 0 ? -1 : match->lists[elements].n - 1;
	match->too_many |= list->n > WD_JSON_MAX_ELEMENTS;
}

/* Where the last value that a path led to is kept. */
static WdJsonValue *
value_of(WdJsonMatch *match, int path)
{
	WdJsonList *list;

	if (!match->paths[path].each)
		return &match->values[path];
	list = &match->lists[path];
	return &list->found[list->n - 1].value;
}
