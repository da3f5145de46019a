/* Winograd convolution F(4x4, 3x3): 36 multiplications for 16 outputs instead of 144.
 *
 *   Y = A^T [ (G g G^T) * (B^T d B) ] A     (Lavin, Gray 2015), with the points 0, +-sqrt(1/2), +-sqrt(2), inf,
 *   whose error is half that of 0, +-1, +-2, inf at the same cost.
 *
 * Leaves work on one tile at a time, lanes over channels. A transformed tile is 36 planes: element
 * (e, channel) lies at e * plane + channel. */
#ifndef PL_WINOGRAD_H
#define PL_WINOGRAD_H

#include "gemm/gemm.h"

enum { PL_WINOGRAD_IN = 6, PL_WINOGRAD_OUT = 4, PL_WINOGRAD_PLANES = 36 };

/* A tile of an image: `pixels` is the place of its first pixel, which may lie outside; rows
 * [y0, y1) and columns [x0, x1) of the tile lie inside, the rest counts as 0 (or is not written). */
typedef struct {
    char *pixels;
    ptrdiff_t row, pixel; /* elements between rows, between pixels */
    int y0, y1, x0, x1;
} pl_tile;

typedef struct {
    /* v = B^T d B of a 6 x 6 tile */
    void (*input)(const pl_tile *d, ptrdiff_t channels, void *v, ptrdiff_t plane);
    /* a 4 x 4 tile y = act(A^T m A * scale + bias); scale or both may be NULL */
    void (*output)(const void *m, ptrdiff_t plane, ptrdiff_t channels, const pl_tile *y, const void *scale,
                   const void *bias, int relu);
    /* m = A dy A^T of a 4 x 4 tile */
    void (*output_gradient)(const pl_tile *dy, ptrdiff_t channels, void *m, ptrdiff_t plane);
    /* u[e] = G g G^T for n filters of c channels, (3, 3, c, n) with taps `tap` and channels `ldw` elements
     * apart; row i of u[e] at e * plane + i * (n rounded up to lanes) */
    void (*filter)(const void *w, ptrdiff_t tap, ptrdiff_t ldw, ptrdiff_t c, ptrdiff_t n, void *u,
                   ptrdiff_t plane);
    /* dw (3, 3, c, k) = G^T du G, du[e] being (c, k) */
    void (*filter_gradient)(const void *du, ptrdiff_t c, ptrdiff_t k, void *dw, ptrdiff_t begin,
                            ptrdiff_t end);
} pl_winograd_kernels;

/* Shapes that pl_conv_algorithm gave to Winograd; backward-data is forward with turned filters. */
int pl_winograd_forward(const pl_conv2d_args *args);
int pl_winograd_backward_weights(int dtype, const pl_conv_shape *shape, const void *dy, const void *x,
                                 void *dweights);

#endif
