/*
 * payload.h
 *	  Files that the command line names.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <jansson.h>
#include <stddef.h>

#define DIGEST_DIGITS 64

struct Payload
{
	char	   *data;
	size_t		length;
	char		hash[DIGEST_DIGITS + 1];
};

extern void payload_read(const char *path, struct Payload *payload);
extern json_t *json_file_read(const char *path, const char *what,
							  size_t flags, struct Payload *payload);

#endif
