/*
 * mixfile.h
 *	  The description of a stream of events.
 */
#ifndef MIXFILE_H
#define MIXFILE_H

struct Mix
{
	char	   *provider;
	int			events;			/* 0: as many as rate and time give */
	double		duplicates;
	double		rate;
	double		seconds;
	int			concurrency;
};

extern void mixfile_read(const char *path, struct Mix *mix);

#endif
