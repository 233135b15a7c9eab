/*
 * provider.c
 *	  What is known of a provider.
 *
 * Rows of webhook_dedup_providers, kept in each backend so that no call has to
 * read the table.  A trigger on the table has the server tell all backends of
 * a change, as it tells them of changes of the table itself; they forget all
 * rows then.  What is read is the newest committed state, not that of the
 * transaction's snapshot: a row read late with an old snapshot would be kept
 * after the news of its change came.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "args.h"
#include "compat.h"
#include "encoding.h"
#include "payload.h"
#include "plans.h"
#include "provider.h"
#include "settings.h"
#include "template.h"

/* "Try again later" in a way that every provider understands. */
#define DEFAULT_BUSY_STATUS 503

/* Rows kept, those that are known not to exist among them */
#define MAX_KEPT 1000

/* Columns of the statement that reads a provider's rows */
enum
{
	COL_KEY_TEMPLATES = 2,
	COL_BUSY_STATUS,
	COL_LEASE,
	COL_LEASE_FLOOR,
	COL_MAX_ATTEMPTS,
	COL_PAYLOAD_FORMAT,
	COL_HINT
};

typedef struct CachedProvider
{
	char		name[WD_MAX_PROVIDER_LEN + 1];	/* the key */
	WdProvider    *rules;
} CachedProvider;

/* What is kept, the context that it is in, and the table that it is of */
static HTAB *kept = NULL;
static MemoryContext kept_context = NULL;
static Oid	providers = InvalidOid;

/* Counts the changes of the table; what was kept before the last is stale */
static uint64 changes = 1;
static uint64 kept_since = 0;

static void make_cache(void);
static WdProvider *load(const char *name);
static void read_row(uint64 row, WdProvider *rules, MemoryContext context);
static bool get(uint64 row, int column, Datum *value);
static void read_texts(Datum array, WdProvider *rules);
static const WdTemplateSet *compile(const WdProvider *rules, text *provider);
static void count_change(Datum arg, Oid relid);

/* Called once, when the library is loaded. */
void
wd_provider_init(void)
{
	CacheRegisterRelcacheCallback(count_change, (Datum) 0);
}

/*
 * What is known of a provider, given by its name: "rules" or "rules/scope".
 * If nothing is, found is false and the rest are defaults.
 *
 * The result lives until the next call; every call of the extension that runs
 * SQL can lead to one.
 */
const WdProvider *
wd_provider_find(text *provider)
{
	char		name[WD_MAX_PROVIDER_LEN + 1];
	const char *slash = memchr(VARDATA_ANY(provider), '/',
							   VARSIZE_ANY_EXHDR(provider));
	int			len = slash ? slash - VARDATA_ANY(provider) :
		VARSIZE_ANY_EXHDR(provider);
	CachedProvider  *entry;
	WdProvider    *rules;

	memcpy(name, VARDATA_ANY(provider), len);
	name[len] = '\0';

	AcceptInvalidationMessages();
	if (kept_since != changes || hash_get_num_entries(kept) >= MAX_KEPT)
		make_cache();
	entry = hash_search(kept, name, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->rules;

	/* a change meanwhile makes it stale, for the next call to see */
	rules = load(name);
	entry = hash_search(kept, name, HASH_ENTER, NULL);
	entry->rules = rules;
	return rules;
}

/* Forget what is kept, and begin anew. */
static void
make_cache(void)
{
	HASHCTL		ctl;

	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(TopMemoryContext,
											 "webhook_dedup providers",
											 ALLOCSET_SMALL_SIZES);
	kept_since = 0;
	MemoryContextReset(kept_context);

	ctl.keysize = sizeof(((CachedProvider *) NULL)->name);
	ctl.entrysize = sizeof(CachedProvider);
	ctl.hcxt = kept_context;
	kept = hash_create("webhook_dedup providers", 16, &ctl,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	kept_since = changes;
}

/* Read the rows of a provider, the user's and the built-in one. */
static WdProvider *
load(const char *name)
{
	Datum		args[] = {CStringGetTextDatum(name)};
	MemoryContext context;
	WdProvider    *rules;
	uint64		nrows;

	/* goes with the caller's context unless all of it succeeds */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"webhook_dedup provider",
									ALLOCSET_SMALL_SIZES);
	rules = MemoryContextAllocZero(context, sizeof(WdProvider));
	rules->max_attempts = -1;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	nrows = wd_plan_read_settings(WD_PLAN_FIND_PROVIDER, args, &providers);
	/* what the user's row, the first one, says is not said again */
	for (uint64 row = nrows; row > 0; row--)
		read_row(row - 1, rules, context);
	SPI_finish();

	if (rules->busy_status == 0)
		rules->busy_status = DEFAULT_BUSY_STATUS;
	MemoryContextSetParent(context, kept_context);
	return rules;
}

/* Take over what a row says; null says nothing. */
static void
read_row(uint64 row, WdProvider *rules, MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	WdPayloadFormat format;
	Datum		value;

	rules->found = true;
	if (get(row, COL_KEY_TEMPLATES, &value))
		read_texts(value, rules);
	if (get(row, COL_BUSY_STATUS, &value))
		rules->busy_status = DatumGetInt32(value);
	if (get(row, COL_LEASE, &value))
	{
		rules->has_lease = true;
		rules->lease_usec = wd_interval_usec(DatumGetIntervalP(value),
											 "lease");
	}
	if (get(row, COL_LEASE_FLOOR, &value))
		rules->lease_floor_usec = wd_interval_usec(DatumGetIntervalP(value),
												   "lease_floor");
	if (get(row, COL_MAX_ATTEMPTS, &value))
		rules->max_attempts = DatumGetInt32(value);
	if (get(row, COL_PAYLOAD_FORMAT, &value) &&
		wd_payload_format(TextDatumGetCString(value), &format))
		rules->format = format;
	if (get(row, COL_HINT, &value))
		rules->hint = TextDatumGetCString(value);
	MemoryContextSwitchTo(old_context);
}

/* Fetch a column; false if it is null. */
static bool
get(uint64 row, int column, Datum *value)
{
	bool		isnull;

	*value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						   column, &isnull);
	return !isnull;
}

