/*
 * keymodel.h
 *	  What a key must be, said a second time and in the plainest way.
 */
#ifndef FUZZ_KEYMODEL_H
#define FUZZ_KEYMODEL_H

#include "lib/stringinfo.h"

#include "render.h"

/* A value of the event, for the placeholder of this name */
typedef struct Given
{
	const char *name;			/* "body:a.b" or "header:x-id" */
	char		kind;			/* one of those below */
	const char *text;
	int			len;
} Given;

#define GIVEN_ABSENT '0'
#define GIVEN_STRING '"'
#define GIVEN_BARE '#'
#define GIVEN_CONTAINER '{'
#define GIVEN_ARRAY '['			/* of strings, in a header */

/* What the values make of one template */
typedef struct Model
{
	WdRenderResult result;
	StringInfoData key;			/* before a digest replaces it */
	int			prefix_len;		/* of the text before the first placeholder */
	int			nvalues;
	StringInfoData values[16];
} Model;

extern bool model_same_name(const char *given, const char *name, int len);
extern void model_render(const char *text, const Given *given, int ngiven,
						 Model *model);
extern bool model_is_digest(const char *key, int len, int prefix_len);
extern bool model_read_key(const char *text, const char *key, int len,
						   StringInfo values, int nvalues);

#endif							/* FUZZ_KEYMODEL_H */
