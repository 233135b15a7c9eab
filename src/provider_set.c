/*
 * provider_set.c
 *	  Describes providers, and checks the descriptions.
 *
 * A provider can have two rows.  The built-in one comes with the extension and
 * changes with it.  The user's row is dumped; its columns take precedence
 * where they are not null.  A trigger checks each row, whichever statement
 * writes it.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "args.h"
#include "compat.h"
#include "plans.h"
#include "provider.h"
#include "table.h"
#include "text.h"

PG_FUNCTION_INFO_V1(wd_set_provider);
PG_FUNCTION_INFO_V1(wd_drop_provider);
PG_FUNCTION_INFO_V1(wd_providers_changed);
PG_FUNCTION_INFO_V1(wd_check_provider);

/* How many templates a provider can have */
#define MAX_TEMPLATES 100

/* A row of webhook_dedup_providers, or one that is to be stored there */
typedef struct Row
{
	HeapTuple	tuple;
	TupleDesc	desc;
} Row;

/* Intervals that the built-in row may complete */
typedef struct Intervals
{
	int64	   *lease_floor;
	int64	   *retry_window;
} Intervals;

static TriggerData *check_trigger(FunctionCallInfo fcinfo);
static bool get(const Row *row, const char *column, Datum *value);
static int64 get_interval(const Row *row, const char *column);
static void check_name(const Row *row);
static void check_templates(const Row *row);
static char *template_text(Datum value, bool isnull, int number);
static void raise_malformed(const char *text, const WdTemplateError *error);
static void check_numbers(const Row *row);
static void check_format(const Row *row);
static void check_intervals(const Row *row);
static void complete_intervals(const Row *row, int64 *lease_floor,
							   int64 *retry_window);
static void complete_by_row(TupleTableSlot *slot, void *arg);
static char *interval_text(int64 usec);

/*
 * wd_set_provider(provider text, key_templates text[], busy_status integer,
 *				   lease interval, retention interval,
 *				   retry_window interval, max_attempts integer,
 *				   lease_floor interval, payload_format text, hint text,
 *				   comment text) returns void
 *
 * Describes a provider, or changes its description; null leaves a setting as
 * it is.  Raises 22004 for a null provider, and as wd_check_provider.
 */
Datum
wd_set_provider(PG_FUNCTION_ARGS)
{
	Datum		args[11];
	char		nulls[] = "           ";

	args[0] = PointerGetDatum(wd_arg_provider(fcinfo, 0));
	for (int i = 1; i < lengthof(args); i++)
	{
		args[i] = PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}

	wd_plan_run(WD_PLAN_SET_PROVIDER, args, nulls, NULL, NULL);
	PG_RETURN_VOID();
}

/*
 * wd_drop_provider(provider text) returns boolean
 *
 * Drops the user's description of a provider; a built-in one is then again as
 * it came.  False if there was none.  Raises 22004, 22023.
 */
Datum
wd_drop_provider(PG_FUNCTION_ARGS)
{
	Datum		args[] = {PointerGetDatum(wd_arg_provider(fcinfo, 0))};

	PG_RETURN_BOOL(wd_plan_run(WD_PLAN_DROP_PROVIDER, args, NULL,
							   NULL, NULL) > 0);
}

/*
 * wd_providers_changed() returns trigger
 *
 * After each change of webhook_dedup_providers: when it commits, all backends
 * drop their cache of providers.
 */
Datum
wd_providers_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcache(check_trigger(fcinfo)->tg_relation);
	PG_RETURN_POINTER(NULL);
}

/*
 * wd_check_provider() returns trigger
 *
 * Raises 22004 or 22023 for an invalid row of webhook_dedup_providers.  Before
 * the row is stored, each column is checked.  Intervals are checked afterwards
 * against each other, with those of the built-in row: in a BEFORE trigger, an
 * INSERT with ON CONFLICT does not have the columns yet that it leaves as they
 * are.
 */
Datum
wd_check_provider(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo);
	Row			row;

	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function must be called by a trigger for each row"));
	row.desc = RelationGetDescr(trigger->tg_relation);
	row.tuple = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;

	if (TRIGGER_FIRED_AFTER(trigger->tg_event))
		check_intervals(&row);
	else
	{
		check_name(&row);
		check_templates(&row);
		check_numbers(&row);
		check_format(&row);
	}
	return PointerGetDatum(row.tuple);
}

/*
 * The trigger that calls.  Raises 39P01 unless it is one of the extension's
 * own table: another one may have columns of the same names and other types,
 * and its owner must not have all backends drop their caches.  Raises what
 * wd_table_open does.
 */
static TriggerData *
check_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	own = wd_table_open(WD_TABLE_PROVIDERS, AccessShareLock);

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		RelationGetRelid(trigger->tg_relation) != RelationGetRelid(own))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function must be called by a trigger of table \"%s\"",
					   "webhook_dedup_providers"));
	table_close(own, AccessShareLock);
	return trigger;
}

/* Fetch a column by its name; false if it is null. */
static bool
get(const Row *row, const char *column, Datum *value)
{
	bool		isnull;

	*value = SPI_getbinval(row->tuple, row->desc,
						   SPI_fnumber(row->desc, column), &isnull);
	return !isnull;
}

/* An interval in microseconds; -1 if it is null. */
static int64
get_interval(const Row *row, const char *column)
{
	Datum		value;

	return get(row, column, &value) ?
		wd_interval_usec(DatumGetIntervalP(value), column) : -1;
}

