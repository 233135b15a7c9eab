/*
 * payload.c
 *	  The body of a delivery, in the format that its provider sends.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "form.h"
#include "headers.h"
#include "jsonscan.h"
#include "payload.h"
#include "template.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

static const char *const format_names[] = {
	[WD_PAYLOAD_JSON] = "json",
	[WD_PAYLOAD_FORM] = "form",
	[WD_PAYLOAD_ANY] = "any",
};

static bool is_form(const WdDelivery *delivery);

/* Find a format by its name; false if there is none of that name. */
bool
wd_payload_format(const char *name, WdPayloadFormat *format)
{
	for (int i = 0; i < lengthof(format_names); i++)
	{
		if (strcmp(name, format_names[i]) == 0)
		{
			*format = (WdPayloadFormat) i;
			return true;
		}
	}
	return false;
}

/*
 * Read what the templates want out of a payload: as wd_json_scan, or the
 * fields of a form, which has no elements.  *stopped_at is set for
 * WD_PAYLOAD_NOT_JSON.
 */
WdPayloadResult
wd_payload_read(const WdDelivery *delivery, const WdTemplateSet *set,
				WdJsonValue *values, WdJsonList *lists, int *stopped_at)
{
	if (is_form(delivery))
	{
		if (lists != NULL)
			memset(lists, 0, sizeof(WdJsonList) * set->npaths);
		wd_form_scan(delivery->payload, delivery->len, set->path_texts,
					 set->npaths, values);
		return WD_PAYLOAD_OK;
	}

	if (pg_encoding_verifymbstr(PG_UTF8, delivery->payload,
								delivery->len) != delivery->len)
		return WD_PAYLOAD_NOT_UTF8;
	switch (wd_json_scan(delivery->payload, delivery->len, set->paths,
						 set->npaths, values, lists, stopped_at))
	{
		case WD_JSON_OK:
			return WD_PAYLOAD_OK;
		case WD_JSON_TOO_DEEP:
			return WD_PAYLOAD_TOO_DEEP;
		case WD_JSON_TOO_MANY:
			return WD_PAYLOAD_TOO_MANY;
		case WD_JSON_INVALID:
			break;
	}
	return WD_PAYLOAD_NOT_JSON;
}

static bool
is_form(const WdDelivery *delivery)
{
	const char *type;
	int			len;

	if (delivery->format != WD_PAYLOAD_ANY)
		return delivery->format == WD_PAYLOAD_FORM;
	return wd_header_find(delivery->headers, "content-type",
						  strlen("content-type"), &type, &len) ==
		WD_HEADER_FOUND &&
		len >= strlen(FORM_TYPE) &&
		pg_strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE)) == 0;
}
