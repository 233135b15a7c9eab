/*
 * privacy.h
 *	  Keeps statements that carry a payload out of the server log.
 */
#ifndef WD_PRIVACY_H
#define WD_PRIVACY_H

#include "utils/elog.h"

extern void wd_hide_statement(ErrorContextCallback *callback);
extern void wd_show_statement(ErrorContextCallback *callback);

#endif							/* WD_PRIVACY_H */
