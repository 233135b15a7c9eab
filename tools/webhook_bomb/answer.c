/*
 * answer.c
 *	  What came back for one delivery.
 *
 * Of an answer's body only its status is used, and only a known word of it
 * is ever shown: a receiver may echo what it was sent.
 */
#include <jansson.h>
#include <string.h>

#include "answer.h"

static const char *const status_names[STATUS_COUNT] = {
	"none", "processed", "already_processed", "in_progress", "exhausted",
	"problem", "unrecognized"
};

const char *
answer_status_name(enum AnswerStatus status)
{
	return status_names[status];
}

bool
answer_is_expected(const struct Answer *answer)
{
	return answer->status == STATUS_PROCESSED ||
		answer->status == STATUS_ALREADY_PROCESSED ||
		answer->status == STATUS_IN_PROGRESS;
}

enum AnswerStatus
answer_read_body(const char *body, size_t length)
{
	json_t	   *value = json_loadb(body, length, JSON_ALLOW_NUL, NULL);
	json_t	   *member = json_object_get(value, "status");
	enum AnswerStatus status = STATUS_NONE;

	if (json_is_string(member))
	{
		status = STATUS_UNRECOGNIZED;
		for (int i = STATUS_PROCESSED; i <= STATUS_EXHAUSTED; i++)
			if (json_string_length(member) == strlen(status_names[i]) &&
				strcmp(json_string_value(member), status_names[i]) == 0)
				status = (enum AnswerStatus) i;
	}
	else if (json_is_number(member) &&
			 json_is_string(json_object_get(value, "title")))
		status = STATUS_PROBLEM;
	else if (member)
		status = STATUS_UNRECOGNIZED;
	json_decref(value);
	return status;
}
