/*
 * event.c
 *	  An event out of a line of the fuzz target's input: what its headers and
 *	  its body hold for the placeholders of the templates.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "event.h"
#include "shim.h"

static bool is_given(const Event *event, const char *name, int len);
static void give(Event *event, const char *name, const char *value);
static JsonbValue jsonb_string(const char *s, int len);
static void push_header(JsonbParseState **state, const Given *given);
static void write_token(Given *given, bool is_form, bool escape_all);
static void append_form_token(StringInfo form, const Given *given,
							  bool escape_all);
static void append_string_token(StringInfo json, const Given *given,
								bool escape_all);
static void append_unit(StringInfo json, pg_wchar unit);

/*
 * Take a line off the input and give each placeholder of the templates one of
 * its values, as long as there are any.
 */
void
event_read(char **input, const char *const *texts, int ntexts, bool is_form,
		   Event *event)
{
	char	   *line = strsep(input, "\n");

	event->ngiven = 0;
	event->is_form = is_form;
	for (int i = 0; i < ntexts; i++)
	{
		const char *p = texts[i];

		while ((p = strchr(p, '{')) != NULL)
		{
			int			len = model_name_len(p + 1);

			if (!is_given(event, p + 1, len))
				give(event, pnstrdup(p + 1, len),
					 line != NULL ? strsep(&line, "\t") : "");
			p += len;
		}
	}
}

static bool
is_given(const Event *event, const char *name, int len)
{
	for (int i = 0; i < event->ngiven; i++)
	{
		if (model_same_name(event->given[i].name, name, len))
			return true;
	}
	return false;
}

static void
give(Event *event, const char *name, const char *value)
{
	Given	   *given = &event->given[event->ngiven++];
	bool		is_header = strncmp(name, "header:", 7) == 0;

	given->name = name;
	given->kind = GIVEN_ABSENT;
	if (*value != '\0' && strchr("\"#{[~", *value) != NULL)
		given->kind = *value++;
	if (given->kind == GIVEN_ARRAY && !is_header)
		given->kind = GIVEN_CONTAINER;
	if (given->kind == GIVEN_BROKEN && is_header)
		given->kind = GIVEN_STRING;
	/* blanks around a header's value are no part of it */
	while (is_header && *value == ' ')
		value++;
	given->text = value;
	given->len = strlen(value);
	while (is_header && given->len > 0 && value[given->len - 1] == ' ')
		given->len--;
	write_token(given, event->is_form, event->ngiven % 2 == 1);
}

/* How a value is written in a body, with few escapes or as many as can be. */
static void
write_token(Given *given, bool is_form, bool escape_all)
{
	StringInfoData token;

	initStringInfo(&token);
	if (given->kind == GIVEN_BROKEN)
		appendStringInfoString(&token, is_form ? "%4" : "\"\\ud83d\"");
	else if (is_form)
		append_form_token(&token, given, escape_all);
	else if (given->kind == GIVEN_STRING)
		append_string_token(&token, given, escape_all);
	else
		appendBinaryStringInfo(&token, given->text, given->len);
	given->token = token.data;
	given->token_len = token.len;
}

static JsonbValue
jsonb_string(const char *s, int len)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, s);
	v.val.string.len = len;
	return v;
}

/* Headers as a client sends them: names in upper case, padded values. */
Jsonb *
event_headers(const Event *event)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < event->ngiven; i++)
	{
		if (strncmp(event->given[i].name, "header:", 7) == 0)
			push_header(&state, &event->given[i]);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
push_header(JsonbParseState **state, const Given *given)
{
	char	   *upper = pstrdup(given->name + 7);
	StringInfoData padded;
	JsonbValue	name;
	JsonbValue	value;

	for (char *p = upper; *p != '\0'; p++)
		*p = pg_ascii_toupper((unsigned char) *p);
	name = jsonb_string(upper, strlen(upper));
	pushJsonbValue(state, WJB_KEY, &name);

	initStringInfo(&padded);
	appendStringInfoString(&padded, " \t");
	appendBinaryStringInfo(&padded, given->text, given->len);
	appendStringInfoString(&padded, "\t ");
	value = jsonb_string(padded.data, padded.len);

	switch (given->kind)
	{
		case GIVEN_ARRAY:
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			pushJsonbValue(state, WJB_ELEM, &value);
			pushJsonbValue(state, WJB_ELEM, &name);
			pushJsonbValue(state, WJB_END_ARRAY, NULL);
			return;
		case GIVEN_CONTAINER:
			pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
			pushJsonbValue(state, WJB_END_OBJECT, NULL);
			return;
		case GIVEN_BARE:
			value.type = jbvBool;
			value.val.boolean = true;
			break;
		case GIVEN_ABSENT:
			value.type = jbvNull;
			break;
	}
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* What the scanner would have found. */
void
event_values(const Event *event, const WdTemplateSet *set,
			 WdJsonValue *values)
{
	for (int i = 0; i < set->npaths; i++)
	{
		const Given *given = NULL;

		for (int j = 0; j < event->ngiven; j++)
		{
			if (strncmp(event->given[j].name, "body:", 5) == 0 &&
				strcmp(event->given[j].name + 5, set->path_texts[i]) == 0)
				given = &event->given[j];
		}
		values[i].kind = WD_JSON_ABSENT;
		/* elements around others have a path, and no placeholder */
		if (given == NULL || given->kind == GIVEN_ABSENT)
			continue;

		values[i].token = given->token;
		values[i].len = given->token_len;
		values[i].kind = event->is_form ? WD_FORM_FIELD :
			given->kind == GIVEN_BARE ? WD_JSON_BARE :
			given->kind == GIVEN_CONTAINER ? WD_JSON_CONTAINER :
			WD_JSON_STRING;
	}
}

/* Write a value in a form; blanks are plus signs there. */
static void
append_form_token(StringInfo form, const Given *given, bool escape_all)
{
	for (int i = 0; i < given->len; i++)
	{
		char		c = given->text[i];

		if (c == ' ' && !escape_all)
			appendStringInfoChar(form, '+');
		else if (escape_all || strchr("%+&=", c) != NULL)
			appendStringInfo(form, "%%%02X", (unsigned char) c);
		else
			appendStringInfoChar(form, c);
	}
}

/* Write a string in JSON, with as few escapes as possible or as many. */
static void
append_string_token(StringInfo json, const Given *given, bool escape_all)
{
	const unsigned char *p = (const unsigned char *) given->text;
	const unsigned char *end = p + given->len;

	appendStringInfoChar(json, '"');
	while (p < end)
	{
		int			n = pg_utf_mblen(p);
		pg_wchar	c = utf8_to_unicode(p);

		if (escape_all && c > 0xFFFF)
		{
			append_unit(json, 0xD800 + ((c - 0x10000) >> 10));
			append_unit(json, 0xDC00 + ((c - 0x10000) & 0x3FF));
		}
		else if (escape_all || c < 0x20)
			append_unit(json, c);
		else
		{
			if (c == '"' || c == '\\')
				appendStringInfoChar(json, '\\');
			appendBinaryStringInfo(json, (const char *) p, n);
		}
		p += n;
	}
	appendStringInfoChar(json, '"');
}

static void
append_unit(StringInfo json, pg_wchar unit)
{
	char		escape[7];

	snprintf(escape, sizeof(escape), "\\u%04X", unit & 0xFFFF);
	appendStringInfoString(json, escape);
}
