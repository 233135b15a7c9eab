/*
 * headers.h
 *	  HTTP headers, given as a JSON object.
 */
#ifndef WD_HEADERS_H
#define WD_HEADERS_H

#include "utils/jsonb.h"

typedef enum WdHeaderResult
{
	WD_HEADER_FOUND,
	WD_HEADER_ABSENT,
	WD_HEADER_MALFORMED			/* neither a string nor an array of them */
} WdHeaderResult;

extern WdHeaderResult wd_header_find(Jsonb *headers, const char *name,
									 int name_len, const char **value,
									 int *value_len);

#endif							/* WD_HEADERS_H */
