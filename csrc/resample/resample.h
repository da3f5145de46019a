/* Maps between images that take the axes one after the other: target[i, j] is the sum over the rows
 * of a band and the columns of a band of row weight * column weight * source. Up-sampling, adaptive
 * average pooling, and the gradients of both, which are the same bands the other way round.
 *
 * Leaves: no threads, no malloc, no CPU check. */
#ifndef PL_RESAMPLE_H
#define PL_RESAMPLE_H

#include "common/common.h"

/* Where one row or column of the target comes from: `count` neighbours in the source, from `first`
 * on, with the weights from number `at` on. No target is without a source. */
typedef struct {
    ptrdiff_t first, count, at;
} pl_band;

typedef struct {
    /* y[i] = weights[0] * x[i] + weights[1] * x[stride + i] + ..., one chain in this order. */
    void (*combine)(const void *x, ptrdiff_t stride, ptrdiff_t count, const void *weights, void *y,
                    ptrdiff_t n);
    /* The same for `pixels` pixels of c numbers, pixel j from its band of a line of pixels. */
    void (*line)(const void *x, const pl_band *bands, const void *weights, ptrdiff_t c, void *y,
                 ptrdiff_t pixels);
} pl_resample_kernels;

#endif
