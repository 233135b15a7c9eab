/*
 * formmodel.c
 *	  Percent-encoding, said a second time and in the plainest way.
 */
#include "postgres.h"

#include "formmodel.h"

static int
hex_value(char c)
{
	const char *digits = "00112233445566778899aAbBcCdDeEfF";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	return found == NULL ? -1 : (int) (found - digits) / 2;
}

/* Is this UTF-8 without NUL, as Unicode's table 3-7 has it? */
static bool
is_text(const unsigned char *s, int len)
{
	static const struct
	{
		unsigned char first[2];
		unsigned char second[2];
		int			len;
	}			forms[] = {
		{{0x01, 0x7F}, {0, 0}, 1},
		{{0xC2, 0xDF}, {0x80, 0xBF}, 2},
		{{0xE0, 0xE0}, {0xA0, 0xBF}, 3},
		{{0xE1, 0xEC}, {0x80, 0xBF}, 3},
		{{0xED, 0xED}, {0x80, 0x9F}, 3},
		{{0xEE, 0xEF}, {0x80, 0xBF}, 3},
		{{0xF0, 0xF0}, {0x90, 0xBF}, 4},
		{{0xF1, 0xF3}, {0x80, 0xBF}, 4},
		{{0xF4, 0xF4}, {0x80, 0x8F}, 4},
	};

	while (len > 0)
	{
		int			n = 0;

		for (int i = 0; i < lengthof(forms); i++)
		{
			if (*s >= forms[i].first[0] && *s <= forms[i].first[1] &&
				(forms[i].len == 1 ||
				 (len > 1 && s[1] >= forms[i].second[0] &&
				  s[1] <= forms[i].second[1])))
				n = forms[i].len;
		}
		if (n == 0 || n > len)
			return false;
		for (int i = 2; i < n; i++)
		{
			if (s[i] < 0x80 || s[i] > 0xBF)
				return false;
		}
		s += n;
		len -= n;
	}
	return true;
}

/* Set text to what is encoded; false unless all of it is text. */
bool
model_decode(const char *s, int len, bool plus_is_blank, StringInfo text)
{
	int			i = 0;

	initStringInfo(text);
	while (i < len)
	{
		if (s[i] != '%')
		{
			appendStringInfoChar(text, plus_is_blank && s[i] == '+' ?
								 ' ' : s[i]);
			i++;
			continue;
		}
		if (i + 3 > len || hex_value(s[i + 1]) < 0 || hex_value(s[i + 2]) < 0)
			return false;
		appendStringInfoChar(text, (char) (hex_value(s[i + 1]) * 16 +
										   hex_value(s[i + 2])));
		i += 3;
	}
	return is_text((const unsigned char *) text->data, text->len);
}
