/*
 * shim.c
 *	  The few server functions that the pure half of the extension calls.
 *
 * JSON lexer, string buffers and encodings come from the server's own
 * libraries, jsonb from its own bitcode; what is here has no other home
 * outside a backend.  Each allocation is one of malloc's, so that the
 * sanitizers see its bounds, which they do not inside a server's memory
 * context; all of them are freed when an input is done.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/jsonb.h"

#include "shim.h"

volatile sig_atomic_t InterruptPending = false;

static void **blocks;
static size_t nblocks;
static size_t max_blocks;
static int	database_encoding;

/* A new input; the database is in this encoding. */
void
fuzz_begin(int encoding)
{
	database_encoding = encoding;
}

/* Free what the input allocated. */
void
fuzz_end(void)
{
	while (nblocks > 0)
		free(blocks[--nblocks]);
}

void
fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: property violated: %s\n", file, line, what);
	abort();
}

/*
 * Memory
 */

static void *
keep(void *block)
{
	if (block == NULL)
		abort();
	if (nblocks == max_blocks)
	{
		max_blocks = max_blocks * 2 + 64;
		blocks = realloc(blocks, max_blocks * sizeof(void *));
		if (blocks == NULL)
			abort();
	}
	blocks[nblocks++] = block;
	return block;
}

/* Forget a block; the last ones are the likely ones. */
static void
forget(void *block)
{
	size_t		i = nblocks;

	while (i > 0)
	{
		if (blocks[--i] == block)
		{
			blocks[i] = blocks[--nblocks];
			return;
		}
	}
	abort();
}

void *
palloc(Size size)
{
	return keep(malloc(size > 0 ? size : 1));
}

void *
palloc0(Size size)
{
	return keep(calloc(1, size > 0 ? size : 1));
}

void *
palloc_extended(Size size, int flags)
{
	return (flags & MCXT_ALLOC_ZERO) ? palloc0(size) : palloc(size);
}

void *
repalloc(void *block, Size size)
{
	forget(block);
	return keep(realloc(block, size > 0 ? size : 1));
}

void
pfree(void *block)
{
	forget(block);
	free(block);
}

char *
pnstrdup(const char *s, Size len)
{
	size_t		n = strnlen(s, len);
	char	   *copy = palloc(n + 1);

	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *
pstrdup(const char *s)
{
	return pnstrdup(s, strlen(s));
}

/*
 * Errors: the pure half returns what is wrong with its input, it raises
 * nothing.  One that gets here is a finding.
 */

bool
errstart(int elevel, const char *domain)
{
	if (elevel >= ERROR)
		fuzz_fail("server", 0, "no error is raised");
	return false;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	abort();
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg(const char *fmt,...)
{
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	return 0;
}

void
ExceptionalCondition(const char *condition, const char *type,
					 const char *file, int line)
{
	fuzz_fail(file, line, condition);
}

void
ProcessInterrupts(void)
{
	abort();
}

void
check_stack_depth(void)
{
}

/*
 * Encodings: UTF-8 or SQL_ASCII, which convert nothing.
 */

int
GetDatabaseEncoding(void)
{
	return database_encoding;
}

/* The encodings that are tried here need no conversion. */
Oid
FindDefaultConversionProc(int32 for_encoding, int32 to_encoding)
{
	abort();
}

int
pg_do_encoding_conversion_buf(Oid proc, int src_encoding, int dest_encoding,
							  unsigned char *src, int src_len,
							  unsigned char *dest, int dest_len,
							  bool no_error)
{
	abort();
}

char *
pg_any_to_server(const char *s, int len, int encoding)
{
	abort();
}

/*
 * jsonb of strings sorts its keys by their bytes and compares no values;
 * numbers and dates do not occur in the headers that are built here.
 */

#define UNREACHED(type, name, args) \
	extern type name args; \
	type name args { abort(); }

UNREACHED(Datum, DirectFunctionCall1Coll, (PGFunction f, Oid c, Datum a))
UNREACHED(Datum, DirectFunctionCall2Coll,
		  (PGFunction f, Oid c, Datum a, Datum b))
UNREACHED(char *, JsonEncodeDateTime,
		  (char *buf, Datum value, Oid type, const int *tz))
UNREACHED(uint32, hash_bytes, (const unsigned char *k, int len))
UNREACHED(uint64, hash_bytes_extended,
		  (const unsigned char *k, int len, uint64 seed))
UNREACHED(Datum, hash_numeric, (PG_FUNCTION_ARGS))
UNREACHED(Datum, hash_numeric_extended, (PG_FUNCTION_ARGS))
UNREACHED(Datum, hashcharextended, (PG_FUNCTION_ARGS))
UNREACHED(Datum, numeric_cmp, (PG_FUNCTION_ARGS))
UNREACHED(Datum, numeric_eq, (PG_FUNCTION_ARGS))
UNREACHED(int, varstr_cmp,
		  (const char *a, int alen, const char *b, int blen, Oid collation))
