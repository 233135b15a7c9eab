/*
 * fuzz_json.c
 *	  Fuzz target: wd_json_scan and wd_json_unescape on any bytes.
 *
 * The input is a payload.  The scanner must accept exactly what the server's
 * own recursive parser accepts, stop at the depth limit and nowhere else,
 * and find what a tree of the whole document holds at each path.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "jsonscan.h"
#include "jsonstring.h"
#include "shim.h"
#include "template.h"
#include "tree.h"

/* Paths of every kind: names, elements, both, one inside another, not ASCII */
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
};

static void check_value(const WdJsonValue *value, const char *json, int len);
static void compare_value(const WdJsonValue *value, const Node *node);
static void compare_with_tree(const WdTemplateSet *set,
							  const WdJsonValue *values,
							  const char *json, int len);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	const char *json = (const char *) data;
	int			len = size;
	WdTemplateError error;
	WdTemplateSet *set;
	WdJsonValue values[lengthof(paths)];
	WdJsonValue again[lengthof(paths)];
	WdJsonResult result;
	JsonParseErrorType verdict;
	int			stopped_at = -1;
	int			stopped_again = -1;
	bool		too_deep;

	fuzz_begin(PG_UTF8);
	set = wd_templates_compile(paths, lengthof(paths), &error);
	CHECK(set != NULL && set->npaths == lengthof(paths));

	/* nothing else gets to the scanner */
	if (pg_encoding_verifymbstr(PG_UTF8, json, len) != len)
	{
		fuzz_end();
		return 0;
	}

	result = wd_json_scan(json, len, set->paths, set->npaths, values,
						  &stopped_at);
	CHECK(stopped_at >= 0 && stopped_at <= len);
	verdict = tree_validate(json, len, &too_deep);
	if (too_deep)
		CHECK(result == WD_JSON_TOO_DEEP);
	else
		CHECK(result == (verdict == JSON_SUCCESS ?
						 WD_JSON_OK : WD_JSON_INVALID));

	CHECK(wd_json_scan(json, len, set->paths, set->npaths, again,
					   &stopped_again) == result);
	CHECK(stopped_at == stopped_again);

	if (result == WD_JSON_OK)
	{
		for (int i = 0; i < lengthof(paths); i++)
		{
			CHECK(values[i].kind == again[i].kind);
			if (values[i].kind == WD_JSON_ABSENT)
				continue;
			CHECK(values[i].token == again[i].token &&
				  values[i].len == again[i].len);
			check_value(&values[i], json, len);
		}
		compare_with_tree(set, values, json, len);
	}
	fuzz_end();
	return 0;
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
				  const char *json, int len)
{
	Node	   *root;

	/* the tree holds decoded text only: not all documents have one */
	if (tree_read(json, len, &root) != JSON_SUCCESS)
		return;
	for (int i = 0; i < set->npaths; i++)
		compare_value(&values[i], tree_find(root, &set->paths[i]));
}

static void
compare_value(const WdJsonValue *value, const Node *node)
{
	StringInfoData decoded;

	CHECK(value->kind == (node == NULL ? WD_JSON_ABSENT : node->kind));
	if (value->kind == WD_JSON_BARE)
		CHECK(strlen(node->text) == value->len &&
			  memcmp(node->text, value->token, value->len) == 0);
	if (value->kind == WD_JSON_STRING)
	{
		initStringInfo(&decoded);
		CHECK(wd_json_unescape(value->token, value->len, &decoded));
		CHECK(strlen(node->text) == decoded.len &&
			  memcmp(node->text, decoded.data, decoded.len) == 0);
	}
}
