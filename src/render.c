/*
 * render.c
 *	  Fills key templates with the values of an event.
 *
 * Keys are built in UTF-8.  Whatever is done to a key here keeps different
 * events apart.  Escaping is reversible.  A digest never equals a key that is
 * left as it is, because a key that looks like a digest is replaced by its own
 * digest, too.
 */
#include "postgres.h"

#include "common/string.h"
#include "mb/pg_wchar.h"

#include "compat.h"
#include "form.h"
#include "headers.h"
#include "render.h"
#include "text.h"

static WdRenderResult fill(const WdTemplate *template,
						   const WdRenderSource *source, StringInfo key,
						   const WdPlaceholder **failed);
static WdRenderResult check_conditions(const WdTemplate *template,
									   const WdRenderSource *source,
									   StringInfo value,
									   const WdPlaceholder **failed);
static WdRenderResult resolve(const WdPlaceholder *placeholder,
							  const WdRenderSource *source, StringInfo value);
static WdRenderResult resolve_body(const WdJsonValue *found, WdFilter filter,
								   StringInfo value);
static WdRenderResult append_text(const WdJsonValue *found, StringInfo value);
static WdRenderResult resolve_header(const WdPlaceholder *placeholder,
									 Jsonb *headers, StringInfo value);
static void set_digest(StringInfo value, const char *data, int len);
static void append_escaped(StringInfo key, StringInfo value);
static bool needs_digest(const WdTemplate *template, StringInfo key);
static void replace_by_digest(const WdTemplate *template, StringInfo key);

/*
 * Fill the first matching template of the set into key, which is empty.  Only
 * templates for the elements of array_path are tried, or for the payload as a
 * whole if that is WD_WHOLE_PAYLOAD.
 *
 * The key fits the database's encoding and WD_MAX_KEY_LEN.
 */
WdRenderResult
wd_templates_render(const WdTemplateSet *set, int array_path,
					const WdRenderSource *source, StringInfo key)
{
	for (int i = 0; i < set->ntemplates; i++)
	{
		const WdTemplate *template = &set->templates[i];
		const WdPlaceholder *failed;
		WdRenderResult result;

		if (template->array_path != array_path)
			continue;
		result = wd_template_render(template, source, key, &failed);
		if (!wd_template_mismatched(result))
			return result;
		resetStringInfo(key);
	}
	return WD_NO_MATCH;
}

/*
 * Fill one template into key, which is empty.  Unless the result is
 * WD_RENDERED, *failed is the placeholder or condition that is the reason.
 */
WdRenderResult
wd_template_render(const WdTemplate *template, const WdRenderSource *source,
				   StringInfo key, const WdPlaceholder **failed)
{
	WdRenderResult result = fill(template, source, key, failed);

	if (result == WD_RENDERED && needs_digest(template, key))
		replace_by_digest(template, key);
	return result;
}

/* Does the template not match, so that the next one is to be tried? */
bool
wd_template_mismatched(WdRenderResult result)
{
	return result == WD_ABSENT || result == WD_NOT_SCALAR ||
		result == WD_OTHER_VALUE;
}

