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

/* One step of a path: a member of an object or an element of an array. */
typedef struct WdJsonStep
{
	const char *name;			/* member name in UTF-8, NULL for an element */
	int			name_len;
	int			index;			/* element number from 0 */
} WdJsonStep;

typedef struct WdJsonPath
{
	int			nsteps;
	WdJsonStep *steps;
} WdJsonPath;

typedef enum WdJsonKind
{
	WD_JSON_ABSENT,				/* no such value, or null */
	WD_JSON_STRING,
	WD_JSON_BARE,				/* number, true or false */
	WD_JSON_CONTAINER			/* object or array */
} WdJsonKind;

/* What a path leads to; the token points into the scanned text. */
typedef struct WdJsonValue
{
	WdJsonKind	kind;
	const char *token;
	int			len;
} WdJsonValue;

typedef enum WdJsonResult
{
	WD_JSON_OK,
	WD_JSON_INVALID,
	WD_JSON_TOO_DEEP
} WdJsonResult;

extern WdJsonResult wd_json_scan(const char *json, int len,
								 const WdJsonPath *paths, int npaths,
								 WdJsonValue *values, int *stopped_at);

#endif							/* WD_JSONSCAN_H */
