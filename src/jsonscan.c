/*
 * jsonscan.c
 *	  Reads a few values out of a JSON text in one pass.
 *
 * The server's lexer cuts the text into tokens; this file follows the
 * grammar without recursion, so that no document can exhaust the stack, and
 * knows at each place which of the wanted paths lead there: a bit each, kept
 * for every open object or array.  Where no bit is left, names are not even
 * compared.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"
#include "jsonscan.h"
#include "jsonstring.h"

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
	EXPECT_NOTHING				/* this token was out of place */
} Expect;

/* An open object or array. */
typedef struct Level
{
	bool		is_object;
	int			index;			/* number of the current element */
	uint64		live;			/* paths that lead into this container */
} Level;

typedef struct Scan
{
	JsonLexContext *lex;
	const WdJsonPath *paths;
	int			npaths;
	WdJsonValue *values;
	uint64		reached;		/* paths that lead to the next value */
	StringInfoData name;		/* a member's name without its escapes */
	bool		name_is_decoded;
	int			depth;			/* containers open */
	Level		levels[WD_JSON_MAX_DEPTH + 1];	/* [1] is the outermost */
} Scan;

static WdJsonResult scan_tokens(Scan *scan);
static Expect take_token(Scan *scan, Expect expect);
static Expect take_value(Scan *scan);
static Expect take_name(Scan *scan);
static Expect open_container(Scan *scan, bool is_object);
static Expect close_container(Scan *scan, bool is_object);
static Expect next_in_container(Scan *scan);
static Expect after_value(Scan *scan);
static void reach_element(Scan *scan);
static void record(Scan *scan, WdJsonKind kind);
static bool name_matches(Scan *scan, const WdJsonStep *step);
static void decode_name(Scan *scan, const char *token, int len);

/*
 * Find the values that paths lead to in the JSON text of len bytes, which
 * must be valid UTF-8.  Of members with one name the last one counts.
 *
 * values[i] is set for each of the npaths paths; its token points into json.
 * The whole text is read: WD_JSON_OK means that all of it is valid.
 * Otherwise *stopped_at is the offset of the byte behind the token that is
 * out of place.  Allocates what the server's lexer does, and room for the
 * longest name that has escapes.
 */
WdJsonResult
wd_json_scan(const char *json, int len, const WdJsonPath *paths, int npaths,
			 WdJsonValue *values, int *stopped_at)
{
	Scan		scan;
	WdJsonResult result;

	Assert(npaths <= WD_JSON_MAX_PATHS);

	for (int i = 0; i < npaths; i++)
		values[i].kind = WD_JSON_ABSENT;

	scan.lex = WdMakeJsonLexer(json, len);
	scan.paths = paths;
	scan.npaths = npaths;
	scan.values = values;
	scan.reached = npaths == WD_JSON_MAX_PATHS ?
		PG_UINT64_MAX : (UINT64CONST(1) << npaths) - 1;
	scan.name.data = NULL;
	scan.depth = 0;

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
		if (json_lex(scan->lex) != JSON_SUCCESS)
			return WD_JSON_INVALID;
		if (expect == EXPECT_END)
			return scan->lex->token_type == JSON_TOKEN_END ?
				WD_JSON_OK : WD_JSON_INVALID;

		expect = take_token(scan, expect);
		if (expect == EXPECT_NOTHING)
			return WD_JSON_INVALID;
		if (scan->depth > WD_JSON_MAX_DEPTH)
			return WD_JSON_TOO_DEEP;
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
			reach_element(scan);
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
		case EXPECT_NOTHING:
			break;
	}
	return EXPECT_NOTHING;
}

static Expect
take_value(Scan *scan)
{
	switch (scan->lex->token_type)
	{
		case JSON_TOKEN_OBJECT_START:
			record(scan, WD_JSON_CONTAINER);
			return open_container(scan, true);
		case JSON_TOKEN_ARRAY_START:
			record(scan, WD_JSON_CONTAINER);
			return open_container(scan, false);
		case JSON_TOKEN_STRING:
			record(scan, WD_JSON_STRING);
			return after_value(scan);
		case JSON_TOKEN_NUMBER:
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
			record(scan, WD_JSON_BARE);
			return after_value(scan);
		case JSON_TOKEN_NULL:
			return after_value(scan);
		default:
			return EXPECT_NOTHING;
	}
}

