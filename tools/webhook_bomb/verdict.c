/*
 * verdict.c
 *	  Whether the gate held.
 *
 * PASS: exactly one answer is "processed", each other one "already_processed"
 * or "in_progress"; no other 5xx, no network error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "fail.h"
#include "mix.h"
#include "verdict.h"

struct Counts
{
	int			processed;
	int			already;
	int			busy;
	int			busy_success;
	int			network_errors;
	int			unexpected;
	int			server_errors;
	int			refused;		/* a good status under a wrong HTTP status */
};

static struct Counts count(const struct Answer *answers, int n);
static void judge_each(const struct Counts *counts, struct Verdict *verdict);
static void add(struct Lines *lines, char *line);
static const char *plural(int n);

void
verdict_of_single(const struct Answer *answers, int n,
				  struct Verdict *verdict)
{
	struct Counts counts = count(answers, n);

	memset(verdict, 0, sizeof(*verdict));
	if (counts.processed > 1)
		add(&verdict->reasons,
			xasprintf("%d answers are processed, expected exactly one",
					  counts.processed));
	else if (counts.processed == 0 && counts.already == n)
		add(&verdict->reasons,
			xstrdup("no answer is processed: the event was done before, use a new one"));
	else if (counts.processed == 0 && counts.already + counts.busy == n)
		add(&verdict->reasons,
			xstrdup("no answer is processed: the event was acquired before, by someone else"));
	else if (counts.processed == 0)
		add(&verdict->reasons,
			xstrdup("no answer is processed, expected exactly one"));
	judge_each(&counts, verdict);
	verdict->pass = verdict->reasons.count == 0;
}

void
verdict_of_mix(const struct MixResult *result, const struct Answer *answers,
			   struct Verdict *verdict)
{
	struct Counts counts = count(answers, result->deliveries);

	memset(verdict, 0, sizeof(*verdict));
	if (result->twice > 0)
		add(&verdict->reasons,
			xasprintf("%d event%s processed more than once", result->twice,
					  result->twice == 1 ? " was" : "s were"));
	if (result->never > 0)
		add(&verdict->reasons,
			xasprintf("%d event%s never processed", result->never,
					  result->never == 1 ? " was" : "s were"));
	if (result->sent < result->deliveries)
		add(&verdict->reasons,
			xasprintf("%d of %d deliveries were not sent, no connection was left",
					  result->deliveries - result->sent, result->deliveries));
	judge_each(&counts, verdict);
	if (result->lag_ms > 1000)
		add(&verdict->notes,
			xasprintf("the stream fell behind its rate by up to %.1f s: the target is slower, or concurrency too small",
					  result->lag_ms / 1000));
	verdict->pass = verdict->reasons.count == 0;
}

void
verdict_free(struct Verdict *verdict)
{
	for (int i = 0; i < verdict->reasons.count; i++)
		free(verdict->reasons.line[i]);
	for (int i = 0; i < verdict->notes.count; i++)
		free(verdict->notes.line[i]);
}

static struct Counts
count(const struct Answer *answers, int n)
{
	struct Counts counts = {0};

	for (int i = 0; i < n; i++)
	{
		const struct Answer *a = &answers[i];
		bool		success = a->http_status >= 200 && a->http_status < 300;
		bool		busy = a->status == STATUS_IN_PROGRESS;

		if (!a->sent && !a->network_error)
			continue;
		counts.network_errors += a->network_error;
		counts.processed += a->status == STATUS_PROCESSED;
		counts.already += a->status == STATUS_ALREADY_PROCESSED;
		counts.busy += busy;
		counts.busy_success += busy && success;
		if (a->network_error)
			continue;
		counts.unexpected += !answer_is_expected(a);
		counts.server_errors += a->http_status >= 500 && !busy;
		counts.refused += answer_is_expected(a) && !busy && !success &&
			a->http_status < 500;
	}
	return counts;
}

/*
 * What holds for each answer, whichever event it belongs to.
 */
static void
judge_each(const struct Counts *counts, struct Verdict *verdict)
{
	if (counts->unexpected > 0)
		add(&verdict->reasons,
			xasprintf("%d answer%s neither processed, already_processed nor in_progress",
					  counts->unexpected,
					  counts->unexpected == 1 ? " is" : "s are"));
	if (counts->server_errors > 0)
		add(&verdict->reasons,
			xasprintf("%d answer%s an HTTP status 5xx without being in_progress",
					  counts->server_errors,
					  counts->server_errors == 1 ? " has" : "s have"));
	if (counts->refused > 0)
		add(&verdict->reasons,
			xasprintf("%d answer%s processed or already_processed under an HTTP status that makes the provider repeat",
					  counts->refused,
					  counts->refused == 1 ? " says" : "s say"));
	if (counts->network_errors > 0)
		add(&verdict->reasons,
			xasprintf("%d network error%s", counts->network_errors,
					  plural(counts->network_errors)));
	if (counts->busy_success > 0)
		add(&verdict->notes,
			xasprintf("%d in_progress answer%s an HTTP status 2xx: if the holder fails, the provider does not come back",
					  counts->busy_success,
					  counts->busy_success == 1 ? " has" : "s have"));
}

static void
add(struct Lines *lines, char *line)
{
	if (lines->count == MAX_LINES)
		fail("too many reasons");
	lines->line[lines->count++] = line;
}

static const char *
plural(int n)
{
	return n == 1 ? "" : "s";
}
