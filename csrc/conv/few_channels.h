/* Convolution with few input channels: first layers, and the small layers of small networks. The
 * general tiles spend their time around the few multiply-adds of a short window.
 *
 *   forward           a tile is up to 14 pixels of an output row by one panel of filters
 *   backward-data     a tile is up to 8 rows of dy by one filter row (s, c), which slides along dx:
 *                     lanes over (s, c), no zero taps, any stride
 *   backward-weights  a tile is up to 5 filter rows by up to 16 (s, c) by one panel of filters
 *
 * The chains are those of the general kernels, so the bits are equal. */
#ifndef PL_FEW_CHANNELS_H
#define PL_FEW_CHANNELS_H

#include "gemm/gemm.h"

/* c[i * ldc + j] = sum over t of a[i * a_step + walk(t)] * b[t * ldb + j], j < n; then what `finish` says.
 * Whole vectors of b are read. */
typedef struct {
    const void *a, *b;
    void *c;
    pl_walk walk;
    ptrdiff_t a_step, ldb, ldc, n;
} pl_strip;
typedef void (*pl_strip_kernel)(const pl_strip *strip, const pl_finish *finish);

/* dx[i * dx_row + p * shift + j] += sum over t < depth of dy[i * dy_row + p * depth + t] * b[t * ldb + j],
 * j < n, for p = 0, 1, ... pixels - 1 in this order. Sums stay in registers and slide along dx. Two
 * vectors behind the last sum are read. */
typedef struct {
    const void *dy, *b;
    void *dx;
    ptrdiff_t dy_row, dx_row, ldb, depth, n, pixels, shift;
} pl_slide;
typedef void (*pl_slide_kernel)(const pl_slide *slide);

/* dw[r * dw_row + i * ldw + j] (+)= sum over pixels p of x[r * x_row + i + p] * dy[p * ldy + j], j < n. */
typedef struct {
    const void *x, *dy;
    void *dw;
    pl_pixels pixels; /* of x */
    ptrdiff_t x_row, ldy, dw_row, ldw, n;
} pl_taps;
typedef void (*pl_taps_kernel)(const pl_taps *taps, int accumulate);

enum { PL_STRIP = 14, PL_STRIP_VECTORS = 4, PL_TAPS_ROWS = 5, PL_TAPS_RUN = 16, PL_TAPS_VECTORS = 2 };
enum { PL_SLIDE = 10 };

typedef struct {
    int lanes, vectors;
    int masked_load; /* dy may be read for n that is no multiple of lanes */
    /* strip[v - 1][q - 1]: q pixels by v vectors; slide[v - 1][q - 1]: q rows by v vectors;
     * taps[v - 1][r - 1][t - 1]: r rows of t by v vectors. NULL where registers do not hold the tile. */
    pl_strip_kernel strip[PL_STRIP_VECTORS][PL_STRIP];
    pl_slide_kernel slide[PL_STRIP_VECTORS][PL_SLIDE];
    pl_taps_kernel taps[PL_TAPS_VECTORS][PL_TAPS_ROWS][PL_TAPS_RUN];
} pl_few_channels_kernels;

/* The three directions; shapes that pl_conv_algorithm gave to these kernels. */
int pl_few_channels_forward(const pl_conv2d_args *args);
int pl_few_channels_backward_data(const pl_conv2d_backward_data_args *args);
int pl_few_channels_backward_weights(const pl_conv2d_backward_weights_args *args);

#endif
