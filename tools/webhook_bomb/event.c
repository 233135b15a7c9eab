/*
 * event.c
 *	  Generated events, in the form of PayPal's.
 */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "fail.h"
#include "headers.h"
#include "transport.h"

/*
 * Names one run, so that no event of an earlier one comes again.
 */
void
event_run_id(char *run_id)
{
	static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned char bytes[RUN_ID_LENGTH];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		fail("could not get random bytes");
	for (int i = 0; i < RUN_ID_LENGTH; i++)
		run_id[i] = letters[bytes[i] % 32];
	run_id[RUN_ID_LENGTH] = '\0';
}

/*
 * Two deliveries of one event have the same bytes and, as at the provider,
 * different transmission ids.
 */
void
event_message(const char *run_id, const char *provider, int event,
			  int delivery, json_t *headers, struct Message *message)
{
	json_t	   *own = json_copy(headers);
	char	   *transmission;
	char	   *body;

	body = xasprintf("{\"id\":\"WH-%s-%017d\",\"event_version\":\"1.0\","
					 "\"create_time\":\"2026-01-05T01:02:03.000Z\","
					 "\"resource_type\":\"capture\","
					 "\"resource_version\":\"2.0\","
					 "\"event_type\":\"PAYMENT.CAPTURE.COMPLETED\","
					 "\"summary\":\"Payment completed\","
					 "\"resource\":{\"id\":\"%.9s%08d\","
					 "\"status\":\"COMPLETED\",\"amount\":"
					 "{\"currency_code\":\"USD\",\"value\":\"%d.%02d\"},"
					 "\"final_capture\":true,\"custom_id\":\"cart-%d\"},"
					 "\"links\":[]}",
					 run_id, event, run_id, event, 1 + event % 500,
					 event % 100, event);
	transmission = xasprintf("%s-%d", run_id, delivery);
	headers_default(own, "Content-Type", "application/json");
	headers_default(own, "PAYPAL-TRANSMISSION-ID", transmission);
	free(transmission);
	message->provider = provider;
	message->body = body;
	message->length = strlen(body);
	message->header_lines = headers_lines(own);
	message->headers_json = json_dumps(own, JSON_COMPACT);
	if (message->headers_json == NULL)
		fail("out of memory");
	json_decref(own);
}

void
event_free(struct Message *message)
{
	headers_free_lines(message->header_lines);
	free(message->headers_json);
	free((char *) message->body);
	memset(message, 0, sizeof(*message));
}
