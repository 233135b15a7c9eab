/*
 * render.c
 *	  Fills key templates with the values of an event.
 *
 * Keys are built in UTF-8.  Whatever is done to a key here keeps different
 * events apart: escaping is reversible, and a digest replaces a key together
 * with every key that looks like such a digest.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "compat.h"
#include "digest.h"
#include "encoding.h"
#include "headers.h"
#include "jsonscan.h"
#include "jsonstring.h"
#include "render.h"
#include "template.h"

/* What a template is filled from. */
typedef struct Source
{
	const WdJsonValue *values;
	Jsonb	   *headers;
} Source;

static WdRenderResult render_template(const WdTemplate *template,
									  const Source *source, StringInfo key);
static WdRenderResult resolve(const WdPlaceholder *placeholder,
							  const Source *source, StringInfo value);
static WdRenderResult resolve_body(const WdJsonValue *found,
								   StringInfo value);
static WdRenderResult resolve_header(const WdPlaceholder *placeholder,
									 Jsonb *headers, StringInfo value);
static void append_escaped(StringInfo key, StringInfo value);
static bool needs_digest(const WdTemplate *template, StringInfo key);
static void replace_by_digest(const WdTemplate *template, StringInfo key);
static bool is_ascii(const char *s, int len);

/*
 * Fill the first template of the set that matches, into key, which is
 * empty.  values holds what each path of the set leads to.
 *
 * The result fits the database's encoding and WD_MAX_KEY_LEN.
 */
WdRenderResult
wd_templates_render(const WdTemplateSet *set, const WdJsonValue *values,
					Jsonb *headers, StringInfo key)
{
	Source		source = {values, headers};

	for (int i = 0; i < set->ntemplates; i++)
	{
		const WdTemplate *template = &set->templates[i];
		WdRenderResult result = render_template(template, &source, key);

		if (result == WD_RENDERED && needs_digest(template, key))
			replace_by_digest(template, key);
		if (result != WD_NO_MATCH)
			return result;
		resetStringInfo(key);
	}
	return WD_NO_MATCH;
}

static WdRenderResult
render_template(const WdTemplate *template, const Source *source,
				StringInfo key)
{
	StringInfoData value;

	initStringInfo(&value);
	for (int i = 0; i < template->nplaceholders; i++)
	{
		const WdPlaceholder *placeholder = &template->placeholders[i];
		WdRenderResult result;

		resetStringInfo(&value);
		result = resolve(placeholder, source, &value);
		if (result != WD_RENDERED)
			return result;
		if (value.len == 0 && !placeholder->optional)
			return WD_NO_MATCH;

		appendBinaryStringInfo(key, placeholder->literal,
							   placeholder->literal_len);
		if (template->nplaceholders > 1)
			append_escaped(key, &value);
		else
			appendBinaryStringInfo(key, value.data, value.len);
	}
	appendBinaryStringInfo(key, template->tail, template->tail_len);
	return WD_RENDERED;
}

/* Set value to what the placeholder stands for, empty if it is absent. */
static WdRenderResult
resolve(const WdPlaceholder *placeholder, const Source *source,
		StringInfo value)
{
	if (placeholder->source == WD_FROM_HEADER)
		return resolve_header(placeholder, source->headers, value);
	return resolve_body(&source->values[placeholder->path], value);
}

static WdRenderResult
resolve_body(const WdJsonValue *found, StringInfo value)
{
	switch (found->kind)
	{
		case WD_JSON_ABSENT:
			return WD_RENDERED;
		case WD_JSON_BARE:
			appendBinaryStringInfo(value, found->token, found->len);
			return WD_RENDERED;
		case WD_JSON_STRING:
			return wd_json_unescape(found->token, found->len, value) ?
				WD_RENDERED : WD_BAD_VALUE;
		case WD_JSON_CONTAINER:
			break;
	}
	/* not even for an optional one: this is not the shape it was made for */
	return WD_NO_MATCH;
}

static WdRenderResult
resolve_header(const WdPlaceholder *placeholder, Jsonb *headers,
			   StringInfo value)
{
	const char *found;
	char	   *utf8;
	int			len;

	switch (wd_header_find(headers, placeholder->header,
						   placeholder->header_len, &found, &len))
	{
		case WD_HEADER_ABSENT:
			return WD_RENDERED;
		case WD_HEADER_MALFORMED:
			return WD_BAD_HEADER;
		case WD_HEADER_FOUND:
			break;
	}

	utf8 = wd_to_utf8(pnstrdup(found, len), len);
	if (utf8 == NULL)
		return WD_UNCONVERTIBLE_HEADER;
	appendStringInfoString(value, utf8);
	return WD_RENDERED;
}

/* Append value so that no colon of it can pass for a separator. */
static void
append_escaped(StringInfo key, StringInfo value)
{
	for (int i = 0; i < value->len; i++)
	{
		char		c = value->data[i];

		if (c == '%')
			appendStringInfoString(key, "%25");
		else if (c == ':')
			appendStringInfoString(key, "%3A");
		else
			appendStringInfoChar(key, c);
	}
}

/*
 * Too long, not to be written in the database's encoding, or so made that
 * it could be taken for a digest?
 */
static bool
needs_digest(const WdTemplate *template, StringInfo key)
{
	int			prefix_len = template->placeholders[0].literal_len;

	return key->len > WD_MAX_KEY_LEN ||
		strncmp(key->data + prefix_len, WD_DIGEST_MARK,
				strlen(WD_DIGEST_MARK)) == 0 ||
		(GetDatabaseEncoding() != PG_UTF8 && !is_ascii(key->data, key->len));
}

/* Leave the text before the first placeholder and the whole key's digest. */
static void
replace_by_digest(const WdTemplate *template, StringInfo key)
{
	char		hex[WD_SHA256_HEX_LEN + 1];

	wd_sha256_hex(key->data, key->len, hex);
	key->len = template->placeholders[0].literal_len;
	appendStringInfoString(key, WD_DIGEST_MARK);
	appendStringInfoString(key, hex);
}

static bool
is_ascii(const char *s, int len)
{
	for (int i = 0; i < len; i++)
	{
		if (IS_HIGHBIT_SET(s[i]))
			return false;
	}
	return true;
}
