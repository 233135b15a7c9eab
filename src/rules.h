/*
 * rules.h
 *	  What is known of a provider.
 */
#ifndef WD_RULES_H
#define WD_RULES_H

struct WdTemplateSet;

extern const struct WdTemplateSet *wd_rules_templates(const char *provider,
													  int len);
extern int	wd_rules_busy_status(const char *provider, int len);

#endif							/* WD_RULES_H */
