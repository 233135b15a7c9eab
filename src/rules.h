/*
 * rules.h
 *	  What is known of a provider.
 */
#ifndef WD_RULES_H
#define WD_RULES_H

#include "fmgr.h"

struct WdTemplateSet;

/*
 * What is known of a provider: what its row of webhook_dedup_providers says,
 * completed by the built-in row, by the settings, and by the defaults.
 */
typedef struct WdRules
{
	bool		found;			/* is there a row? */
	int			busy_status;
	bool		has_lease;
	int64		lease_usec;		/* 0: does not end */
	int64		lease_floor_usec;
	int			max_attempts;	/* 0: no limit; -1: the setting decides */
	int			format;			/* a WdPayloadFormat */
	const char *hint;			/* NULL if there is none */
	int			ntexts;
	char	  **texts;			/* the key templates, in UTF-8 */
	const struct WdTemplateSet *templates;	/* NULL until they are needed */
} WdRules;

extern void wd_rules_init(void);
extern const WdRules *wd_rules_find(text *provider);
extern const struct WdTemplateSet *wd_rules_templates(const WdRules *rules,
													  text *provider);
extern int	wd_rules_max_attempts(const WdRules *rules);

#endif							/* WD_RULES_H */
