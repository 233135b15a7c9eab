/*
 * stats.c
 *	  Counting answers.
 */
#include <stdlib.h>

#include "answer.h"
#include "fail.h"
#include "stats.h"

static struct Tally *count_keys(int *keys, int n, int *ntallies);
static int	compare_ints(const void *a, const void *b);
static int	compare_doubles(const void *a, const void *b);
static double percentile(const double *sorted, int n, int percent);

/*
 * How often each HTTP status came, 0 for none at all; in ascending order.
 */
struct Tally *
stats_by_http_status(const struct Answer *answers, int n, int *ntallies)
{
	int		   *keys = xcalloc(n, sizeof(int));
	int			nkeys = 0;

	for (int i = 0; i < n; i++)
		if (answers[i].sent || answers[i].network_error)
			keys[nkeys++] = answers[i].http_status;
	return count_keys(keys, nkeys, ntallies);
}

struct Tally *
stats_by_status(const struct Answer *answers, int n, int *ntallies)
{
	int		   *keys = xcalloc(n, sizeof(int));
	int			nkeys = 0;

	for (int i = 0; i < n; i++)
		if (answers[i].sent || answers[i].network_error)
			keys[nkeys++] = (int) answers[i].status;
	return count_keys(keys, nkeys, ntallies);
}

/*
 * Of what was answered; the percentile is the smallest latency that so many
 * per cent of the answers did not exceed.
 */
struct Latency
stats_latency(const struct Answer *answers, int n)
{
	struct Latency latency = {0, 0, 0, 0};
	double	   *sorted = xcalloc(n, sizeof(double));

	for (int i = 0; i < n; i++)
		if (answers[i].sent && !answers[i].network_error)
			sorted[latency.count++] = answers[i].ms;
	if (latency.count > 0)
	{
		qsort(sorted, latency.count, sizeof(double), compare_doubles);
		latency.p50 = percentile(sorted, latency.count, 50);
		latency.p95 = percentile(sorted, latency.count, 95);
		latency.max = sorted[latency.count - 1];
	}
	free(sorted);
	return latency;
}

/*
 * Frees the keys.
 */
static struct Tally *
count_keys(int *keys, int n, int *ntallies)
{
	struct Tally *tallies = xcalloc(n, sizeof(struct Tally));
	int			used = 0;

	qsort(keys, n, sizeof(int), compare_ints);
	for (int i = 0; i < n; i++)
	{
		if (used == 0 || tallies[used - 1].key != keys[i])
			tallies[used++].key = keys[i];
		tallies[used - 1].count++;
	}
	free(keys);
	*ntallies = used;
	return tallies;
}

static int
compare_ints(const void *a, const void *b)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	return (x > y) - (x < y);
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
percentile(const double *sorted, int n, int percent)
{
	long		rank = ((long) n * percent + 99) / 100;

	return sorted[rank - 1];
}
