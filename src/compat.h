/*
 * compat.h
 *	  What differs between the supported server versions.
 *
 * Shims carry the name that the newest server uses.
 */
#ifndef WD_COMPAT_H
#define WD_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "webhook_dedup needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

#if PG_VERSION_NUM >= 170000
#define WdMakeJsonLexer(json, len) \
	makeJsonLexContextCstringLen(NULL, (json), (len), PG_UTF8, false)
#else
#define WdMakeJsonLexer(json, len) \
	makeJsonLexContextCstringLen(unconstify(char *, (json)), (len), \
								 PG_UTF8, false)
#endif

#if PG_VERSION_NUM >= 180000
#define WdExecutorRun(query) ExecutorRun((query), ForwardScanDirection, 0)
#else
#define WdExecutorRun(query) \
	ExecutorRun((query), ForwardScanDirection, 0, true)
#endif

#if PG_VERSION_NUM >= 190000
#define WdIndexBeginScan(heap, index, snapshot, nkeys) \
	index_beginscan((heap), (index), (snapshot), NULL, (nkeys), 0, 0)
#elif PG_VERSION_NUM >= 180000
#define WdIndexBeginScan(heap, index, snapshot, nkeys) \
	index_beginscan((heap), (index), (snapshot), NULL, (nkeys), 0)
#else
#define WdIndexBeginScan(heap, index, snapshot, nkeys) \
	index_beginscan((heap), (index), (snapshot), (nkeys), 0)
#endif

#if PG_VERSION_NUM >= 180000
#define WD_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "webhook_dedup", .version = "1.0")
#else
#define WD_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif							/* WD_COMPAT_H */
