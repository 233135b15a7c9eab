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
	JsonLexContext *lex;
	Node	   *root;
	Node	   *container;		/* the open one */
	char	   *name;			/* of the member to come */
	const char *start;			/* of the value to come */
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
	node->start = b->start;
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

/* The value ends with the token before the current one. */
static void
end_node(Builder *b, Node *node)
{
	node->len = b->lex->prev_token_terminator - node->start;
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

	end_node(b, b->container);
	b->container = b->container->parent;
}

static void
build_member(void *state, char *name, bool isnull)
{
	Builder    *b = state;

	/* the parser frees the name when the member ends */
	b->name = pstrdup(name);
	b->start = b->lex->token_start;
}

static void
build_element(void *state, bool isnull)
{
	Builder    *b = state;

	b->start = b->lex->token_start;
}

static void
build_scalar(void *state, char *token, JsonTokenType type)
{
	Builder    *b = state;
	WdJsonKind	kind = WD_JSON_BARE;
	Node	   *node;

	if (type == JSON_TOKEN_STRING)
		kind = WD_JSON_STRING;
	else if (type == JSON_TOKEN_NULL)
		kind = WD_JSON_ABSENT;
	node = add_node(b, kind);
	node->text = pstrdup(token);
	end_node(b, node);
}

/*
 * Read the whole text, with names and strings decoded.  An escape that no
 * text can hold is an error here, wherever it stands.
 */
JsonParseErrorType
tree_read(const char *json, int len, Node **root)
{
	Builder		builder = {NULL};
	JsonSemAction actions = {
		.semstate = &builder,
		.object_start = build_object_start,
		.object_end = build_end,
		.array_start = build_array_start,
		.array_end = build_end,
		.object_field_start = build_member,
		.array_element_start = build_element,
		.scalar = build_scalar,
	};
	JsonParseErrorType result;

	builder.lex = makeJsonLexContextCstringLen(unconstify(char *, json), len,
											   PG_UTF8, true);
	builder.start = json;
	while (builder.start < json + len && strchr(" \t\r\n", *builder.start))
		builder.start++;
	result = pg_parse_json(builder.lex, &actions);
	*root = builder.root;
	return result;
}

/* The child that a step leads to which is no star, NULL if there is none. */
static const Node *
child_at(const Node *node, const WdJsonStep *step)
{
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
		for (int n = 0; n < step->array_index && child != NULL; n++)
			child = child->next;
	}
	return child;
}

/* The value that steps without a star lead to, NULL if there is none. */
const Node *
tree_walk(const Node *node, const WdJsonStep *steps, int nsteps)
{
	for (int i = 0; i < nsteps && node != NULL; i++)
		node = child_at(node, &steps[i]);
	return node;
}

const Node *
tree_find(const Node *root, const WdJsonPath *path)
{
	return tree_walk(root, path->steps, path->nsteps);
}

/* Is there an element here for a star? */
static bool
is_star(const Node *node, const WdJsonStep *step)
{
	return step->name == NULL && step->array_index == WD_JSON_EACH &&
		node->kind == WD_JSON_CONTAINER && !node->is_object;
}

static int
count_nodes(const Node *node)
{
	int			n = 1;

	for (node = node->first_child; node != NULL; node = node->next)
		n += count_nodes(node);
	return n;
}

static void
collect(const Node *node, const WdJsonStep *steps, int nsteps,
		const Node **nodes, int *n)
{
	if (nsteps == 0)
		nodes[(*n)++] = node;
	else if (is_star(node, steps))
	{
		for (node = node->first_child; node != NULL; node = node->next)
			collect(node, steps + 1, nsteps - 1, nodes, n);
	}
	else if (steps->name != NULL || steps->array_index != WD_JSON_EACH)
	{
		node = child_at(node, steps);
		if (node != NULL)
			collect(node, steps + 1, nsteps - 1, nodes, n);
	}
}

/* All values that a path leads to, in the order of the text. */
int
tree_list(const Node *root, const WdJsonPath *path, const Node ***nodes)
{
	int			n = 0;

	*nodes = palloc(sizeof(Node *) * count_nodes(root));
	collect(root, path->steps, path->nsteps, *nodes, &n);
	return n;
}

/* An element's number in its array. */
int
tree_index(const Node *node)
{
	int			index = 0;

	for (node = node->previous; node != NULL; node = node->previous)
		index++;
	return index;
}
