/*
 * answer.h
 *	  What came back for one delivery.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum AnswerStatus
{
	STATUS_NONE,				/* no JSON object with a status */
	STATUS_PROCESSED,
	STATUS_ALREADY_PROCESSED,
	STATUS_IN_PROGRESS,
	STATUS_EXHAUSTED,
	STATUS_PROBLEM,				/* problem+json */
	STATUS_UNRECOGNIZED,
	STATUS_COUNT
};

struct Answer
{
	bool		sent;
	bool		network_error;
	int			http_status;	/* 0: none */
	enum AnswerStatus status;
	char		error[24];		/* empty: none */
	double		ms;
};

extern const char *answer_status_name(enum AnswerStatus status);
extern bool answer_is_expected(const struct Answer *answer);
extern enum AnswerStatus answer_read_body(const char *body, size_t length);

#endif
