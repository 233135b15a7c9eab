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
	WD_NO_MATCH,				/* none of the templates matches */
	/* one template does not match; the next one may */
	WD_ABSENT,					/* a value is absent or empty */
	WD_NOT_SCALAR,				/* a value is an object or array */
	WD_OTHER_VALUE,				/* a condition is not met */
	/* there can be no key at all */
	WD_BAD_VALUE,				/* a string of the payload is no valid text */
	WD_BAD_HEADER,				/* a header is no string */
	WD_UNCONVERTIBLE_HEADER,	/* a header cannot be converted to UTF-8 */
	WD_TOO_MUCH,				/* the budget is spent */
	/* not without the payload */
	WD_NEEDS_BODY				/* the values were not given */
} WdRenderResult;

/* What templates are filled from. */
typedef struct WdRenderSource
{
	const WdJsonValue *values;	/* for each path of the set, or NULL */
	Jsonb	   *headers;
	int64	   *budget;			/* how many bytes of the payload may still be
								 * read; NULL for any number */
} WdRenderSource;

extern WdRenderResult wd_templates_render(const WdTemplateSet *set,
										  int array_path,
										  const WdRenderSource *source,
										  StringInfo key);
extern WdRenderResult wd_template_render(const WdTemplate *template,
										 const WdRenderSource *source,
										 StringInfo key,
										 const WdPlaceholder **failed);
extern bool wd_template_mismatched(WdRenderResult result);

#endif							/* WD_RENDER_H */
