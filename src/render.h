/*
 * render.h
 *	  Fills key templates with the values of an event.
 */
#ifndef WD_RENDER_H
#define WD_RENDER_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "jsonscan.h"
#include "template.h"

/* A longer key is replaced by its digest. */
#define WD_MAX_KEY_LEN 512

typedef enum WdRenderResult
{
	WD_RENDERED,
	WD_NO_MATCH,				/* no template of a set matches */
	/* why one template does not */
	WD_ABSENT,					/* nothing is there, or it is empty */
	WD_NOT_SCALAR,				/* an object or array is there */
	WD_OTHER_VALUE,				/* a condition is not met */
	/* why there can be no key at all */
	WD_BAD_VALUE,				/* a wanted string that no text can hold */
	WD_BAD_HEADER,				/* a wanted header that is no string */
	WD_UNCONVERTIBLE_HEADER,	/* one that UTF-8 has no characters for */
	WD_TOO_MUCH,				/* more to read than may be */
	/* why not yet */
	WD_NEEDS_BODY				/* values were not given */
} WdRenderResult;

/* What templates are filled from. */
typedef struct WdRenderSource
{
	const WdJsonValue *values;	/* for each path of the set, or NULL */
	Jsonb	   *headers;
	int64	   *budget;			/* bytes of the payload that may still be read,
								 * or NULL */
} WdRenderSource;

extern WdRenderResult wd_templates_render(const WdTemplateSet *set, int place,
										  const WdRenderSource *source,
										  StringInfo key);
extern WdRenderResult wd_template_render(const WdTemplate *template,
										 const WdRenderSource *source,
										 StringInfo key,
										 const WdPlaceholder **failed);
extern bool wd_render_goes_on(WdRenderResult result);

#endif							/* WD_RENDER_H */
