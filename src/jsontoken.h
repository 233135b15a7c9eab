/*
 * jsontoken.h
 *	  The next token of a JSON text.
 */
#ifndef WD_JSONTOKEN_H
#define WD_JSONTOKEN_H

struct JsonLexContext;

extern bool wd_json_next_token(struct JsonLexContext *lex);

#endif							/* WD_JSONTOKEN_H */
