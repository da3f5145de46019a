/* Weighted sums of rows and of pixels, for one ISA and element type. Lanes run over the elements of
 * a row, or over the channels of a pixel; up to four vectors at a time overlap their chains. Bound
 * by loads: the bands of up-sampling hold one or two sources. */
#include "resample/resample.h"
#include "simd/simd.h"

enum { BLOCK = 4 };

PL_INLINE void combine_block(const real *x, ptrdiff_t stride, ptrdiff_t count, const real *weights,
                             real *y, const int v) {
    vec sum[BLOCK];
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) sum[j] = v_set1(weights[0]) * v_load(x + j * PL_LANES);
    for (ptrdiff_t k = 1; k < count; k++) {
        x += stride;
        const vec weight = v_set1(weights[k]);
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) sum[j] = v_fma(weight, v_load(x + j * PL_LANES), sum[j]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) v_store(y + j * PL_LANES, sum[j]);
}

PL_INLINE void combine_all(const real *x, ptrdiff_t stride, ptrdiff_t count, const real *weights,
                           real *y, ptrdiff_t n) {
    ptrdiff_t i = 0;
    for (; i + BLOCK * PL_LANES <= n; i += BLOCK * PL_LANES)
        combine_block(x + i, stride, count, weights, y + i, BLOCK);
    for (; i + PL_LANES <= n; i += PL_LANES)
        combine_block(x + i, stride, count, weights, y + i, 1);
    if (i < n) {
        const vtail tail = tail_of(n - i);
        vec sum = v_set1(weights[0]) * v_load_tail(x + i, tail);
        for (ptrdiff_t k = 1; k < count; k++)
            sum = v_fma(v_set1(weights[k]), v_load_tail(x + i + k * stride, tail), sum);
        v_store_tail(y + i, sum, tail);
    }
}

static void combine(const void *x, ptrdiff_t stride, ptrdiff_t count, const void *weights, void *y,
                    ptrdiff_t n) {
    combine_all(x, stride, count, weights, y, n);
}

static void line(const void *from, const pl_band *bands, const void *weights, ptrdiff_t c, void *to,
                 ptrdiff_t pixels) {
    const real *x = from;
    real *y = to;
    for (ptrdiff_t j = 0; j < pixels; j++)
        combine_all(x + bands[j].first * c, c, bands[j].count, (const real *)weights + bands[j].at,
                    y + j * c, c);
}

const pl_resample_kernels PL_KERNEL(resample) = {combine, line};
