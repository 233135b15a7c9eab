/*
 * batch.c
 *	  The keys of one call, in the order in which every call locks them.
 *
 * Two batches that lock common keys in different orders can wait for each
 * other for ever.  All of them go by the bytes of the key.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "args.h"
#include "batch.h"
#include "compat.h"

static ArrayType *array_arg(FunctionCallInfo fcinfo, int argno,
							const char *name);
static int	compare_items(const void *a, const void *b);
static void deconstruct(ArrayType *array, Oid type, Datum **values,
						bool **nulls, int *n);

/*
 * Fill a batch with the keys of a text[] argument, not sorted yet.  Raises
 * 22004 for null, 22023 for an array of several dimensions, and for a key
 * what wd_check_key does.
 */
void
wd_batch_read_keys(FunctionCallInfo fcinfo, int argno, WdBatch *batch)
{
	Datum	   *values;
	bool	   *nulls;

	wd_check_null(PG_ARGISNULL(argno), "dedup_keys");
	deconstruct(array_arg(fcinfo, argno, "dedup_keys"), TEXTOID,
				&values, &nulls, &batch->nitems);

	batch->items = palloc0(sizeof(WdBatchItem) * Max(batch->nitems, 1));
	for (int i = 0; i < batch->nitems; i++)
	{
		WdBatchItem *item = &batch->items[i];

		wd_check_null(nulls[i], "dedup_key");
		item->position = i;
		item->key = DatumGetTextPP(values[i]);
		item->extra_is_null = true;
		wd_check_key(item->key);
	}
}

/*
 * Add the elements of a second array, of type text or integer, which may be
 * null itself.  Raises 22023 unless it is as long as the keys.
 */
void
wd_batch_read_extra(FunctionCallInfo fcinfo, int argno, const char *name,
					Oid type, WdBatch *batch)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(argno))
		return;

	deconstruct(array_arg(fcinfo, argno, name), type, &values, &nulls, &n);
	if (n != batch->nitems)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must have as many elements as \"%s\"",
					   name, "dedup_keys"));
	for (int i = 0; i < n; i++)
	{
		batch->items[i].extra = values[i];
		batch->items[i].extra_is_null = nulls[i];
	}
}

/* Put the items into the order in which their rows are to be locked. */
void
wd_batch_sort(WdBatch *batch)
{
	qsort(batch->items, batch->nitems, sizeof(WdBatchItem), compare_items);
}

/* Compare two keys byte by byte, as collation "C" does. */
int
wd_compare_keys(text *a, text *b)
{
	int			a_len = VARSIZE_ANY_EXHDR(a);
	int			b_len = VARSIZE_ANY_EXHDR(b);
	int			result = memcmp(VARDATA_ANY(a), VARDATA_ANY(b),
								Min(a_len, b_len));

	return result != 0 ? result : a_len - b_len;
}

/* A text[] of n values; nulls tells which are null, or is NULL. */
Datum
wd_text_array(Datum *values, bool *nulls, int n)
{
	int			dims[] = {n};
	int			lower_bounds[] = {1};

	return PointerGetDatum(construct_md_array(values, nulls, 1, dims,
											  lower_bounds, TEXTOID, -1,
											  false, TYPALIGN_INT));
}

/* A bigint[] of n values. */
Datum
wd_int8_array(Datum *values, int n)
{
	return PointerGetDatum(construct_array(values, n, INT8OID,
										   sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

static ArrayType *
array_arg(FunctionCallInfo fcinfo, int argno, const char *name)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argno);

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" must be a one-dimensional array",
					   name));
	return array;
}

static void
deconstruct(ArrayType *array, Oid type, Datum **values, bool **nulls, int *n)
{
	bool		is_text = type == TEXTOID;

	deconstruct_array(array, type, is_text ? -1 : sizeof(int32), !is_text,
					  TYPALIGN_INT, values, nulls, n);
}

static int
compare_items(const void *a, const void *b)
{
	const WdBatchItem *left = a;
	const WdBatchItem *right = b;
	int			result = wd_compare_keys(left->key, right->key);

	return result != 0 ? result : left->position - right->position;
}
