/*
 * report.h
 *	  What the user gets to see.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>

struct Answer;
struct MixResult;
struct Verdict;

/* Digits of the payload's hash that are shown */
#define SHOWN_DIGITS 32

struct Report
{
	const char *target;
	const char *hash;			/* NULL for a mix */
	size_t		size;
	const struct MixResult *mix;	/* NULL for a single event */
	const struct Answer *answers;
	int			n;
	const struct Verdict *verdict;
};

extern void report_text(const struct Report *report);
extern void report_json(const struct Report *report);
extern void report_flush(void);

#endif
