/* Convolution of every channel by itself: groups == c, k = c * multiplier filters, weights
 * (kh, kw, 1, k), where the filters of channel i are i * multiplier and those that follow.
 *
 * Lanes run over channels, so a multiply-add takes a vector of pixels and a vector of weights. What
 * a tile reads is given by pointers; pixels in the padding are shared pixels of zeros, and what lies
 * beyond the last pixel of a result goes to a place that nobody reads. The chains are those of the
 * general kernels, zeros of the padding included, so the bits are equal. */
#ifndef PL_DEPTHWISE_H
#define PL_DEPTHWISE_H

#include "common/common.h"

/* y[i][j] = sum over taps t of x(t, i)[j] * weights[t][j], j < n; then scale, bias and relu. */
typedef struct {
    const void *const *x, *const *weights;
    void *const *y;
    const void *bias, *scale; /* n values, or NULL; scale only with bias */
    ptrdiff_t taps, n;
    ptrdiff_t x_ahead, y_ahead; /* elements to what is soon read and written */
    /* gather: soon_rows pieces, soon_row elements apart, that are read soon: for each vector of
     * channels PL_GATHER * soon_columns vectors. */
    const void *soon;
    ptrdiff_t soon_rows, soon_row, soon_columns;
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
    /* What is read soon: dy_ahead elements further, and soon_rows rows of x of soon_row elements,
     * soon_columns pixels of each for a pixel of dy. */
    ptrdiff_t dy_ahead, soon_rows, soon_row, soon_columns;
} pl_depthwise_taps;
typedef void (*pl_depthwise_taps_kernel)(const pl_depthwise_taps *taps, int accumulate);

/* The same for 3 x 3 taps that lie side by side, step 1, and several rows of dy: window (row, p) has
 * its middle row of taps around x[row + 1][p * ld + j]. */
typedef struct {
    const void *const *x; /* rows + 2; those outside the image are zeros */
    const void *zeros;    /* the pixel beside a row */
    const void *dy;
    void *dw;
    ptrdiff_t rows, pixels, ld, first, n; /* ld: elements of a pixel of x, dy, dw */
    ptrdiff_t x_ahead, dy_ahead;
    int left, right; /* true where the first and the last column lie beside the image */
} pl_depthwise_rows;
typedef void (*pl_depthwise_rows_kernel)(const pl_depthwise_rows *rows, int accumulate);

enum { PL_GATHER = 8, PL_SQUARE = 3, PL_SQUARE_ROWS = 2, PL_SQUARE_COLUMNS = 4, PL_DEPTHWISE_TAPS = 9 };

typedef struct {
    int lanes;
    /* PL_GATHER pixels, any taps: x(t, i) is x[t * PL_GATHER + i]. */
    pl_depthwise_kernel gather;
    /* 3 x 3 taps that lie side by side, PL_SQUARE_ROWS x PL_SQUARE_COLUMNS pixels, n elements from one
     * to the next: x holds for each of the rows below them the first pixel, the second and the last, y
     * the first pixel of each row. NULL in float64. */
    pl_depthwise_kernel square;
    /* PL_DEPTHWISE_TAPS taps at once, and 4. */
    pl_depthwise_taps_kernel taps[2];
    pl_depthwise_rows_kernel square_taps; /* NULL in float64 */
    void (*fence)(void); /* after the last streamed tile */
} pl_depthwise_kernels;

/* The three directions; shapes that pl_conv_algorithm gave to these kernels. */
int pl_depthwise_forward(const pl_conv2d_args *args);
int pl_depthwise_backward_data(const pl_conv2d_backward_data_args *args);
int pl_depthwise_backward_weights(const pl_conv2d_backward_weights_args *args);

#endif
