/*
 * jsontoken.h
 *	  Reads the next token of a JSON text.
 */
#ifndef WD_JSONTOKEN_H
#define WD_JSONTOKEN_H

#include "common/jsonapi.h"

extern bool wd_json_next_token(JsonLexContext *lex);

#endif							/* WD_JSONTOKEN_H */
