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

/* How long a template may be, in bytes */
#define WD_MAX_TEMPLATE_LEN 4096

/* How many placeholders it may have, and conditions in front of them */
#define WD_MAX_PLACEHOLDERS 16
#define WD_MAX_CONDITIONS 4

/* What the digest of a key begins with, behind the key's prefix */
#define WD_DIGEST_MARK "sha256_"

/* How long the text before the first placeholder, the prefix, may be */
#define WD_MAX_PREFIX_LEN 128

/* Instead of an array path: the payload as a whole */
#define WD_WHOLE_PAYLOAD (-1)

typedef enum WdSource
{
	WD_FROM_BODY,
	WD_FROM_HEADER
} WdSource;

/* What a value is replaced by before it is used. */
typedef enum WdFilter
{
	WD_FILTER_NONE,
	WD_FILTER_PERCENT,			/* what it percent-encodes; headers only */
	WD_FILTER_SHA256			/* its digest; a JSON value's, as written */
} WdFilter;

/* A placeholder, and the text in front of it; or a condition. */
typedef struct WdPlaceholder
{
	const char *literal;
	int			literal_len;
	const char *text;			/* all of it between the braces */
	int			text_len;
	WdSource	source;
	WdFilter	filter;
	bool		optional;		/* may be absent, null or empty */
	int			path;			/* WD_FROM_BODY: number in the set */
	const char *header;			/* WD_FROM_HEADER: lower-case name */
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
	int			array_path;		/* the events that it is for: path of an
								 * array's elements, or WD_WHOLE_PAYLOAD */
} WdTemplate;

/* The templates of one provider, and the body paths that they read. */
typedef struct WdTemplateSet
{
	int			ntemplates;
	WdTemplate *templates;
	bool		has_elements;	/* is one of them for an array's elements? */
	int			npaths;
	WdJsonPath *paths;
	const char **path_texts;
} WdTemplateSet;

/* Why a template was refused. */
typedef struct WdTemplateError
{
	int			which;			/* number of the template, from 0 */
	int			offset;			/* where in it, in bytes */
	const char *problem;
} WdTemplateError;

extern WdTemplateSet *wd_templates_compile(const char *const *texts, int n,
										   WdTemplateError *error);

#endif							/* WD_TEMPLATE_H */
