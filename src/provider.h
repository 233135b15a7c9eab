/*
 * provider.h
 *	  What is known of a provider.
 */
#ifndef WD_PROVIDER_H
#define WD_PROVIDER_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"

#include "payload.h"
#include "plans.h"
#include "template.h"

/*
 * The user's row of webhook_dedup_providers, with the values of the built-in
 * row where it has nulls, and defaults where both have.
 */
typedef struct WdProvider
{
	bool		found;			/* is there a row? */
	int			busy_status;
	bool		has_lease;
	int64		lease_usec;		/* 0: does not end */
	int64		lease_floor_usec;
	int			max_attempts;	/* 0: no limit; -1: the setting decides */
	WdPayloadFormat format;
	const char *hint;			/* NULL if there is none */
	int			ntexts;
	char	  **texts;			/* the key templates, in UTF-8 */
	const WdTemplateSet *templates; /* NULL until they are needed */
} WdProvider;

extern void wd_provider_init(void);
extern const WdProvider *wd_provider_find(text *name);
extern const WdTemplateSet *wd_provider_templates(const WdProvider *provider,
												  text *name);
extern void wd_provider_rows(Datum name, WdRowFunction function, void *arg);
extern int	wd_provider_max_attempts(const WdProvider *provider);

#endif							/* WD_PROVIDER_H */
