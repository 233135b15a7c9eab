/*
 * template.h
 *	  Key templates: text with placeholders for values of an event.
 *
 *	  ev_{body:id}
 *	  tx_{header:x-transmission-id}
 *	  pay_{body:data.key}:{body:data.items[0].state}:{body:data.last?}
 *	  {body:resource=event}ev_{body:id}
 *	  item_{body:items[*].id}
 */
#ifndef WD_TEMPLATE_H
#define WD_TEMPLATE_H

#include "jsonscan.h"

/* Bytes of one template. */
#define WD_MAX_TEMPLATE_LEN 4096

/* Placeholders in one template, and conditions in front of them. */
#define WD_MAX_PLACEHOLDERS 16
#define WD_MAX_CONDITIONS 4

/* What begins the digest of a key that is too long, behind its prefix. */
#define WD_DIGEST_MARK "sha256_"

/* Bytes before the first placeholder, which stay in front of a digest. */
#define WD_MAX_PREFIX_LEN 128

/* Of a template for the payload as a whole, in place of a path */
#define WD_WHOLE_PAYLOAD (-1)

typedef enum WdSource
{
	WD_FROM_BODY,
	WD_FROM_HEADER
} WdSource;

/* What is done to a value before it is used. */
typedef enum WdFilter
{
	WD_FILTER_NONE,
	WD_FILTER_PERCENT,			/* percent-decoded, of a header */
	WD_FILTER_SHA256			/* digest, of a member as it is written */
} WdFilter;

/* A placeholder, and the text in front of it; or a condition. */
typedef struct WdPlaceholder
{
	const char *literal;
	int			literal_len;
	const char *text;			/* what stands between the braces */
	int			text_len;
	WdSource	source;
	WdFilter	filter;
	bool		optional;		/* may be absent, null or empty */
	int			path;			/* of WD_FROM_BODY: number of its path */
	const char *header;			/* of WD_FROM_HEADER: lower-case name */
	int			header_len;
	const char *expected;		/* of a condition: what the value must be */
	int			expected_len;
} WdPlaceholder;

typedef struct WdTemplate
{
	const char *text;
	int			nconditions;
	WdPlaceholder conditions[WD_MAX_CONDITIONS];
	int			nplaceholders;
	WdPlaceholder placeholders[WD_MAX_PLACEHOLDERS];
	const char *tail;			/* text behind the last placeholder */
	int			tail_len;
	int			place;			/* path of the elements that it names, or
								 * WD_WHOLE_PAYLOAD */
} WdTemplate;

/* The templates of one provider, and the body paths that they read. */
typedef struct WdTemplateSet
{
	int			ntemplates;
	WdTemplate *templates;
	bool		has_elements;	/* is one of them for elements? */
	int			npaths;
	WdJsonPath *paths;
	const char **path_texts;
} WdTemplateSet;

/* Why a template was refused. */
typedef struct WdTemplateError
{
	int			which;			/* number of the template from 0 */
	int			offset;			/* byte in it */
	const char *problem;
} WdTemplateError;

extern WdTemplateSet *wd_templates_compile(const char *const *texts, int n,
										   WdTemplateError *error);

#endif							/* WD_TEMPLATE_H */
