/*
 * path.h
 *	  Compiles the paths of a template's placeholders.
 */
#ifndef WD_PATH_H
#define WD_PATH_H

struct WdTemplateSet;

extern int	wd_path_compile(struct WdTemplateSet *set, const char *start,
							const char *end, const char **stopped_at,
							const char **problem);
extern bool wd_path_encloses(const struct WdTemplateSet *set, int outer,
							 int inner);

#endif							/* WD_PATH_H */
