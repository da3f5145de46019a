/* The only door to threads. Work is given as numbered tasks whose results do not depend on who runs
 * them, so any number of threads gives the same bits. */
#ifndef PL_THREADING_H
#define PL_THREADING_H

#include <stddef.h>

/* Runs the tasks begin <= task < end; `thread` is 0 .. pl_workers(...) - 1. */
typedef void (*pl_task)(void *context, ptrdiff_t begin, ptrdiff_t end, int thread);

/* Floating-point operations of one thread in a nanosecond, in loops of multiply-adds; about. */
#define PL_FLOPS 100.0

/* How many threads pl_parallel_for will use for this many tasks and this much work (in nanoseconds
 * of one thread, estimated): 1 when a region does not pay, in a forked child, inside a region. */
int pl_workers(ptrdiff_t tasks, double nanoseconds);

/* Splits the tasks into `workers` contiguous parts (a value that pl_workers gave) and runs them. */
void pl_parallel_for(ptrdiff_t tasks, int workers, pl_task run, void *context);

#endif
