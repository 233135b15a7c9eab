/*
 * form.c
 *	  Reads a few fields out of a form.
 *
 * application/x-www-form-urlencoded is name=value pairs joined by ampersands.
 * A blank is written as a plus sign; other bytes can be percent-encoded.  Any
 * bytes are a form; only the wanted values must be valid text.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "form.h"
#include "jsonscan.h"
#include "text.h"

static bool has_name(const char *field, int len, const char *name,
					 StringInfo decoded);

/*
 * Find the fields of these names, given in UTF-8, in the form of len bytes.
 * Of several fields with one name the last one counts, as in JSON.
 *
 * values[i] is set for each name; its token points into form and is still
 * encoded.
 */
void
wd_form_scan(const char *form, int len, const char *const *names, int nnames,
			 WdJsonValue *values)
{
	const char *end = form + len;
	StringInfoData decoded;

	initStringInfo(&decoded);
	for (int i = 0; i < nnames; i++)
		values[i].kind = WD_JSON_ABSENT;

	while (form < end)
	{
		const char *ampersand = memchr(form, '&', end - form);
		const char *stop = ampersand ? ampersand : end;
		const char *equals = memchr(form, '=', stop - form);
		const char *value = equals ? equals + 1 : stop;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < nnames; i++)
		{
			if (!has_name(form, (equals ? equals : stop) - form, names[i],
						  &decoded))
				continue;
			values[i].kind = WD_FORM_FIELD;
			values[i].token = value;
			values[i].len = stop - value;
		}
		form = stop + 1;
	}
}

/* Do the len bytes at field encode this name? */
static bool
has_name(const char *field, int len, const char *name, StringInfo decoded)
{
	int			name_len = strlen(name);

	/* an encoded byte takes one to three bytes */
	if (len < name_len || len > 3 * name_len)
		return false;
	if (len == name_len && memcmp(field, name, len) == 0)
		return strpbrk(name, "%+") == NULL;
	if (memchr(field, '%', len) == NULL && memchr(field, '+', len) == NULL)
		return false;

	resetStringInfo(decoded);
	return wd_form_decode(field, len, true, decoded) &&
		decoded->len == name_len &&
		memcmp(decoded->data, name, name_len) == 0;
}

/*
 * Append to out the text that the len bytes at s encode.
 *
 * Returns false if that is not valid UTF-8 or contains a zero byte, or if a
 * percent sign is not followed by two hexadecimal digits.
 */
bool
wd_form_decode(const char *s, int len, bool plus_is_blank, StringInfo out)
{
	int			start = out->len;

	for (int i = 0; i < len; i++)
	{
		char		c = s[i];

		if (c == '%')
		{
			int			high = len - i > 2 ? wd_hex_digit(s[i + 1]) : -1;
			int			low = len - i > 2 ? wd_hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char) (high << 4 | low);
			i += 2;
		}
		else if (c == '+' && plus_is_blank)
			c = ' ';
		appendStringInfoChar(out, c);
	}
	return memchr(out->data + start, '\0', out->len - start) == NULL &&
		pg_encoding_verifymbstr(PG_UTF8, out->data + start,
								out->len - start) == out->len - start;
}
