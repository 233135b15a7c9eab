/*
 * settings.h
 *	  The settings of the extension.
 */
#ifndef WD_SETTINGS_H
#define WD_SETTINGS_H

extern int	wd_lease_setting;	/* seconds, 0: does not end */
extern int	wd_max_attempts_setting;	/* 0: no limit */

#endif							/* WD_SETTINGS_H */
