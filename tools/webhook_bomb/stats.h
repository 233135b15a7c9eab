/*
 * stats.h
 *	  Counting answers.
 */
#ifndef STATS_H
#define STATS_H

struct Answer;

struct Tally
{
	int			key;
	int			count;
};

struct Latency
{
	int			count;			/* 0: nothing was answered */
	double		p50;
	double		p95;
	double		max;
};

extern struct Tally *stats_by_http_status(const struct Answer *answers, int n,
										  int *ntallies);
extern struct Tally *stats_by_status(const struct Answer *answers, int n,
									 int *ntallies);
extern struct Latency stats_latency(const struct Answer *answers, int n);

#endif
