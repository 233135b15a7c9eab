/*
 * tree.h
 *	  A second reader of JSON texts, slow and obvious: the judge.
 */
#ifndef FUZZ_TREE_H
#define FUZZ_TREE_H

#include "common/jsonapi.h"

#include "jsonscan.h"

typedef struct Node Node;

/* A value: the text of a scalar, or members and elements in their order */
struct Node
{
	WdJsonKind	kind;			/* WD_JSON_ABSENT is null */
	bool		is_object;
	char	   *text;
	const char *start;			/* where it is written */
	int			len;
	char	   *name;			/* as a member */
	Node	   *first_child;
	Node	   *last_child;
	Node	   *previous;		/* of the same container */
	Node	   *next;
	Node	   *parent;
};

extern JsonParseErrorType tree_validate(const char *json, int len,
										bool *too_deep);
extern JsonParseErrorType tree_read(const char *json, int len, Node **root);
extern const Node *tree_walk(const Node *node, const WdJsonStep *steps,
							 int nsteps);
extern const Node *tree_find(const Node *root, const WdJsonPath *path);
extern int	tree_list(const Node *root, const WdJsonPath *path,
					  const Node ***nodes);
extern int	tree_index(const Node *node);

#endif							/* FUZZ_TREE_H */
