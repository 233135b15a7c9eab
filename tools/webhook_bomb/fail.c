/*
 * fail.c
 *	  Ending with one line for a person, and memory that is always there.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/*
 * Replaces what could break a line or steer a terminal.
 */
void
make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char) *s < 0x20 || *s == 0x7f)
			*s = '?';
}

/*
 * Writes one line to stderr and ends with the exit code for misuse: nothing
 * was judged.
 */
void
fail(const char *format, ...)
{
	char		line[1024];
	va_list		args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	make_printable(line);
	fprintf(stderr, "webhook_bomb: %s\n", line);
	exit(EXIT_MISUSE);
}

void *
xcalloc(size_t count, size_t size)
{
	void	   *p = calloc(count ? count : 1, size);

	if (p == NULL)
		fail("out of memory");
	return p;
}

char *
xstrdup(const char *s)
{
	char	   *copy = strdup(s);

	if (copy == NULL)
		fail("out of memory");
	return copy;
}

char *
xasprintf(const char *format, ...)
{
	char	   *s;
	va_list		args;
	int			length;

	va_start(args, format);
	length = vasprintf(&s, format, args);
	va_end(args);
	if (length < 0)
		fail("out of memory");
	return s;
}
