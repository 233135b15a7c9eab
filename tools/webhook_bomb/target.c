/*
 * target.c
 *	  Where the deliveries go, checked, and as it may be shown.
 *
 * Passwords, tokens in a query and other secrets of an address are neither
 * shown nor part of a message.
 */
#include <curl/curl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fail.h"
#include "target.h"

static char *url_part(CURLU *url, CURLUPart part);
static void append(char **line, const char *name, const char *value);

/*
 * Scheme, host, port and path of an http or https URL.
 */
char *
target_of_url(const char *text)
{
	CURLU	   *url = curl_url();
	char	   *scheme;
	char	   *host;
	char	   *port;
	char	   *path;
	char	   *query;
	char	   *target;

	if (url == NULL)
		fail("out of memory");
	if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME))
		fail("option --url is not a valid URL");
	scheme = url_part(url, CURLUPART_SCHEME);
	if (!scheme ||
		(strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0))
		fail("option --url must begin with http:// or https://");
	host = url_part(url, CURLUPART_HOST);
	if (!host || !*host)
		fail("option --url names no host");
	port = url_part(url, CURLUPART_PORT);
	path = url_part(url, CURLUPART_PATH);
	query = url_part(url, CURLUPART_QUERY);
	target = xasprintf("%s://%s%s%s%s%s", scheme, host, port ? ":" : "",
					   port ? port : "", path ? path : "",
					   query ? "?..." : "");
	make_printable(target);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	curl_url_cleanup(url);
	return target;
}

/*
 * Host, port, database and user of a connection string, as far as it names
 * them.
 */
char *
target_of_dsn(const char *dsn)
{
	static const char *const shown[] = {"service", "host", "hostaddr", "port",
	"dbname", "user"};
	PQconninfoOption *options = PQconninfoParse(dsn, NULL);
	char	   *target = xstrdup("postgresql");

	/* libpq's own message would quote a piece of the string */
	if (options == NULL)
		fail("option --dsn is not a valid connection string");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		for (PQconninfoOption *o = options; o->keyword; o++)
			if (o->val && strcmp(o->keyword, shown[i]) == 0)
				append(&target, o->keyword, o->val);
	PQconninfoFree(options);
	make_printable(target);
	return target;
}

static char *
url_part(CURLU *url, CURLUPart part)
{
	char	   *value = NULL;

	return curl_url_get(url, part, &value, 0) == CURLUE_OK ? value : NULL;
}

static void
append(char **line, const char *name, const char *value)
{
	char	   *longer = xasprintf("%s %s=%s", *line, name, value);

	free(*line);
	*line = longer;
}
