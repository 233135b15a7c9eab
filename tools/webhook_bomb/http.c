/*
 * http.c
 *	  Deliveries by HTTP POST.
 *
 * A delivery is armed by sending everything but its body: libcurl asks for
 * the body only when the connection (and TLS) stands and the headers went
 * out, and is told to pause.  Releasing ends the pauses, so that all bodies
 * leave at one moment, and no receiver can process an event before.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "fail.h"
#include "http.h"
#include "transport.h"

/* More than a receiver's answer needs; the rest is read and dropped */
#define MAX_ANSWER 65536

struct HttpSlot
{
	struct HttpTransport *transport;
	int			number;
	CURL	   *easy;
	struct curl_slist *headers;
	size_t		sent;
	char	   *answer;
	size_t		answer_length;
};

struct HttpTransport
{
	struct Transport base;
	CURLM	   *multi;
	struct HttpSlot *slots;
};

static void http_start(struct Transport *transport, int slot);
static void http_release(struct Transport *transport, int slot);
static void http_wait(struct Transport *transport, double ms);
static void http_abandon(struct Transport *transport, int slot);
static void http_recycle(struct Transport *transport, int slot);
static void http_close(struct Transport *transport);
static void prepare(struct HttpSlot *slot, const char *url,
					const char *cacert, bool keep_connections);
static size_t give_body(char *buffer, size_t size, size_t count, void *arg);
static int	rewind_body(void *arg, curl_off_t offset, int origin);
static size_t take_answer(char *data, size_t size, size_t count, void *arg);
static void collect(struct HttpTransport *transport);
static void record(struct HttpSlot *slot, CURLcode code);
static const char *error_name(CURLcode code, char *buffer, size_t size);

static const struct TransportOps http_ops = {
	http_start, http_release, http_wait, http_abandon, http_recycle,
	http_close
};

struct Transport *
http_open(const char *url, const char *cacert, int nslots,
		  double timeout_ms, bool keep_connections)
{
	struct HttpTransport *t = xcalloc(1, sizeof(*t));

	transport_init(&t->base, &http_ops, nslots, timeout_ms);
	t->multi = curl_multi_init();
	if (t->multi == NULL)
		fail("out of memory");
	curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long) nslots);
	curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	t->slots = xcalloc(nslots, sizeof(struct HttpSlot));
	for (int i = 0; i < nslots; i++)
	{
		t->slots[i].transport = t;
		t->slots[i].number = i;
		prepare(&t->slots[i], url, cacert, keep_connections);
	}
	return &t->base;
}

/*
 * Options that are the same for each delivery.  No proxy, no redirect: the
 * address that the user gave is the one that is tested.
 */
static void
prepare(struct HttpSlot *slot, const char *url, const char *cacert,
		bool keep_connections)
{
	CURL	   *easy = curl_easy_init();

	if (easy == NULL || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		fail("out of memory");
	slot->easy = easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
					 (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, keep_connections ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, keep_connections ? 0L : 1L);
	/* the deadline is the transport's, libcurl's own must not come first */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
					 (long) slot->transport->base.timeout_ms + 60000);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "webhook_bomb");
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(easy, CURLOPT_READDATA, slot);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, slot);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	if (cacert &&
		curl_easy_setopt(easy, CURLOPT_CAINFO, cacert) != CURLE_OK)
		fail("option --cacert cannot be used with this libcurl");
}

static void
http_start(struct Transport *transport, int number)
{
	struct HttpTransport *t = (struct HttpTransport *) transport;
	struct HttpSlot *slot = &t->slots[number];
	const struct Message *message = transport->slots[number].message;

	/* an empty "Expect:" keeps libcurl from waiting for a 100 */
	slot->headers = curl_slist_append(NULL, "Expect:");
	for (char **line = message->header_lines; *line; line++)
	{
		struct curl_slist *longer = curl_slist_append(slot->headers, *line);

		if (longer == NULL)
			fail("out of memory");
		slot->headers = longer;
	}
	slot->sent = 0;
	slot->answer_length = 0;
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE,
					 (curl_off_t) message->length);
	if (curl_multi_add_handle(t->multi, slot->easy) != CURLM_OK)
		fail("out of memory");
}

static void
http_release(struct Transport *transport, int number)
{
	struct HttpTransport *t = (struct HttpTransport *) transport;

	curl_easy_pause(t->slots[number].easy, CURLPAUSE_CONT);
}

