/* Sums down the columns of a matrix: bias gradients. */
#ifndef PL_REDUCE_H
#define PL_REDUCE_H

#include "common/common.h"

typedef struct {
    /* y[j] = sum over i < rows of x[i * ld + j], j < columns. Row i goes to chain i % 8; the eight
     * chains are added by a fixed tree. */
    void (*column_sums)(const void *x, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t columns, void *y);
    /* y[j] += x[j] */
    void (*add)(const void *x, void *y, ptrdiff_t count);
    /* y[j] = y[j] * scale[j] + x[j] */
    void (*scale_add)(const void *scale, const void *x, void *y, ptrdiff_t count);
} pl_reduce_kernels;

const pl_reduce_kernels *pl_reduce_select(int dtype);

/* y[columns] = sums of x[rows, columns] in blocks of a fixed number of rows, added in order. */
int pl_column_sums(int dtype, const void *x, ptrdiff_t rows, ptrdiff_t columns, void *y);

#endif
