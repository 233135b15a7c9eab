/*
 * keymodel.h
 *	  What a key must be, said a second time and in the plainest way.
 */
#ifndef FUZZ_KEYMODEL_H
#define FUZZ_KEYMODEL_H

#include "lib/stringinfo.h"

#include "render.h"

/* A value of the event, for the placeholders of this name */
typedef struct Given
{
	const char *name;			/* "body:a.b" or "header:x-id" */
	char		kind;			/* one of those below */
	const char *text;
	int			len;
	const char *token;			/* of the body: how it is written there */
	int			token_len;
} Given;

#define GIVEN_ABSENT '0'
#define GIVEN_STRING '"'
#define GIVEN_BARE '#'
#define GIVEN_CONTAINER '{'
#define GIVEN_ARRAY '['			/* of strings, in a header */
#define GIVEN_BROKEN '~'		/* written so that it stands for no text */

/* What is known of an event */
typedef struct ModelSource
{
	const Given *given;
	int			ngiven;
	bool		is_form;
	bool		has_body;
	int			budget;			/* bytes of it that may be read */
} ModelSource;

/* What the values make of one template */
typedef struct Model
{
	WdRenderResult result;
	int			failed;			/* where in the template it did not match */
	StringInfoData key;			/* before a digest replaces it */
	int			prefix_len;		/* of the text before the first placeholder */
	int			nvalues;
	StringInfoData values[16];
} Model;

extern int	model_name_len(const char *placeholder);
extern bool model_same_name(const char *given, const char *name, int len);
extern const char *model_place(const char *text, int *len);
extern void model_render(const char *text, ModelSource *source,
						 Model *model);
extern bool model_is_digest(const char *key, int len, int prefix_len);
extern bool model_read_key(const char *text, const char *key, int len,
						   StringInfo values, int nvalues);

#endif							/* FUZZ_KEYMODEL_H */
