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
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "args.h"
#include "compat.h"
#include "errors.h"
#include "plans.h"
#include "provider.h"
#include "settings.h"
#include "text.h"

/* "Try again later" in a way that every provider understands. */
#define DEFAULT_BUSY_STATUS 503

/* How many names the cache holds, those without a row among them */
#define MAX_CACHED 1000

typedef struct CachedProvider
{
	char		name[WD_MAX_PROVIDER_LEN + 1];	/* the key */
	WdProvider *provider;
} CachedProvider;

/* The cache, the context that it lives in, and the table that it is of */
static HTAB *cache = NULL;
static MemoryContext cache_context = NULL;
static Oid	providers_table = InvalidOid;

/* Counts changes of the table: any since then make the cache stale */
static uint64 changes = 1;
static uint64 cached_since = 0;

static void make_cache(void);
static WdProvider *load(const char *name);
static void apply_row(const WdProviderRow *row, WdProvider *provider,
					  MemoryContext context);
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
	Datum		args[] = {CStringGetTextDatum(name)};
	MemoryContext context;
	WdProvider *provider;
	uint64		nrows;

	/* until it is complete, an error frees it with the caller's context */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"webhook_dedup provider",
									ALLOCSET_SMALL_SIZES);
	provider = MemoryContextAllocZero(context, sizeof(WdProvider));
	provider->max_attempts = -1;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	nrows = wd_plan_read_settings(WD_PLAN_FIND_PROVIDER, args,
								  &providers_table);
	/* apply the built-in row first, so that the user's row overrides it */
	while (nrows-- > 0)
	{
		WdProviderRow row = {SPI_tuptable->vals[nrows], SPI_tuptable->tupdesc};

		apply_row(&row, provider, context);
	}
	SPI_finish();

	if (provider->busy_status == 0)
		provider->busy_status = DEFAULT_BUSY_STATUS;
	MemoryContextSetParent(context, cache_context);
	return provider;
}

/* Set what a row says; a null leaves a setting as it is. */
static void
apply_row(const WdProviderRow *row, WdProvider *provider,
		  MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	WdPayloadFormat format;
	Datum		value;

	provider->found = true;
	if (wd_provider_get(row, "key_templates", TEXTARRAYOID, &value))
		read_texts(value, provider);
	if (wd_provider_get(row, "busy_status", INT4OID, &value))
		provider->busy_status = DatumGetInt32(value);
	if (wd_provider_get(row, "lease", INTERVALOID, &value))
	{
		provider->has_lease = true;
		provider->lease_usec = wd_interval_usec(DatumGetIntervalP(value),
												"lease");
	}
	if (wd_provider_get(row, "lease_floor", INTERVALOID, &value))
		provider->lease_floor_usec =
			wd_interval_usec(DatumGetIntervalP(value), "lease_floor");
	if (wd_provider_get(row, "max_attempts", INT4OID, &value))
		provider->max_attempts = DatumGetInt32(value);
	if (wd_provider_get(row, "payload_format", TEXTOID, &value) &&
		wd_payload_format(TextDatumGetCString(value), &format))
		provider->format = format;
	if (wd_provider_get(row, "hint", TEXTOID, &value))
		provider->hint = TextDatumGetCString(value);
	MemoryContextSwitchTo(old_context);
}

/*
 * Fetch a column; false if it is null.  Raises 42703 or 42804 if the table was
 * altered so that the column is missing or has another type.
 */
bool
wd_provider_get(const WdProviderRow *row, const char *column, Oid type,
				Datum *value)
{
	int			number = SPI_fnumber(row->desc, column);
	bool		isnull;

	if (number <= 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" of table \"%s\" does not exist",
					   column, "webhook_dedup_providers"));
	if (SPI_gettypeid(row->desc, number) != type)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of table \"%s\" must have type %s",
					   column, "webhook_dedup_providers",
					   format_type_be(type)));
	*value = SPI_getbinval(row->tuple, row->desc, number, &isnull);
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
	if (relid == providers_table || relid == InvalidOid)
		changes++;
}
