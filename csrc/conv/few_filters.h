/* Convolution with few input channels and few filters: a vector of filters would be mostly empty.
 *
 *   forward           lanes over pixels: the rows of the window follow each other, so a tap is one
 *                     offset for all pixels, those in the border (whose sums are dropped) too. The sums
 *                     of a filter make a line; lines are turned into pixels at the end
 *   backward-weights  lanes over the outputs (s, c, k) of a filter row: the inputs are repeated k times,
 *                     the gradients of a pixel once for each (s, c)
 *
 * The chains are those of the general kernels, so the bits are equal. */
#ifndef PL_FEW_FILTERS_H
#define PL_FEW_FILTERS_H

#include "gemm/gemm.h"

/* sums[f * pitch + p] = act(scale[f] * sum over t < taps of planes[offset[t] + p] * weights[t * ldw + f]
 * + bias[f]), p < count in whole tiles. */
typedef struct {
    const void *planes, *weights, *bias, *scale; /* scale or both may be NULL */
    void *sums;
    const ptrdiff_t *offset;
    ptrdiff_t taps, ldw, pitch, count;
    int relu;
} pl_lines;
typedef void (*pl_lines_kernel)(const pl_lines *lines);

/* y[p * k + f] = sums[f * pitch + p], p < count, f < k <= PL_FEW_FILTERS. A vector behind a line is read.
 * `turns` writes where the elements come from: k * k vectors of lanes. */
typedef void (*pl_turns_kernel)(ptrdiff_t k, void *from);
typedef void (*pl_turn_kernel)(const void *sums, ptrdiff_t pitch, ptrdiff_t count, ptrdiff_t k, const void *from,
                               void *y);

/* dw[r * dw_row + e] (+)= sum over pixels p of x[r * x_row + p + (first + e) / k] * dy[p * k + (first + e) % k],
 * e < n; p counts as in pl_pixels. */
typedef struct {
    const void *x, *dy;
    void *dw;
    pl_pixels pixels; /* of x */
    ptrdiff_t x_row, dw_row, first, n, k;
} pl_repeats;
typedef void (*pl_repeats_kernel)(const pl_repeats *repeats, int accumulate);

enum { PL_LINES = 6, PL_REPEATS_ROWS = 5, PL_REPEATS_VECTORS = 4, PL_FEW_FILTERS = 10 };

typedef struct {
    int lanes, tile; /* pixels of a tile of lines */
    /* lines[f - 1]: f filters; repeats[v - 1][r - 1]: r filter rows by v vectors, NULL where registers do
     * not hold the tile. */
    pl_lines_kernel lines[PL_LINES];
    pl_turns_kernel turns;
    pl_turn_kernel turn;
    pl_repeats_kernel repeats[PL_REPEATS_VECTORS][PL_REPEATS_ROWS];
} pl_few_filters_kernels;

/* Shapes that pl_conv_algorithm gave to these kernels. */
int pl_few_filters_forward(const pl_conv2d_args *args);
int pl_few_filters_backward_weights(const pl_conv2d_backward_weights_args *args);

#endif
