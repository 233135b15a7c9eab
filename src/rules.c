/*
 * rules.c
 *	  What is known of a provider: how its keys are derived, and what to
 *	  answer while an event of its is being processed.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "rules.h"
#include "template.h"

#define MAX_TEMPLATES 12

/* "Try again later" in a way that every provider understands. */
#define DEFAULT_BUSY_STATUS 503

typedef struct Rules
{
	const char *provider;
	int			busy_status;
	const char *key_templates[MAX_TEMPLATES];	/* NULL behind the last */
} Rules;

static const Rules builtin_rules[] = {
	{
		/* retries on everything but 2xx */
		.provider = "paypal",
		.busy_status = 409,
		.key_templates = {
			"ev_{body:id}",
			"tx_{header:paypal-transmission-id}",
			"tx_{header:x-paypal-transmission-id}",
		},
	},
	{
		/*
		 * Retries on everything but 200.  Events without a header and
		 * without an id of their own are named by the state change that
		 * they tell of, and by the type of the event, so that types to come
		 * cannot share a key with those of today.  Each shape has a prefix
		 * of its own.  DEPOSIT_CALLBACK is flat and names no type; a
		 * corrected deposit is DONE twice, which only createdAt tells apart.
		 */
		.provider = "toss",
		.busy_status = 409,
		.key_templates = {
			"tx_{header:tosspayments-webhook-transmission-id}",
			"tx_{header:x-transmission-id}",
			"ev_{body:eventId}",
			"pkey_{body:eventType}:{body:data.paymentKey}:{body:data.status}"
			":{body:data.lastTransactionKey?}",
			"cancel_{body:eventType}:{body:data.transactionKey}"
			":{body:data.cancelStatus}",
			"method_{body:eventType}:{body:data.customerKey}"
			":{body:data.methodKey}:{body:data.status}:{body:createdAt}",
			"customer_{body:eventType}:{body:data.customerKey}"
			":{body:data.status}:{body:data.changedAt}",
			"billing_{body:eventType}:{body:data.billingKey}",
			"order_{body:eventType}:{body:data.orderKey}"
			":{body:data.payment.paymentKey?}:{body:data.payment.status}"
			":{body:data.payment.lastTransactionKey?}",
			"deposit_{body:orderId}:{body:transactionKey}:{body:status}"
			":{body:createdAt}",
		},
	},
};

/* Compiled when first used, kept for the life of the backend. */
static const WdTemplateSet *compiled[lengthof(builtin_rules)];

static int	find_rules(const char *provider, int len);
static const WdTemplateSet *compile(const Rules *rules);

/*
 * The key templates for a provider's name, given without NUL: "rules" or
 * "rules/scope".  Returns NULL if there are no such rules.
 */
const WdTemplateSet *
wd_rules_templates(const char *provider, int len)
{
	int			i = find_rules(provider, len);

	if (i < 0)
		return NULL;
	if (compiled[i] == NULL)
		compiled[i] = compile(&builtin_rules[i]);
	return compiled[i];
}

/* The HTTP status that makes this provider, known or not, try again. */
int
wd_rules_busy_status(const char *provider, int len)
{
	int			i = find_rules(provider, len);

	return i < 0 ? DEFAULT_BUSY_STATUS : builtin_rules[i].busy_status;
}

/* Number of the rules of that name, -1 if there are none. */
static int
find_rules(const char *provider, int len)
{
	const char *slash = memchr(provider, '/', len);

	if (slash != NULL)
		len = slash - provider;

	for (int i = 0; i < lengthof(builtin_rules); i++)
	{
		const char *name = builtin_rules[i].provider;

		if (strlen(name) == len && memcmp(name, provider, len) == 0)
			return i;
	}
	return -1;
}

static const WdTemplateSet *
compile(const Rules *rules)
{
	WdTemplateError error;
	WdTemplateSet *set;
	MemoryContext context;
	MemoryContext old_context;
	int			n = 0;

	while (n < MAX_TEMPLATES && rules->key_templates[n] != NULL)
		n++;

	/* goes with the caller's context unless all of it succeeds */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"webhook_dedup key templates",
									ALLOCSET_SMALL_SIZES);
	old_context = MemoryContextSwitchTo(context);
	set = wd_templates_compile(rules->key_templates, n, &error);
	MemoryContextSwitchTo(old_context);
	if (set == NULL)
		elog(ERROR, "built-in template %d of provider \"%s\": %s at byte %d",
			 error.which, rules->provider, error.problem, error.offset);
	MemoryContextSetParent(context, TopMemoryContext);
	return set;
}
