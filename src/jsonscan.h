/*
 * jsonscan.h
 *	  Reads a few values out of a JSON text in one pass.
 */
#ifndef WD_JSONSCAN_H
#define WD_JSONSCAN_H

/* Objects and arrays inside each other; deeper documents are refused. */
#define WD_JSON_MAX_DEPTH 512

/* Paths that one scan can look for: one bit each. */
#define WD_JSON_MAX_PATHS 64

/* Elements that a path may lead to; documents with more are refused. */
#define WD_JSON_MAX_ELEMENTS 10000

/* In place of an element's number: every element */
#define WD_JSON_EACH (-1)

/* One step of a path: a member of an object or an element of an array. */
typedef struct WdJsonStep
{
	const char *name;			/* member name in UTF-8, NULL for an element */
	int			name_len;
	int			index;			/* element number from 0, or WD_JSON_EACH */
} WdJsonStep;

/*
 * A path that leads to each element of some array belongs to the path of
 * these elements; a path of elements, to that of the elements around them.
 */
typedef struct WdJsonPath
{
	int			nsteps;
	WdJsonStep *steps;
	bool		each;			/* leads to as many values as there are */
	int			elements;		/* number of the path it belongs to, or -1 */
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

/* What a path leads to in one element, or the element itself. */
typedef struct WdJsonFound
{
	WdJsonValue value;
	int			index;			/* an element's number in its array */
	int			element;		/* what it belongs to: a number in the list of
								 * its path's elements, or -1 */
} WdJsonFound;

/* All that a path leads to, in the order of the text. */
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
											int element);

#endif							/* WD_JSONSCAN_H */
