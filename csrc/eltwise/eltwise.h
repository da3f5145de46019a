/* Elementwise kernels and reductions along the last axis.
 *
 * Leaves work on n elements (n may be 0) or on rows of k > 0 classes. Where a comment does not say
 * otherwise, arrays do not overlap. Sums along a row use acc16; every function gives the same bits
 * wherever an array is cut (elements, rows), except sum_of_squares, whose chunk is fixed. */
#ifndef PL_ELTWISE_H
#define PL_ELTWISE_H

#include "common/common.h"

enum { PL_SQUARES_CHUNK = 4096 };

typedef struct {
    /* y[i] = act(x[i]); y may be x. */
    void (*activation)(int kind, double alpha, const void *x, void *y, ptrdiff_t n);
    /* dx[i] = dy[i] * act', from saved[i]: the result y, from PL_GELU on x; dx may be dy. */
    void (*activation_backward)(int kind, double alpha, const void *dy, const void *saved, void *dx,
                                ptrdiff_t n);
    /* y[i] = x[i] > 0 ? x[i] : alpha[i % period] * x[i] */
    void (*prelu)(const void *alpha, ptrdiff_t period, const void *x, void *y, ptrdiff_t n);
    /* dx likewise; sums[j] = sum over i % period == j, in order, of dy[i] * x[i] with x[i] <= 0. */
    void (*prelu_backward)(const void *alpha, ptrdiff_t period, const void *dy, const void *x,
                           void *dx, void *sums, ptrdiff_t n);
    void (*elementary)(int function, const void *x, void *y, ptrdiff_t n);
    /* With `logarithm` y is log(softmax(x)). */
    void (*softmax)(int logarithm, const void *x, void *y, ptrdiff_t rows, ptrdiff_t k);
    void (*softmax_backward)(int logarithm, const void *dy, const void *y, void *dx, ptrdiff_t rows,
                             ptrdiff_t k);
    /* The first maximum of each row; NaN counts as larger than any number. */
    void (*argmax)(const void *x, int64_t *y, ptrdiff_t rows, ptrdiff_t k);
    /* y[i] = x[i] * scale + offset where bit i of mask is set, else dropped; y may be x. An offset
     * of -0 changes nothing. */
    void (*keep)(const void *x, const uint8_t *mask, double scale, double offset, double dropped,
                 void *y, ptrdiff_t n);
    void (*add)(const void *a, const void *b, void *y, ptrdiff_t n);
    void (*add_scaled)(double alpha, const void *x, void *y, ptrdiff_t n); /* y += alpha * x */
    void (*scale)(double alpha, void *x, ptrdiff_t n);                     /* x *= alpha */
    /* Sum of x[i]^2 in float64 by sixteen partial sums; n <= PL_SQUARES_CHUNK. */
    double (*sum_of_squares)(const void *x, ptrdiff_t n);
    int (*all_finite)(const void *x, ptrdiff_t n);
    /* y[i] = scale * x[i], from uint8, float32 or float64 to the element type. */
    void (*convert)(int source, double scale, const void *x, void *y, ptrdiff_t n);
} pl_eltwise_kernels;

const pl_eltwise_kernels *pl_eltwise_select(int dtype);

/* x[i] = act(x[i]) in place, on the calling thread: for drivers whose tiles cannot do this one. */
void pl_activate(int dtype, int activation_kind, double alpha, void *x, ptrdiff_t count);

#endif
