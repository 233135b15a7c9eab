/*
 * render.h
 *	  Fills key templates with the values of an event.
 */
#ifndef WD_RENDER_H
#define WD_RENDER_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* A longer key is replaced by its digest. */
#define WD_MAX_KEY_LEN 512

typedef enum WdRenderResult
{
	WD_RENDERED,
	WD_NO_MATCH,				/* something required is not there */
	WD_BAD_VALUE,				/* a wanted string that no text can hold */
	WD_BAD_HEADER,				/* a wanted header that is no string */
	WD_UNCONVERTIBLE_HEADER		/* one that UTF-8 has no characters for */
} WdRenderResult;

struct WdTemplateSet;
struct WdJsonValue;

extern WdRenderResult wd_templates_render(const struct WdTemplateSet *set,
										  const struct WdJsonValue *values,
										  Jsonb *headers, StringInfo key);

#endif							/* WD_RENDER_H */
