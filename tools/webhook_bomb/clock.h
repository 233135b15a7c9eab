/*
 * clock.h
 *	  Time that no one sets back.
 */
#ifndef CLOCK_H
#define CLOCK_H

extern double clock_ms(void);

#endif
