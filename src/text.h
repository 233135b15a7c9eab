/*
 * text.h
 *	  Text in UTF-8, from the database's encoding or a JSON string, and its
 *	  digest.
 */
#ifndef WD_TEXT_H
#define WD_TEXT_H

#include "lib/stringinfo.h"

#define WD_SHA256_HEX_LEN 64

extern char *wd_to_utf8(char *s, int len);
extern char *wd_from_utf8(const char *s);
extern bool wd_json_unescape(const char *token, int len, StringInfo out);
extern int	wd_hex_digit(char c);
extern void wd_sha256_hex(const char *data, size_t len, char *hex);

#endif							/* WD_TEXT_H */
