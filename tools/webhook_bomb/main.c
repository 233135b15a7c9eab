/*
 * main.c
 *	  webhook_bomb: fires identical webhooks at one moment and judges the
 *	  answers.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "answer.h"
#include "args.h"
#include "dsn.h"
#include "fail.h"
#include "headers.h"
#include "http.h"
#include "mix.h"
#include "mixfile.h"
#include "payload.h"
#include "report.h"
#include "single.h"
#include "stream.h"
#include "target.h"
#include "transport.h"
#include "verdict.h"

static bool run_single(const struct Args *args, const char *target,
					   json_t *headers);
static bool run_mix(const struct Args *args, const char *target,
					json_t *headers);
static struct Transport *open_target(const struct Args *args, int nslots,
									 bool keep_connections);
static bool judge(const struct Args *args, const struct Report *report);

int
main(int argc, char **argv)
{
	struct Args args;
	char	   *target;
	json_t	   *headers;
	bool		pass;

	args_read(argc, argv, &args);
	if (args.help)
	{
		args_usage();
		report_flush();
		return EXIT_PASS;
	}
	/* a peer that goes away is an answer, not the end */
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fail("could not initialize libcurl");
	target = args.url ? target_of_url(args.url) : target_of_dsn(args.dsn);
	if (args.cacert && access(args.cacert, R_OK) != 0)
		fail("could not read the file of --cacert");
	headers = headers_read(args.headers);
	pass = args.mix ? run_mix(&args, target, headers) :
		run_single(&args, target, headers);
	json_decref(headers);
	free(target);
	curl_global_cleanup();
	return pass ? EXIT_PASS : EXIT_FAIL;
}

static bool
run_single(const struct Args *args, const char *target, json_t *headers)
{
	struct Payload payload;
	struct Message message;
	struct Transport *transport;
	struct Answer *answers = xcalloc(args->n, sizeof(struct Answer));
	struct Verdict verdict;
	struct Report report = {.target = target,.answers = answers,
		.n = args->n,.verdict = &verdict};
	bool		pass;

	payload_read(args->payload, &payload);
	headers_default(headers, "Content-Type", "application/json");
	message.provider = args->provider;
	message.body = payload.data;
	message.length = payload.length;
	message.header_lines = headers_lines(headers);
	message.headers_json = json_dumps(headers, JSON_COMPACT);
	if (message.headers_json == NULL)
		fail("out of memory");
	transport = open_target(args, args->n, false);
	single_fire(transport, &message, answers);
	transport_close(transport);
	verdict_of_single(answers, args->n, &verdict);
	report.hash = payload.hash;
	report.size = payload.length;
	pass = judge(args, &report);
	verdict_free(&verdict);
	headers_free_lines(message.header_lines);
	free(message.headers_json);
	free(payload.data);
	free(answers);
	return pass;
}

static bool
run_mix(const struct Args *args, const char *target, json_t *headers)
{
	struct Mix	mix;
	struct Stream stream;
	struct MixResult result = {0};
	struct Transport *transport;
	struct Answer *answers;
	struct Verdict verdict;
	struct Report report = {.target = target,.mix = &result,
		.verdict = &verdict};
	bool		pass;

	mixfile_read(args->mix, &mix);
	stream_plan(&mix, &stream);
	answers = xcalloc(stream.deliveries, sizeof(struct Answer));
	transport = open_target(args, mix.concurrency, true);
	mix_run(transport, &mix, &stream, headers, answers, &result);
	transport_close(transport);
	verdict_of_mix(&result, answers, &verdict);
	report.answers = answers;
	report.n = stream.deliveries;
	pass = judge(args, &report);
	verdict_free(&verdict);
	free(answers);
	free(stream.volleys);
	free(mix.provider);
	return pass;
}

static struct Transport *
open_target(const struct Args *args, int nslots, bool keep_connections)
{
	if (args->url)
		return http_open(args->url, args->cacert, nslots, args->timeout_ms,
						 keep_connections);
	return dsn_open(args->dsn, nslots, args->timeout_ms);
}

static bool
judge(const struct Args *args, const struct Report *report)
{
	if (args->json)
		report_json(report);
	else
		report_text(report);
	return report->verdict->pass;
}
