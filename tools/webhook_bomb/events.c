/*
 * events.c
 *	  The events to deliver, made from the files that the command line names.
 *
 * Messages name a file, a place in it or a header, never what stands there.
 */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <err.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bomb.h"

/* Stands in the files for the id of an event */
#define MARKER "@EVENT@"

/* What is sent without a headers file */
#define DEFAULT_HEADERS "{\"Content-Type\": \"application/json\"}"

/* More than any provider sends */
#define MAX_FILE (64 * 1024 * 1024)

struct Text
{
	char	   *data;
	size_t		length;
};

static struct Text
read_file(const char *path, const char *what)
{
	FILE	   *file = fopen(path, "rb");
	struct Text text = {allocate(MAX_FILE + 1, 1), 0};

	if (file == NULL)
		err(MISUSE, "could not open %s file \"%s\"", what, path);
	text.length = fread(text.data, 1, MAX_FILE + 1, file);
	if (ferror(file))
		err(MISUSE, "could not read %s file \"%s\"", what, path);
	fclose(file);
	if (text.length == 0 || text.length > MAX_FILE)
		errx(MISUSE, "%s file \"%s\" must have 1 to %d bytes", what, path,
			 MAX_FILE);
	return text;
}

static const char *
find_marker(const char *from, const char *end)
{
	return memmem(from, end - from, MARKER, strlen(MARKER));
}

/*
 * A copy with the id in place of each marker.
 */
static struct Text
fill(const struct Text *text, const char *id)
{
	struct Text filled;
	FILE	   *copy = open_memstream(&filled.data, &filled.length);
	const char *from = text->data;
	const char *end = text->data + text->length;
	const char *found;

	if (copy == NULL)
		errx(MISUSE, "out of memory");
	while ((found = find_marker(from, end)) != NULL)
	{
		fwrite(from, 1, found - from, copy);
		fputs(id, copy);
		from = found + strlen(MARKER);
	}
	fwrite(from, 1, end - from, copy);
	if (fclose(copy) != 0)
		errx(MISUSE, "out of memory");
	return filled;
}

/*
 * jansson's own message would quote the file.
 */
static json_t *
parse(const struct Text *text, const char *what, const char *path,
	  size_t flags)
{
	json_error_t error;
	json_t	   *value = json_loadb(text->data, text->length, flags, &error);

	if (value == NULL)
		errx(MISUSE, "%s file \"%s\" cannot be read as JSON: line %d, column %d",
			 what, path, error.line, error.column);
	return value;
}

/*
 * A name must be a token, and none that frames the message: a wrong one would
 * make the receiver read the next byte as something else.
 */
static void
check_name(const char *name)
{
	static const char *const reserved[] = {"content-length",
	"transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"};

	if (!*name || name[strspn(name, "!#$%&'*+-.^_`|~0123456789"
							  "abcdefghijklmnopqrstuvwxyz"
							  "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
		errx(MISUSE, "headers file: a header has an invalid name");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			errx(MISUSE, "headers file: header \"%s\" cannot be set, the connection needs its own",
				 name);
}

/*
 * Receivers disagree about the encoding of a value that is not ASCII, so
 * such a value would test something else than the provider's.
 */
static void
add_line(struct Event *event, const char *name, json_t *value)
{
	const char *s = json_string_value(value);
	char	   *line = NULL;

	if (s == NULL)
		errx(MISUSE, "headers file: value of header \"%s\" must be a string or an array of strings",
			 name);
	for (const unsigned char *c = (const unsigned char *) s; *c; c++)
		if ((*c < 0x20 && *c != '\t') || *c > 0x7e)
			errx(MISUSE, "headers file: value of header \"%s\" must be ASCII without control characters",
				 name);
	/* libcurl takes "name;" for a header without a value, drops "name:" */
	if (asprintf(&line, "%s%s%s", name, s[strspn(s, " \t")] ? ": " : ";", s) > 0)
		event->header_lines = curl_slist_append(event->header_lines, line);
	if (line == NULL || event->header_lines == NULL)
		errx(MISUSE, "out of memory");
	free(line);
}

/*
 * Makes both forms of the headers.  Answers whether the body may be something
 * else than JSON.
 */
static bool
make_headers(struct Event *event, json_t *headers)
{
	bool		other = false;
	const char *name;
	json_t	   *value;

	if (!json_is_object(headers))
		errx(MISUSE, "headers file must hold a JSON object");
	/* these two keep libcurl from adding a type, and from waiting for a 100 */
	event->header_lines = curl_slist_append(NULL, "Content-Type:");
	event->header_lines = curl_slist_append(event->header_lines, "Expect:");
	json_object_foreach(headers, name, value)
	{
		json_t	   *first = json_is_array(value) ?
			json_array_get(value, 0) : value;

		check_name(name);
		/* an empty array has no first value, and that is no string */
		add_line(event, name, first);
		for (size_t i = 1; i < json_array_size(value); i++)
			add_line(event, name, json_array_get(value, i));
		if (strcasecmp(name, "Content-Type") == 0)
			other = strcasestr(json_string_value(first), "json") == NULL;
	}
	event->headers_json = json_dumps(headers, JSON_COMPACT);
	if (event->headers_json == NULL)
		errx(MISUSE, "out of memory");
	return other;
}

/*
 * Reads the files and makes the events.  The ids are new in each run, so that
 * a payload with the marker is never an event of an earlier one.
 */
struct Event *
events_make(const struct Options *options)
{
	struct Text payload = read_file(options->payload, "payload");
	struct Text headers = options->headers ?
		read_file(options->headers, "headers") :
		(struct Text) {strdup(DEFAULT_HEADERS), strlen(DEFAULT_HEADERS)};
	struct Event *events = allocate(options->events, sizeof(struct Event));
	uint64_t	run;

	if (options->events > 1 &&
		!find_marker(payload.data, payload.data + payload.length) &&
		!find_marker(headers.data, headers.data + headers.length))
		errx(MISUSE, "option --events needs " MARKER " in the payload or in a header");
	if (RAND_bytes((unsigned char *) &run, sizeof(run)) != 1)
		errx(MISUSE, "could not get random bytes");
	for (int i = 0; i < options->events; i++)
	{
		char		id[40];
		struct Text lines;
		struct Text body;
		json_t	   *object;

		snprintf(id, sizeof(id), "%016jx-%d", (uintmax_t) run, i + 1);
		lines = fill(&headers, id);
		body = fill(&payload, id);
		object = parse(&lines, "headers", options->headers,
					   JSON_REJECT_DUPLICATES);
		if (!make_headers(&events[i], object))
			json_decref(parse(&body, "payload", options->payload,
							  JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL |
							  JSON_ALLOW_NUL));
		events[i].body = body.data;
		events[i].length = body.length;
		json_decref(object);
		free(lines.data);
	}
	free(payload.data);
	free(headers.data);
	return events;
}

void
events_free(struct Event *events, int n)
{
	for (int i = 0; i < n; i++)
	{
		free(events[i].body);
		free(events[i].headers_json);
		curl_slist_free_all(events[i].header_lines);
	}
	free(events);
}
