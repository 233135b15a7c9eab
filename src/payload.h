/*
 * payload.h
 *	  The body of a delivery, in the format that its provider sends.
 */
#ifndef WD_PAYLOAD_H
#define WD_PAYLOAD_H

#include "utils/jsonb.h"

#include "jsonscan.h"
#include "template.h"

typedef enum WdPayloadFormat
{
	WD_PAYLOAD_JSON,			/* always JSON, which is always checked */
	WD_PAYLOAD_FORM,			/* a form */
	WD_PAYLOAD_ANY				/* anything: read only if a key needs it, as a
								 * form if the headers say so, else as JSON */
} WdPayloadFormat;

/* A delivery as it came, and what its provider says about payloads. */
typedef struct WdDelivery
{
	const char *payload;
	int			len;
	Jsonb	   *headers;
	WdPayloadFormat format;
	const char *hint;			/* NULL if there is none */
} WdDelivery;

extern bool wd_payload_format(const char *name, WdPayloadFormat *format);
extern void wd_payload_read(const WdTemplateSet *set,
							const WdDelivery *delivery, WdJsonValue *values,
							WdJsonList *lists);

#endif							/* WD_PAYLOAD_H */
