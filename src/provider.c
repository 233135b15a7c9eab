/*
 * provider.c
 *	  What is known of a provider.
 *
 * Each backend caches rows of webhook_dedup_providers, so that no call has to
 * read the table.  A trigger has the server tell all backends when a row
 * changes, as it does by itself when the table is altered; they drop the whole
 * cache then.
 *
 * A row is read with the newest snapshot, not with the transaction's.  An old
 * snapshot could show a row as it was before a change that the backend has
 * been told of already, and that row would stay in the cache.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "args.h"
#include "compat.h"
#include "plans.h"
#include "provider.h"
#include "text.h"
#include "webhook_dedup.h"

/* "Try again later" in a way that every provider understands. */
#define DEFAULT_BUSY_STATUS 503

/* How many names the cache holds, those without a row among them */
#define MAX_CACHED 1000

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
	WdProvider *provider;
} CachedProvider;

/* A provider whose rows are being read */
typedef struct Reading
{
	WdProvider *provider;
	MemoryContext context;
} Reading;

/* The cache, and the context that it lives in */
static HTAB *cache = NULL;
static MemoryContext cache_context = NULL;

/* Counts changes of the table: any since then make the cache stale */
static uint64 changes = 1;
static uint64 cached_since = 0;

static void make_cache(void);
static WdProvider *load(const char *name);
static void apply_row(TupleTableSlot *row, void *arg);
static bool get(TupleTableSlot *row, int column, Datum *value);
static void read_texts(Datum array, WdProvider *provider);
static const WdTemplateSet *compile(const WdProvider *provider, text *name);
static void count_change(Datum arg, Oid relid);

/* Called once, when the library is loaded. */
void
wd_provider_init(void)
{
	CacheRegisterRelcacheCallback(count_change, (Datum) 0);
}

/*
 * What is known of a provider.  The name may have a scope behind a slash,
 * which is ignored.  Without a row, found is false and the rest are defaults.
 *
 * The result lives until the next call of this function, which can happen
 * inside any call of the extension that runs SQL.
 */
const WdProvider *
wd_provider_find(text *name)
{
	char		row_name[WD_MAX_PROVIDER_LEN + 1];
	const char *slash = memchr(VARDATA_ANY(name), '/',
							   VARSIZE_ANY_EXHDR(name));
	int			len = slash ? slash - VARDATA_ANY(name) :
		VARSIZE_ANY_EXHDR(name);
	CachedProvider *entry;
	WdProvider *provider;

	memcpy(row_name, VARDATA_ANY(name), len);
	row_name[len] = '\0';

	AcceptInvalidationMessages();
	if (cached_since != changes || hash_get_num_entries(cache) >= MAX_CACHED)
		make_cache();
	entry = hash_search(cache, row_name, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->provider;

	/* if it changes while it is read, the next call drops the cache */
	provider = load(row_name);
	entry = hash_search(cache, row_name, HASH_ENTER, NULL);
	entry->provider = provider;
	return provider;
}

/* Make the cache, or empty it. */
static void
make_cache(void)
{
	HASHCTL		ctl;

	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext,
											  "webhook_dedup providers",
											  ALLOCSET_SMALL_SIZES);
	cached_since = 0;
	MemoryContextReset(cache_context);

	ctl.keysize = sizeof(((CachedProvider *) NULL)->name);
	ctl.entrysize = sizeof(CachedProvider);
	ctl.hcxt = cache_context;
	cache = hash_create("webhook_dedup providers", 16, &ctl,
						HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	cached_since = changes;
}

/* Read what the rows of a provider say, the user's and the built-in one. */
static WdProvider *
load(const char *name)
{
	MemoryContext context;
	WdProvider *provider;
	Reading		reading;

	/* until it is complete, an error frees it with the caller's context */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"webhook_dedup provider",
									ALLOCSET_SMALL_SIZES);
	provider = MemoryContextAllocZero(context, sizeof(WdProvider));
	provider->max_attempts = -1;
	reading.provider = provider;
	reading.context = context;
	wd_provider_rows(CStringGetTextDatum(name), apply_row, &reading);

	if (provider->busy_status == 0)
		provider->busy_status = DEFAULT_BUSY_STATUS;
	MemoryContextSetParent(context, cache_context);
	return provider;
}

/*
 * Call a function for each row of a provider: the built-in one first, so that
 * the user's row overrides it.  They are read as the server reads its own
 * catalogs: whatever is committed is seen, in any transaction, and by a
 * parallel worker too.
 */
