/*
 * tree.c
 *	  A second reader of JSON texts, slow and obvious: the judge.
 *
 * The server's recursive parser calls back for each value; here a whole tree
 * grows from that, and a path is looked up in the finished tree.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "compat.h"
#include "tree.h"

/* How deep a text is nested, and whether that was too deep at any time */
typedef struct Depth
{
	int			depth;
	bool		too_deep;
} Depth;

typedef struct Builder
{
	Node	   *root;
	Node	   *container;		/* the open one */
	char	   *name;			/* of the member to come */
} Builder;

static void
depth_start(void *state)
{
	Depth	   *d = state;

	if (++d->depth > WD_JSON_MAX_DEPTH)
		d->too_deep = true;
}

static void
depth_end(void *state)
{
	((Depth *) state)->depth--;
}

/* Is the text valid?  *too_deep: a container was opened beyond the limit. */
JsonParseErrorType
tree_validate(const char *json, int len, bool *too_deep)
{
	Depth		depth = {0, false};
	JsonSemAction actions = {
		.semstate = &depth,
		.object_start = depth_start,
		.object_end = depth_end,
		.array_start = depth_start,
		.array_end = depth_end,
	};
	JsonParseErrorType result;

	result = pg_parse_json(WdMakeJsonLexer(json, len), &actions);
	*too_deep = depth.too_deep;
	return result;
}

static Node *
add_node(Builder *b, WdJsonKind kind)
{
	Node	   *node = palloc0(sizeof(Node));

	node->kind = kind;
	node->name = b->name;
	b->name = NULL;
	node->parent = b->container;
	if (b->container == NULL)
		b->root = node;
	else if (b->container->last_child == NULL)
		b->container->first_child = b->container->last_child = node;
	else
	{
		node->previous = b->container->last_child;
		node->previous->next = node;
		b->container->last_child = node;
	}
	return node;
}

static void
build_object_start(void *state)
{
	Builder    *b = state;

	b->container = add_node(b, WD_JSON_CONTAINER);
	b->container->is_object = true;
}

static void
build_array_start(void *state)
{
	Builder    *b = state;

	b->container = add_node(b, WD_JSON_CONTAINER);
}

static void
build_end(void *state)
{
	Builder    *b = state;

	b->container = b->container->parent;
}

static void
build_member(void *state, char *name, bool isnull)
{
	/* the parser frees the name when the member ends */
	((Builder *) state)->name = pstrdup(name);
}

static void
build_scalar(void *state, char *token, JsonTokenType type)
{
	Builder    *b = state;
	WdJsonKind	kind = WD_JSON_BARE;

	if (type == JSON_TOKEN_STRING)
		kind = WD_JSON_STRING;
	else if (type == JSON_TOKEN_NULL)
		kind = WD_JSON_ABSENT;
	add_node(b, kind)->text = pstrdup(token);
}

/*
 * Read the whole text, with names and strings decoded.  An escape that no
 * text can hold is an error here, wherever it stands.
 */
JsonParseErrorType
tree_read(const char *json, int len, Node **root)
{
	Builder		builder = {NULL, NULL, NULL};
	JsonSemAction actions = {
		.semstate = &builder,
		.object_start = build_object_start,
		.object_end = build_end,
		.array_start = build_array_start,
		.array_end = build_end,
		.object_field_start = build_member,
		.scalar = build_scalar,
	};
	JsonLexContext *lex;
	JsonParseErrorType result;

	lex = makeJsonLexContextCstringLen(unconstify(char *, json), len,
									   PG_UTF8, true);
	result = pg_parse_json(lex, &actions);
	*root = builder.root;
	return result;
}

/* The value that a path leads to, NULL if there is none. */
const Node *
tree_find(const Node *root, const WdJsonPath *path)
{
	const Node *node = root;

	for (int i = 0; i < path->nsteps && node != NULL; i++)
	{
		const WdJsonStep *step = &path->steps[i];
		const Node *child = NULL;

		if (node->kind == WD_JSON_CONTAINER && node->is_object &&
			step->name != NULL)
		{
			/* the last member of that name */
			child = node->last_child;
			while (child != NULL &&
				   (strlen(child->name) != step->name_len ||
					memcmp(child->name, step->name, step->name_len) != 0))
				child = child->previous;
		}
		else if (node->kind == WD_JSON_CONTAINER && !node->is_object &&
				 step->name == NULL)
		{
			child = node->first_child;
			for (int n = 0; n < step->index && child != NULL; n++)
				child = child->next;
		}
		node = child;
	}
	return node;
}
