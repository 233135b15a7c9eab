/*
 * headers.c
 *	  HTTP headers, given as a JSON object.
 *
 * Frameworks give headers as {"Name": "value"}, or as {"name": ["value", ...]}
 * because a header can come several times.  Both are read, with names in any
 * case.
 */
#include "postgres.h"

#include "compat.h"
#include "headers.h"

static bool name_equals(const JsonbValue *key, const char *name, int len);
static WdHeaderResult first_value(JsonbIterator **it, JsonbValue *v,
								  const char **value, int *value_len);
static void trim(const char **value, int *len);

/*
 * Find the header of this name, given in lower-case ASCII, and set *value to
 * its first value without surrounding blanks.  The value points into headers
 * and is in the database's encoding.
 *
 * A null counts as absent.  Of several members whose names differ only in
 * case, the first one in jsonb's order counts.
 */
WdHeaderResult
wd_header_find(Jsonb *headers, const char *name, int name_len,
			   const char **value, int *value_len)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(headers))
		return WD_HEADER_MALFORMED;

	it = JsonbIteratorInit(&headers->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY && name_equals(&v, name, name_len))
			return first_value(&it, &v, value, value_len);
	}
	return WD_HEADER_ABSENT;
}

static bool
name_equals(const JsonbValue *key, const char *name, int len)
{
	if (key->val.string.len != len)
		return false;

	for (int i = 0; i < len; i++)
	{
		char		c = key->val.string.val[i];

		/* header names are ASCII: no locale may have a say */
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (c != name[i])
			return false;
	}
	return true;
}

/* The value that follows the key just read, or its first element. */
static WdHeaderResult
first_value(JsonbIterator **it, JsonbValue *v, const char **value,
			int *value_len)
{
	JsonbIteratorToken token = JsonbIteratorNext(it, v, true);

	if (token == WJB_VALUE && v->type == jbvBinary)
	{
		if (!JsonContainerIsArray(v->val.binary.data))
			return WD_HEADER_MALFORMED;
		if (JsonContainerSize(v->val.binary.data) == 0)
			return WD_HEADER_ABSENT;
		v = getIthJsonbValueFromContainer(v->val.binary.data, 0);
	}
	if (v->type == jbvNull)
		return WD_HEADER_ABSENT;
	if (v->type != jbvString)
		return WD_HEADER_MALFORMED;

	*value = v->val.string.val;
	*value_len = v->val.string.len;
	trim(value, value_len);
	return WD_HEADER_FOUND;
}

/* Blanks around a header's value are no part of it (RFC 9110, 5.5). */
static void
trim(const char **value, int *len)
{
	while (*len > 0 && ((*value)[0] == ' ' || (*value)[0] == '\t'))
	{
		(*value)++;
		(*len)--;
	}
	while (*len > 0 &&
		   ((*value)[*len - 1] == ' ' || (*value)[*len - 1] == '\t'))
		(*len)--;
}
