/*
 * verdict.h
 *	  Whether the gate held.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>

struct Answer;
struct MixResult;

#define MAX_LINES 16

struct Lines
{
	char	   *line[MAX_LINES];
	int			count;
};

struct Verdict
{
	bool		pass;
	struct Lines reasons;		/* why it is no PASS */
	struct Lines notes;			/* what a reader should know besides */
};

extern void verdict_of_single(const struct Answer *answers, int n,
							  struct Verdict *verdict);
extern void verdict_of_mix(const struct MixResult *result,
						   const struct Answer *answers,
						   struct Verdict *verdict);
extern void verdict_free(struct Verdict *verdict);

#endif
