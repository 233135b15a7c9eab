/*
 * fuzz_key.c
 *	  Fuzz target: compiling key templates, and filling them.
 *
 * The first line of the input holds templates, separated by bars; a '!' in
 * front of it makes the database's encoding SQL_ASCII.  Each line behind it
 * is an event: its values, separated by tabs, for the placeholders of the
 * templates as they come.  The first byte of a value is its kind, see
 * keymodel.h; a '[' makes a header an array.
 *
 * What does not compile must say where and why.  What does must give the key
 * of the plain model, at most 512 bytes long, from which the values can be
 * read back; two events with different values must have different keys.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "digest.h"
#include "event.h"
#include "jsonscan.h"
#include "keymodel.h"
#include "shim.h"
#include "template.h"

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
static void render(const WdTemplateSet *set, const Event *event,
				   Rendered *rendered);
static void check_key(const Rendered *rendered);
static void check_apart(const Rendered *a, const Rendered *b);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	char	   *input;
	char	   *line;
	WdTemplateSet *set;
	WdTemplateError error = {-1, -1, NULL};
	Event		events[2];
	Rendered	rendered[2];
	bool		ascii = size > 0 && data[0] == '!';

	if (pg_encoding_verifymbstr(PG_UTF8, (const char *) data, size) != size)
		return 0;
	fuzz_begin(ascii ? PG_SQL_ASCII : PG_UTF8);
	input = pnstrdup((const char *) data, size) + (ascii ? 1 : 0);
	line = strsep(&input, "\n");
	split_templates(line);

	set = wd_templates_compile(texts, ntexts, &error);
	if (set == NULL)
		check_refusal(&error);
	else
	{
		CHECK(set->ntemplates == ntexts);
		for (int i = 0; i < 2; i++)
		{
			event_read(&input, texts, ntexts, &events[i]);
			render(set, &events[i], &rendered[i]);
			if (rendered[i].result == WD_RENDERED)
				check_key(&rendered[i]);
		}
		check_apart(&rendered[0], &rendered[1]);
	}
	fuzz_end();
	return 0;
}

static void
split_templates(char *line)
{
	ntexts = 0;
	while (line != NULL && ntexts < EVENT_MAX_TEMPLATES)
		texts[ntexts++] = strsep(&line, "|");
}

static void
check_refusal(const WdTemplateError *error)
{
	CHECK(error->problem != NULL);
	CHECK(error->which >= 0 && error->which < ntexts);
	CHECK(error->offset >= 0 &&
		  error->offset <= strlen(texts[error->which]));
}

static void
render(const WdTemplateSet *set, const Event *event, Rendered *rendered)
{
	WdJsonValue values[WD_JSON_MAX_PATHS];
	Jsonb	   *headers = event_headers(event);
	StringInfoData again;

	event_values(event, set, values);
	initStringInfo(&rendered->key);
	initStringInfo(&again);
	rendered->result = wd_templates_render(set, values, headers,
										   &rendered->key);
	CHECK(wd_templates_render(set, values, headers, &again) ==
		  rendered->result);

	rendered->model.result = WD_NO_MATCH;
	for (int i = 0; i < ntexts && rendered->model.result == WD_NO_MATCH; i++)
	{
		rendered->which = i;
		model_render(texts[i], event->given, event->ngiven,
					 &rendered->model);
	}
	CHECK(rendered->result == rendered->model.result);
	if (rendered->result == WD_RENDERED)
		CHECK(again.len == rendered->key.len &&
			  memcmp(again.data, rendered->key.data, again.len) == 0);
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
