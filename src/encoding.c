/*
 * encoding.c
 *	  Converts text between the database's encoding and UTF-8.
 *
 * The server's own function raises an error that quotes the bytes it cannot
 * convert.  They may come from a payload, so that is not used.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "encoding.h"

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
