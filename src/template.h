/*
 * template.h
 *	  Key templates: text with placeholders for values of an event.
 *
 *	  ev_{body:id}
 *	  tx_{header:x-transmission-id}
 *	  pay_{body:data.key}:{body:data.items[0].state}:{body:data.last?}
 */
#ifndef WD_TEMPLATE_H
#define WD_TEMPLATE_H

/* Placeholders in one template. */
#define WD_MAX_PLACEHOLDERS 16

/* What begins the digest of a key that is too long, behind its prefix. */
#define WD_DIGEST_MARK "sha256_"

/* Bytes before the first placeholder, which stay in front of a digest. */
#define WD_MAX_PREFIX_LEN 128

typedef enum WdSource
{
	WD_FROM_BODY,
	WD_FROM_HEADER
} WdSource;

/* A placeholder, and the text in front of it. */
typedef struct WdPlaceholder
{
	const char *literal;
	int			literal_len;
	WdSource	source;
	bool		optional;		/* may be absent, null or empty */
	int			path;			/* of WD_FROM_BODY: number of its path */
	const char *header;			/* of WD_FROM_HEADER: lower-case name */
	int			header_len;
} WdPlaceholder;

typedef struct WdTemplate
{
	int			nplaceholders;
	WdPlaceholder placeholders[WD_MAX_PLACEHOLDERS];
	const char *tail;			/* text behind the last placeholder */
	int			tail_len;
} WdTemplate;

/* The templates of one provider, and the body paths that they read. */
typedef struct WdTemplateSet
{
	int			ntemplates;
	WdTemplate *templates;
	int			npaths;
	struct WdJsonPath *paths;
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
