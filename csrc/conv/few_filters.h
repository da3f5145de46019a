/* Convolution with few input channels and few filters: a vector of filters would be mostly empty.
 *
 *   forward           lanes over the outputs (pixel, k) of a row, which lie side by side: the inputs
 *                     of a tap are repeated k times, its weights once for each pixel. A row of inputs
 *                     is read once for all output rows under its taps
 *   backward-weights  lanes over (filter row, k): a column of inputs is repeated k times, the gradients
 *                     of a pixel once for each filter row. Both serve all filter columns s: those of a
 *                     pixel wait in registers until the last column under it has come
 *
 * The chains are those of the general kernels, so the bits are equal. */
#ifndef PL_FEW_FILTERS_H
#define PL_FEW_FILTERS_H

#include "gemm/gemm.h"

/* For o < rows and e < n: y[o * y_row + e] = act(scale[e] * (start + sum over r, then t < taps, of
 * x[(o + r) * x_row + offset[t] + pixel[e]] * weight[t][r][e]) + bias[e]). start is 0, or y itself. The
 * weights of tap t lie at t * step: vector j of filter row r is vector j * (filter rows) + r there.
 * A vector is read at each x. */
typedef struct {
    const void *x, *weights, *pixel;
    const void *bias, *scale; /* scale or both may be NULL */
    void *y;
    const ptrdiff_t *offset;
    ptrdiff_t taps, step, x_row, y_row, rows, n;
    int accumulate, relu;
} pl_lines;
typedef void (*pl_lines_kernel)(const pl_lines *lines);

/* One vector of a table, for e = first + i in lane i, 0 from e = n on: from[e % k], or the integer e / k or
 * e % k. */
enum { PL_REPEAT_FROM, PL_REPEAT_QUOTIENT, PL_REPEAT_REST };
typedef void (*pl_repeat_kernel)(int what, const void *from, ptrdiff_t k, ptrdiff_t first, ptrdiff_t n, void *to);

/* sums[s][e] += sum over o < rows, then p < pixels, of x[o * x_row + (p + s) * x_step + row[e]]
 * * dy[(o * pixels + p) * k + filter[e]], for s < columns and all lanes e of the vectors. A vector is
 * read at each x. */
typedef struct {
    const void *x, *dy, *row, *filter;
    void *sums;
    ptrdiff_t rows, pixels, x_row, x_step, k;
} pl_repeats;
typedef void (*pl_repeats_kernel)(const pl_repeats *repeats);

enum { PL_LINES = 5, PL_LINES_VECTORS = 5, PL_REPEATS = 5, PL_REPEATS_VECTORS = 3, PL_FEW_FILTERS = 10 };

typedef struct {
    int lanes;
    int most_repeated; /* filters: with more, lanes over the filters are faster */
    /* lines[single][v - 1][r - 1]: r filter rows by v vectors, of several filters or of a single one;
     * repeats[v - 1][s - 1]: s filter columns by v vectors. NULL where registers do not hold the tile. */
    pl_lines_kernel lines[2][PL_LINES_VECTORS][PL_LINES];
    pl_repeats_kernel repeats[PL_REPEATS_VECTORS][PL_REPEATS];
    pl_repeat_kernel repeat;
} pl_few_filters_kernels;

/* Shapes that pl_conv_algorithm gave to these kernels; backward-data is forward with turned filters. */
int pl_few_filters_forward(const pl_conv2d_args *args);
int pl_few_filters_backward_weights(const pl_conv2d_backward_weights_args *args);

#endif
