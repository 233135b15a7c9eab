/*
 * derive.c
 *	  From a delivered event to its key.
 *
 * The payload is the provider's, hence anybody's: no message quotes it.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "args.h"
#include "compat.h"
#include "derive.h"
#include "digest.h"
#include "encoding.h"
#include "errors.h"
#include "jsonscan.h"
#include "payload.h"
#include "privacy.h"
#include "provider.h"
#include "render.h"
#include "template.h"

PG_FUNCTION_INFO_V1(wd_payload_hash);
PG_FUNCTION_INFO_V1(wd_dedup_key);
PG_FUNCTION_INFO_V1(wd_paypal_dedup_key);
PG_FUNCTION_INFO_V1(wd_toss_dedup_key);

static text *derive_from_jsonb(FunctionCallInfo fcinfo, const char *provider,
							   int argno);
static char *jsonb_to_utf8(Jsonb *payload);
static bool take_whole(const WdProvider *rules, const WdTemplateSet *set,
					   const WdRenderSource *source, StringInfo key,
					   WdRenderResult *result);
static const char *hint_for(const WdProvider *rules, const WdTemplateSet *set);

/*
 * wd_payload_hash(payload bytea) returns text
 *
 * SHA-256 of the payload as 64 lower-case hexadecimal digits.
 */
Datum
wd_payload_hash(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_TEXT_P(wd_hash_payload(VARDATA_ANY(payload),
									 VARSIZE_ANY_EXHDR(payload)));
}

/*
 * wd_dedup_key(provider text, payload jsonb, headers jsonb) returns text
 *
 * The key of an event.  Raises what wd_derive_key does, 22004 for null, 22023
 * for a provider without key templates.
 */
Datum
wd_dedup_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(derive_from_jsonb(fcinfo, NULL, 1));
}

/* wd_paypal_dedup_key(payload jsonb, headers jsonb) returns text */
Datum
wd_paypal_dedup_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(derive_from_jsonb(fcinfo, "paypal", 0));
}

/* wd_toss_dedup_key(payload jsonb, headers jsonb) returns text */
Datum
wd_toss_dedup_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(derive_from_jsonb(fcinfo, "toss", 0));
}

/*
 * Derive from the arguments argno, the payload, and argno + 1, headers.  The
 * provider is argument 0 if none is named.
 */
static text *
derive_from_jsonb(FunctionCallInfo fcinfo, const char *provider, int argno)
{
	ErrorContextCallback callback;
	WdDelivery	delivery = {.format = WD_PAYLOAD_JSON};
	const WdProvider *rules;
	text	   *name;
	text	   *key;

	wd_hide_statement(&callback);
	name = provider ? cstring_to_text(provider) : wd_arg_provider(fcinfo, 0);
	wd_check_null(PG_ARGISNULL(argno), "payload");
	delivery.payload = jsonb_to_utf8(PG_GETARG_JSONB_P(argno));
	delivery.len = strlen(delivery.payload);
	delivery.headers = wd_arg_headers(fcinfo, argno + 1);

	rules = wd_provider_find(name);
	key = wd_derive_key(rules, wd_provider_templates(rules, name), &delivery);
	wd_show_statement(&callback);
	return key;
}

/* The JSON text in UTF-8; raises 22P02 if UTF-8 has no characters for it. */
static char *
jsonb_to_utf8(Jsonb *payload)
{
	char	   *json = JsonbToCString(NULL, &payload->root,
									  VARSIZE(payload));
	char	   *utf8 = wd_to_utf8(json, strlen(json));

	if (utf8 == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("payload cannot be converted to UTF-8"));
	return utf8;
}

/*
 * Fetch a delivery from the arguments argno, the payload as bytea, and
 * argno + 1, the headers as jsonb.  Raises 22004 for null, 22023 for headers
 * that are no object.
 */
void
wd_arg_delivery(FunctionCallInfo fcinfo, int argno, const WdProvider *rules,
				WdDelivery *delivery)
{
	bytea	   *payload;

	wd_check_null(PG_ARGISNULL(argno), "payload");
	payload = PG_GETARG_BYTEA_PP(argno);
	delivery->payload = VARDATA_ANY(payload);
	delivery->len = VARSIZE_ANY_EXHDR(payload);
	delivery->headers = wd_arg_headers(fcinfo, argno + 1);
	delivery->format = rules->format;
}

/*
 * The key of the event that is delivered, by its provider's rules and their
 * templates.
 *
 * Raises 22023 if a wanted header is malformed, 22P02 if the payload is not
 * what its provider sends, WD001 if no template matches.
 */
text *
wd_derive_key(const WdProvider *rules, const WdTemplateSet *set,
			  const WdDelivery *delivery)
{
	WdJsonValue values[WD_JSON_MAX_PATHS];
	StringInfoData key;

	initStringInfo(&key);
	if (!wd_derive_whole(rules, set, delivery, values, NULL, &key))
		wd_check_derived(WD_NO_MATCH, rules, set, NULL);
	return cstring_to_text_with_len(key.data, key.len);
}

