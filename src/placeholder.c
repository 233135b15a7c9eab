/*
 * placeholder.c
 *	  Compiles a template's placeholders and conditions.
 *
 * body:path|filter=value? and header:name|filter=value?, where filter, value
 * and question mark can be left out.
 */
#include "postgres.h"

#include "jsonscan.h"
#include "path.h"
#include "placeholder.h"
#include "template.h"

/* Where in the text the compiler stands, and what is wrong there. */
typedef struct Compiler
{
	WdTemplateSet *set;
	const char *p;
	const char *problem;
} Compiler;

static bool compile(Compiler *c, WdPlaceholder *result, const char *end);
static const char *compile_condition(WdPlaceholder *result, const char *start,
									 const char *end);
static const char *compile_filter(Compiler *c, WdPlaceholder *result,
								  const char *end);
static bool compile_header(Compiler *c, WdPlaceholder *result,
						   const char *end);
static bool compile_body(Compiler *c, WdPlaceholder *result,
						 const char *end);
static bool refuse(Compiler *c, const char *at, const char *problem);

/*
 * Compile what stands between the braces of a placeholder or condition, from
 * *p up to end, into result, which is zeroed.
 *
 * False, with *p at what is wrong and *problem set, if it is malformed.
 */
bool
wd_placeholder_compile(WdTemplateSet *set, const char **p, const char *end,
					   WdPlaceholder *result, const char **problem)
{
	Compiler	c = {set, *p};
	bool		compiled = compile(&c, result, end);

	*p = c.p;
	*problem = c.problem;
	return compiled;
}

static bool
compile(Compiler *c, WdPlaceholder *result, const char *end)
{
	result->text = c->p;
	result->text_len = end - c->p;
	if (end > c->p && end[-1] == '?')
	{
		result->optional = true;
		end--;
	}
	end = compile_condition(result, c->p, end);
	if (result->optional && result->expected != NULL)
		return refuse(c, result->text + result->text_len - 1,
					  "a condition cannot be optional");

	if (strncmp(c->p, "body:", 5) == 0)
	{
		c->p += 5;
		result->source = WD_FROM_BODY;
		end = compile_filter(c, result, end);
		return end != NULL && compile_body(c, result, end);
	}
	if (strncmp(c->p, "header:", 7) == 0)
	{
		c->p += 7;
		result->source = WD_FROM_HEADER;
		end = compile_filter(c, result, end);
		return end != NULL && compile_header(c, result, end);
	}
	return refuse(c, c->p,
				  "a placeholder must begin with \"body:\" or \"header:\"");
}

/* Take a condition off the end; returns where the rest ends. */
static const char *
compile_condition(WdPlaceholder *result, const char *start, const char *end)
{
	const char *equals = memchr(start, '=', end - start);

	if (equals == NULL)
		return end;
	result->expected = equals + 1;
	result->expected_len = end - equals - 1;
	return equals;
}

/* Take a filter off the end; returns where the rest ends, NULL if refused. */
static const char *
compile_filter(Compiler *c, WdPlaceholder *result, const char *end)
{
	const char *bar;
	int			len;

	/* the source may have ended behind a condition's "=" */
	bar = end > c->p ? memchr(c->p, '|', end - c->p) : NULL;
	if (bar == NULL)
		return end;
	if (bar > c->p && bar[-1] == '?')
	{
		refuse(c, bar - 1, "the question mark must stand behind the filter");
		return NULL;
	}
	len = end - bar - 1;
	if (len == strlen("sha256") && strncmp(bar + 1, "sha256", len) == 0)
		result->filter = WD_FILTER_SHA256;
	else if (result->source == WD_FROM_HEADER &&
			 len == strlen("percent") && strncmp(bar + 1, "percent", len) == 0)
		result->filter = WD_FILTER_PERCENT;
	else
	{
		refuse(c, bar + 1, result->source == WD_FROM_BODY ?
			   "a member's filter must be \"sha256\"" :
			   "a header's filter must be \"sha256\" or \"percent\"");
		return NULL;
	}
	return bar;
}

static bool
compile_header(Compiler *c, WdPlaceholder *result, const char *end)
{
	char	   *name;

	if (c->p >= end)
		return refuse(c, c->p, "the name of a header is missing");

	name = pnstrdup(c->p, end - c->p);
	for (char *p = name; *p != '\0'; p++)
	{
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	}
	result->header = name;
	result->header_len = end - c->p;
	return true;
}

static bool
compile_body(Compiler *c, WdPlaceholder *result, const char *end)
{
	if (c->p >= end)
		return refuse(c, c->p, "the name of a member is missing");
	result->path = wd_path_compile(c->set, c->p, end, &c->p, &c->problem);
	return result->path >= 0;
}

/* Note what is wrong, and where.  Returns false. */
static bool
refuse(Compiler *c, const char *at, const char *problem)
{
	c->p = at;
	c->problem = problem;
	return false;
}