/* Take over the texts of key templates. */
static void
read_texts(Datum array, WdProvider *rules)
{
	Datum	   *values;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, NULL, &n);
	rules->ntexts = n;
	rules->texts = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		char	   *s = TextDatumGetCString(values[i]);

		rules->texts[i] = wd_to_utf8(s, strlen(s));
		/* stored while the check was switched off */
		if (rules->texts[i] == NULL)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("key template %d cannot be converted to UTF-8",
						   i + 1));
	}
}

/*
 * The key templates of the provider with these rules.  Raises 22023 if it has
 * none.
 */
const WdTemplateSet *
wd_provider_templates(const WdProvider *rules, text *provider)
{
	if (!rules->found)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized provider \"%s\"",
					   text_to_cstring(provider)),
				errhint("Describe it with wd_set_provider, or derive the key yourself and call wd_acquire."));
	if (rules->ntexts == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("provider \"%s\" has no key templates",
					   text_to_cstring(provider)),
				errhint("Set them with wd_set_provider, or derive the key yourself and call wd_acquire."));
	if (rules->templates == NULL)
		((WdProvider *) rules)->templates = compile(rules, provider);
	return rules->templates;
}

static const WdTemplateSet *
compile(const WdProvider *rules, text *provider)
{
	MemoryContext context;
	MemoryContext old_context;
	WdTemplateError error;
	WdTemplateSet *set;

	/* goes with the caller's context unless all of it succeeds */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"webhook_dedup key templates",
									ALLOCSET_SMALL_SIZES);
	old_context = MemoryContextSwitchTo(context);
	set = wd_templates_compile((const char *const *) rules->texts,
							   rules->ntexts, &error);
	MemoryContextSwitchTo(old_context);
	/* it was checked when it was stored, by the version that stored it */
	if (set == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("key template %d of provider \"%s\" is malformed: %s",
					   error.which + 1, text_to_cstring(provider),
					   error.problem));
	MemoryContextSetParent(context, GetMemoryChunkContext((void *) rules));
	return set;
}

/*
 * How often an event of the provider is acquired before it is exhausted; 0
 * for no limit.
 */
int
wd_provider_max_attempts(const WdProvider *rules)
{
	return rules->max_attempts >= 0 ?
		rules->max_attempts : wd_max_attempts_setting;
}

static void
count_change(Datum arg, Oid relid)
{
	if (relid == providers || relid == InvalidOid)
		changes++;
}
