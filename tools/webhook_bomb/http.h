/*
 * http.h
 *	  Deliveries by HTTP POST.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>

struct Transport;

extern struct Transport *http_open(const char *url, const char *cacert,
								   int nslots, double timeout_ms,
								   bool keep_connections);

#endif
