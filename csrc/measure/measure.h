/* What this machine can do at most: the yardsticks of profiles and benchmarks. */
#ifndef PL_MEASURE_H
#define PL_MEASURE_H

#include "common/common.h"

typedef struct {
    double flops; /* of one iteration of multiply_add */
    void (*multiply_add)(ptrdiff_t iterations, void *sink); /* registers only; sink: one element */
    void (*copy)(const void *x, void *y, ptrdiff_t count);
} pl_measure_kernels;

#endif
