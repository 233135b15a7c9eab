/*
 * jsonmatch.h
 *	  Tells which of the wanted paths lead to the current value of a JSON text.
 */
#ifndef WD_JSONMATCH_H
#define WD_JSONMATCH_H

#include "lib/stringinfo.h"

#include "jsonscan.h"

/* An open object or array. */
typedef struct WdJsonLevel
{
	bool		is_object;
	int			array_index;	/* of the current element */
	uint64		live;			/* paths that lead on into it */
	uint64		ends;			/* paths that end at it */
} WdJsonLevel;

/* Where the scan is, and what it has found. */
typedef struct WdJsonMatch
{
	const WdJsonPath *paths;
	int			npaths;
	WdJsonValue *values;
	WdJsonList *lists;			/* NULL if none are wanted */
	int		   *marks;			/* how long the lists were when each of the
								 * open objects began, by depth and path */
	bool		too_many;		/* is a list longer than allowed? */
	uint64		reached;		/* paths that lead to or through the next
								 * value */
	uint64		recorded;		/* paths that end at the last value */
	StringInfoData name;		/* a member's name without its escapes */
	bool		name_is_decoded;
	int			depth;			/* how many objects and arrays are open */
	WdJsonLevel *levels;		/* [1] is the outermost */
} WdJsonMatch;

extern void wd_json_match_begin(WdJsonMatch *match);
extern void wd_json_match_name(WdJsonMatch *match, const char *token, int len);
extern void wd_json_match_element(WdJsonMatch *match);
extern void wd_json_match_value(WdJsonMatch *match, WdJsonKind kind,
								const char *token, int len);
extern void wd_json_match_open(WdJsonMatch *match, bool is_object);
extern void wd_json_match_close(WdJsonMatch *match, const char *end);

#endif							/* WD_JSONMATCH_H */
