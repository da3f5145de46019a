/* Losses: value and gradient in one pass.
 *
 * l is the loss of a row or an element, w its weight: a leaf returns sum(w * l) in float64 and
 * writes  scale * w * dl/dx. Targets are smoothed first: t = kept * target + spread. */
#ifndef PL_LOSS_H
#define PL_LOSS_H

#include "common/common.h"

enum { PL_LOSS_CHUNK = 4096 };

typedef struct {
    /* Rows first .. first + rows - 1; each row is a sum by acc16, rows are added in order. */
    double (*softmax)(const pl_class_loss_args *g, ptrdiff_t first, ptrdiff_t rows);
    double (*categorical)(const pl_class_loss_args *g, ptrdiff_t first, ptrdiff_t rows);
    /* Elements first .. first + n - 1, added by acc16; n <= PL_LOSS_CHUNK. `weights` starts at the
     * weight of the first element: one for each when each_weight, else one for all, NULL for 1. */
    double (*elements)(const pl_element_loss_args *g, ptrdiff_t first, ptrdiff_t n,
                       const void *weights, int each_weight);
} pl_loss_kernels;

#endif
