/*
 * fuzz_key.c
 *	  Fuzz target: compiling key templates, and filling them.
 *
 * The first line of the input holds templates, separated by tabs; a '!' in
 * front of it makes the database's encoding SQL_ASCII, a '&' the body a form.
 * Each line behind it is an event: its values, separated by tabs, for the
 * placeholders of the templates as they come.  The first byte of a value is
 * its kind, see keymodel.h; a '[' makes a header an array.
 *
 * What does not compile must say where and why.  What does must give the key
 * of the plain model, at most 512 bytes long, from which the values, or their
 * digests, can be read back; two events with different values must have
 * different keys.  That holds for the payload as a whole and for the elements
 * of each path, which have templates of their own.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "event.h"
#include "jsonscan.h"
#include "keymodel.h"
#include "shim.h"
#include "template.h"
#include "text.h"

/* Bytes of a body that are enough for some events */
#define SMALL_BUDGET 40

typedef struct Rendered
{
	WdRenderResult result;
	StringInfoData key;
	int			which;			/* template that matched */
	Model		model;
} Rendered;

static const char *texts[EVENT_MAX_TEMPLATES];
static int	ntexts;

static void split_templates(char *line);
static void check_refusal(const WdTemplateError *error);
static void check_text(const char *text);
static void check_place(const WdTemplateSet *set, int place,
						const Event *events);
static void render(const WdTemplateSet *set, int place, const Event *event,
				   Rendered *rendered);
static void render_model(const WdTemplateSet *set, int place,
						 ModelSource *source, WdRenderSource *given,
						 Rendered *rendered);
static void check_key(const Rendered *rendered);
static void check_apart(const Rendered *a, const Rendered *b);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	char	   *input;
	WdTemplateSet *set;
	WdTemplateError error = {-1, -1, NULL};
	Event		events[2];
	bool		ascii = size > 0 && data[0] == '!';
	bool		is_form = size > ascii && data[ascii ? 1 : 0] == '&';

	if (pg_encoding_verifymbstr(PG_UTF8, (const char *) data, size) != size)
		return 0;
	fuzz_begin(ascii ? PG_SQL_ASCII : PG_UTF8);
	input = pnstrdup((const char *) data, size) + ascii + is_form;
	split_templates(strsep(&input, "\n"));

	set = wd_templates_compile(texts, ntexts, &error);
	if (set == NULL)
		check_refusal(&error);
	else
	{
		CHECK(set->ntemplates == ntexts);
		for (int i = 0; i < ntexts; i++)
			check_text(texts[i]);
		for (int i = 0; i < 2; i++)
			event_read(&input, texts, ntexts, is_form, &events[i]);
		check_place(set, WD_WHOLE_PAYLOAD, events);
		for (int i = 0; i < ntexts; i++)
			check_place(set, set->templates[i].array_path, events);
	}
	fuzz_end();
	return 0;
}

static void
split_templates(char *line)
{
	ntexts = 0;
	while (line != NULL && ntexts < EVENT_MAX_TEMPLATES)
		texts[ntexts++] = strsep(&line, "\t");
}

static void
check_refusal(const WdTemplateError *error)
{
	CHECK(error->problem != NULL);
	CHECK(error->which >= 0 && error->which < ntexts);
	CHECK(error->offset >= 0 &&
		  error->offset <= strlen(texts[error->which]));
}

/*
 * What compiles is printable ASCII around its placeholders, of which one at
 * least is required, and has no mark of a digest.
 */
static void
check_text(const char *text)
{
	bool		is_required = false;

	CHECK(strstr(text, "sha256_") == NULL);
	while (*text != '\0')
	{
		const char *end = text;

		CHECK(*text >= ' ' && *text <= '~' && *text != '}');
		if (*text == '{')
		{
			end = strchr(text, '}');
			CHECK(end != NULL);
			is_required |= end[-1] != '?' &&
				memchr(text, '=', end - text) == NULL;
		}
		text = end + 1;
	}
	CHECK(is_required);
}

/* Check the keys of both events, by the templates for one place. */
static void
check_place(const WdTemplateSet *set, int place, const Event *events)
{
	Rendered	rendered[2];

	for (int i = 0; i < 2; i++)
	{
		render(set, place, &events[i], &rendered[i]);
		if (rendered[i].result == WD_RENDERED)
			check_key(&rendered[i]);
	}
	check_apart(&rendered[0], &rendered[1]);
}

