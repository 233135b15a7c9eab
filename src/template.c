/*
 * template.c
 *	  Key templates: text with placeholders for values of an event.
 *
 * A template is compiled once.  What compiles is injective: two events with
 * different values never fill it to the same key.  To that end there must be
 * a colon between two placeholders, and render.c escapes colons in values.  A
 * condition adds nothing to the key, since its value is always the same.
 */
#include "postgres.h"

#include "placeholder.h"

static bool compile_template(WdCompiler *c, WdTemplate *result);
static bool has_required(const WdTemplate *template);
static bool compile_conditions(WdCompiler *c, WdTemplate *result);
static bool check_literal(WdCompiler *c, const WdTemplate *template,
						  const char *literal, int len);
static const char *find_end(WdCompiler *c, const char *brace);
static bool find_array_path(WdCompiler *c, WdTemplate *template);
static bool narrow_array_path(WdCompiler *c, WdTemplate *template,
							  const WdPlaceholder *placeholder);

/*
 * Compile n templates of one provider, texts in UTF-8, in the current memory
 * context.
 *
 * Returns NULL, with *error filled in, if one of them is malformed.
 */
WdTemplateSet *
wd_templates_compile(const char *const *texts, int n, WdTemplateError *error)
{
	WdTemplateSet *set = palloc0(sizeof(WdTemplateSet));
	WdCompiler	c = {set};

	set->templates = palloc0(sizeof(WdTemplate) * n);
	set->paths = palloc0(sizeof(WdJsonPath) * WD_JSON_MAX_PATHS);
	set->path_texts = palloc0(sizeof(char *) * WD_JSON_MAX_PATHS);

	for (int i = 0; i < n; i++)
	{
		WdTemplate *template = &set->templates[i];

		/* literals and names point into this copy */
		template->text = c.p = pstrdup(texts[i]);
		if (!compile_template(&c, template) || !find_array_path(&c, template))
		{
			error->which = i;
			error->offset = c.p - template->text;
			error->problem = c.problem;
			return NULL;
		}
		set->has_elements |= template->array_path != WD_WHOLE_PAYLOAD;
		set->ntemplates++;
	}
	return set;
}

static bool
compile_template(WdCompiler *c, WdTemplate *result)
{
	const char *mark;

	/* this bounds the recursion of compile_path, too */
	if (strlen(c->p) > WD_MAX_TEMPLATE_LEN)
		return wd_malformed(c, c->p + WD_MAX_TEMPLATE_LEN, "it is too long");
	mark = strstr(c->p, WD_DIGEST_MARK);
	if (mark != NULL)
		return wd_malformed(c, mark,
							"\"" WD_DIGEST_MARK "\" is reserved for digests of keys");
	if (!compile_conditions(c, result))
		return false;

	for (;;)
	{
		const char *literal = c->p;
		int			len = strcspn(literal, "{}");
		const char *brace = literal + len;
		const char *end;
		WdPlaceholder *placeholder;

		if (!check_literal(c, result, literal, len))
			return false;
		if (*brace == '\0')
		{
			result->tail = literal;
			result->tail_len = len;
			return has_required(result) ||
				wd_malformed(c, brace, result->nplaceholders == 0 ?
							 "a placeholder is missing" :
							 "a placeholder that is not optional is missing");
		}
		if (result->nplaceholders > 0 && memchr(literal, ':', len) == NULL)
			return wd_malformed(c, brace,
								"a colon must stand between two placeholders");
		if (result->nplaceholders == WD_MAX_PLACEHOLDERS)
			return wd_malformed(c, brace, "there are too many placeholders");

		end = find_end(c, brace);
		if (end == NULL)
			return false;
		placeholder = &result->placeholders[result->nplaceholders++];
		placeholder->literal = literal;
		placeholder->literal_len = len;
		c->p = brace + 1;
		if (!wd_placeholder_compile(c, end, placeholder))
			return false;
		if (placeholder->expected != NULL)
			return wd_malformed(c, brace,
								"a condition must stand in front of everything else");
		c->p = end + 1;
	}
}

/*
 * Is there a placeholder that is not optional?  Otherwise all events without
 * any of the values would have the same key.
 */
static bool
has_required(const WdTemplate *template)
{
	for (int i = 0; i < template->nplaceholders; i++)
	{
		if (!template->placeholders[i].optional)
			return true;
	}
	return false;
}

/* Compile the conditions in front of the template's text. */
static bool
compile_conditions(WdCompiler *c, WdTemplate *result)
{
	while (*c->p == '{')
	{
		const char *brace = c->p;
		const char *end = find_end(c, brace);
		WdPlaceholder *condition;

		if (end == NULL)
			return false;
		if (memchr(brace, '=', end - brace) == NULL)
			return true;
		if (result->nconditions == WD_MAX_CONDITIONS)
			return wd_malformed(c, brace, "there are too many conditions");

		condition = &result->conditions[result->nconditions++];
		c->p = brace + 1;
		if (!wd_placeholder_compile(c, end, condition))
			return false;
		c->p = end + 1;
	}
	return true;
}

/* Can this text stand in front of the next placeholder, or at the end? */
static bool
check_literal(WdCompiler *c, const WdTemplate *template, const char *literal,
			  int len)
{
	for (int i = 0; i < len; i++)
	{
		/* it must fit every database's encoding, and every terminal */
		if (literal[i] < ' ' || literal[i] > '~')
			return wd_malformed(c, literal + i,
								"text around placeholders must be printable ASCII");
	}
	if (literal[len] == '}')
		return wd_malformed(c, literal + len,
							"\"}\" does not end a placeholder");
	if (template->nplaceholders == 0 && len > WD_MAX_PREFIX_LEN)
		return wd_malformed(c, literal + len,
							"the text before it is too long");
	return true;
}

/*
 * The brace that closes a placeholder; NULL, with the problem noted, if it is
 * not closed.
 */
static const char *
find_end(WdCompiler *c, const char *brace)
{
	const char *end = brace + 1 + strcspn(brace + 1, "{}");

	if (*end == '}')
		return end;
	wd_malformed(c, end, "the placeholder is not closed");
	return NULL;
}

/*
 * Find the events that the template is for: the elements of the innermost
 * array that its paths lead to or into.
 */
static bool
find_array_path(WdCompiler *c, WdTemplate *template)
{
	template->array_path = WD_WHOLE_PAYLOAD;
	for (int i = 0; i < template->nconditions; i++)
		if (!narrow_array_path(c, template, &template->conditions[i]))
			return false;
	for (int i = 0; i < template->nplaceholders; i++)
		if (!narrow_array_path(c, template, &template->placeholders[i]))
			return false;
	return true;
}

/*
 * Go on to the array of one more placeholder, if that lies inside the one
 * found so far.
 */
static bool
narrow_array_path(WdCompiler *c, WdTemplate *template,
				  const WdPlaceholder *placeholder)
{
	const WdTemplateSet *set = c->set;
	const WdJsonPath *path;
	int			array_path;

	if (placeholder->source != WD_FROM_BODY)
		return true;
	path = &set->paths[placeholder->path];
	if (!path->each)
		return true;

	array_path = wd_json_ends_with_each(path) ?
		placeholder->path : path->parent_path;
	if (template->array_path == WD_WHOLE_PAYLOAD ||
		wd_path_encloses(set, template->array_path, array_path))
		template->array_path = array_path;
	else if (!wd_path_encloses(set, array_path, template->array_path))
		return wd_malformed(c, placeholder->text,
							"it leads to other elements than the placeholders before it");
	return true;
}
