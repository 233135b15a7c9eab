/*
 * http.c
 *	  Deliveries by HTTP POST.
 *
 * libcurl asks for the body when the connection (and TLS) stands and the
 * headers are sent.  It gets the beginning of the body and is told to pause;
 * a delivery is armed then.  Once all are armed the pauses end, so that the
 * rest of each body, of a webhook its last byte, leaves at one moment.  No
 * receiver can process an event before.
 */
#include <curl/curl.h>
#include <err.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bomb.h"

/* A receiver that does not read yet has room for so much of a body */
#define MAX_AHEAD 16384

struct Volley
{
	CURLM	   *multi;
	struct Transfer *transfers;
	int			n;
	int			waiting;		/* to be armed, then to be answered */
	bool		released;
	double		released_at;
};

struct Transfer
{
	struct Volley *volley;
	struct Delivery *delivery;
	CURL	   *easy;
	bool		armed;
	bool		done;
	size_t		sent;
	FILE	   *stream;			/* fills the answer */
	char	   *answer;
	size_t		answer_length;
	char		message[CURL_ERROR_SIZE];
};

/*
 * The address as it may be shown: without user, password and query.
 */
char *
http_target(const char *text)
{
	CURLU	   *url = curl_url();
	CURLUcode	code = curl_url_set(url, CURLUPART_URL, text, 0);
	char	   *shown;
	char	   *target;

	curl_url_set(url, CURLUPART_USER, NULL, 0);
	curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
	if (code || curl_url_get(url, CURLUPART_URL, &shown, 0) ||
		(strncmp(shown, "http://", 7) && strncmp(shown, "https://", 8)))
		errx(MISUSE, "option --url is not a valid URL of http or https");
	target = strndup(shown, strcspn(shown, "?#"));
	curl_free(shown);
	curl_url_cleanup(url);
	return target;
}

/*
 * Gives libcurl a piece of the body.
 */
static size_t
give_body(char *buffer, size_t size, size_t count, void *arg)
{
	struct Transfer *transfer = arg;
	const struct Event *event = transfer->delivery->event;
	size_t		end = event->length;
	size_t		n = size * count;

	if (!transfer->volley->released)
		end = end > MAX_AHEAD ? MAX_AHEAD : end - 1;
	if (n > end - transfer->sent)
		n = end - transfer->sent;
	memcpy(buffer, event->body + transfer->sent, n);
	transfer->sent += n;
	if (n > 0 || transfer->volley->released)
		return n;
	transfer->volley->waiting -= !transfer->armed;
	transfer->armed = true;
	return CURL_READFUNC_PAUSE;
}

/*
 * No proxy, no redirect: the address that the user gave is the one that is
 * tested.  HTTP/1.1, because later ones share a connection.
 */
static void
start(struct Transfer *transfer, const struct Options *options)
{
	const struct Event *event = transfer->delivery->event;
	CURL	   *easy = curl_easy_init();

	transfer->easy = easy;
	transfer->stream = open_memstream(&transfer->answer,
									  &transfer->answer_length);
	if (transfer->stream == NULL ||
		curl_easy_setopt(easy, CURLOPT_URL, options->url) != CURLE_OK)
		errx(MISUSE, "out of memory");
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
					 (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "webhook_bomb");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, event->header_lines);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
					 (curl_off_t) event->length);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer->stream);
	if (options->cacert)
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->cacert);
	if (curl_multi_add_handle(transfer->volley->multi, easy) != CURLM_OK)
		errx(MISUSE, "out of memory");
}

/*
 * A receiver may answer before it has got the body.  Of an answer's body only
 * a known word is ever shown: a receiver may echo what it was sent.
 */
static void
finish(struct Transfer *transfer, CURLcode code)
{
	struct Volley *volley = transfer->volley;
	struct Delivery *delivery = transfer->delivery;
	long		http_status;
	json_t	   *object;

	volley->waiting -= volley->released || !transfer->armed;
	transfer->done = true;
	if (code != CURLE_OK)
	{
		network_error(delivery, transfer->message[0] ? transfer->message :
					  curl_easy_strerror(code));
		return;
	}
	delivery->ms = clock_ms() - volley->released_at;
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &http_status);
	delivery->http_status = (int) http_status;
	fflush(transfer->stream);
	object = json_loadb(transfer->answer, transfer->answer_length, 0, NULL);
	delivery->status =
		status_named(json_string_value(json_object_get(object, "status")));
	json_decref(object);
}

/*
 * Moves bytes until the volley waits for nothing more.
 */
static void
drive(struct Volley *volley, double deadline)
{
	for (;;)
	{
		double		left = deadline - clock_ms();
		CURLMsg    *message;
		int			n;

		if (curl_multi_perform(volley->multi, &n) != CURLM_OK)
			errx(MISUSE, "could not drive the connections");
		while ((message = curl_multi_info_read(volley->multi, &n)) != NULL)
		{
			char	   *transfer;

			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
							  &transfer);
			finish((struct Transfer *) transfer, message->data.result);
		}
		if (volley->waiting == 0 || left <= 0)
			return;
		curl_multi_poll(volley->multi, NULL, 0, 1 + (int) left, NULL);
	}
}

static void
release(struct Volley *volley)
{
	for (int i = 0; i < volley->n; i++)
	{
		struct Transfer *transfer = &volley->transfers[i];
		struct Delivery *delivery = transfer->delivery;

		if (!transfer->armed && !transfer->done)
			network_error(delivery, "timeout");
		if (delivery->network_error)
			errx(MISUSE, "could not open connection %d of %d, nothing was delivered: %s",
				 i + 1, volley->n, delivery->error);
		volley->waiting += !transfer->done;
	}
	volley->released = true;
	volley->released_at = clock_ms();
	for (int i = 0; i < volley->n; i++)
		if (!volley->transfers[i].done)
			curl_easy_pause(volley->transfers[i].easy, CURLPAUSE_CONT);
}

/*
 * Makes these deliveries at one moment.  Ends with a message if a connection
 * cannot be opened: nothing has been delivered then.
 */
void
http_fire(const struct Options *options, struct Delivery *deliveries, int n)
{
	struct Volley volley = {.multi = curl_multi_init(),.n = n,.waiting = n,
		.transfers = allocate(n, sizeof(struct Transfer)),
	.released_at = clock_ms()};

	for (int i = 0; i < n; i++)
	{
		volley.transfers[i].volley = &volley;
		volley.transfers[i].delivery = &deliveries[i];
		start(&volley.transfers[i], options);
	}
	drive(&volley, volley.released_at + 1000 * options->timeout);
	release(&volley);
	drive(&volley, volley.released_at + 1000 * options->timeout);
	for (int i = 0; i < n; i++)
	{
		if (!volley.transfers[i].done)
			network_error(&deliveries[i], "timeout");
		curl_multi_remove_handle(volley.multi, volley.transfers[i].easy);
		curl_easy_cleanup(volley.transfers[i].easy);
		fclose(volley.transfers[i].stream);
		free(volley.transfers[i].answer);
	}
	curl_multi_cleanup(volley.multi);
	free(volley.transfers);
}
