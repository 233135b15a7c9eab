/*
 * formmodel.h
 *	  Percent-encoding, said a second time and in the plainest way.
 */
#ifndef FUZZ_FORMMODEL_H
#define FUZZ_FORMMODEL_H

#include "lib/stringinfo.h"

extern bool model_decode(const char *s, int len, bool plus_is_blank,
						 StringInfo text);

#endif							/* FUZZ_FORMMODEL_H */
