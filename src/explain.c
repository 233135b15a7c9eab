/*
 * explain.c
 *	  Tells which key templates were tried on an event, and why they did not
 *	  match.
 *
 * Templates are configuration and may be shown, names of members and headers
 * with them.  Of the event itself, nothing may be shown but the key.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "args.h"
#include "compat.h"
#include "derive.h"
#include "items.h"
#include "privacy.h"
#include "text.h"

PG_FUNCTION_INFO_V1(wd_explain_key);

/* Columns of the result */
enum
{
	EXP_PATH,
	EXP_TEMPLATE_NUMBER,
	EXP_TEMPLATE,
	EXP_RESULT,
	EXP_PLACEHOLDER,
	EXP_DEDUP_KEY
};

#define EXP_COLUMNS (EXP_DEDUP_KEY + 1)

static const char *const result_names[] = {
	[WD_RENDERED] = "matched",
	[WD_ABSENT] = "absent or empty",
	[WD_NOT_SCALAR] = "not a string, number or boolean",
	[WD_OTHER_VALUE] = "condition not met",
	[WD_BAD_VALUE] = "not valid text",
	[WD_BAD_HEADER] = "not a string or an array of strings",
	[WD_UNCONVERTIBLE_HEADER] = "not convertible to UTF-8",
	[WD_TOO_MUCH] = "too long for so many events",
};

static bool needs_payload(const WdTemplateSet *set, const WdDelivery *delivery,
						  const WdRenderSource *source);
static void explain_items(ReturnSetInfo *result, const WdTemplateSet *set,
						  const WdJsonList *lists, const WdJsonValue *values,
						  const WdDelivery *delivery);
static bool explain(ReturnSetInfo *result, const WdTemplateSet *set,
					int array_path, const char *path,
					const WdRenderSource *source);
static void put_row(ReturnSetInfo *result, const char *path, int number,
					const WdTemplate *template, WdRenderResult outcome,
					const WdPlaceholder *failed, StringInfo key);
static Datum text_of(const char *utf8);

/*
 * wd_explain_key(provider text, payload bytea, headers jsonb)
 * returns table (path text, template_number integer, template text,
 *				  result text, placeholder text, dedup_key text)
 *
 * One row for each template that was tried; an event's key, if there is one,
 * is in its last row.  Raises what wd_receive does for its arguments and for a
 * payload that cannot be read.
 */
Datum
wd_explain_key(PG_FUNCTION_ARGS)
{
	ErrorContextCallback callback;
	text	   *name;
	const WdProvider *provider;
	const WdTemplateSet *set;
	WdDelivery	delivery;
	WdJsonValue values[WD_JSON_MAX_PATHS];
	WdJsonList	lists[WD_JSON_MAX_PATHS];
	WdRenderSource source;
	ReturnSetInfo *result;

	wd_hide_statement(&callback);
	name = wd_arg_provider(fcinfo, 0);
	provider = wd_provider_find(name);
	set = wd_provider_templates(provider, name);
	wd_arg_delivery(fcinfo, 1, provider, &delivery);
	result = wd_result_set(fcinfo, EXP_COLUMNS);

	source.headers = delivery.headers;
	source.budget = NULL;
	source.values = NULL;
	if (needs_payload(set, &delivery, &source))
	{
		wd_payload_read(set, &delivery, values, lists);
		source.values = values;
	}
	if (!explain(result, set, WD_WHOLE_PAYLOAD, "", &source) &&
		set->has_elements)
		explain_items(result, set, lists, values, &delivery);
	wd_show_statement(&callback);
	return (Datum) 0;
}

/*
 * Must the payload be read?  Not if the headers alone decide, unless it is
 * JSON, which is always checked.
 */
static bool
needs_payload(const WdTemplateSet *set, const WdDelivery *delivery,
			  const WdRenderSource *source)
{
	StringInfoData key;
	WdRenderResult result;

	if (delivery->format == WD_PAYLOAD_JSON)
		return true;
	initStringInfo(&key);
	result = wd_templates_render(set, WD_WHOLE_PAYLOAD, source, &key);
	return result == WD_NEEDS_BODY ||
		(result == WD_NO_MATCH && set->has_elements);
}

/* Explain the keys of a payload that holds several events. */
static void
explain_items(ReturnSetInfo *result, const WdTemplateSet *set,
			  const WdJsonList *lists, const WdJsonValue *values,
			  const WdDelivery *delivery)
{
	WdItem	   *items;
	int			n = wd_items_find(set, lists, &items);
	WdJsonValue own[WD_JSON_MAX_PATHS];
	int64		budget = WD_ITEMS_BUDGET(delivery->len);
	WdRenderSource source = {own, delivery->headers, &budget};
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "webhook_dedup event",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(scratch);

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		wd_item_values(set, lists, &items[i], values, own);
		(void) explain(result, set, items[i].array_path,
					   wd_item_path(set, lists, &items[i]), &source);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old_context);
}

/*
 * Try the templates for the elements of array_path, or for the payload as a
 * whole, and add a row for each.  Returns true if one of them matches, or if
 * its result makes wd_receive refuse the delivery.
 */
static bool
explain(ReturnSetInfo *result, const WdTemplateSet *set, int array_path,
		const char *path, const WdRenderSource *source)
{
	for (int i = 0; i < set->ntemplates; i++)
	{
		const WdTemplate *template = &set->templates[i];
		const WdPlaceholder *failed = NULL;
		WdRenderResult outcome;
		StringInfoData key;

		if (template->array_path != array_path)
			continue;
		initStringInfo(&key);
		outcome = wd_template_render(template, source, &key, &failed);
		put_row(result, path, i + 1, template, outcome, failed, &key);
		if (!wd_template_mismatched(outcome))
			return true;
	}
	return false;
}

static void
put_row(ReturnSetInfo *result, const char *path, int number,
		const WdTemplate *template, WdRenderResult outcome,
		const WdPlaceholder *failed, StringInfo key)
{
	bool		matched = outcome == WD_RENDERED;
	Datum		values[EXP_COLUMNS] = {0};
	bool		nulls[EXP_COLUMNS] = {false};

	values[EXP_PATH] = text_of(path);
	values[EXP_TEMPLATE_NUMBER] = Int32GetDatum(number);
	values[EXP_TEMPLATE] = text_of(template->text);
	values[EXP_RESULT] = CStringGetTextDatum(result_names[outcome]);
	nulls[EXP_PLACEHOLDER] = matched;
	if (!matched)
		values[EXP_PLACEHOLDER] = text_of(pnstrdup(failed->text,
												   failed->text_len));
	nulls[EXP_DEDUP_KEY] = !matched;
	if (matched)
		values[EXP_DEDUP_KEY] =
			PointerGetDatum(cstring_to_text_with_len(key->data, key->len));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
text_of(const char *utf8)
{
	return CStringGetTextDatum(wd_from_utf8(utf8));
}
