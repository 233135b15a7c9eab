/*
 * report.c
 *	  The report for people.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "fail.h"
#include "mix.h"
#include "report.h"
#include "stats.h"
#include "verdict.h"

static void print_single(const struct Report *report);
static void print_mix(const struct MixResult *mix);
static void print_row(int number, const struct Answer *answer);
static void print_summary(const struct Report *report);
static void print_verdict(const struct Verdict *verdict);

void
report_text(const struct Report *report)
{
	printf("Target:   %s\n", report->target);
	if (report->mix)
		print_mix(report->mix);
	else
		print_single(report);
	print_summary(report);
	print_verdict(report->verdict);
	report_flush();
}

/*
 * A report that nobody could read must not look like a verdict.
 */
void
report_flush(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		fail("could not write the report: %s", strerror(errno));
}

static void
print_single(const struct Report *report)
{
	printf("Payload:  sha256 %.*s..., %zu bytes\n", SHOWN_DIGITS,
		   report->hash, report->size);
	printf("Fired:    %d identical deliver%s at one moment\n\n", report->n,
		   report->n == 1 ? "y" : "ies");
	printf("%5s  %4s  %10s  %-17s  %s\n", "no", "http", "ms", "status",
		   "error");
	for (int i = 0; i < report->n; i++)
		print_row(i + 1, &report->answers[i]);
}

static void
print_row(int number, const struct Answer *answer)
{
	char		http[12] = "-";

	if (answer->http_status)
		snprintf(http, sizeof(http), "%d", answer->http_status);
	printf("%5d  %4s  %10.1f  %-17s  %s\n", number, http, answer->ms,
		   answer_status_name(answer->status),
		   answer->error[0] ? answer->error : "-");
}

static void
print_mix(const struct MixResult *mix)
{
	printf("Mix:      provider %s, %d deliveries of %d events, %d of them duplicates\n",
		   mix->provider, mix->deliveries, mix->events, mix->duplicates);
	printf("Sent:     %d deliveries in %.1f s, %.0f per second\n", mix->sent,
		   mix->elapsed_ms / 1000,
		   mix->elapsed_ms > 0 ? mix->sent * 1000 / mix->elapsed_ms : 0);
	printf("Events:   %d processed exactly once, %d more than once, %d never\n",
		   mix->once, mix->twice, mix->never);
}

static void
print_summary(const struct Report *report)
{
	struct Latency latency = stats_latency(report->answers, report->n);
	struct Tally *tallies;
	int			n;

	printf("\nBy HTTP status:    ");
	tallies = stats_by_http_status(report->answers, report->n, &n);
	for (int i = 0; i < n; i++)
		if (tallies[i].key == 0)
			printf("%snone: %d", i ? ", " : "", tallies[i].count);
		else
			printf("%s%d: %d", i ? ", " : "", tallies[i].key,
				   tallies[i].count);
	free(tallies);
	printf("\nBy status:         ");
	tallies = stats_by_status(report->answers, report->n, &n);
	for (int i = 0; i < n; i++)
		printf("%s%s: %d", i ? ", " : "",
			   answer_status_name((enum AnswerStatus) tallies[i].key),
			   tallies[i].count);
	free(tallies);
	if (latency.count > 0)
		printf("\nLatency in ms:     p50 %.1f, p95 %.1f, max %.1f\n\n",
			   latency.p50, latency.p95, latency.max);
	else
		printf("\nLatency in ms:     nothing was answered\n\n");
}

static void
print_verdict(const struct Verdict *verdict)
{
	for (int i = 0; i < verdict->notes.count; i++)
		printf("Note: %s\n", verdict->notes.line[i]);
	printf("Verdict: %s\n", verdict->pass ? "PASS" : "FAIL");
	for (int i = 0; i < verdict->reasons.count; i++)
		printf("- %s\n", verdict->reasons.line[i]);
}
