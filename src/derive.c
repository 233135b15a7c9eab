/*
 * derive.c
 *	  Derives the key of an event from its delivery.
 *
 * No message quotes a payload or the value of a header.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "args.h"
#include "compat.h"
#include "derive.h"
#include "privacy.h"
#include "text.h"
#include "webhook_dedup.h"

PG_FUNCTION_INFO_V1(wd_payload_hash);
PG_FUNCTION_INFO_V1(wd_dedup_key);
PG_FUNCTION_INFO_V1(wd_paypal_dedup_key);
PG_FUNCTION_INFO_V1(wd_toss_dedup_key);

static text *derive_from_jsonb(FunctionCallInfo fcinfo, const char *named,
							   int argno);
static char *jsonb_to_utf8(Jsonb *payload);
static WdRenderResult render_whole(const WdTemplateSet *set,
								   const WdDelivery *delivery,
								   const WdJsonValue *values, StringInfo key);

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
 * The key of an event.  Raises what wd_derive_key does, 22004 for null, WD005
 * for an unrecognized provider, 22023 for one without key templates.
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
 * Derive a key from argument argno, the payload, and argno + 1, the headers.
 * The provider is the named one; if that is NULL, argument 0.
 */
static text *
derive_from_jsonb(FunctionCallInfo fcinfo, const char *named, int argno)
{
	ErrorContextCallback callback;
	WdDelivery	delivery = {.format = WD_PAYLOAD_JSON};
	const WdProvider *provider;
	text	   *name;
	text	   *key;

	wd_hide_statement(&callback);
	name = named ? cstring_to_text(named) : wd_arg_provider(fcinfo, 0);
	wd_check_null(PG_ARGISNULL(argno), "payload");
	delivery.payload = jsonb_to_utf8(PG_GETARG_JSONB_P(argno));
	delivery.len = strlen(delivery.payload);
	delivery.headers = wd_arg_headers(fcinfo, argno + 1);

	provider = wd_provider_find(name);
	delivery.hint = provider->hint;
	key = wd_derive_key(wd_provider_templates(provider, name), &delivery);
	wd_show_statement(&callback);
	return key;
}

/* The JSON text in UTF-8.  Raises 22P02 if it cannot be converted. */
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
 * Fetch a delivery: argument argno is the payload as bytea, argno + 1 the
 * headers as jsonb.  Raises 22004 for null, 22023 for headers that are no
 * object.
 */
void
wd_arg_delivery(FunctionCallInfo fcinfo, int argno, const WdProvider *provider,
				WdDelivery *delivery)
{
	bytea	   *payload;

	wd_check_null(PG_ARGISNULL(argno), "payload");
	payload = PG_GETARG_BYTEA_PP(argno);
	delivery->payload = VARDATA_ANY(payload);
	delivery->len = VARSIZE_ANY_EXHDR(payload);
	delivery->headers = wd_arg_headers(fcinfo, argno + 1);
	delivery->format = provider->format;
	delivery->hint = provider->hint;
}

/*
 * Derive the key of a delivery that is one event.
 *
 * Raises 22023 if a wanted header is malformed, 22P02 if the payload is not
 * what its provider sends, 54000 if it exceeds a limit, WD001 if no template
 * matches.
 */
text *
wd_derive_key(const WdTemplateSet *set, const WdDelivery *delivery)
{
	WdJsonValue values[WD_JSON_MAX_PATHS];
	StringInfoData key;

	initStringInfo(&key);
	if (!wd_try_derive_key(set, delivery, values, NULL, &key))
		wd_check_rendered(WD_NO_MATCH, set, delivery, NULL);
	return cstring_to_text_with_len(key.data, key.len);
}

/*
 * Derive the key of a delivery that is one event, as wd_derive_key does, into
 * key, which is empty.
 *
 * Returns false if no template matches the payload as a whole.  Unless lists
 * is NULL, lists and values are then set, for wd_items_find.
 */
bool
wd_try_derive_key(const WdTemplateSet *set, const WdDelivery *delivery,
				  WdJsonValue *values, WdJsonList *lists, StringInfo key)
{
	WdRenderResult result;

	if (delivery->format != WD_PAYLOAD_JSON)
	{
		/* the headers may be enough */
		result = render_whole(set, delivery, NULL, key);
		if (result == WD_RENDERED)
			return true;
		if (result == WD_NO_MATCH && lists == NULL)
			return false;
	}
	wd_payload_read(set, delivery, values, lists);
	return render_whole(set, delivery, values, key) == WD_RENDERED;
}

/*
 * Fill the templates for the payload as a whole; values is NULL if the payload
 * was not read.  Returns WD_RENDERED, WD_NO_MATCH or WD_NEEDS_BODY; raises an
 * error for any other result.
 */
static WdRenderResult
render_whole(const WdTemplateSet *set, const WdDelivery *delivery,
			 const WdJsonValue *values, StringInfo key)
{
	WdRenderSource source = {values, delivery->headers, NULL};
	WdRenderResult result;

	resetStringInfo(key);
	result = wd_templates_render(set, WD_WHOLE_PAYLOAD, &source, key);
	if (result != WD_NO_MATCH && result != WD_NEEDS_BODY)
		wd_check_rendered(result, set, delivery, NULL);
	return result;
}

/* The SHA-256 of a payload, as wd_payload_hash returns it. */
text *
wd_hash_payload(const char *payload, int len)
{
	char		hex[WD_SHA256_HEX_LEN + 1];

	wd_sha256_hex(payload, len, hex);
	return cstring_to_text_with_len(hex, WD_SHA256_HEX_LEN);
}

/*
 * Raise an error unless the result is WD_RENDERED.  item is the path of the
 * event in the payload, NULL if the payload as a whole is the event.  set may
 * be NULL if the caller looks for several events anyway.
 */
void
wd_check_rendered(WdRenderResult result, const WdTemplateSet *set,
				  const WdDelivery *delivery, const char *item)
{
	const char *hint;

	switch (result)
	{
		case WD_RENDERED:
			break;
		case WD_NO_MATCH:
			hint = delivery->hint;
			if (hint == NULL && item == NULL && set && set->has_elements)
				hint =
					"If the payload holds several events, call wd_receive_items.";
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
					errdetail("It holds \\u0000, half of a surrogate pair, or percent-encoding that is not valid UTF-8."));
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
					errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("identifiers of the payload are too long"));
			break;
		case WD_ABSENT:
		case WD_NOT_SCALAR:
		case WD_OTHER_VALUE:
		case WD_NEEDS_BODY:
			elog(ERROR, "unexpected result %d of a key template", result);
	}
}
