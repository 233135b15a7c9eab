/*
 * acquire_batch.h
 *	  Acquiring the events of a batch.
 */
#ifndef WD_ACQUIRE_BATCH_H
#define WD_ACQUIRE_BATCH_H

struct WdAnswer;
struct WdBatch;
struct WdClaims;

extern struct WdAnswer *wd_acquire_batch(struct WdClaims *claims,
										 struct WdBatch *batch,
										 int busy_status);

#endif							/* WD_ACQUIRE_BATCH_H */
