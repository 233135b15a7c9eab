/*
 * keymodel.c
 *	  What a key must be, said a second time and in the plainest way.
 *
 * One half renders a template by walking through its text.  The other half
 * reads the values back out of a finished key: where that always works, no
 * two events can share a key.
 */
#include "postgres.h"

#include "keymodel.h"
#include "shim.h"

/* Is given the placeholder of this name?  Headers have no case. */
bool
model_same_name(const char *given, const char *name, int len)
{
	if (strlen(given) != len)
		return false;
	if (strncmp(given, "header:", 7) == 0 && memcmp(given, name, 7) == 0)
		return pg_strncasecmp(given, name, len) == 0;
	return memcmp(given, name, len) == 0;
}

static const Given *
find_given(const char *name, int len, const Given *given, int ngiven)
{
	for (int i = 0; i < ngiven; i++)
	{
		if (model_same_name(given[i].name, name, len))
			return &given[i];
	}
	return NULL;
}

/* Take one value; false if the template does not match because of it. */
static bool
take_value(Model *model, const Given *value, bool optional)
{
	StringInfo	out = &model->values[model->nvalues++];
	bool		is_header = strncmp(value->name, "header:", 7) == 0;

	initStringInfo(out);
	if (value->kind != GIVEN_ABSENT && value->kind != GIVEN_CONTAINER)
		appendBinaryStringInfo(out, value->text, value->len);
	if (is_header && (value->kind == GIVEN_BARE ||
					  value->kind == GIVEN_CONTAINER))
	{
		model->result = WD_BAD_HEADER;
		return false;
	}
	model->result = WD_NO_MATCH;
	return value->kind != GIVEN_CONTAINER && (optional || out->len > 0);
}

static void
append_value(Model *model, bool escape)
{
	StringInfo	value = &model->values[model->nvalues - 1];

	for (int i = 0; i < value->len; i++)
	{
		if (escape && value->data[i] == '%')
			appendStringInfoString(&model->key, "%25");
		else if (escape && value->data[i] == ':')
			appendStringInfoString(&model->key, "%3A");
		else
			appendStringInfoChar(&model->key, value->data[i]);
	}
}

/* Render a template that compiles. */
void
model_render(const char *text, const Given *given, int ngiven, Model *model)
{
	bool		several = strchr(strchr(text, '{') + 1, '{') != NULL;
	const char *p = text;

	initStringInfo(&model->key);
	model->nvalues = 0;
	model->prefix_len = strchr(text, '{') - text;
	while (*p != '\0')
	{
		const char *end;
		const Given *value;
		bool		optional;

		if (*p != '{')
		{
			appendStringInfoChar(&model->key, *p++);
			continue;
		}
		end = strchr(p, '}');
		optional = end[-1] == '?';
		value = find_given(p + 1, end - p - 1 - (optional ? 1 : 0),
						   given, ngiven);
		CHECK(value != NULL);
		if (!take_value(model, value, optional))
			return;
		append_value(model, several);
		p = end + 1;
	}
	model->result = WD_RENDERED;
}

/* Does this stand for a key, as 64 digits behind the mark? */
bool
model_is_digest(const char *key, int len, int prefix_len)
{
	if (len != prefix_len + 7 + 64 ||
		memcmp(key + prefix_len, "sha256_", 7) != 0)
		return false;
	for (int i = prefix_len + 7; i < len; i++)
	{
		if (strchr("0123456789abcdef", key[i]) == NULL)
			return false;
	}
	return true;
}

/* Undo the escaping of the len bytes at s; false if it is none. */
static bool
unescape(const char *s, int len, StringInfo out)
{
	for (int i = 0; i < len; i++)
	{
		if (s[i] == ':')
			return false;
		if (s[i] != '%')
		{
			appendStringInfoChar(out, s[i]);
			continue;
		}
		if (i + 2 >= len)
			return false;
		if (s[i + 1] == '2' && s[i + 2] == '5')
			appendStringInfoChar(out, '%');
		else if (s[i + 1] == '3' && s[i + 2] == 'A')
			appendStringInfoChar(out, ':');
		else
			return false;
		i += 2;
	}
	return true;
}

/*
 * Read the values back out of a key that was rendered from this template and
 * is not a digest; false if it cannot be read.
 */
bool
model_read_key(const char *text, const char *key, int len,
			   StringInfo values, int nvalues)
{
	const char *p = key + (strchr(text, '{') - text);
	const char *end = key + len;
	const char *literal = strchr(text, '}') + 1;

	for (int i = 0; i < nvalues; i++)
	{
		int			literal_len = strcspn(literal, "{");
		const char *value_end;

		initStringInfo(&values[i]);
		if (i == nvalues - 1)
			value_end = end - literal_len;
		else
		{
			/* the first colon is that of the text between two values */
			value_end = memchr(p, ':', end - p);
			if (value_end == NULL)
				return false;
			value_end -= strchr(literal, ':') - literal;
		}
		if (value_end < p || value_end + literal_len > end ||
			memcmp(value_end, literal, literal_len) != 0)
			return false;

		if (nvalues == 1)
			appendBinaryStringInfo(&values[i], p, value_end - p);
		else if (!unescape(p, value_end - p, &values[i]))
			return false;
		p = value_end + literal_len;
		if (i < nvalues - 1)
			literal = strchr(literal, '}') + 1;
	}
	return p == end;
}
