/* Which instruction sets run here, which one is in use, and the variant lists of the ops. */
#ifndef PL_CPU_H
#define PL_CPU_H

#include "pl_kernels.h"

/* One row of csrc/<op>/<op>_kernels.inc: the kernels of an op for one ISA and element type. */
typedef struct {
    pl_isa isa;
    int dtype;
    const char *name;    /* what pl.kernels.variants(op) shows, such as "6x64" */
    const void *kernels; /* the op's own table of functions */
} pl_variant;

/* The first row, best first, that the ISA in use can run for this element type. Portable rows come
 * last and always match. */
const void *pl_select(const pl_variant *rows, int count, int dtype);

#endif
