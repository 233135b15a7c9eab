/*
 * jsonscan.h
 *	  Reads a few values out of a JSON text in one pass.
 */
#ifndef WD_JSONSCAN_H
#define WD_JSONSCAN_H

/* How deep objects and arrays may be nested */
#define WD_JSON_MAX_DEPTH 512

/* How many paths a scan can look for: one bit each */
#define WD_JSON_MAX_PATHS 64

/* How many elements a path may lead to */
#define WD_JSON_MAX_ELEMENTS 10000

/* As the index of an array's element: every element */
#define WD_JSON_EACH (-1)

/* One step of a path: a member of an object or an element of an array. */
typedef struct WdJsonStep
{
	const char *name;			/* member name in UTF-8, NULL for an element */
	int			name_len;
	int			array_index;	/* of an element: from 0, or WD_JSON_EACH */
} WdJsonStep;

/*
 * A path with a step to every element, [*], leads to many values.  Its parent
 * is the path that ends at the last such step before its own end: that of
 * a[*].b[*].c is a[*].b[*], whose parent is a[*], which has none.
 */
typedef struct WdJsonPath
{
	int			nsteps;
	WdJsonStep *steps;
	bool		each;			/* is one of the steps to every element? */
	int			parent_path;	/* number of its parent, or -1 */
} WdJsonPath;

typedef enum WdJsonKind
{
	WD_JSON_ABSENT,				/* no such value, or null */
	WD_JSON_STRING,
	WD_JSON_BARE,				/* number, true or false */
	WD_JSON_CONTAINER,			/* object or array */
	WD_FORM_FIELD				/* not of JSON: a field of a form */
} WdJsonKind;

/* What a path leads to; the token points into the scanned text. */
typedef struct WdJsonValue
{
	WdJsonKind	kind;
	const char *token;
	int			len;			/* of a container: all of it */
} WdJsonValue;

/* One of the values that a path with [*] leads to. */
typedef struct WdJsonFound
{
	WdJsonValue value;
	int			array_index;	/* of an element: in its array */
	int			parent_match;	/* the element that it lies in: number in the
								 * list of the parent path, or -1 */
} WdJsonFound;

/* All values that a path with [*] leads to, in the order of the text. */
typedef struct WdJsonList
{
	int			n;
	int			size;
	WdJsonFound *found;
} WdJsonList;

typedef enum WdJsonResult
{
	WD_JSON_OK,
	WD_JSON_INVALID,
	WD_JSON_TOO_DEEP,
	WD_JSON_TOO_MANY			/* elements */
} WdJsonResult;

extern WdJsonResult wd_json_scan(const char *json, int len,
								 const WdJsonPath *paths, int npaths,
								 WdJsonValue *values, WdJsonList *lists,
								 int *stopped_at);
extern const WdJsonFound *wd_json_list_find(const WdJsonList *list,
											int parent_match);

/* Does the path lead to every element of an array, and not into them? */
static inline bool
wd_json_ends_with_each(const WdJsonPath *path)
{
	return path->steps[path->nsteps - 1].array_index == WD_JSON_EACH;
}

#endif							/* WD_JSONSCAN_H */
