/*
 * elements.c
 *	  The judge of lists and of the events in a payload.
 *
 * All is looked up in the finished tree: a list is what a path leads to
 * there, an event's surroundings are the ancestors of its node.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "elements.h"
#include "items.h"
#include "shim.h"
#include "text.h"

/* An element that a path of the set leads to */
typedef struct Candidate
{
	int			array_path;
	const Node *node;
	bool		holds_others;
} Candidate;

void
compare_value(const WdJsonValue *value, const Node *node)
{
	StringInfoData decoded;

	CHECK(value->kind == (node == NULL ? WD_JSON_ABSENT : node->kind));
	if (value->kind == WD_JSON_ABSENT)
		return;
	CHECK(value->token == node->start && value->len == node->len);
	if (value->kind == WD_JSON_BARE)
		CHECK(strlen(node->text) == value->len &&
			  memcmp(node->text, value->token, value->len) == 0);
	if (value->kind == WD_JSON_STRING)
	{
		initStringInfo(&decoded);
		CHECK(wd_json_unescape(value->token, value->len, &decoded));
		CHECK(strlen(node->text) == decoded.len &&
			  memcmp(node->text, decoded.data, decoded.len) == 0);
	}
}

/* Does the path end with a star? */
static bool
ends_with_star(const WdJsonPath *path)
{
	const WdJsonStep *last = &path->steps[path->nsteps - 1];

	return last->name == NULL && last->array_index == WD_JSON_EACH;
}

/* How many steps lead to the elements that a path leads into; 0 for none. */
static int
steps_to_elements(const WdJsonPath *path)
{
	int			n = path->nsteps - 1;

	while (n > 0 && (path->steps[n - 1].name != NULL ||
					 path->steps[n - 1].array_index != WD_JSON_EACH))
		n--;
	return n;
}

/* Are the first nsteps steps of both paths the same? */
static bool
same_steps(const WdJsonPath *a, const WdJsonPath *b, int nsteps)
{
	if (a->nsteps < nsteps || b->nsteps < nsteps)
		return false;
	for (int i = 0; i < nsteps; i++)
	{
		const WdJsonStep *left = &a->steps[i];
		const WdJsonStep *right = &b->steps[i];

		if ((left->name == NULL) != (right->name == NULL))
			return false;
		if (left->name == NULL ? left->array_index != right->array_index :
			left->name_len != right->name_len ||
			memcmp(left->name, right->name, left->name_len) != 0)
			return false;
	}
	return true;
}

static const Node *
ancestor(const Node *node, int levels)
{
	while (levels-- > 0)
		node = node->parent;
	return node;
}

/* Every path with a star leads to what it leads to in the tree. */
void
check_lists(const WdTemplateSet *set, const WdJsonList *lists,
			const Node *root)
{
	for (int i = 0; i < set->npaths; i++)
	{
		const WdJsonPath *path = &set->paths[i];
		int			outer = steps_to_elements(path);
		const Node **nodes;
		int			n = tree_list(root, path, &nodes);

		if (!path->each)
		{
			CHECK(lists[i].n == 0);
			continue;
		}
		CHECK(lists[i].n == n);
		CHECK((path->parent_path >= 0) == (outer > 0));
		for (int j = 0; j < n; j++)
		{
			const WdJsonFound *found = &lists[i].found[j];
			const Node *around = ancestor(nodes[j], path->nsteps - outer);
			const WdJsonList *parents;

			compare_value(&found->value, nodes[j]);
			if (ends_with_star(path))
				CHECK(found->array_index == tree_index(nodes[j]));
			if (outer == 0)
			{
				CHECK(found->parent_match == -1);
				continue;
			}
			parents = &lists[path->parent_path];
			CHECK(found->parent_match >= 0 &&
				  found->parent_match < parents->n &&
				  parents->found[found->parent_match].value.token ==
				  around->start);
		}
	}
}

static int
compare_candidates(const void *a, const void *b)
{
	const char *left = ((const Candidate *) a)->node->start;
	const char *right = ((const Candidate *) b)->node->start;

	return left < right ? -1 : left > right;
}

/* Does this element hold that one, which a longer path leads to? */
static bool
holds(const WdTemplateSet *set, const Candidate *a, const Candidate *b)
{
	const WdJsonPath *outer = &set->paths[a->array_path];
	const WdJsonPath *inner = &set->paths[b->array_path];

	return b->node->start > a->node->start &&
		b->node->start < a->node->start + a->node->len &&
		inner->nsteps > outer->nsteps &&
		same_steps(outer, inner, outer->nsteps);
}

