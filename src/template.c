/*
 * template.c
 *	  Key templates: text with placeholders for values of an event.
 *
 * A template is compiled once.  What compiles is injective: two events whose
 * values differ cannot fill it to the same key (render.c escapes the
 * separators in the values, and here text without a separator between two
 * placeholders is refused).
 */
#include "postgres.h"

#include "jsonscan.h"
#include "template.h"

/* The text that is being compiled, and where in it the compiler stands. */
typedef struct Compiler
{
	WdTemplateSet *set;
	const char *text;
	const char *p;
	const char *problem;
} Compiler;

static bool compile_template(Compiler *c, WdTemplate *result);
static bool compile_placeholder(Compiler *c, WdPlaceholder *result,
								const char *end);
static bool compile_header(Compiler *c, WdPlaceholder *result,
						   const char *end);
static bool compile_path(Compiler *c, WdPlaceholder *result,
						 const char *end);
static bool compile_steps(Compiler *c, WdJsonPath *path, const char *end);
static bool compile_index(Compiler *c, WdJsonStep *step, const char *end);
static bool refuse(Compiler *c, const char *at, const char *problem);

/*
 * Compile n templates of one provider in the current memory context.
 *
 * Returns NULL, with *error filled in, if one of them is malformed.
 */
WdTemplateSet *
wd_templates_compile(const char *const *texts, int n, WdTemplateError *error)
{
	WdTemplateSet *set = palloc0(sizeof(WdTemplateSet));
	Compiler	c = {set};

	set->templates = palloc0(sizeof(WdTemplate) * n);
	set->paths = palloc0(sizeof(WdJsonPath) * WD_JSON_MAX_PATHS);
	set->path_texts = palloc0(sizeof(char *) * WD_JSON_MAX_PATHS);

	for (int i = 0; i < n; i++)
	{
		/* literals and names point into this copy */
		c.text = c.p = pstrdup(texts[i]);
		if (!compile_template(&c, &set->templates[i]))
		{
			error->which = i;
			error->offset = c.p - c.text;
			error->problem = c.problem;
			return NULL;
		}
		set->ntemplates++;
	}
	return set;
}

static bool
compile_template(Compiler *c, WdTemplate *result)
{
	if (strstr(c->text, WD_DIGEST_MARK) != NULL)
		return refuse(c, strstr(c->text, WD_DIGEST_MARK),
					  "\"" WD_DIGEST_MARK "\" is kept for digests of keys");

	for (;;)
	{
		const char *literal = c->p;
		int			len = strcspn(literal, "{}");
		const char *brace = literal + len;
		const char *end;
		WdPlaceholder *placeholder;

		if (*brace == '\0')
		{
			result->tail = literal;
			result->tail_len = len;
			return result->nplaceholders > 0 ||
				refuse(c, brace, "a placeholder is missing");
		}
		if (*brace == '}')
			return refuse(c, brace, "\"}\" does not end a placeholder");
		if (result->nplaceholders == 0 && len > WD_MAX_PREFIX_LEN)
			return refuse(c, brace, "the text before it is too long");
		if (result->nplaceholders > 0 && memchr(literal, ':', len) == NULL)
			return refuse(c, brace,
						  "a colon must stand between two placeholders");
		if (result->nplaceholders == WD_MAX_PLACEHOLDERS)
			return refuse(c, brace, "there are too many placeholders");

		end = brace + 1 + strcspn(brace + 1, "{}");
		if (*end != '}')
			return refuse(c, end, "the placeholder is not closed");

		placeholder = &result->placeholders[result->nplaceholders++];
		placeholder->literal = literal;
		placeholder->literal_len = len;
		c->p = brace + 1;
		if (!compile_placeholder(c, placeholder, end))
			return false;
		c->p = end + 1;
	}
}

/* Compile what stands between the braces, from c->p up to end. */
static bool
compile_placeholder(Compiler *c, WdPlaceholder *result, const char *end)
{
	if (end > c->p && end[-1] == '?')
	{
		result->optional = true;
		end--;
	}

	if (strncmp(c->p, "body:", 5) == 0)
	{
		c->p += 5;
		result->source = WD_FROM_BODY;
		return compile_path(c, result, end);
	}
	if (strncmp(c->p, "header:", 7) == 0)
	{
		c->p += 7;
		result->source = WD_FROM_HEADER;
		return compile_header(c, result, end);
	}
	return refuse(c, c->p,
				  "a placeholder must begin with \"body:\" or \"header:\"");
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

/* Compile a path, or find it among those of the set. */
static bool
compile_path(Compiler *c, WdPlaceholder *result, const char *end)
{
	WdTemplateSet *set = c->set;
	char	   *text;

	if (c->p >= end)
		return refuse(c, c->p, "the name of a member is missing");

	text = pnstrdup(c->p, end - c->p);
	for (int i = 0; i < set->npaths; i++)
	{
		if (strcmp(set->path_texts[i], text) == 0)
		{
			result->path = i;
			return true;
		}
	}

	if (set->npaths == WD_JSON_MAX_PATHS)
		return refuse(c, c->p, "the templates read too many members");
	if (!compile_steps(c, &set->paths[set->npaths], end))
		return false;
	set->path_texts[set->npaths] = text;
	result->path = set->npaths++;
	return true;
}

/* a.b[0].c: names separated by dots, numbers in brackets. */
static bool
compile_steps(Compiler *c, WdJsonPath *path, const char *end)
{
	/* each step takes one character at least */
	path->steps = palloc0(sizeof(WdJsonStep) * (end - c->p));

	while (c->p < end)
	{
		WdJsonStep *step = &path->steps[path->nsteps];

		if (*c->p == '[')
		{
			if (!compile_index(c, step, end))
				return false;
		}
		else
		{
			if (path->nsteps > 0 && *c->p++ != '.')
				return refuse(c, c->p - 1, "a \".\" or \"[\" is missing");
			step->name = c->p;
			while (c->p < end && strchr(".[]", *c->p) == NULL)
				c->p++;
			step->name_len = c->p - step->name;
			if (step->name_len == 0)
				return refuse(c, c->p, "the name of a member is missing");
		}
		path->nsteps++;
	}
	return path->nsteps < WD_JSON_MAX_DEPTH ||
		refuse(c, end, "the path is too deep");
}

/* [n] */
static bool
compile_index(Compiler *c, WdJsonStep *step, const char *end)
{
	const char *start = ++c->p;

	while (c->p < end && *c->p >= '0' && *c->p <= '9' && c->p - start < 9)
		step->index = step->index * 10 + (*c->p++ - '0');
	if (c->p == start || c->p == end || *c->p != ']')
		return refuse(c, c->p,
					  "the number of an element must stand in brackets");
	c->p++;
	return true;
}

/* Note what is wrong, and where.  Returns false. */
static bool
refuse(Compiler *c, const char *at, const char *problem)
{
	c->p = at;
	c->problem = problem;
	return false;
}
