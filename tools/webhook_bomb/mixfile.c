/*
 * mixfile.c
 *	  The description of a stream of events.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "mixfile.h"
#include "payload.h"

/* What one process keeps in mind without effort */
#define MAX_DELIVERIES 1000000

static void refuse_unknown(json_t *object);
static double number(json_t *object, const char *name, double fallback,
					 double min, double max, bool whole);
static char *provider(json_t *object);

/*
 * Reads and checks a description; each member has its range, none is
 * ignored.
 */
void
mixfile_read(const char *path, struct Mix *mix)
{
	struct Payload file;
	json_t	   *object = json_file_read(path, "mix", JSON_REJECT_DUPLICATES,
										&file);

	free(file.data);
	if (!json_is_object(object))
		fail("mix file \"%s\" must hold a JSON object", path);
	refuse_unknown(object);
	mix->provider = provider(object);
	mix->events = (int) number(object, "events", 0, 1, MAX_DELIVERIES, true);
	mix->duplicates = number(object, "duplicates", -1, 0, 0.99, false);
	mix->rate = number(object, "rate", -1, 0.1, 100000, false);
	mix->seconds = number(object, "seconds", -1, 0.1, 86400, false);
	mix->concurrency = (int) number(object, "concurrency", 10, 1, 1000, true);
	json_decref(object);
	if (mix->rate * mix->seconds < 1)
		fail("mix file: rate and seconds give less than one delivery");
	if (mix->rate * mix->seconds > MAX_DELIVERIES)
		fail("mix file: rate and seconds give more than %d deliveries",
			 MAX_DELIVERIES);
}

/*
 * A misspelt member would run another stream than the user meant.
 */
static void
refuse_unknown(json_t *object)
{
	static const char *const known[] = {"provider", "events", "duplicates",
	"rate", "seconds", "concurrency"};
	const char *name;
	json_t	   *value;

	json_object_foreach(object, name, value)
	{
		bool		found = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found = found || strcmp(name, known[i]) == 0;
		if (!found)
			fail("mix file: unrecognized member \"%.40s\"", name);
	}
}

/*
 * A negative fallback means that the member is required.
 */
static double
number(json_t *object, const char *name, double fallback, double min,
	   double max, bool whole)
{
	json_t	   *value = json_object_get(object, name);
	double		result;

	if (value == NULL && fallback < 0)
		fail("mix file: member \"%s\" is missing", name);
	if (value == NULL)
		return fallback;
	result = json_number_value(value);
	if ((whole ? !json_is_integer(value) : !json_is_number(value)) ||
		!(result >= min && result <= max))
		fail("mix file: member \"%s\" must be a %snumber between %g and %.7g",
			 name, whole ? "whole " : "", min, max);
	return result;
}

static char *
provider(json_t *object)
{
	json_t	   *value = json_object_get(object, "provider");

	if (value == NULL)
		return xstrdup("paypal");
	if (!json_is_string(value) || json_string_length(value) == 0 ||
		json_string_length(value) > 128)
		fail("mix file: member \"provider\" must be a string of 1 to 128 bytes");
	for (const char *s = json_string_value(value); *s; s++)
		if ((unsigned char) *s < 0x20 || *s == 0x7f)
			fail("mix file: member \"provider\" has a control character");
	return xstrdup(json_string_value(value));
}
