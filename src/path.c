/*
 * path.c
 *	  Compiles the paths of a template's placeholders.
 *
 * a.b[0].c[*].d: names separated by dots, numbers of elements in brackets, a
 * star for each element.
 */
#include "postgres.h"

#include "jsonscan.h"
#include "path.h"
#include "template.h"

#define EACH "[*]"
#define EACH_LEN 3

/* What is being compiled, and why it cannot be. */
typedef struct Compiler
{
	const char *p;
	const char *end;
	const char *problem;
} Compiler;

static const char *enclosing_elements(const char *start, const char *end);
static bool compile_steps(Compiler *c, WdJsonPath *path);
static bool compile_name(Compiler *c, WdJsonStep *step, bool is_first);
static bool compile_index(Compiler *c, WdJsonStep *step);
static bool refuse(Compiler *c, const char *at, const char *problem);

/*
 * Compile the path between start and end, or find it among those of the set,
 * to which it is added together with the paths of the elements around it.
 *
 * Returns its number; -1, with *stopped_at and *problem set, if it is
 * malformed.
 */
int
wd_path_compile(WdTemplateSet *set, const char *start, const char *end,
				const char **stopped_at, const char **problem)
{
	Compiler	c = {start, end};
	char	   *text = pnstrdup(start, end - start);
	const char *around = enclosing_elements(start, end);
	WdJsonPath	path = {0};

	for (int i = 0; i < set->npaths; i++)
	{
		if (strcmp(set->path_texts[i], text) == 0)
			return i;
	}

	path.elements = -1;
	path.each = around != NULL ||
		(end - start >= EACH_LEN &&
		 memcmp(end - EACH_LEN, EACH, EACH_LEN) == 0);
	if (around != NULL)
	{
		path.elements = wd_path_compile(set, start, around, stopped_at,
										problem);
		if (path.elements < 0)
			return -1;
	}
	if (set->npaths == WD_JSON_MAX_PATHS)
		refuse(&c, start, "the templates read too many members");
	else if (compile_steps(&c, &path))
	{
		set->path_texts[set->npaths] = text;
		set->paths[set->npaths] = path;
		return set->npaths++;
	}
	*stopped_at = c.p;
	*problem = c.problem;
	return -1;
}

/* Are the elements of path outer those of path inner, or around them? */
bool
wd_path_encloses(const WdTemplateSet *set, int outer, int inner)
{
	while (inner >= 0 && inner != outer)
		inner = set->paths[inner].elements;
	return inner == outer;
}

/*
 * The end of the longest proper part of a path that leads to each element of
 * an array; NULL if there is none.
 */
static const char *
enclosing_elements(const char *start, const char *end)
{
	for (const char *p = end - 1; p - start >= EACH_LEN; p--)
	{
		if (memcmp(p - EACH_LEN, EACH, EACH_LEN) == 0)
			return p;
	}
	return NULL;
}

static bool
compile_steps(Compiler *c, WdJsonPath *path)
{
	if (c->p >= c->end)
		return refuse(c, c->p, "the name of a member is missing");

	/* each step takes one character at least */
	path->steps = palloc0(sizeof(WdJsonStep) * (c->end - c->p));
	while (c->p < c->end)
	{
		WdJsonStep *step = &path->steps[path->nsteps];

		if (*c->p == '[' ? !compile_index(c, step) :
			!compile_name(c, step, path->nsteps == 0))
			return false;
		path->nsteps++;
	}
	return path->nsteps < WD_JSON_MAX_DEPTH ||
		refuse(c, c->end, "the path is too deep");
}

/* name or, behind another step, .name */
static bool
compile_name(Compiler *c, WdJsonStep *step, bool is_first)
{
	if (!is_first && *c->p++ != '.')
		return refuse(c, c->p - 1, "a \".\" or \"[\" is missing");

	step->name = c->p;
	while (c->p < c->end && strchr(".[]", *c->p) == NULL)
		c->p++;
	step->name_len = c->p - step->name;
	return step->name_len > 0 ||
		refuse(c, c->p, "the name of a member is missing");
}

/* [n] or [*] */
static bool
compile_index(Compiler *c, WdJsonStep *step)
{
	const char *start = ++c->p;

	if (c->p < c->end && *c->p == '*')
	{
		step->index = WD_JSON_EACH;
		c->p++;
	}
	else
	{
		while (c->p < c->end && *c->p >= '0' && *c->p <= '9' &&
			   c->p - start < 9)
			step->index = step->index * 10 + (*c->p++ - '0');
	}
	if (c->p == start || c->p == c->end || *c->p != ']')
		return refuse(c, c->p,
					  "the number of an element, or a star for each, must stand in brackets");
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
