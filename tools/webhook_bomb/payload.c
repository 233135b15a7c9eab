/*
 * payload.c
 *	  Files that the command line names.
 *
 * Messages name the file and a place in it, never what stands there.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "payload.h"

/* More than any provider sends */
#define MAX_FILE (64 * 1024 * 1024)

static void file_read(const char *path, const char *what,
					  struct Payload *payload);
static void digest(struct Payload *payload);

/*
 * Reads a body, which must be JSON of any kind; it is sent byte by byte as
 * it stands in the file.
 */
void
payload_read(const char *path, struct Payload *payload)
{
	json_decref(json_file_read(path, "payload",
							   JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL |
							   JSON_ALLOW_NUL, payload));
	digest(payload);
}

/*
 * Reads a file that must be JSON; the bytes go to "payload".
 */
json_t *
json_file_read(const char *path, const char *what, size_t flags,
			   struct Payload *payload)
{
	json_error_t error;
	json_t	   *value;

	file_read(path, what, payload);
	value = json_loadb(payload->data, payload->length, flags, &error);
	if (value == NULL && json_error_code(&error) == json_error_duplicate_key)
		fail("%s file \"%s\" has a member twice: line %d, column %d",
			 what, path, error.line, error.column);
	if (value == NULL &&
		(json_error_code(&error) == json_error_numeric_overflow ||
		 json_error_code(&error) == json_error_null_character))
		fail("%s file \"%s\" has a value that cannot be represented: line %d, column %d",
			 what, path, error.line, error.column);
	if (value == NULL)
		fail("%s file \"%s\" is not valid JSON: line %d, column %d",
			 what, path, error.line, error.column);
	return value;
}

static void
file_read(const char *path, const char *what, struct Payload *payload)
{
	FILE	   *file = fopen(path, "rb");
	size_t		capacity = 65536;
	size_t		got;

	if (file == NULL)
		fail("could not open %s file \"%s\": %s", what, path,
			 strerror(errno));
	payload->data = xcalloc(capacity, 1);
	payload->length = 0;
	while ((got = fread(payload->data + payload->length, 1,
						capacity - payload->length, file)) > 0)
	{
		payload->length += got;
		if (payload->length > MAX_FILE)
			fail("%s file \"%s\" is larger than %d bytes", what, path,
				 MAX_FILE);
		if (payload->length == capacity)
		{
			char	   *larger = realloc(payload->data, capacity * 2);

			if (larger == NULL)
				fail("out of memory");
			payload->data = larger;
			capacity *= 2;
		}
	}
	if (ferror(file))
		fail("could not read %s file \"%s\": %s", what, path,
			 strerror(errno));
	fclose(file);
	if (payload->length == 0)
		fail("%s file \"%s\" is empty", what, path);
}

static void
digest(struct Payload *payload)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int length;

	if (EVP_Digest(payload->data, payload->length, bytes, &length,
				   EVP_sha256(), NULL) != 1)
		fail("could not compute the hash of the payload");
	for (unsigned int i = 0; i < length; i++)
		sprintf(payload->hash + 2 * i, "%02x", bytes[i]);
}