/* All elements that hold no others, in the order of the text. */
static int
find_events(const WdTemplateSet *set, const Node *root, Candidate **events)
{
	Candidate  *all = NULL;
	int			nall = 0;
	int			n = 0;

	for (int i = 0; i < set->npaths; i++)
	{
		const Node **nodes;
		int			nnodes = tree_list(root, &set->paths[i], &nodes);

		if (!ends_with_star(&set->paths[i]))
			continue;
		all = all == NULL ? palloc(sizeof(Candidate) * (nnodes + 1)) :
			repalloc(all, sizeof(Candidate) * (nall + nnodes + 1));
		for (int j = 0; j < nnodes; j++)
			all[nall++] = (Candidate) {i, nodes[j], false};
	}

	for (int i = 0; i < nall; i++)
	{
		/* scalars hold nothing */
		if (all[i].node->first_child == NULL)
			continue;
		for (int j = 0; j < nall && !all[i].holds_others; j++)
			all[i].holds_others = holds(set, &all[i], &all[j]);
	}

	for (int i = 0; i < nall; i++)
	{
		if (!all[i].holds_others)
			all[n++] = all[i];
	}
	if (n > 0)
		qsort(all, n, sizeof(Candidate), compare_candidates);
	*events = all;
	return n;
}

/* What a path leads to from an event: in it, around it, or in the whole. */
static const Node *
seen_from(const WdTemplateSet *set, const Candidate *event, int number,
		  const Node *root)
{
	const WdJsonPath *place = &set->paths[event->array_path];
	const WdJsonPath *path = &set->paths[number];
	int			outer = ends_with_star(path) ? path->nsteps :
		steps_to_elements(path);

	if (!same_steps(path, place, outer))
		return NULL;
	if (outer > 0)
		root = ancestor(event->node, place->nsteps - outer);
	return tree_walk(root, path->steps + outer, path->nsteps - outer);
}

/* The way from the root to an event, with numbers in place of stars. */
static char *
path_text(const WdTemplateSet *set, const Candidate *event)
{
	const WdJsonPath *place = &set->paths[event->array_path];
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < place->nsteps; i++)
	{
		const WdJsonStep *step = &place->steps[i];

		if (step->name == NULL)
			appendStringInfo(&text, "[%d]",
							 tree_index(ancestor(event->node,
												 place->nsteps - 1 - i)));
		else
			appendStringInfo(&text, "%s%.*s", i > 0 ? "." : "",
							 step->name_len, step->name);
	}
	return text.data;
}

/* Is some array there whose elements would be events? */
static bool
may_be_none(const WdTemplateSet *set, const Node *root)
{
	for (int i = 0; i < set->npaths; i++)
	{
		WdJsonPath	path = set->paths[i];
		const Node **nodes;
		int			n;

		if (!ends_with_star(&path))
			continue;
		path.nsteps--;
		n = tree_list(root, &path, &nodes);
		for (int j = 0; j < n; j++)
		{
			if (nodes[j]->kind == WD_JSON_CONTAINER && !nodes[j]->is_object)
				return true;
		}
	}
	return false;
}

/* Each event is found once, and sees what is in it and around it. */
void
check_items(const WdTemplateSet *set, const WdJsonValue *values,
			const WdJsonList *lists, const Node *root)
{
	WdItem	   *items;
	Candidate  *events;
	WdJsonValue own[WD_JSON_MAX_PATHS];
	int			n = find_events(set, root, &events);

	CHECK(wd_items_may_be_none(set, values) == may_be_none(set, root));
	CHECK(wd_items_find(set, lists, &items) == n);
	for (int i = 0; i < n; i++)
	{
		CHECK(items[i].array_path == events[i].array_path);
		CHECK(items[i].token == events[i].node->start &&
			  items[i].len == events[i].node->len);
		CHECK(strcmp(wd_item_path(set, lists, &items[i]),
					 path_text(set, &events[i])) == 0);

		wd_item_values(set, lists, &items[i], values, own);
		for (int j = 0; j < set->npaths; j++)
			compare_value(&own[j], seen_from(set, &events[i], j, root));
	}
}