static void
check_name(const Row *row)
{
	Datum		value;
	text	   *name;

	wd_check_null(!get(row, "provider", &value), "provider");
	name = DatumGetTextPP(value);
	wd_check_provider_name(name);
	if (memchr(VARDATA_ANY(name), '/', VARSIZE_ANY_EXHDR(name)) != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not contain a slash", "provider"),
				errhint("The text after a slash is a scope, which has the settings of the name before it."));
}

static void
check_templates(const Row *row)
{
	Datum		value;
	ArrayType  *array;
	Datum	   *texts;
	bool	   *nulls;
	int			n;
	const char **utf8;
	WdTemplateError error;

	if (!get(row, "key_templates", &value))
		return;
	array = DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) != 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be a one-dimensional array with at least one element",
					   "key_templates"));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts,
					  &nulls, &n);
	if (n > MAX_TEMPLATES)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not have more than %d elements",
					   "key_templates", MAX_TEMPLATES));

	utf8 = palloc(sizeof(char *) * n);
	for (int i = 0; i < n; i++)
		utf8[i] = template_text(texts[i], nulls[i], i + 1);
	if (wd_templates_compile(utf8, n, &error) == NULL)
		raise_malformed(utf8[error.which], &error);
}

/* The text of a template in UTF-8; number is its number from 1. */
static char *
template_text(Datum value, bool isnull, int number)
{
	char	   *s;
	char	   *utf8;

	wd_check_null(isnull, "key_templates");
	s = TextDatumGetCString(value);
	utf8 = wd_to_utf8(s, strlen(s));
	if (utf8 == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("key template %d cannot be converted to UTF-8",
					   number));
	return utf8;
}

/* The template is quoted: it is configuration, not a payload. */
static void
raise_malformed(const char *text, const WdTemplateError *error)
{
	int			position = 1;

	for (int i = 0; i < error->offset; i++)
	{
		/* count the first byte of each character */
		if (((unsigned char) text[i] & 0xC0) != 0x80)
			position++;
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("key template %d is malformed at character %d: %s",
				   error->which + 1, position, error->problem),
			errdetail("Key template: %s",
					  wd_from_utf8(text)));
}

static void
check_numbers(const Row *row)
{
	Datum		value;

	if (get(row, "busy_status", &value) &&
		(DatumGetInt32(value) < 400 || DatumGetInt32(value) > 599))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be between %d and %d",
					   "busy_status", 400, 599),
				errhint("A busy event that is answered with success is lost if its holder fails."));
	if (get(row, "max_attempts", &value) && DatumGetInt32(value) < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not be negative",
					   "max_attempts"),
				errhint("0 means no limit."));
}

static void
check_format(const Row *row)
{
	WdPayloadFormat format;
	Datum		value;

	if (get(row, "payload_format", &value) &&
		!wd_payload_format(TextDatumGetCString(value), &format))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be one of: %s",
					   "payload_format", "json, form, any"));
}

/*
 * Raise 22023 if events are forgotten before their last delivery can come, or
 * if a lease can end while the provider still waits for an answer.
 */
static void
check_intervals(const Row *row)
{
	int64		lease = get_interval(row, "lease");
	int64		lease_floor = get_interval(row, "lease_floor");
	int64		retention = get_interval(row, "retention");
	int64		retry_window = get_interval(row, "retry_window");
	Datum		value;

	(void) get(row, "built_in", &value);
	if (!DatumGetBool(value))
		complete_intervals(row, &lease_floor, &retry_window);

	if (retention >= 0 && retention < retry_window)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not be shorter than \"%s\"",
					   "retention", "retry_window"),
				errdetail("The provider may deliver an event again for %s; if it is forgotten earlier, it is processed again.",
						  interval_text(retry_window)));
	if (lease > 0 && lease < lease_floor)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must not be shorter than \"%s\"",
					   "lease", "lease_floor"),
				errdetail("The provider may wait %s for an answer; if the lease ends earlier, its next delivery is processed beside the first one.",
						  interval_text(lease_floor)));
}

/* Take intervals that the user's row does not have from the built-in row. */
static void
complete_intervals(const Row *row, int64 *lease_floor, int64 *retry_window)
{
	Intervals	intervals = {lease_floor, retry_window};
	Datum		provider;

	wd_check_null(!get(row, "provider", &provider), "provider");
	wd_provider_rows(provider, complete_by_row, &intervals);
}

static void
complete_by_row(TupleTableSlot *slot, void *arg)
{
	Intervals  *intervals = arg;
	Row			row = {ExecCopySlotHeapTuple(slot), slot->tts_tupleDescriptor};
	Datum		built_in;

	(void) get(&row, "built_in", &built_in);
	if (!DatumGetBool(built_in))
		return;
	if (*intervals->lease_floor < 0)
		*intervals->lease_floor = get_interval(&row, "lease_floor");
	if (*intervals->retry_window < 0)
		*intervals->retry_window = get_interval(&row, "retry_window");
}

static char *
interval_text(int64 usec)
{
	Interval	interval = {0};

	interval.day = usec / USECS_PER_DAY;
	interval.time = usec % USECS_PER_DAY;
	return DatumGetCString(DirectFunctionCall1(interval_out,
											   IntervalPGetDatum(&interval)));
}
