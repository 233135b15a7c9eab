/*
 * placeholder.h
 *	  Compiles a template's placeholders and conditions.
 */
#ifndef WD_PLACEHOLDER_H
#define WD_PLACEHOLDER_H

struct WdPlaceholder;
struct WdTemplateSet;

extern bool wd_placeholder_compile(struct WdTemplateSet *set, const char **p,
								   const char *end,
								   struct WdPlaceholder *result,
								   const char **problem);

#endif							/* WD_PLACEHOLDER_H */
