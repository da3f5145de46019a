/* Working memory of the calling thread: one growing, 64-byte aligned block per slot, kept between
 * calls and freed when the thread ends. A driver asks once for all that its workers need, so only
 * one place can fail. Different ops use different slots, so conv may call gemm. */
#ifndef PL_SCRATCH_H
#define PL_SCRATCH_H

#include <stddef.h>

typedef enum {
    PL_SLOT_GEMM,
    PL_SLOT_CONV,
    PL_SLOT_TURNED,
    PL_SLOT_WINOGRAD,
    PL_SLOT_REDUCE,
    PL_SLOT_IMAGE,
    PL_SLOTS
} pl_slot;

/* NULL when the memory cannot be had; the content is undefined. */
void *pl_scratch(pl_slot slot, size_t bytes);

#endif
