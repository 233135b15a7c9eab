/*
 * shim.h
 *	  What the fuzz targets share: one input at a time, and how to fail.
 */
#ifndef FUZZ_SHIM_H
#define FUZZ_SHIM_H

extern void fuzz_begin(int encoding);
extern void fuzz_end(void);
extern void fuzz_fail(const char *file, int line,
					  const char *what) pg_attribute_noreturn();

/* A property that must hold for every input */
#define CHECK(condition) \
	((condition) ? (void) 0 : fuzz_fail(__FILE__, __LINE__, #condition))

extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

#endif							/* FUZZ_SHIM_H */
