/*
 * form.h
 *	  Reads a few fields out of a form.
 */
#ifndef WD_FORM_H
#define WD_FORM_H

#include "lib/stringinfo.h"

#include "jsonscan.h"

extern void wd_form_scan(const char *form, int len, const char *const *names,
						 int nnames, WdJsonValue *values);
extern bool wd_form_decode(const char *s, int len, bool plus_is_blank,
						   StringInfo out);

#endif							/* WD_FORM_H */
