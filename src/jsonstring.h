/*
 * jsonstring.h
 *	  The text that a JSON string token stands for.
 */
#ifndef WD_JSONSTRING_H
#define WD_JSONSTRING_H

#include "lib/stringinfo.h"

extern bool wd_json_unescape(const char *token, int len, StringInfo out);
extern int	wd_hex_digit(char c);

#endif							/* WD_JSONSTRING_H */