void
wd_provider_rows(Datum name, WdRowFunction function, void *arg)
{
	(void) wd_plan_read(WD_PLAN_FIND_PROVIDER, &name,
						GetNonHistoricCatalogSnapshot(InvalidOid),
						function, arg);
}

/* Set what a row says; a null leaves a setting as it is. */
static void
apply_row(TupleTableSlot *row, void *arg)
{
	Reading    *reading = arg;
	WdProvider *provider = reading->provider;
	MemoryContext old_context = MemoryContextSwitchTo(reading->context);
	WdPayloadFormat format;
	Datum		value;

	provider->found = true;
	if (get(row, COL_KEY_TEMPLATES, &value))
		read_texts(value, provider);
	if (get(row, COL_BUSY_STATUS, &value))
		provider->busy_status = DatumGetInt32(value);
	if (get(row, COL_LEASE, &value))
	{
		provider->has_lease = true;
		provider->lease_usec = wd_interval_usec(DatumGetIntervalP(value),
												"lease");
	}
	if (get(row, COL_LEASE_FLOOR, &value))
		provider->lease_floor_usec =
			wd_interval_usec(DatumGetIntervalP(value), "lease_floor");
	if (get(row, COL_MAX_ATTEMPTS, &value))
		provider->max_attempts = DatumGetInt32(value);
	if (get(row, COL_PAYLOAD_FORMAT, &value) &&
		wd_payload_format(TextDatumGetCString(value), &format))
		provider->format = format;
	if (get(row, COL_HINT, &value))
		provider->hint = TextDatumGetCString(value);
	MemoryContextSwitchTo(old_context);
}

/* Fetch a column; false if it is null. */
static bool
get(TupleTableSlot *row, int column, Datum *value)
{
	bool		isnull;

	*value = slot_getattr(row, column, &isnull);
	return !isnull;
}

/* Set the texts of the key templates. */
static void
read_texts(Datum array, WdProvider *provider)
{
	Datum	   *values;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, NULL, &n);
	provider->ntexts = n;
	provider->texts = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		char	   *s = TextDatumGetCString(values[i]);

		provider->texts[i] = wd_to_utf8(s, strlen(s));
		/* possible if it was stored with triggers disabled */
		if (provider->texts[i] == NULL)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("key template %d cannot be converted to UTF-8",
						   i + 1));
	}
}

/*
 * The key templates of a provider; name is for messages.  Raises WD005 if
 * nothing is known of it, 22023 if it has none.
 */
const WdTemplateSet *
wd_provider_templates(const WdProvider *provider, text *name)
{
	if (!provider->found)
		ereport(ERROR,
				errcode(ERRCODE_WD_UNRECOGNIZED_PROVIDER),
				errmsg("unrecognized provider \"%s\"",
					   text_to_cstring(name)),
				errhint("Describe it with wd_set_provider, or derive the key yourself and call wd_acquire."));
	if (provider->ntexts == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("provider \"%s\" has no key templates",
					   text_to_cstring(name)),
				errhint("Set them with wd_set_provider, or derive the key yourself and call wd_acquire."));
	if (provider->templates == NULL)
		((WdProvider *) provider)->templates = compile(provider, name);
	return provider->templates;
}

static const WdTemplateSet *
compile(const WdProvider *provider, text *name)
{
	MemoryContext context;
	MemoryContext old_context;
	WdTemplateError error;
	WdTemplateSet *set;

	/* until it is complete, an error frees it with the caller's context */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"webhook_dedup key templates",
									ALLOCSET_SMALL_SIZES);
	old_context = MemoryContextSwitchTo(context);
	set = wd_templates_compile((const char *const *) provider->texts,
							   provider->ntexts, &error);
	MemoryContextSwitchTo(old_context);
	/* possible if another version checked it, or triggers were disabled */
	if (set == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("key template %d of provider \"%s\" is malformed: %s",
					   error.which + 1, text_to_cstring(name),
					   error.problem));
	MemoryContextSetParent(context, GetMemoryChunkContext((void *) provider));
	return set;
}

/*
 * How often an event of the provider is acquired before it is exhausted; 0
 * for no limit.
 */
int
wd_provider_max_attempts(const WdProvider *provider)
{
	return provider->max_attempts >= 0 ?
		provider->max_attempts : wd_max_attempts_setting;
}

static void
count_change(Datum arg, Oid relid)
{
	if (relid == wd_table_oid(WD_TABLE_PROVIDERS) || relid == InvalidOid)
		changes++;
}
