/*
 * placeholder.c
 *	  Compiles the placeholders and conditions of a template.
 *
 * body:path|filter=value? and header:name|filter=value?, where filter, value
 * and question mark can be left out.  A path is a.b[0].c[*].d: names of
 * members separated by dots, numbers of elements in brackets, a star for
 * every element.
 */
#include "postgres.h"

#include "placeholder.h"

#define EACH "[*]"

static const char *compile_condition(WdPlaceholder *result, const char *start,
									 const char *end);
static bool compile_filter(WdCompiler *c, WdPlaceholder *result,
						   const char **end);
static bool compile_header(WdCompiler *c, WdPlaceholder *result,
						   const char *end);
static int	compile_path(WdCompiler *c, const char *end);
static const char *parent_end(const char *start, const char *end);
static bool compile_steps(WdCompiler *c, const char *end, WdJsonPath *path);
static bool compile_name(WdCompiler *c, const char *end, WdJsonStep *step,
						 bool is_first);
static bool compile_index(WdCompiler *c, const char *end, WdJsonStep *step);

/*
 * Compile what stands between the braces of a placeholder or condition, from
 * c->p up to end, into result, which is zeroed.  Paths that the set does not
 * have yet are added to it.
 *
 * Returns false, with the problem noted, if it is malformed.
 */
bool
wd_placeholder_compile(WdCompiler *c, const char *end, WdPlaceholder *result)
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
		return wd_malformed(c, result->text + result->text_len - 1,
							"a condition cannot be optional");

	if (strncmp(c->p, "body:", 5) == 0)
		result->source = WD_FROM_BODY;
	else if (strncmp(c->p, "header:", 7) == 0)
		result->source = WD_FROM_HEADER;
	else
		return wd_malformed(c, c->p,
							"a placeholder must begin with \"body:\" or \"header:\"");

	c->p = strchr(c->p, ':') + 1;
	if (!compile_filter(c, result, &end))
		return false;
	if (result->source == WD_FROM_HEADER)
		return compile_header(c, result, end);
	if (c->p >= end)
		return wd_malformed(c, c->p, "the name of a member is missing");
	result->path = compile_path(c, end);
	return result->path >= 0;
}

/* Note what is wrong with a template, and where.  Returns false. */
bool
wd_malformed(WdCompiler *c, const char *at, const char *problem)
{
	c->p = at;
	c->problem = problem;
	return false;
}

/* Is path outer the same as path inner, or one of its ancestors? */
bool
wd_path_encloses(const WdTemplateSet *set, int outer, int inner)
{
	while (inner >= 0 && inner != outer)
		inner = set->paths[inner].parent_path;
	return inner == outer;
}

/* Cut a condition off the end.  Returns where the rest ends. */
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

/* Cut a filter off the end.  Sets *end to where the rest ends. */
static bool
compile_filter(WdCompiler *c, WdPlaceholder *result, const char **end)
{
	const char *bar = memchr(c->p, '|', *end - c->p);
	int			len;

	if (bar == NULL)
		return true;
	if (bar[-1] == '?')
		return wd_malformed(c, bar - 1,
							"the question mark must stand behind the filter");
	len = *end - bar - 1;
	if (len == strlen("sha256") && strncmp(bar + 1, "sha256", len) == 0)
		result->filter = WD_FILTER_SHA256;
	else if (result->source == WD_FROM_HEADER &&
			 len == strlen("percent") && strncmp(bar + 1, "percent", len) == 0)
		result->filter = WD_FILTER_PERCENT;
	else
		return wd_malformed(c, bar + 1, result->source == WD_FROM_BODY ?
							"a member's filter must be \"sha256\"" :
							"a header's filter must be \"sha256\" or \"percent\"");
	*end = bar;
	return true;
}

static bool
compile_header(WdCompiler *c, WdPlaceholder *result, const char *end)
{
	char	   *name;

	if (c->p >= end)
		return wd_malformed(c, c->p, "the name of a header is missing");

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

/*
 * Compile the path between c->p and end, unless the set has it already.  Its
 * parents are added to the set before it.
 *
 * Returns its number; -1, with the problem noted, if it is malformed.
 */
static int
compile_path(WdCompiler *c, const char *end)
{
	WdTemplateSet *set = c->set;
	const char *start = c->p;
	char	   *text = pnstrdup(start, end - start);
	const char *stop = parent_end(start, end);
	WdJsonPath	path = {.parent_path = -1};

	for (int i = 0; i < set->npaths; i++)
	{
		if (strcmp(set->path_texts[i], text) == 0)
			return i;
	}

	if (stop != NULL)
	{
		path.parent_path = compile_path(c, stop);
		if (path.parent_path < 0)
			return -1;
	}
	path.each = strstr(text, EACH) != NULL;

	c->p = start;
	if (set->npaths == WD_JSON_MAX_PATHS)
	{
		wd_malformed(c, start, "the templates read too many members");
		return -1;
	}
	if (!compile_steps(c, end, &path))
		return -1;
	set->path_texts[set->npaths] = text;
	set->paths[set->npaths] = path;
	return set->npaths++;
}

/* Where the text of a path's parent ends; NULL if it has none. */
static const char *
parent_end(const char *start, const char *end)
{
	for (const char *p = end - 1; p - start >= strlen(EACH); p--)
	{
		if (memcmp(p - strlen(EACH), EACH, strlen(EACH)) == 0)
			return p;
	}
	return NULL;
}

static bool
compile_steps(WdCompiler *c, const char *end, WdJsonPath *path)
{
	/* a step takes one character at least */
	path->steps = palloc0(sizeof(WdJsonStep) * (end - c->p));
	while (c->p < end)
	{
		WdJsonStep *step = &path->steps[path->nsteps];

		if (*c->p == '[' ? !compile_index(c, end, step) :
			!compile_name(c, end, step, path->nsteps == 0))
			return false;
		path->nsteps++;
	}
	return path->nsteps < WD_JSON_MAX_DEPTH ||
		wd_malformed(c, end, "the path is too deep");
}

/* name, or .name behind another step */
static bool
compile_name(WdCompiler *c, const char *end, WdJsonStep *step, bool is_first)
{
	if (!is_first && *c->p++ != '.')
		return wd_malformed(c, c->p - 1, "a \".\" or \"[\" is missing");

	step->name = c->p;
	while (c->p < end && strchr(".[]", *c->p) == NULL)
		c->p++;
	step->name_len = c->p - step->name;
	return step->name_len > 0 ||
		wd_malformed(c, c->p, "the name of a member is missing");
}

/* [n] or [*] */
static bool
compile_index(WdCompiler *c, const char *end, WdJsonStep *step)
{
	const char *start = ++c->p;

	if (c->p < end && *c->p == '*')
	{
		step->array_index = WD_JSON_EACH;
		c->p++;
	}
	else
	{
		while (c->p < end && *c->p >= '0' && *c->p <= '9' &&
			   c->p - start < 9)
			step->array_index = step->array_index * 10 + (*c->p++ - '0');
	}
	if (c->p == start || c->p == end || *c->p != ']')
		return wd_malformed(c, c->p,
							"the number of an element, or a star for each, must stand in brackets");
	c->p++;
	return true;
}
