/*
 * fuzz_json.c
 *	  Fuzz target: wd_json_scan and wd_json_unescape on any bytes.
 *
 * The input is a payload.  The scanner must accept exactly what the server's
 * own recursive parser accepts, stop at the depth limit and nowhere else,
 * and find what a tree of the whole document holds at each path: one value,
 * or of a path with stars a list, and in the lists the events.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "elements.h"
#include "jsonscan.h"
#include "shim.h"
#include "template.h"
#include "text.h"
#include "tree.h"

/*
 * Paths of every kind: names, elements, both, one inside another, not ASCII;
 * each element, of arrays at the root, in members, in each other.
 */
static const char *const paths[] = {
	"{body:id}",
	"{body:a}",
	"{body:a.b}",
	"{body:a.b.c}",
	"{body:a[0]}",
	"{body:a[1].b}",
	"{body:a[0][1]}",
	"{body:a[10]}",
	"{body:[0]}",
	"{body:[1].id}",
	"{body:[0].a.b}",
	"{body:data.status}",
	"{body:data.payment.paymentKey}",
	"{body:x y.\"q\"}",
	"{body:\xc3\xa9}",
	"{body:\xf0\x9f\x98\x80.\\}",
	"{body:a[*].b}",
	"{body:a[*].c[*].d}",
	"{body:a[*].c[0].d}",
	"{body:a[*].data.x[*]}",
	"{body:a[*][*].id}",
	"{body:[*].id}",
	"{body:[*].a.b}",
	"{body:[*].c[*]}",
	"{body:[*][1][*].b}",
	"{body:data.\xc3\xa9[*]}",
};

static void check_limit(const WdTemplateSet *set);
static void check_values(const WdTemplateSet *set, const WdJsonValue *values,
						 const WdJsonValue *alone, const char *json, int len);
static void check_value(const WdJsonValue *value, const char *json, int len);
static void compare_with_tree(const WdTemplateSet *set,
							  const WdJsonValue *values,
							  const WdJsonList *lists,
							  const char *json, int len);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	const char *json = (const char *) data;
	int			len = size;
	WdTemplateError error;
	WdTemplateSet *set;
	WdJsonValue values[WD_JSON_MAX_PATHS];
	WdJsonValue alone[WD_JSON_MAX_PATHS];
	WdJsonList	lists[WD_JSON_MAX_PATHS];
	WdJsonResult result;
	JsonParseErrorType verdict;
	int			stopped_at = -1;
	int			stopped_again = -1;
	bool		too_deep;

	fuzz_begin(PG_UTF8);
	set = wd_templates_compile(paths, lengthof(paths), &error);
	CHECK(set != NULL && set->npaths > lengthof(paths) && set->has_elements);
	check_limit(set);

	/* nothing else gets to the scanner */
	if (pg_encoding_verifymbstr(PG_UTF8, json, len) != len)
	{
		fuzz_end();
		return 0;
	}

	result = wd_json_scan(json, len, set->paths, set->npaths, values, lists,
						  &stopped_at);
	CHECK(stopped_at >= 0 && stopped_at <= len);
	verdict = tree_validate(json, len, &too_deep);
	if (too_deep)
		CHECK(result == WD_JSON_TOO_DEEP);
	else
		CHECK(result == (verdict == JSON_SUCCESS ?
						 WD_JSON_OK : WD_JSON_INVALID));

	CHECK(wd_json_scan(json, len, set->paths, set->npaths, alone, NULL,
					   &stopped_again) == result);
	CHECK(stopped_at == stopped_again);

	if (result == WD_JSON_OK)
	{
		check_values(set, values, alone, json, len);
		compare_with_tree(set, values, lists, json, len);
	}
	fuzz_end();
	return 0;
}

/*
 * No input is long enough for too many elements: once, beside the first one,
 * as many as there may be, and one more.
 */
static void
check_limit(const WdTemplateSet *set)
{
	static bool checked = false;
	WdJsonValue values[WD_JSON_MAX_PATHS];
	WdJsonList	lists[WD_JSON_MAX_PATHS];
	StringInfoData json;
	int			stopped_at;

	if (checked)
		return;
	checked = true;

	/* of one path, in two arrays */
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"a\":[{\"c\":[0]},{\"c\":[0");
	for (int i = 2; i < WD_JSON_MAX_ELEMENTS; i++)
		appendStringInfoString(&json, ",0");
	appendStringInfoString(&json, "]}]} ");
	CHECK(wd_json_scan(json.data, json.len, set->paths, set->npaths, values,
					   lists, &stopped_at) == WD_JSON_OK);

	json.len -= strlen("]}]} ");
	appendStringInfoString(&json, ",0]}]}");
	CHECK(wd_json_scan(json.data, json.len, set->paths, set->npaths, values,
					   lists, &stopped_at) == WD_JSON_TOO_MANY);
	CHECK(wd_json_scan(json.data, json.len, set->paths, set->npaths, values,
					   NULL, &stopped_at) == WD_JSON_OK);
}

/* Values are the same without lists, which need no stars followed. */
static void
check_values(const WdTemplateSet *set, const WdJsonValue *values,
			 const WdJsonValue *alone, const char *json, int len)
{
	for (int i = 0; i < set->npaths; i++)
	{
		if (set->paths[i].each)
		{
			CHECK(alone[i].kind == WD_JSON_ABSENT);
			continue;
		}
		CHECK(values[i].kind == alone[i].kind);
		if (values[i].kind == WD_JSON_ABSENT)
			continue;
		CHECK(values[i].token == alone[i].token &&
			  values[i].len == alone[i].len);
		check_value(&values[i], json, len);
	}
}

/* A value lies in the text, and what it stands for is text. */
static void
check_value(const WdJsonValue *value, const char *json, int len)
{
	StringInfoData decoded;

	CHECK(value->token >= json && value->len > 0 &&
		  value->token + value->len <= json + len);
	if (value->kind != WD_JSON_STRING)
		return;

	CHECK(value->len >= 2 && value->token[0] == '"' &&
		  value->token[value->len - 1] == '"');
	initStringInfo(&decoded);
	if (wd_json_unescape(value->token, value->len, &decoded))
		CHECK(pg_encoding_verifymbstr(PG_UTF8, decoded.data,
									  decoded.len) == decoded.len &&
			  memchr(decoded.data, '\0', decoded.len) == NULL);
}

static void
compare_with_tree(const WdTemplateSet *set, const WdJsonValue *values,
				  const WdJsonList *lists, const char *json, int len)
{
	Node	   *root;

	/* the tree holds decoded text only: not all documents have one */
	if (tree_read(json, len, &root) != JSON_SUCCESS)
		return;
	for (int i = 0; i < set->npaths; i++)
	{
		if (!set->paths[i].each)
			compare_value(&values[i], tree_find(root, &set->paths[i]));
	}
	check_lists(set, lists, root);
	check_items(set, values, lists, root);
}
