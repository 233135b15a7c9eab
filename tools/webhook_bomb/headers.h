/*
 * headers.h
 *	  Headers of a delivery.
 */
#ifndef HEADERS_H
#define HEADERS_H

#include <jansson.h>

extern json_t *headers_read(const char *path);
extern void headers_default(json_t *headers, const char *name,
							const char *value);
extern char **headers_lines(json_t *headers);
extern void headers_free_lines(char **lines);

#endif
