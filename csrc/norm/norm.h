/* The kernels of batch, group and layer normalization.
 *
 * x is (values, channels), values of all channels interleaved. The kernels see it as `rows` wide
 * rows of `width` = channels * (values in a row) elements and `rest` < width elements after them:
 * column j holds values of channel j % channels. The width depends on the channels alone (norm.c),
 * so every ISA adds the same values in the same order, and no vector is left half empty where
 * channels are few.
 *
 * Leaves: no threads, no malloc, no CPU check. */
#ifndef PL_NORM_H
#define PL_NORM_H

#include "common/common.h"

/* Rows of one chunk: a float chain is at most this long, chunks are added in double. */
enum { PL_NORM_CHUNK = 256 };

typedef struct {
    ptrdiff_t channels, width, rows, rest, chunks;
} pl_wide_rows;

typedef struct {
    /* One chunk, `columns` columns of it: shift = mean of the first rows, sum of d = x - shift and
     * of d * d, at partial, partial + width and partial + 2 * width. The first `rest` columns have
     * one row more. */
    void (*statistics)(const void *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t columns,
                       ptrdiff_t rest, void *partial);
    /* The same for dy and dy * (x - mean), at partial and partial + width; mean has `width`
     * elements. */
    void (*gradient_sums)(const void *dy, const void *x, const void *mean, ptrdiff_t rows,
                          ptrdiff_t width, ptrdiff_t columns, ptrdiff_t rest, void *partial);
    /* Partials of all chunks to mean and sum of squared deviations of each channel; work holds
     * 2 * width. */
    void (*fold_statistics)(const void *partials, const pl_wide_rows *shape, double *work,
                            double *mean, double *deviations);
    /* Partials of all chunks to the two sums of each channel; work holds width. */
    void (*fold_sums)(const void *partials, const pl_wide_rows *shape, double *work, double *first,
                      double *second);
    /* y = (x - mean) * scale + offset, then relu, for `count` elements from column 0 on; constants:
     * mean, scale, offset, each `width` long. */
    void (*normalize)(const void *x, void *y, ptrdiff_t count, ptrdiff_t width,
                      const void *constants, int relu, int stream);
    /* dx = dy * k1 + (x - mean) * k2 + k3; constants: mean, k1, k2, k3. */
    void (*gradient)(const void *dy, const void *x, void *dx, ptrdiff_t count, ptrdiff_t width,
                     const void *constants, int stream);
    /* Rows of c elements, each by its own statistics: layer_norm of pl_kernels.h. */
    void (*rows)(const void *x, const void *gamma, const void *beta, void *y, void *mean,
                 void *inv_std, ptrdiff_t rows, ptrdiff_t c, double epsilon);
    /* Its gradients; the sums over these rows of dy * normalized and of dy, at partial and
     * partial + c. */
    void (*rows_backward)(const void *dy, const void *x, const void *gamma, const void *mean,
                          const void *inv_std, void *dx, void *partial, ptrdiff_t rows,
                          ptrdiff_t c);
} pl_norm_kernels;

const pl_norm_kernels *pl_norm_select(int dtype);

/* (values, channels) as wide rows. */
pl_wide_rows pl_wide_rows_of(ptrdiff_t values, ptrdiff_t channels);

#endif
