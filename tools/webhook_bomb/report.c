/*
 * report.c
 *	  Whether the gate held, and what the user gets to see.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bomb.h"

enum Reason
{
	MORE, NEVER, UNEXPECTED, SERVER_ERROR, REFUSED, NOT_DONE_LATE,
	NETWORK_ERROR, REASON_COUNT
};

static const char *const reasons[REASON_COUNT] = {
	"events processed more than once",
	"events never processed",
	"answers neither processed, already_processed nor in_progress",
	"answers with an HTTP status 5xx that are not in_progress",
	"answers processed or already_processed under an HTTP status that makes the provider repeat",
	"deliveries after the others that are not already_processed",
	"network errors"
};

struct Counts
{
	int			http[1000];
	int			status[STATUS_COUNT];
	int			reason[REASON_COUNT];
	int			busy_success;
};

static const char *const status_names[STATUS_COUNT] = {
	"none", "processed", "already_processed", "in_progress"
};

enum Status
status_named(const char *name)
{
	enum Status status = STATUS_COUNT - 1;

	while (status > STATUS_NONE &&
		   (name == NULL || strcmp(status_names[status], name) != 0))
		status--;
	return status;
}

static void
count(const struct Delivery *d, struct Counts *counts)
{
	bool		success = d->http_status >= 200 && d->http_status < 300;
	bool		busy = d->status == STATUS_IN_PROGRESS;
	bool		known = d->status == STATUS_PROCESSED ||
		d->status == STATUS_ALREADY_PROCESSED;

	counts->http[d->http_status % 1000]++;
	counts->status[d->status]++;
	counts->reason[NETWORK_ERROR] += d->network_error;
	counts->reason[UNEXPECTED] += !known && !busy && !d->network_error;
	counts->reason[SERVER_ERROR] += d->http_status >= 500 && !busy;
	counts->reason[REFUSED] += known && !success && d->http_status < 500;
	counts->busy_success += busy && success;
}

/*
 * Deliveries of an event are as far from each other as there are events.
 */
static void
count_events(const struct Options *options, const struct Delivery *deliveries,
			 int n, struct Counts *counts)
{
	for (int i = 0; i < options->events; i++)
	{
		int			processed = 0;

		for (int j = i; j < n; j += options->events)
		{
			processed += deliveries[j].status == STATUS_PROCESSED;
			if (j >= options->n * options->events)
				counts->reason[NOT_DONE_LATE] +=
					deliveries[j].status != STATUS_ALREADY_PROCESSED;
		}
		counts->reason[MORE] += processed > 1;
		counts->reason[NEVER] += processed == 0;
	}
}

static void
print_head(const struct Options *options, const char *target,
		   const struct Event *first)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	EVP_Digest(first->body, first->length, digest, NULL, EVP_sha256(), NULL);
	printf("Target:   %s\nPayload:  sha256 ", target);
	for (int i = 0; i < 16; i++)
		printf("%02x", digest[i]);
	printf("..., %zu bytes\n", first->length);
	printf("Fired:    %d at one moment, %d of each event%s\n",
		   options->n * options->events, options->n,
		   options->again ? ", then 1 more" : "");
	printf("\n%5s  %5s  %4s  %10s  %-17s  %s\n", "no", "event", "http", "ms",
		   "status", "error");
}

static void
print_summary(const struct Counts *counts)
{
	printf("\nBy HTTP status:   ");
	for (int i = 1; i < 1000; i++)
		if (counts->http[i])
			printf(" %d: %d", i, counts->http[i]);
	if (counts->http[0])
		printf(" none: %d", counts->http[0]);
	printf("\nBy status:        ");
	for (int i = 0; i < STATUS_COUNT; i++)
		if (counts->status[i])
			printf(" %s: %d", status_names[i], counts->status[i]);
}

static int
compare_ms(const void *a, const void *b)
{
	double		x = ((const struct Delivery *) a)->ms;
	double		y = ((const struct Delivery *) b)->ms;

	return (x > y) - (x < y);
}

static bool
print_verdict(const struct Counts *counts)
{
	int			total = 0;

	for (int i = 0; i < REASON_COUNT; i++)
		total += counts->reason[i];
	if (counts->busy_success)
		printf("Note: in_progress answers with an HTTP status 2xx, after which the provider does not come back if the holder fails: %d\n",
			   counts->busy_success);
	if (counts->status[STATUS_PROCESSED] == 0 &&
		counts->status[STATUS_NONE] == 0)
		printf("Note: somebody acquired the event before this run, use a new one\n");
	printf("Verdict: %s\n", total == 0 ? "PASS" : "FAIL");
	for (int i = 0; i < REASON_COUNT; i++)
		if (counts->reason[i])
			printf("- %s: %d\n", reasons[i], counts->reason[i]);
	return total == 0;
}

/*
 * Prints the report; answers whether the verdict is PASS.  A percentile is
 * the smallest latency that so many per cent of the deliveries did not exceed.
 */
bool
report(const struct Options *options, const char *target,
	   struct Delivery *deliveries, int n)
{
	struct Counts counts = {0};

	print_head(options, target, deliveries[0].event);
	for (int i = 0; i < n; i++)
	{
		const struct Delivery *d = &deliveries[i];

		/* a precision of 0 leaves a status of 0 out */
		printf("%5d  %5d  %4.0d  %10.1f  %-17s  %s\n", i + 1,
			   1 + i % options->events, d->http_status, d->ms,
			   status_names[d->status], d->error);
		count(d, &counts);
	}
	count_events(options, deliveries, n, &counts);
	print_summary(&counts);
	qsort(deliveries, n, sizeof(struct Delivery), compare_ms);
	printf("\nLatency in ms:     p50 %.1f, p95 %.1f, max %.1f\n\n",
		   deliveries[(n * 50 + 99) / 100 - 1].ms,
		   deliveries[(n * 95 + 99) / 100 - 1].ms, deliveries[n - 1].ms);
	return print_verdict(&counts);
}
