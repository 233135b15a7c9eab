/*
 * payload.h
 *	  The body of a delivery, in the format that its provider sends.
 */
#ifndef WD_PAYLOAD_H
#define WD_PAYLOAD_H

#include "utils/jsonb.h"

struct WdJsonList;
struct WdJsonValue;
struct WdTemplateSet;

typedef enum WdPayloadFormat
{
	WD_PAYLOAD_JSON,			/* always JSON, which is always checked */
	WD_PAYLOAD_FORM,			/* a form */
	WD_PAYLOAD_ANY				/* anything: read only if a key needs it, as a
								 * form if the headers say so, else as JSON */
} WdPayloadFormat;

typedef enum WdPayloadResult
{
	WD_PAYLOAD_OK,
	WD_PAYLOAD_NOT_UTF8,
	WD_PAYLOAD_NOT_JSON,
	WD_PAYLOAD_TOO_DEEP,
	WD_PAYLOAD_TOO_MANY			/* elements */
} WdPayloadResult;

/* A delivery as it came. */
typedef struct WdDelivery
{
	const char *payload;
	int			len;
	Jsonb	   *headers;
	WdPayloadFormat format;
} WdDelivery;

extern bool wd_payload_format(const char *name, WdPayloadFormat *format);
extern WdPayloadResult wd_payload_read(const WdDelivery *delivery,
									   const struct WdTemplateSet *set,
									   struct WdJsonValue *values,
									   struct WdJsonList *lists,
									   int *stopped_at);

#endif							/* WD_PAYLOAD_H */
