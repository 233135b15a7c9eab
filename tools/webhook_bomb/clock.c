/*
 * clock.c
 *	  Time that no one sets back.
 */
#include <time.h>

#include "clock.h"

/*
 * Milliseconds since some moment in the past.
 */
double
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000.0 + now.tv_nsec / 1000000.0;
}
