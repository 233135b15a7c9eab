/*
 * fail.h
 *	  Ending with one line for a person, and memory that is always there.
 */
#ifndef FAIL_H
#define FAIL_H

#include <stddef.h>

#define EXIT_PASS 0
#define EXIT_FAIL 1
#define EXIT_MISUSE 2

extern void fail(const char *format, ...)
			__attribute__((noreturn, format(printf, 1, 2)));
extern void *xcalloc(size_t count, size_t size);
extern char *xstrdup(const char *s);
extern char *xasprintf(const char *format, ...)
			__attribute__((format(printf, 1, 2)));
extern void make_printable(char *s);

#endif
