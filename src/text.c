/*
 * text.c
 *	  Text in UTF-8, from the database's encoding or a JSON string, and its
 *	  digest.
 *
 * The server's own conversion raises an error that quotes the bytes it cannot
 * convert.  They may come from a payload, so that is not used.
 *
 * The server's lexer can decode escapes while it scans, but then it decodes
 * every string of the document, and to the database's encoding.  Here only
 * wanted strings are decoded, and always to UTF-8.
 *
 * EVP_Digest leaves nothing allocated, so that no error can leak a handle.
 * The algorithm is looked up only once per session: looking it up takes
 * OpenSSL 3 as long as the digest of a kilobyte.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "text.h"

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#define WdFetchSha256() EVP_MD_fetch(NULL, "SHA256", NULL)
#else
#define WdFetchSha256() EVP_sha256()
#endif

static bool append_unicode_escape(const char **p, const char *end,
								  StringInfo out);
static bool read_hex4(const char *p, const char *end, pg_wchar *result);
static int	simple_escape(char c);

/*
 * Convert the text of len bytes at s, which must end with a NUL.  Returns s
 * itself if there is nothing to convert, NULL if it cannot be converted.
 */
char *
wd_to_utf8(char *s, int len)
{
	int			encoding = GetDatabaseEncoding();
	Size		size = (Size) len * MAX_CONVERSION_GROWTH + 1;
	char	   *result;
	Oid			conversion;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return s;

	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion) || !AllocSizeIsValid(size))
		return NULL;
	result = palloc(size);
	if (pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8,
									  (unsigned char *) s, len,
									  (unsigned char *) result, size,
									  true) < len)
		return NULL;
	return result;
}

/* Convert the result of wd_to_utf8 back to the database's encoding. */
char *
wd_from_utf8(const char *s)
{
	return pg_any_to_server(s, strlen(s), PG_UTF8);
}

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

/*
 * Write the SHA-256 digest of len bytes at data to hex, as
 * WD_SHA256_HEX_LEN lower-case hexadecimal digits and a terminating NUL.
 * Raises XX000 if OpenSSL cannot compute it.
 */
void
wd_sha256_hex(const char *data, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	static const EVP_MD *algorithm = NULL;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len = 0;

	if (algorithm == NULL)
		algorithm = WdFetchSha256();
	if (algorithm == NULL ||
		EVP_Digest(data, len, digest, &digest_len, algorithm, NULL) != 1 ||
		digest_len * 2 != WD_SHA256_HEX_LEN)
		elog(ERROR, "could not compute SHA-256 digest");

	for (unsigned int i = 0; i < digest_len; i++)
	{
		*hex++ = digits[digest[i] >> 4];
		*hex++ = digits[digest[i] & 0x0F];
	}
	*hex = '\0';
}