static void
http_wait(struct Transport *transport, double ms)
{
	struct HttpTransport *t = (struct HttpTransport *) transport;
	int			running;

	if (curl_multi_perform(t->multi, &running) != CURLM_OK)
		fail("could not drive the connections");
	collect(t);
	if (ms > 0)
	{
		curl_multi_poll(t->multi, NULL, 0, ms < 1 ? 1 : (int) ms, NULL);
		curl_multi_perform(t->multi, &running);
		collect(t);
	}
}

static void
http_abandon(struct Transport *transport, int number)
{
	struct HttpTransport *t = (struct HttpTransport *) transport;

	curl_multi_remove_handle(t->multi, t->slots[number].easy);
}

static void
http_recycle(struct Transport *transport, int number)
{
	struct HttpTransport *t = (struct HttpTransport *) transport;

	curl_slist_free_all(t->slots[number].headers);
	t->slots[number].headers = NULL;
}

static void
http_close(struct Transport *transport)
{
	struct HttpTransport *t = (struct HttpTransport *) transport;

	for (int i = 0; i < transport->nslots; i++)
	{
		curl_multi_remove_handle(t->multi, t->slots[i].easy);
		curl_easy_cleanup(t->slots[i].easy);
		curl_slist_free_all(t->slots[i].headers);
		free(t->slots[i].answer);
	}
	curl_multi_cleanup(t->multi);
	free(t->slots);
	free(t);
}

/*
 * libcurl's question for the body: being asked means that the connection
 * stands.
 */
static size_t
give_body(char *buffer, size_t size, size_t count, void *arg)
{
	struct HttpSlot *slot = arg;
	struct Slot *base = &slot->transport->base.slots[slot->number];
	size_t		left = base->message->length - slot->sent;
	size_t		n = size * count < left ? size * count : left;

	if (base->state == SLOT_ARMING)
		base->state = SLOT_ARMED;
	if (base->state == SLOT_ARMED)
		return CURL_READFUNC_PAUSE;
	memcpy(buffer, base->message->body + slot->sent, n);
	slot->sent += n;
	return n;
}

/*
 * Lets libcurl repeat a request on a new connection only while nothing of
 * the body went out: a silent second delivery would spoil the count.
 */
static int
rewind_body(void *arg, curl_off_t offset, int origin)
{
	struct HttpSlot *slot = arg;

	if (origin != SEEK_SET || offset != 0 || slot->sent > 0)
		return CURL_SEEKFUNC_FAIL;
	return CURL_SEEKFUNC_OK;
}

static size_t
take_answer(char *data, size_t size, size_t count, void *arg)
{
	struct HttpSlot *slot = arg;
	size_t		room = MAX_ANSWER - slot->answer_length;
	size_t		n = size * count < room ? size * count : room;

	if (slot->answer == NULL)
		slot->answer = xcalloc(MAX_ANSWER, 1);
	memcpy(slot->answer + slot->answer_length, data, n);
	slot->answer_length += n;
	return size * count;
}

static void
collect(struct HttpTransport *transport)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(transport->multi, &left)) != NULL)
	{
		struct HttpSlot *slot;
		CURLcode	code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
						  (char **) &slot);
		record(slot, code);
		curl_multi_remove_handle(transport->multi, slot->easy);
	}
}

static void
record(struct HttpSlot *slot, CURLcode code)
{
	struct Slot *base = &slot->transport->base.slots[slot->number];
	long		number = 0;

	if (code != CURLE_OK)
	{
		char		name[24];
		const char *detail = curl_easy_strerror(code);

		curl_easy_getinfo(slot->easy, CURLINFO_OS_ERRNO, &number);
		if (code == CURLE_COULDNT_CONNECT && number != 0)
			detail = strerror((int) number);
		transport_network_error(base, error_name(code, name, sizeof(name)),
								detail);
		return;
	}
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &number);
	base->answer->sent = true;
	base->answer->http_status = (int) number;
	base->answer->status = answer_read_body(slot->answer ? slot->answer : "",
											slot->answer_length);
	transport_finish(base);
}

static const char *
error_name(CURLcode code, char *buffer, size_t size)
{
	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
			return "unknown_host";
		case CURLE_COULDNT_CONNECT:
			return "connect_failed";
		case CURLE_OPERATION_TIMEDOUT:
			return "timeout";
		case CURLE_GOT_NOTHING:
			return "no_answer";
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_SEND_FAIL_REWIND:
			return "connection_lost";
		case CURLE_PARTIAL_FILE:
			return "answer_cut";
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_WEIRD_SERVER_REPLY:
			return "not_http";
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
			return "tls";
		default:
			snprintf(buffer, size, "curl_%d", (int) code);
			return buffer;
	}
}
