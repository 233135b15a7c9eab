/*
 * jsonstring.c
 *	  The text that a JSON string token stands for.
 *
 * The server's lexer can decode escapes while it scans, but then it decodes
 * every string of the document, and to the database's encoding.  Here only
 * wanted strings are decoded, and always to UTF-8.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "jsonstring.h"

static bool append_unicode_escape(const char **p, const char *end,
								  StringInfo out);
static bool read_hex4(const char *p, const char *end, pg_wchar *result);
static int	simple_escape(char c);

/*
 * Append to out the text of a string token of len bytes, quotes included,
 * which the lexer has accepted.
 *
 * Returns false, with out in an undefined state, if it is no valid text: if it
 * has U+0000 or half a surrogate pair.
 */
bool
wd_json_unescape(const char *token, int len, StringInfo out)
{
	const char *p = token + 1;
	const char *end = token + len - 1;

	while (p < end)
	{
		const char *escape = memchr(p, '\\', end - p);
		int			c;

		appendBinaryStringInfo(out, p, (escape ? escape : end) - p);
		if (escape == NULL)
			return true;
		if (end - escape < 2)
			return false;

		c = simple_escape(escape[1]);
		p = escape + 2;
		if (c >= 0)
			appendStringInfoChar(out, (char) c);
		else if (!append_unicode_escape(&p, end, out))
			return false;
	}
	return true;
}

/*
 * Append the character of a \u escape, or of two if they are a surrogate pair.
 * *p is where its hexadecimal digits begin, and is moved behind them.
 */
static bool
append_unicode_escape(const char **p, const char *end, StringInfo out)
{
	pg_wchar	c;
	unsigned char utf8[4];

	if (!read_hex4(*p, end, &c))
		return false;
	*p += 4;

	if (is_utf16_surrogate_first(c))
	{
		pg_wchar	second;

		if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
			!read_hex4(*p + 2, end, &second) ||
			!is_utf16_surrogate_second(second))
			return false;
		*p += 6;
		c = surrogate_pair_to_codepoint(c, second);
	}
	else if (c == 0 || is_utf16_surrogate_second(c))
		return false;

	unicode_to_utf8(c, utf8);
	appendBinaryStringInfo(out, (char *) utf8, pg_utf_mblen(utf8));
	return true;
}

/* Read four hexadecimal digits; false if there are not four. */
static bool
read_hex4(const char *p, const char *end, pg_wchar *result)
{
	*result = 0;
	if (end - p < 4)
		return false;

	for (int i = 0; i < 4; i++)
	{
		int			digit = wd_hex_digit(p[i]);

		if (digit < 0)
			return false;
		*result = (*result << 4) | digit;
	}
	return true;
}

/* The value of a hexadecimal digit, -1 if it is none. */
int
wd_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The character that a one-letter escape stands for, -1 for any other. */
static int
simple_escape(char c)
{
	switch (c)
	{
		case '"':
		case '\\':
		case '/':
			return c;
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		default:
			return -1;
	}
}
