/*
 * jsonscan.c
 *	  Reads a few values out of a JSON text in one pass.
 *
 * The server's lexer cuts the text into tokens.  This file follows the grammar
 * without recursion, so that no document can exhaust the stack.  jsonmatch.c
 * keeps track of which of the wanted paths lead to the current value.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"
#include "jsonmatch.h"
#include "jsonscan.h"
#include "jsontoken.h"

/* What the grammar allows next. */
typedef enum Expect
{
	EXPECT_VALUE,
	EXPECT_FIRST_ELEMENT,		/* a value or ] */
	EXPECT_FIRST_NAME,			/* a name or } */
	EXPECT_NAME,
	EXPECT_COLON,
	EXPECT_MORE,				/* a comma, or what closes the container */
	EXPECT_END,
	EXPECT_TOO_DEEP,			/* this token is nested too deeply */
	EXPECT_NOTHING				/* this token is out of place */
} Expect;

typedef struct Scan
{
	JsonLexContext *lex;
	WdJsonMatch match;
	WdJsonLevel levels[WD_JSON_MAX_DEPTH + 1];
} Scan;

static WdJsonResult scan_tokens(Scan *scan);
static Expect take_token(Scan *scan, Expect expect);
static Expect take_value(Scan *scan);
static Expect take_name(Scan *scan);
static Expect close_container(Scan *scan, bool is_object);
static Expect next_in_container(Scan *scan);
static Expect after_value(Scan *scan);
static int	token_len(const Scan *scan);

/*
 * Find the values that paths lead to in the JSON text of len bytes, which
 * must be valid UTF-8.  Where an object has several members of one name, the
 * last one counts.
 *
 * values[i] is set for each of the npaths paths; its token points into json.
 * lists[i] is set for each path with [*].  values[i] of a path that ends with
 * [*] is WD_JSON_CONTAINER if there is such an array, which may be empty.  If
 * lists is NULL, paths with [*] are not looked for.
 *
 * The whole text is read: WD_JSON_OK means that all of it is valid.
 * Otherwise *stopped_at is the offset of the byte behind the token that is
 * out of place.  Allocates what the server's lexer does, the lists, and room
 * for the longest name that has escapes.
 */
WdJsonResult
wd_json_scan(const char *json, int len, const WdJsonPath *paths, int npaths,
			 WdJsonValue *values, WdJsonList *lists, int *stopped_at)
{
	Scan		scan;
	WdJsonResult result;

	Assert(npaths <= WD_JSON_MAX_PATHS);

	scan.lex = WdMakeJsonLexer(json, len);
	scan.match.paths = paths;
	scan.match.npaths = npaths;
	scan.match.values = values;
	scan.match.lists = lists;
	scan.match.levels = scan.levels;
	wd_json_match_begin(&scan.match);

	result = scan_tokens(&scan);
	*stopped_at = scan.lex->token_terminator ?
		scan.lex->token_terminator - json : 0;
	return result;
}

static WdJsonResult
scan_tokens(Scan *scan)
{
	Expect		expect = EXPECT_VALUE;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (!wd_json_next_token(scan->lex))
			return WD_JSON_INVALID;
		if (expect == EXPECT_END)
			return scan->lex->token_type == JSON_TOKEN_END ?
				WD_JSON_OK : WD_JSON_INVALID;

		expect = take_token(scan, expect);
		if (expect == EXPECT_NOTHING)
			return WD_JSON_INVALID;
		if (expect == EXPECT_TOO_DEEP)
			return WD_JSON_TOO_DEEP;
		if (scan->match.too_many)
			return WD_JSON_TOO_MANY;
	}
}

/* Act on the current token; returns what may follow it. */
static Expect
take_token(Scan *scan, Expect expect)
{
	JsonTokenType type = scan->lex->token_type;

	switch (expect)
	{
		case EXPECT_FIRST_ELEMENT:
			if (type == JSON_TOKEN_ARRAY_END)
				return close_container(scan, false);
			wd_json_match_element(&scan->match);
			return take_value(scan);
		case EXPECT_VALUE:
			return take_value(scan);
		case EXPECT_FIRST_NAME:
			if (type == JSON_TOKEN_OBJECT_END)
				return close_container(scan, true);
			return take_name(scan);
		case EXPECT_NAME:
			return take_name(scan);
		case EXPECT_COLON:
			return type == JSON_TOKEN_COLON ? EXPECT_VALUE : EXPECT_NOTHING;
		case EXPECT_MORE:
			if (type == JSON_TOKEN_COMMA)
				return next_in_container(scan);
			if (type == JSON_TOKEN_OBJECT_END)
				return close_container(scan, true);
			if (type == JSON_TOKEN_ARRAY_END)
				return close_container(scan, false);
			return EXPECT_NOTHING;
		case EXPECT_END:
		case EXPECT_TOO_DEEP:
		case EXPECT_NOTHING:
			break;
	}
	return EXPECT_NOTHING;
}

static Expect
take_value(Scan *scan)
{
	WdJsonKind	kind;
	bool		is_object;

	switch (scan->lex->token_type)
	{
		case JSON_TOKEN_OBJECT_START:
		case JSON_TOKEN_ARRAY_START:
			kind = WD_JSON_CONTAINER;
			break;
		case JSON_TOKEN_STRING:
			kind = WD_JSON_STRING;
			break;
		case JSON_TOKEN_NUMBER:
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
			kind = WD_JSON_BARE;
			break;
		case JSON_TOKEN_NULL:
			kind = WD_JSON_ABSENT;
			break;
		default:
			return EXPECT_NOTHING;
	}

	wd_json_match_value(&scan->match, kind, scan->lex->token_start,
						token_len(scan));
	if (kind != WD_JSON_CONTAINER)
		return after_value(scan);
	if (scan->match.depth == WD_JSON_MAX_DEPTH)
		return EXPECT_TOO_DEEP;
	is_object = scan->lex->token_type == JSON_TOKEN_OBJECT_START;
	wd_json_match_open(&scan->match, is_object);
	return is_object ? EXPECT_FIRST_NAME : EXPECT_FIRST_ELEMENT;
}

static Expect
take_name(Scan *scan)
{
	if (scan->lex->token_type != JSON_TOKEN_STRING)
		return EXPECT_NOTHING;
	wd_json_match_name(&scan->match, scan->lex->token_start,
					   token_len(scan));
	return EXPECT_COLON;
}

static Expect
close_container(Scan *scan, bool is_object)
{
	if (scan->levels[scan->match.depth].is_object != is_object)
		return EXPECT_NOTHING;
	wd_json_match_close(&scan->match, scan->lex->token_terminator);
	return after_value(scan);
}

static Expect
next_in_container(Scan *scan)
{
	WdJsonLevel *level = &scan->levels[scan->match.depth];

	if (level->is_object)
		return EXPECT_NAME;
	level->array_index++;
	wd_json_match_element(&scan->match);
	return EXPECT_VALUE;
}

static Expect
after_value(Scan *scan)
{
	return scan->match.depth == 0 ? EXPECT_END : EXPECT_MORE;
}

static int
token_len(const Scan *scan)
{
	return scan->lex->token_terminator - scan->lex->token_start;
}

/*
 * The first value of a list that lies in that element, given by its number in
 * the list of the parent path; NULL if there is none.
 */
const WdJsonFound *
wd_json_list_find(const WdJsonList *list, int parent_match)
{
	int			low = 0;
	int			high = list->n;

	/* in the order of the text, these numbers never fall */
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (list->found[middle].parent_match < parent_match)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->n && list->found[low].parent_match == parent_match ?
		&list->found[low] : NULL;
}
