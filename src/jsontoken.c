/*
 * jsontoken.c
 *	  Reads the next token of a JSON text.
 *
 * The server's lexer can read any token, but reads strings byte by byte.  Most
 * of a payload is strings without escapes and single characters between them.
 * These are read here, strings eight bytes at a time.  All other tokens, and
 * those with errors, are left to the lexer.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "port/pg_bitutils.h"

#include "jsontoken.h"

/* Eight bytes of that value */
#define EACH_BYTE(c) (UINT64CONST(0x0101010101010101) * (c))
#define HIGH_BITS EACH_BYTE(0x80)

#ifdef WORDS_BIGENDIAN
#define FIRST_BYTE_IS_LOWEST false
#else
#define FIRST_BYTE_IS_LOWEST true
#endif

static bool is_plain_token(const char *s, const char *end, const char **stop,
						   JsonTokenType *type);
static const char *skip_plain(const char *s, const char *end);
static uint64 bytes_below(uint64 bytes, uint8 limit);

/* Go to the next token; false if it is not valid. */
bool
wd_json_next_token(JsonLexContext *lex)
{
	const char *end = lex->input + lex->input_length;
	const char *start = lex->token_terminator;
	const char *stop;

	while (start < end && (*start == ' ' || *start == '\n' ||
						   *start == '\r' || *start == '\t'))
		start++;
	if (start == end || !is_plain_token(start, end, &stop, &lex->token_type))
		return json_lex(lex) == JSON_SUCCESS;

	lex->token_start = unconstify(char *, start);
	lex->prev_token_terminator = lex->token_terminator;
	lex->token_terminator = unconstify(char *, stop);
	return true;
}

/*
 * Is the token at s a single character or a string without escapes?  If so,
 * *type is its type, and *stop the end of it.
 */
static bool
is_plain_token(const char *s, const char *end, const char **stop,
			   JsonTokenType *type)
{
	*stop = s + 1;
	switch (*s)
	{
		case '"':
			*type = JSON_TOKEN_STRING;
			s = skip_plain(s + 1, end);
			*stop = s + 1;
			return s < end && *s == '"';
		case ':':
			*type = JSON_TOKEN_COLON;
			return true;
		case ',':
			*type = JSON_TOKEN_COMMA;
			return true;
		case '{':
			*type = JSON_TOKEN_OBJECT_START;
			return true;
		case '}':
			*type = JSON_TOKEN_OBJECT_END;
			return true;
		case '[':
			*type = JSON_TOKEN_ARRAY_START;
			return true;
		case ']':
			*type = JSON_TOKEN_ARRAY_END;
			return true;
		default:
			return false;
	}
}

/*
 * The first byte that is not plain text of a string, but a quote, a backslash
 * or a control character; end if there is none.
 */
static const char *
skip_plain(const char *s, const char *end)
{
	while (end - s >= sizeof(uint64))
	{
		uint64		bytes;
		uint64		found;

		memcpy(&bytes, s, sizeof(bytes));
		found = bytes_below(bytes, ' ') |
			bytes_below(bytes ^ EACH_BYTE('"'), 1) |
			bytes_below(bytes ^ EACH_BYTE('\\'), 1);
		if (found == 0)
			s += sizeof(bytes);
		else if (FIRST_BYTE_IS_LOWEST)
			return s + pg_rightmost_one_pos64(found) / BITS_PER_BYTE;
		else
			break;
	}
	while (s < end && (unsigned char) *s >= ' ' && *s != '"' && *s != '\\')
		s++;
	return s;
}

/*
 * Sets the high bit of each of eight bytes that is less than limit, which is
 * at most 0x80.  Only the lowest bit that is set can be relied on: the
 * subtraction borrows from the bytes above it.
 */
static uint64
bytes_below(uint64 bytes, uint8 limit)
{
	return (bytes - EACH_BYTE(limit)) & ~bytes & HIGH_BITS;
}
