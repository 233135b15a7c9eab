/*
 * fuzz_form.c
 *	  Fuzz target: wd_form_scan and wd_form_decode on any bytes.
 *
 * The first line of the input holds names, separated by tabs; what is behind
 * it is a form.  A plain model cuts the form into fields and decodes each
 * name; of each wanted name the last field must be found, and its value must
 * decode to what the model decodes it to, or be refused with it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "form.h"
#include "formmodel.h"
#include "jsonscan.h"
#include "shim.h"

#define MAX_NAMES 8

static int	split_names(char *line, const char **names);
static void check_field(const WdJsonValue *value, const char *name,
						const char *form, int len);
static bool find_last(const char *name, const char *form, int len,
					  const char **value, int *value_len);
static void check_decoding(const char *s, int len, bool plus_is_blank);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	const char *input = (const char *) data;
	const char *line_end = size > 0 ? memchr(input, '\n', size) : NULL;
	const char *names[MAX_NAMES];
	WdJsonValue values[MAX_NAMES];
	const char *form;
	int			len;
	int			n;

	if (line_end == NULL ||
		pg_encoding_verifymbstr(PG_UTF8, input, line_end - input) !=
		line_end - input)
		return 0;
	fuzz_begin(PG_UTF8);
	n = split_names(pnstrdup(input, line_end - input), names);
	form = line_end + 1;
	len = input + size - form;

	wd_form_scan(form, len, names, n, values);
	for (int i = 0; i < n; i++)
		check_field(&values[i], names[i], form, len);
	check_decoding(form, len, true);
	check_decoding(form, len, false);
	fuzz_end();
	return 0;
}

/* Names are those of templates, which are never empty. */
static int
split_names(char *line, const char **names)
{
	int			n = 0;

	while (line != NULL && n < MAX_NAMES)
	{
		names[n] = strsep(&line, "\t");
		if (*names[n] != '\0')
			n++;
	}
	return n;
}

static void
check_field(const WdJsonValue *value, const char *name, const char *form,
			int len)
{
	const char *expected;
	int			expected_len;

	if (!find_last(name, form, len, &expected, &expected_len))
	{
		CHECK(value->kind == WD_JSON_ABSENT);
		return;
	}
	CHECK(value->kind == WD_FORM_FIELD);
	CHECK(value->token == expected && value->len == expected_len);
	check_decoding(value->token, value->len, true);
}

/* Find the last field of a name, going backwards. */
static bool
find_last(const char *name, const char *form, int len, const char **value,
		  int *value_len)
{
	int			end = len;

	for (int start = len; start >= 0; start--)
	{
		int			equals = start;
		StringInfoData text;

		if (start > 0 && form[start - 1] != '&')
			continue;
		while (equals < end && form[equals] != '=')
			equals++;
		if (model_decode(form + start, equals - start, true, &text) &&
			strcmp(text.data, name) == 0)
		{
			*value = form + Min(equals + 1, end);
			*value_len = form + end - *value;
			return true;
		}
		end = start - 1;
	}
	return false;
}

/* What is decoded is appended. */
static void
check_decoding(const char *s, int len, bool plus_is_blank)
{
	StringInfoData expected;
	StringInfoData out;
	bool		valid = model_decode(s, len, plus_is_blank, &expected);

	initStringInfo(&out);
	appendStringInfoString(&out, "%4");
	CHECK(wd_form_decode(s, len, plus_is_blank, &out) == valid);
	if (valid)
		CHECK(out.len == expected.len + 2 &&
			  memcmp(out.data, "%4", 2) == 0 &&
			  memcmp(out.data + 2, expected.data, expected.len) == 0);
}
