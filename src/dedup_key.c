/*
 * dedup_key.c
 *	  The SQL functions that derive a key, and nothing more.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "args.h"
#include "compat.h"
#include "derive.h"
#include "encoding.h"
#include "payload.h"
#include "privacy.h"
#include "provider.h"

PG_FUNCTION_INFO_V1(wd_payload_hash);
PG_FUNCTION_INFO_V1(wd_dedup_key);
PG_FUNCTION_INFO_V1(wd_paypal_dedup_key);
PG_FUNCTION_INFO_V1(wd_toss_dedup_key);

static text *derive_from_jsonb(FunctionCallInfo fcinfo, const char *provider,
							   int argno);
static char *jsonb_to_utf8(Jsonb *payload);

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
