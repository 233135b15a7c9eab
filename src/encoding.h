/*
 * encoding.h
 *	  Converts text between the database's encoding and UTF-8.
 */
#ifndef WD_ENCODING_H
#define WD_ENCODING_H

extern char *wd_to_utf8(char *s, int len);
extern char *wd_from_utf8(const char *s);

#endif							/* WD_ENCODING_H */