/*
 * Write the key of a delivery as a whole to key, which is empty.  The payload
 * is read if it must be checked or a template needs it; then values are set,
 * and lists unless NULL.
 *
 * False if no template matches; then lists are set.  Raises what
 * wd_derive_key does, but for WD001.
 */
bool
wd_derive_whole(const WdProvider *rules, const WdTemplateSet *set,
				const WdDelivery *delivery, WdJsonValue *values,
				WdJsonList *lists, StringInfo key)
{
	WdRenderSource source = {NULL, delivery->headers, NULL};
	WdRenderResult result = WD_NEEDS_BODY;

	if (delivery->format != WD_PAYLOAD_JSON)
	{
		if (take_whole(rules, set, &source, key, &result))
			return true;
		if (result == WD_NO_MATCH && lists == NULL)
			return false;
	}
	wd_read_payload(rules, set, delivery, values, lists);
	source.values = values;
	resetStringInfo(key);
	return take_whole(rules, set, &source, key, &result);
}

/* Fill the templates for the payload as a whole; true if one matches. */
static bool
take_whole(const WdProvider *rules, const WdTemplateSet *set,
		   const WdRenderSource *source, StringInfo key,
		   WdRenderResult *result)
{
	*result = wd_templates_render(set, WD_WHOLE_PAYLOAD, source, key);
	if (*result != WD_NO_MATCH && *result != WD_NEEDS_BODY)
		wd_check_derived(*result, rules, set, NULL);
	return *result == WD_RENDERED;
}

/* The hash of a payload, as wd_payload_hash returns it. */
text *
wd_hash_payload(const char *payload, int len)
{
	char		hex[WD_SHA256_HEX_LEN + 1];

	wd_sha256_hex(payload, len, hex);
	return cstring_to_text_with_len(hex, WD_SHA256_HEX_LEN);
}

/*
 * Read what the templates want, as wd_payload_read; raises 22P02 unless all
 * of it is valid.
 */
void
wd_read_payload(const WdProvider *rules, const WdTemplateSet *set,
				const WdDelivery *delivery, WdJsonValue *values,
				WdJsonList *lists)
{
	int			stopped_at;

	switch (wd_payload_read(delivery, set, values, lists, &stopped_at))
	{
		case WD_PAYLOAD_OK:
			break;
		case WD_PAYLOAD_NOT_UTF8:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload is not valid UTF-8"));
			break;
		case WD_PAYLOAD_NOT_JSON:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload is not valid JSON"),
					errdetail("Reading stopped at byte %d of %d.",
							  stopped_at, delivery->len),
					rules->hint ? errhint("%s", rules->hint) : 0);
			break;
		case WD_PAYLOAD_TOO_DEEP:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload is nested too deeply"),
					errdetail("Objects and arrays can be nested %d deep.",
							  WD_JSON_MAX_DEPTH));
			break;
		case WD_PAYLOAD_TOO_MANY:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload has too many elements"),
					errdetail("A payload can have %d events.",
							  WD_JSON_MAX_ELEMENTS));
	}
}

/*
 * Raise the error of a key that could not be made, for the payload as a whole
 * or for the element that is found at item.
 */
void
wd_check_derived(int result, const WdProvider *rules, const WdTemplateSet *set,
				 const char *item)
{
	const char *hint;

	switch ((WdRenderResult) result)
	{
		case WD_RENDERED:
			break;
		case WD_NO_MATCH:
			hint = hint_for(rules, item == NULL ? set : NULL);
			ereport(ERROR,
					errcode(ERRCODE_WD_NO_KEY),
					errmsg("no key can be derived from the event"),
					item == NULL ?
					errdetail("Neither payload nor headers hold an identifier that the provider's events are known to carry.") :
					errdetail("The element \"%s\" of the payload holds no identifier that the provider's events are known to carry.", item),
					hint ? errhint("%s", hint) : 0);
			break;
		case WD_BAD_VALUE:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload has an identifier that is not valid text"),
					errdetail("It holds \\u0000, half of a surrogate pair, or percent-encoding that is no text in UTF-8."));
			break;
		case WD_BAD_HEADER:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the value of a header must be a string or an array of strings"));
			break;
		case WD_UNCONVERTIBLE_HEADER:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the value of a header cannot be converted to UTF-8"));
			break;
		case WD_TOO_MUCH:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload has too long identifiers for so many events"));
			break;
		case WD_ABSENT:
		case WD_NOT_SCALAR:
		case WD_OTHER_VALUE:
		case WD_NEEDS_BODY:
			elog(ERROR, "unexpected result %d of a key template", result);
	}
}

/* What to advise to somebody whose event has no key; NULL for nothing. */
static const char *
hint_for(const WdProvider *rules, const WdTemplateSet *set)
{
	if (rules->hint != NULL)
		return rules->hint;
	if (set != NULL && set->has_elements)
		return
			"If the payload holds several events, call wd_receive_items.";
	return NULL;
}
