/*
 * placeholder.h
 *	  Compiles the placeholders and conditions of a template.
 */
#ifndef WD_PLACEHOLDER_H
#define WD_PLACEHOLDER_H

#include "template.h"

/* Compiles the templates of a set. */
typedef struct WdCompiler
{
	WdTemplateSet *set;
	const char *p;				/* where it stands in a template's text */
	const char *problem;		/* what is wrong there */
} WdCompiler;

extern bool wd_placeholder_compile(WdCompiler *c, const char *end,
								   WdPlaceholder *result);
extern bool wd_malformed(WdCompiler *c, const char *at, const char *problem);
extern bool wd_path_encloses(const WdTemplateSet *set, int outer, int inner);

#endif							/* WD_PLACEHOLDER_H */
