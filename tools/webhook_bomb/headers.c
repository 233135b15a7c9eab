/*
 * headers.c
 *	  Headers of a delivery: a JSON object whose values are strings or
 *	  arrays of strings, the form that wd_receive takes as well.
 *
 * Messages name a header, never its value.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fail.h"
#include "headers.h"
#include "payload.h"

static bool headers_have(json_t *headers, const char *wanted);
static void check_name(const char *name);
static void check_value(const char *name, json_t *value);
static bool value_is_sendable(json_t *value);
static size_t count_lines(json_t *headers);
static char *make_line(const char *name, json_t *value);

/*
 * Reads and checks a headers file; no file means no headers.
 */
json_t *
headers_read(const char *path)
{
	struct Payload file;
	json_t	   *headers;
	const char *name;
	json_t	   *value;

	if (path == NULL)
		headers = json_object();
	else
	{
		headers = json_file_read(path, "headers", JSON_REJECT_DUPLICATES,
								 &file);
		free(file.data);
	}
	if (!json_is_object(headers))
		fail("headers file \"%s\" must hold a JSON object", path);
	json_object_foreach(headers, name, value)
	{
		check_name(name);
		check_value(name, value);
	}
	return headers;
}

static bool
headers_have(json_t *headers, const char *wanted)
{
	const char *name;
	json_t	   *value;

	json_object_foreach(headers, name, value)
	{
		if (strcasecmp(name, wanted) == 0)
			return true;
	}
	return false;
}

/*
 * Adds a header unless the user gave it.
 */
void
headers_default(json_t *headers, const char *name, const char *value)
{
	if (!headers_have(headers, name) &&
		json_object_set_new(headers, name, json_string(value)) != 0)
		fail("out of memory");
}

/*
 * The headers as lines of HTTP/1.1, ended by a null pointer.
 */
char **
headers_lines(json_t *headers)
{
	char	  **lines = xcalloc(count_lines(headers) + 1, sizeof(char *));
	size_t		n = 0;
	const char *name;
	json_t	   *value;

	json_object_foreach(headers, name, value)
	{
		if (json_is_string(value))
			lines[n++] = make_line(name, value);
		else
			for (size_t i = 0; i < json_array_size(value); i++)
				lines[n++] = make_line(name, json_array_get(value, i));
	}
	return lines;
}

void
headers_free_lines(char **lines)
{
	for (char **line = lines; *line; line++)
		free(*line);
	free(lines);
}

/*
 * A token, and none that frames the message: a wrong one would make the
 * receiver read the next byte as something else.
 */
static void
check_name(const char *name)
{
	static const char *const reserved[] = {"content-length",
	"transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"};

	if (!*name || name[strspn(name, "!#$%&'*+-.^_`|~0123456789"
							  "abcdefghijklmnopqrstuvwxyz"
							  "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
		fail("headers file: a header has an invalid name");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			fail("headers file: header \"%s\" cannot be set, the connection needs its own",
				 name);
}

static void
check_value(const char *name, json_t *value)
{
	bool		good = json_is_array(value) && json_array_size(value) > 0;

	if (json_is_array(value))
		for (size_t i = 0; i < json_array_size(value); i++)
			good = good && json_is_string(json_array_get(value, i));
	else
		good = json_is_string(value);
	if (!good)
		fail("headers file: value of header \"%s\" must be a string or an array of strings",
			 name);
	if (json_is_array(value))
		for (size_t i = 0; i < json_array_size(value); i++)
			good = good && value_is_sendable(json_array_get(value, i));
	else
		good = value_is_sendable(value);
	if (!good)
		fail("headers file: value of header \"%s\" has a control character",
			 name);
}

static bool
value_is_sendable(json_t *value)
{
	const char *s = json_string_value(value);

	for (size_t i = 0; i < json_string_length(value); i++)
		if (((unsigned char) s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return true;
}

static size_t
count_lines(json_t *headers)
{
	size_t		n = 0;
	const char *name;
	json_t	   *value;

	json_object_foreach(headers, name, value)
		n += json_is_array(value) ? json_array_size(value) : 1;
	return n;
}

/*
 * libcurl takes "name;" for a header without a value and drops "name:".
 */
static char *
make_line(const char *name, json_t *value)
{
	const char *s = json_string_value(value);

	return s[strspn(s, " \t")] ? xasprintf("%s: %s", name, s) :
		xasprintf("%s;", name);
}