/* A member's name: which of the live paths go through it? */
static Expect
take_name(Scan *scan)
{
	uint64		live = scan->levels[scan->depth].live;

	if (scan->lex->token_type != JSON_TOKEN_STRING)
		return EXPECT_NOTHING;

	scan->reached = 0;
	scan->name_is_decoded = false;
	for (int i = 0; live != 0; i++, live >>= 1)
	{
		const WdJsonStep *step;

		if ((live & 1) == 0)
			continue;
		step = &scan->paths[i].steps[scan->depth - 1];
		if (step->name == NULL || !name_matches(scan, step))
			continue;
		scan->reached |= UINT64CONST(1) << i;
		/* an earlier member of this name does not count any more */
		scan->values[i].kind = WD_JSON_ABSENT;
	}
	return EXPECT_COLON;
}

/* Is the current token the name of this step? */
static bool
name_matches(Scan *scan, const WdJsonStep *step)
{
	const char *token = scan->lex->token_start;
	int			len = scan->lex->token_terminator - token;

	if (memchr(token, '\\', len) == NULL)
		return len - 2 == step->name_len &&
			memcmp(token + 1, step->name, step->name_len) == 0;

	/* once for all paths */
	if (!scan->name_is_decoded)
		decode_name(scan, token, len);
	return scan->name.len == step->name_len &&
		memcmp(scan->name.data, step->name, step->name_len) == 0;
}

static void
decode_name(Scan *scan, const char *token, int len)
{
	if (scan->name.data == NULL)
		initStringInfo(&scan->name);
	resetStringInfo(&scan->name);
	/* a name that no text can hold is nobody's name */
	if (!wd_json_unescape(token, len, &scan->name))
		scan->name.len = -1;
	scan->name_is_decoded = true;
}

/* An array's element: which of the live paths go through its number? */
static void
reach_element(Scan *scan)
{
	const Level *level = &scan->levels[scan->depth];
	uint64		live = level->live;

	scan->reached = 0;
	for (int i = 0; live != 0; i++, live >>= 1)
	{
		const WdJsonStep *step;

		if ((live & 1) == 0)
			continue;
		step = &scan->paths[i].steps[scan->depth - 1];
		if (step->name == NULL && step->index == level->index)
			scan->reached |= UINT64CONST(1) << i;
	}
}

static Expect
open_container(Scan *scan, bool is_object)
{
	uint64		live = scan->reached;
	Level	   *level;

	if (++scan->depth > WD_JSON_MAX_DEPTH)
		return EXPECT_VALUE;	/* the caller sees the depth */

	/* a path that ends here does not lead inside */
	for (int i = 0; i < scan->npaths; i++)
		if (scan->paths[i].nsteps < scan->depth)
			live &= ~(UINT64CONST(1) << i);

	level = &scan->levels[scan->depth];
	level->is_object = is_object;
	level->index = 0;
	level->live = live;
	return is_object ? EXPECT_FIRST_NAME : EXPECT_FIRST_ELEMENT;
}

static Expect
close_container(Scan *scan, bool is_object)
{
	if (scan->levels[scan->depth].is_object != is_object)
		return EXPECT_NOTHING;
	scan->depth--;
	return after_value(scan);
}

static Expect
next_in_container(Scan *scan)
{
	Level	   *level = &scan->levels[scan->depth];

	if (level->is_object)
		return EXPECT_NAME;
	level->index++;
	reach_element(scan);
	return EXPECT_VALUE;
}

static Expect
after_value(Scan *scan)
{
	return scan->depth == 0 ? EXPECT_END : EXPECT_MORE;
}

/* Keep the current token for the paths that end at it. */
static void
record(Scan *scan, WdJsonKind kind)
{
	uint64		reached = scan->reached;

	for (int i = 0; reached != 0; i++, reached >>= 1)
	{
		if ((reached & 1) == 0 || scan->paths[i].nsteps != scan->depth)
			continue;
		scan->values[i].kind = kind;
		scan->values[i].token = scan->lex->token_start;
		scan->values[i].len =
			scan->lex->token_terminator - scan->lex->token_start;
	}
}
