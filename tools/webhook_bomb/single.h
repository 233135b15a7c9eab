/*
 * single.h
 *	  One event, delivered many times at one moment.
 */
#ifndef SINGLE_H
#define SINGLE_H

struct Answer;
struct Message;
struct Transport;

extern void single_fire(struct Transport *transport,
						const struct Message *message,
						struct Answer *answers);

#endif
