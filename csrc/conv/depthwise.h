/* Convolution of every channel by itself: groups == c, k = c * multiplier filters, weights
 * (kh, kw, 1, k), where the filters of channel i are i * multiplier and those that follow.
 *
 * Lanes run over channels, so a multiply-add takes a vector of pixels and a vector of weights. What
 * a tile reads is given as one pointer for each pixel; pixels in the padding are a shared row of
 * zeros, and what lies beyond the last pixel of a result goes to a place that nobody reads. The
 * chains are those of the general kernels, zeros of the padding included, so the bits are equal. */
#ifndef PL_DEPTHWISE_H
#define PL_DEPTHWISE_H

#include "common/common.h"

/* y[i][j] = sum over taps t of x(t, i)[j] * weights[t][j], j < n; then scale, bias and relu. */
typedef struct {
    const void *const *x, *const *weights;
    void *const *y;
    const void *bias, *scale; /* n values, or NULL; scale only with bias */
    ptrdiff_t taps, n;
    ptrdiff_t ahead; /* elements from a pixel of the last row to one that is read soon */
    int relu, stream; /* stream: past the caches; every y[i] and n are multiples of 64 bytes */
} pl_depthwise_tile;
typedef void (*pl_depthwise_kernel)(const pl_depthwise_tile *tile);

/* dw[t][j] (+)= sum over p < pixels of x[p * step + at[t]][j] * dy[p * ldy + j], first <= j < n. */
typedef struct {
    const void *const *x;
    const ptrdiff_t *at;
    const void *dy;
    void *const *dw;
    ptrdiff_t step, ldy, pixels, first, n;
    ptrdiff_t x_ahead, dy_ahead; /* elements to what is read soon */
} pl_depthwise_taps;
typedef void (*pl_depthwise_taps_kernel)(const pl_depthwise_taps *taps, int accumulate);

enum { PL_GATHER = 8, PL_SQUARE = 3, PL_DEPTHWISE_TAPS = 9 };

typedef struct {
    int lanes;
    /* PL_GATHER pixels, any taps: x(t, i) is x[t * PL_GATHER + i]. */
    pl_depthwise_kernel gather;
    /* 3 x 3 taps that lie side by side, rows x columns[i] pixels: x holds the (rows + 2) by
     * (columns[i] + 2) pixels below them. Widest first; NULL in float64. */
    int rows, columns[2];
    pl_depthwise_kernel square[2];
    /* PL_DEPTHWISE_TAPS taps at once, and 4; the first where they are 3 x 3 side by side, step 1, or
     * NULL. */
    pl_depthwise_taps_kernel taps[2], square_taps;
    void (*fence)(void); /* after the last streamed tile */
} pl_depthwise_kernels;

/* The three directions; shapes that pl_conv_algorithm gave to these kernels. */
int pl_depthwise_forward(const pl_conv2d_args *args);
int pl_depthwise_backward_data(const pl_conv2d_backward_data_args *args);
int pl_depthwise_backward_weights(const pl_conv2d_backward_weights_args *args);

#endif