static WdRenderResult
fill(const WdTemplate *template, const WdRenderSource *source, StringInfo key,
	 const WdPlaceholder **failed)
{
	StringInfoData value;
	WdRenderResult result;

	initStringInfo(&value);
	result = check_conditions(template, source, &value, failed);
	if (result != WD_RENDERED)
		return result;

	for (int i = 0; i < template->nplaceholders; i++)
	{
		const WdPlaceholder *placeholder = &template->placeholders[i];

		*failed = placeholder;
		resetStringInfo(&value);
		result = resolve(placeholder, source, &value);
		if (result != WD_RENDERED)
			return result;
		if (value.len == 0 && !placeholder->optional)
			return WD_ABSENT;

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

static WdRenderResult
check_conditions(const WdTemplate *template, const WdRenderSource *source,
				 StringInfo value, const WdPlaceholder **failed)
{
	for (int i = 0; i < template->nconditions; i++)
	{
		const WdPlaceholder *condition = &template->conditions[i];
		WdRenderResult result;

		*failed = condition;
		resetStringInfo(value);
		result = resolve(condition, source, value);
		if (result != WD_RENDERED)
			return result;
		if (value->len != condition->expected_len ||
			memcmp(value->data, condition->expected, value->len) != 0)
			return WD_OTHER_VALUE;
	}
	return WD_RENDERED;
}

/* Set value to what the placeholder stands for; leave it empty if absent. */
static WdRenderResult
resolve(const WdPlaceholder *placeholder, const WdRenderSource *source,
		StringInfo value)
{
	const WdJsonValue *found;

	if (placeholder->source == WD_FROM_HEADER)
		return resolve_header(placeholder, source->headers, value);
	if (source->values == NULL)
		return WD_NEEDS_BODY;
	found = &source->values[placeholder->path];
	if (source->budget != NULL && found->kind != WD_JSON_ABSENT)
	{
		*source->budget -= found->len;
		if (*source->budget < 0)
			return WD_TOO_MUCH;
	}
	return resolve_body(found, placeholder->filter, value);
}

static WdRenderResult
resolve_body(const WdJsonValue *found, WdFilter filter, StringInfo value)
{
	WdRenderResult result;

	if (found->kind == WD_JSON_ABSENT)
		return WD_RENDERED;
	/* the digest is of what is written: a container has no text */
	if (filter == WD_FILTER_SHA256 && found->kind != WD_FORM_FIELD)
	{
		set_digest(value, found->token, found->len);
		return WD_RENDERED;
	}
	result = append_text(found, value);
	if (filter == WD_FILTER_SHA256 && result == WD_RENDERED && value->len > 0)
		set_digest(value, value->data, value->len);
	return result;
}

static WdRenderResult
append_text(const WdJsonValue *found, StringInfo value)
{
	switch (found->kind)
	{
		case WD_JSON_BARE:
			appendBinaryStringInfo(value, found->token, found->len);
			return WD_RENDERED;
		case WD_JSON_STRING:
			return wd_json_unescape(found->token, found->len, value) ?
				WD_RENDERED : WD_BAD_VALUE;
		case WD_FORM_FIELD:
			return wd_form_decode(found->token, found->len, true, value) ?
				WD_RENDERED : WD_BAD_VALUE;
		case WD_JSON_CONTAINER:
			/* the template does not match, even if the value is optional */
			return WD_NOT_SCALAR;
		case WD_JSON_ABSENT:
			break;
	}
	return WD_RENDERED;
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
	if (placeholder->filter == WD_FILTER_PERCENT)
		return wd_form_decode(utf8, strlen(utf8), false, value) ?
			WD_RENDERED : WD_UNCONVERTIBLE_HEADER;
	if (placeholder->filter == WD_FILTER_SHA256 && *utf8 != '\0')
		set_digest(value, utf8, strlen(utf8));
	else
		appendStringInfoString(value, utf8);
	return WD_RENDERED;
}

/* Set value to the digest of len bytes at data, which may be its own text. */
static void
set_digest(StringInfo value, const char *data, int len)
{
	char		hex[WD_SHA256_HEX_LEN + 1];

	wd_sha256_hex(data, len, hex);
	resetStringInfo(value);
	appendStringInfoString(value, hex);
}

/* Append value, escaped so that its colons are no separators. */
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
 * Is the key too long, might the database's encoding lack characters of it, or
 * does it look like a digest?
 */
static bool
needs_digest(const WdTemplate *template, StringInfo key)
{
	int			prefix_len = template->placeholders[0].literal_len;

	return key->len > WD_MAX_KEY_LEN ||
		strncmp(key->data + prefix_len, WD_DIGEST_MARK,
				strlen(WD_DIGEST_MARK)) == 0 ||
		(GetDatabaseEncoding() != PG_UTF8 && !pg_is_ascii(key->data));
}

/* Replace all behind the key's prefix by the digest of the whole key. */
static void
replace_by_digest(const WdTemplate *template, StringInfo key)
{
	char		hex[WD_SHA256_HEX_LEN + 1];

	wd_sha256_hex(key->data, key->len, hex);
	key->len = template->placeholders[0].literal_len;
	appendStringInfoString(key, WD_DIGEST_MARK);
	appendStringInfoString(key, hex);
}