static void
render(const WdTemplateSet *set, int place, const Event *event,
	   Rendered *rendered)
{
	WdJsonValue values[WD_JSON_MAX_PATHS];
	ModelSource source = {event->given, event->ngiven, event->is_form, false};
	WdRenderSource given = {NULL, event_headers(event)};
	int64		budget = SMALL_BUDGET;

	/* from the headers alone, which may be enough */
	render_model(set, place, &source, &given, rendered);

	event_values(event, set, values);
	given.values = values;
	source.has_body = true;
	given.budget = &budget;
	source.budget = SMALL_BUDGET;
	render_model(set, place, &source, &given, rendered);

	given.budget = NULL;
	source.budget = PG_INT32_MAX;
	render_model(set, place, &source, &given, rendered);
}

/* Fill the templates, and have the model do it, which must say the same. */
static void
render_model(const WdTemplateSet *set, int place, ModelSource *source,
			 WdRenderSource *given, Rendered *rendered)
{
	Model	   *model = &rendered->model;
	WdRenderResult expected = WD_NO_MATCH;

	for (int i = 0; i < ntexts && expected == WD_NO_MATCH; i++)
	{
		int			len;
		const char *path = model_place(texts[i], &len);
		const WdPlaceholder *failed = NULL;
		StringInfoData key;

		CHECK((path == NULL) ==
			  (set->templates[i].array_path == WD_WHOLE_PAYLOAD));
		CHECK(path == NULL || set->has_elements);
		if (path == NULL ? place != WD_WHOLE_PAYLOAD :
			place == WD_WHOLE_PAYLOAD ||
			strlen(set->path_texts[place]) != len ||
			memcmp(set->path_texts[place], path, len) != 0)
			continue;

		rendered->which = i;
		model_render(texts[i], source, model);
		initStringInfo(&key);
		CHECK(wd_template_render(&set->templates[i], given, &key, &failed) ==
			  model->result);
		if (model->result != WD_RENDERED)
			CHECK(failed->text - set->templates[i].text == model->failed);
		if (model->result != WD_ABSENT && model->result != WD_NOT_SCALAR &&
			model->result != WD_OTHER_VALUE)
			expected = model->result;
	}

	if (given->budget != NULL)
	{
		CHECK(*given->budget == source->budget);
		*given->budget = SMALL_BUDGET;
	}
	initStringInfo(&rendered->key);
	rendered->result = wd_templates_render(set, place, given,
										   &rendered->key);
	CHECK(rendered->result == expected);
}

/* A key is that of the model, or its digest, and its values can be read. */
static void
check_key(const Rendered *rendered)
{
	const StringInfoData *key = &rendered->key;
	const Model *model = &rendered->model;
	StringInfoData values[WD_MAX_PLACEHOLDERS];
	bool		long_key = model->key.len > WD_MAX_KEY_LEN;
	bool		marked = strncmp(model->key.data + model->prefix_len,
								 "sha256_", 7) == 0;
	bool		foreign = false;

	for (int i = 0; i < model->key.len; i++)
		foreign |= IS_HIGHBIT_SET(model->key.data[i]);
	foreign &= GetDatabaseEncoding() != PG_UTF8;

	CHECK(key->len <= WD_MAX_KEY_LEN);
	CHECK(memchr(key->data, '\0', key->len) == NULL);
	if (long_key || marked || foreign)
	{
		char		hex[WD_SHA256_HEX_LEN + 1];

		wd_sha256_hex(model->key.data, model->key.len, hex);
		CHECK(model_is_digest(key->data, key->len, model->prefix_len));
		CHECK(memcmp(key->data, model->key.data, model->prefix_len) == 0);
		CHECK(memcmp(key->data + key->len - 64, hex, 64) == 0);
		return;
	}

	CHECK(key->len == model->key.len &&
		  memcmp(key->data, model->key.data, key->len) == 0);
	CHECK(model_read_key(texts[rendered->which], key->data, key->len,
						 values, model->nvalues));
	for (int i = 0; i < model->nvalues; i++)
		CHECK(values[i].len == model->values[i].len &&
			  memcmp(values[i].data, model->values[i].data,
					 values[i].len) == 0);
}

/* Two events of one template share a key if their values are the same. */
static void
check_apart(const Rendered *a, const Rendered *b)
{
	bool		same = true;

	if (a->result != WD_RENDERED || b->result != WD_RENDERED ||
		a->which != b->which)
		return;
	for (int i = 0; i < a->model.nvalues; i++)
		same &= a->model.values[i].len == b->model.values[i].len &&
			memcmp(a->model.values[i].data, b->model.values[i].data,
				   a->model.values[i].len) == 0;
	CHECK((a->key.len == b->key.len &&
		   memcmp(a->key.data, b->key.data, a->key.len) == 0) == same);
}
