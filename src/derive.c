/*
 * derive.c
 *	  From a delivered event to its key.
 *
 * The payload is the provider's, hence anybody's: no message quotes it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "args.h"
#include "compat.h"
#include "derive.h"
#include "digest.h"
#include "encoding.h"
#include "errors.h"
#include "jsonscan.h"
#include "privacy.h"
#include "render.h"
#include "rules.h"
#include "template.h"

PG_FUNCTION_INFO_V1(wd_payload_hash);
PG_FUNCTION_INFO_V1(wd_dedup_key);
PG_FUNCTION_INFO_V1(wd_paypal_dedup_key);
PG_FUNCTION_INFO_V1(wd_toss_dedup_key);

static text *derive_from_jsonb(FunctionCallInfo fcinfo, const char *provider,
							   int argno);
static char *jsonb_to_utf8(Jsonb *payload);
static void scan_payload(const char *payload, int len,
						 const WdTemplateSet *set, WdJsonValue *values);
static void check_result(WdRenderResult result);

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
 * The key of an event.  Raises what wd_derive_key does, 22004 for null.
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
	text	   *name;
	char	   *json;
	text	   *key;

	wd_hide_statement(&callback);
	name = provider ? cstring_to_text(provider) : wd_arg_provider(fcinfo, 0);
	wd_check_null(PG_ARGISNULL(argno), "payload");
	wd_check_null(PG_ARGISNULL(argno + 1), "headers");

	json = jsonb_to_utf8(PG_GETARG_JSONB_P(argno));
	key = wd_derive_key(name, json, strlen(json),
						PG_GETARG_JSONB_P(argno + 1));
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
 * The key of the event whose body is the len bytes at payload.
 *
 * Raises 22023 if the provider is not known or a wanted header is malformed,
 * 22P02 if the payload is not valid JSON in UTF-8, WD001 if no template of
 * the provider's matches.
 */
text *
wd_derive_key(text *provider, const char *payload, int len, Jsonb *headers)
{
	const WdTemplateSet *set;
	WdJsonValue values[WD_JSON_MAX_PATHS];
	StringInfoData key;

	set = wd_rules_templates(VARDATA_ANY(provider),
							 VARSIZE_ANY_EXHDR(provider));
	if (set == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized provider \"%s\"",
					   text_to_cstring(provider)),
				errhint("Derive the key yourself and call wd_acquire, or use one of: paypal, toss."));
	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be a JSON object", "headers"));

	scan_payload(payload, len, set, values);
	initStringInfo(&key);
	check_result(wd_templates_render(set, values, headers, &key));
	return cstring_to_text_with_len(key.data, key.len);
}

/* The hash of a payload, as wd_payload_hash returns it. */
text *
wd_hash_payload(const char *payload, int len)
{
	char		hex[WD_SHA256_HEX_LEN + 1];

	wd_sha256_hex(payload, len, hex);
	return cstring_to_text_with_len(hex, WD_SHA256_HEX_LEN);
}

/* Read what the templates want; raises 22P02 unless all of it is valid. */
static void
scan_payload(const char *payload, int len, const WdTemplateSet *set,
			 WdJsonValue *values)
{
	int			stopped_at;

	if (!pg_verify_mbstr(PG_UTF8, payload, len, true))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("payload is not valid UTF-8"));

	switch (wd_json_scan(payload, len, set->paths, set->npaths, values,
						 &stopped_at))
	{
		case WD_JSON_OK:
			break;
		case WD_JSON_INVALID:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload is not valid JSON"),
					errdetail("Reading stopped at byte %d of %d.",
							  stopped_at, len));
			break;
		case WD_JSON_TOO_DEEP:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload is nested too deeply"),
					errdetail("Objects and arrays can be nested %d deep.",
							  WD_JSON_MAX_DEPTH));
	}
}

/* Raise the error of a key that could not be made. */
static void
check_result(WdRenderResult result)
{
	switch (result)
	{
		case WD_RENDERED:
			break;
		case WD_NO_MATCH:
			ereport(ERROR,
					errcode(ERRCODE_WD_NO_KEY),
					errmsg("no key can be derived from the event"),
					errdetail("Neither payload nor headers hold an identifier that the provider's events are known to carry."));
			break;
		case WD_BAD_VALUE:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload has an identifier that is not valid text"),
					errdetail("It holds \\u0000 or half of a surrogate pair."));
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
	}
}
