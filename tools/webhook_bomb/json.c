/*
 * json.c
 *	  The report for machines: one JSON object on one line.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "fail.h"
#include "mix.h"
#include "report.h"
#include "stats.h"
#include "verdict.h"

static void set(json_t *object, const char *name, json_t *value);
static json_t *milliseconds(double ms);
static json_t *answers_json(const struct Report *report);
static json_t *mix_json(const struct MixResult *mix);
static json_t *summary_json(const struct Report *report);
static json_t *latency_json(const struct Report *report);
static json_t *lines_json(const struct Lines *lines);

void
report_json(const struct Report *report)
{
	json_t	   *root = json_object();

	set(root, "target", json_string(report->target));
	if (report->mix)
		set(root, "mix", mix_json(report->mix));
	else
	{
		set(root, "payload_hash", json_stringn(report->hash, SHOWN_DIGITS));
		set(root, "payload_size", json_integer((json_int_t) report->size));
		set(root, "n", json_integer(report->n));
		set(root, "answers", answers_json(report));
	}
	set(root, "summary", summary_json(report));
	set(root, "latency_ms", latency_json(report));
	set(root, "notes", lines_json(&report->verdict->notes));
	set(root, "verdict", json_string(report->verdict->pass ? "PASS" : "FAIL"));
	set(root, "reasons", lines_json(&report->verdict->reasons));
	json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	putchar('\n');
	json_decref(root);
	report_flush();
}

/*
 * A target that is not UTF-8 has no JSON string; null says so.
 */
static void
set(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value ? value : json_null()) != 0)
		fail("out of memory");
}

static json_t *
milliseconds(double ms)
{
	return json_real(round(ms * 1000) / 1000);
}

static json_t *
answers_json(const struct Report *report)
{
	json_t	   *array = json_array();

	for (int i = 0; i < report->n; i++)
	{
		const struct Answer *a = &report->answers[i];
		json_t	   *row = json_object();

		set(row, "number", json_integer(i + 1));
		set(row, "http_status", a->http_status ?
			json_integer(a->http_status) : json_null());
		set(row, "ms", milliseconds(a->ms));
		set(row, "status", json_string(answer_status_name(a->status)));
		set(row, "error", a->error[0] ? json_string(a->error) : json_null());
		set(row, "network_error", json_boolean(a->network_error));
		json_array_append_new(array, row);
	}
	return array;
}

static json_t *
mix_json(const struct MixResult *mix)
{
	json_t	   *object = json_object();

	set(object, "provider", json_string(mix->provider));
	set(object, "events", json_integer(mix->events));
	set(object, "deliveries", json_integer(mix->deliveries));
	set(object, "duplicates", json_integer(mix->duplicates));
	set(object, "sent", json_integer(mix->sent));
	set(object, "processed_once", json_integer(mix->once));
	set(object, "processed_more", json_integer(mix->twice));
	set(object, "processed_never", json_integer(mix->never));
	set(object, "seconds", json_real(round(mix->elapsed_ms) / 1000));
	set(object, "lag_ms", milliseconds(mix->lag_ms));
	return object;
}

static json_t *
summary_json(const struct Report *report)
{
	json_t	   *object = json_object();
	json_t	   *http = json_object();
	json_t	   *status = json_object();
	struct Tally *tallies;
	char		key[12];
	int			n;

	tallies = stats_by_http_status(report->answers, report->n, &n);
	for (int i = 0; i < n; i++)
	{
		snprintf(key, sizeof(key), "%d", tallies[i].key);
		set(http, tallies[i].key ? key : "none",
			json_integer(tallies[i].count));
	}
	free(tallies);
	tallies = stats_by_status(report->answers, report->n, &n);
	for (int i = 0; i < n; i++)
		set(status, answer_status_name((enum AnswerStatus) tallies[i].key),
			json_integer(tallies[i].count));
	free(tallies);
	set(object, "http_status", http);
	set(object, "status", status);
	return object;
}

static json_t *
latency_json(const struct Report *report)
{
	struct Latency latency = stats_latency(report->answers, report->n);
	json_t	   *object;

	if (latency.count == 0)
		return json_null();
	object = json_object();
	set(object, "p50", milliseconds(latency.p50));
	set(object, "p95", milliseconds(latency.p95));
	set(object, "max", milliseconds(latency.max));
	return object;
}

static json_t *
lines_json(const struct Lines *lines)
{
	json_t	   *array = json_array();

	for (int i = 0; i < lines->count; i++)
		json_array_append_new(array, json_string(lines->line[i]));
	return array;
}
