/*
 * payload.c
 *	  The body of a delivery, in the format that its provider sends.
 *
 * No message quotes a payload.
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

static void read_json(const WdTemplateSet *set, const WdDelivery *delivery,
					  WdJsonValue *values, WdJsonList *lists);
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
 * fields of a form, which has no elements.  lists may be NULL.
 *
 * Raises 22P02 unless all of the payload is valid, 54000 if it is nested too
 * deeply or has too many elements.
 */
void
wd_payload_read(const WdTemplateSet *set, const WdDelivery *delivery,
				WdJsonValue *values, WdJsonList *lists)
{
	if (!is_form(delivery))
	{
		read_json(set, delivery, values, lists);
		return;
	}
	if (lists != NULL)
		memset(lists, 0, sizeof(WdJsonList) * set->npaths);
	wd_form_scan(delivery->payload, delivery->len, set->path_texts,
				 set->npaths, values);
}

static void
read_json(const WdTemplateSet *set, const WdDelivery *delivery,
		  WdJsonValue *values, WdJsonList *lists)
{
	int			stopped_at;

	if (pg_encoding_verifymbstr(PG_UTF8, delivery->payload,
								delivery->len) != delivery->len)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("payload is not valid UTF-8"));
	switch (wd_json_scan(delivery->payload, delivery->len, set->paths,
						 set->npaths, values, lists, &stopped_at))
	{
		case WD_JSON_OK:
			break;
		case WD_JSON_INVALID:
			ereport(ERROR,
					errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("payload is not valid JSON"),
					errdetail("Reading stopped at byte %d of %d.",
							  stopped_at, delivery->len),
					delivery->hint ? errhint("%s", delivery->hint) : 0);
			break;
		case WD_JSON_TOO_DEEP:
			ereport(ERROR,
					errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("payload is nested too deeply"),
					errdetail("Objects and arrays can be nested %d deep.",
							  WD_JSON_MAX_DEPTH));
			break;
		case WD_JSON_TOO_MANY:
			ereport(ERROR,
					errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("payload has too many elements"),
					errdetail("A payload can have %d events.",
							  WD_JSON_MAX_ELEMENTS));
	}
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
