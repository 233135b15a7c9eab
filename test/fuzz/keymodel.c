/*
 * keymodel.c
 *	  What a key must be, said a second time and in the plainest way.
 *
 * One half renders a template by walking through its text.  The other half
 * reads the values back out of a finished key: where that always works, no
 * two events can share a key.
 */
#include "postgres.h"

#include "formmodel.h"
#include "keymodel.h"
#include "shim.h"
#include "text.h"

/* What stands between two braces */
typedef struct Hole
{
	const char *name;
	int			name_len;
	char		filter;			/* its first letter, NUL for none */
	bool		optional;
	const char *expected;		/* of a condition, else NULL */
	const char *end;			/* the closing brace */
} Hole;

static Hole
read_hole(const char *p)
{
	Hole		hole = {p};
	const char *end = strchr(p, '}');

	hole.end = end;
	hole.optional = end[-1] == '?';
	hole.name_len = strcspn(p, "|=}");
	if (p + hole.name_len == end && hole.optional)
		hole.name_len--;
	hole.expected = memchr(p, '=', end - p);
	if (hole.expected != NULL)
		hole.expected++;
	if (p[hole.name_len] == '|')
		hole.filter = p[hole.name_len + 1];
	return hole;
}

/* How long the name is of a placeholder, given behind its brace. */
int
model_name_len(const char *placeholder)
{
	return read_hole(placeholder).name_len;
}

/* The template behind its conditions. */
static const char *
behind_conditions(const char *text)
{
	while (*text == '{' && read_hole(text + 1).expected != NULL)
		text = strchr(text, '}') + 1;
	return text;
}

/*
 * The path of the elements that a template which compiles is for: the longest
 * that ends with a star.  NULL if it is for the payload as a whole.
 */
const char *
model_place(const char *text, int *len)
{
	const char *place = NULL;

	*len = 0;
	for (const char *p = text; (p = strchr(p, '{')) != NULL; p++)
	{
		Hole		hole = read_hole(p + 1);
		const char *path = hole.name + 5;
		int			n = hole.name_len - 5;

		if (strncmp(hole.name, "body:", 5) != 0)
			continue;
		while (n > 0 && strncmp(path + n - 3, "[*]", 3) != 0)
			n--;
		/* one leads to the other, or into it */
		CHECK(place == NULL || memcmp(place, path, Min(n, *len)) == 0);
		if (n > *len)
		{
			place = path;
			*len = n;
		}
	}
	return place;
}

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
find_given(const Hole *hole, const ModelSource *source)
{
	for (int i = 0; i < source->ngiven; i++)
	{
		if (model_same_name(source->given[i].name, hole->name,
							hole->name_len))
			return &source->given[i];
	}
	CHECK(!"each placeholder has a value");
	return NULL;
}

static void
set_digest(StringInfo out, const char *data, int len)
{
	char		hex[WD_SHA256_HEX_LEN + 1];

	wd_sha256_hex(data, len, hex);
	resetStringInfo(out);
	appendStringInfoString(out, hex);
}

static WdRenderResult
take_header(const Hole *hole, const Given *value, StringInfo out)
{
	if (value->kind == GIVEN_BARE || value->kind == GIVEN_CONTAINER)
		return WD_BAD_HEADER;
	if (value->kind == GIVEN_ABSENT || value->len == 0)
		return WD_RENDERED;
	if (hole->filter == 'p')
		return model_decode(value->text, value->len, false, out) ?
			WD_RENDERED : WD_UNCONVERTIBLE_HEADER;
	appendBinaryStringInfo(out, value->text, value->len);
	if (hole->filter == 's')
		set_digest(out, value->text, value->len);
	return WD_RENDERED;
}

static WdRenderResult
take_body(const Hole *hole, const Given *value, bool is_form, StringInfo out)
{
	if (value->kind == GIVEN_ABSENT)
		return WD_RENDERED;
	/* in JSON there may be no text: the digest is of what is written */
	if (!is_form && hole->filter == 's')
	{
		set_digest(out, value->token, value->token_len);
		return WD_RENDERED;
	}
	if (value->kind == GIVEN_BROKEN)
		return WD_BAD_VALUE;
	if (!is_form && value->kind == GIVEN_CONTAINER)
		return WD_NOT_SCALAR;
	appendBinaryStringInfo(out, value->text, value->len);
	if (hole->filter == 's' && value->len > 0)
		set_digest(out, value->text, value->len);
	return WD_RENDERED;
}

static WdRenderResult
take(const Hole *hole, ModelSource *source, StringInfo out)
{
	const Given *value = find_given(hole, source);

	initStringInfo(out);
	if (strncmp(hole->name, "header:", 7) == 0)
		return take_header(hole, value, out);
	if (!source->has_body)
		return WD_NEEDS_BODY;
	if (value->kind != GIVEN_ABSENT &&
		(source->budget -= value->token_len) < 0)
		return WD_TOO_MUCH;
	return take_body(hole, value, source->is_form, out);
}

/* Are the conditions met, up to where the rest of the template begins? */
static WdRenderResult
check_conditions(const char *text, const char *rest,
				 ModelSource *source, const char **failed)
{
	while (text < rest)
	{
		Hole		hole = read_hole(text + 1);
		StringInfoData value;
		WdRenderResult result = take(&hole, source, &value);

		*failed = hole.name;
		if (result != WD_RENDERED)
			return result;
		if (hole.end - hole.expected != value.len ||
			strncmp(hole.expected, value.data, value.len) != 0)
			return WD_OTHER_VALUE;
		text = hole.end + 1;
	}
	return WD_RENDERED;
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
model_render(const char *text, ModelSource *source, Model *model)
{
	const char *p = behind_conditions(text);
	bool		several = strchr(strchr(p, '{') + 1, '{') != NULL;
	const char *failed = text;

	initStringInfo(&model->key);
	model->nvalues = 0;
	model->prefix_len = strchr(p, '{') - p;
	model->result = check_conditions(text, p, source, &failed);
	while (model->result == WD_RENDERED && *p != '\0')
	{
		StringInfo	value = &model->values[model->nvalues];
		Hole		hole;

		if (*p != '{')
		{
			appendStringInfoChar(&model->key, *p++);
			continue;
		}
		hole = read_hole(p + 1);
		failed = hole.name;
		model->nvalues++;
		model->result = take(&hole, source, value);
		if (model->result == WD_RENDERED && value->len == 0 && !hole.optional)
			model->result = WD_ABSENT;
		append_value(model, several);
		p = hole.end + 1;
	}
	model->failed = failed - text;
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
	const char *rest = behind_conditions(text);
	const char *p = key + (strchr(rest, '{') - rest);
	const char *end = key + len;
	const char *literal = strchr(rest, '}') + 1;

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
