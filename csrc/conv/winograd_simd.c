/* The transforms of Winograd convolution F(4x4, 3x3) for one ISA and element type.
 *
 * With a = sqrt(1/2), b = sqrt(2) = 2 a:
 *   B^T rows:  1 0 -5/2 0 1 0 | 0 -+b -2 +-a 1 0 | 0 -+a -1/2 +-b 1 0 | 0 1 0 -5/2 0 1
 *   G rows:    1 0 0 | -2/3 -+2a/3 -1/3 | 1/6 +-b/6 1/3 | 0 0 1
 *   A^T rows:  1 1 1 1 1 0 | 0 a -a b -b 0 | 0 1/2 1/2 2 2 0 | 0 a/2 -a/2 2b -2b 1
 * Each one-dimensional transform runs over columns, then over rows. */
#include "conv/winograd.h"
#include "simd/simd.h"

#define ROOT_HALF ((real)0.70710678118654752440)
#define ROOT_TWO ((real)1.41421356237309504880)

/* B^T: six values, s elements apart, in place. */
PL_INLINE void input_1d(vec *d, int s) {
    const vec d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
    const vec minus_5_2 = v_set1((real)-2.5), minus_2 = v_set1((real)-2), minus_half = v_set1((real)-0.5);
    const vec even_a = v_fma(minus_2, d2, d4), odd_a = v_fma(minus_2, d1, d3);
    const vec even_b = v_fma(minus_half, d2, d4), odd_b = v_fma(minus_half, d1, d3);
    d[0] = v_fma(minus_5_2, d2, d0 + d4);
    d[s] = v_fma(v_set1(ROOT_HALF), odd_a, even_a);
    d[2 * s] = v_fma(v_set1(-ROOT_HALF), odd_a, even_a);
    d[3 * s] = v_fma(v_set1(ROOT_TWO), odd_b, even_b);
    d[4 * s] = v_fma(v_set1(-ROOT_TWO), odd_b, even_b);
    d[5 * s] = v_fma(minus_5_2, d3, d1 + d5);
}

/* A^T: six values m, s apart, to four values o, t apart. */
PL_INLINE void output_1d(const vec *m, int s, vec *o, int t) {
    const vec sum_a = m[s] + m[2 * s], difference_a = m[s] - m[2 * s];
    const vec sum_b = m[3 * s] + m[4 * s], difference_b = m[3 * s] - m[4 * s];
    o[0] = (m[0] + sum_a) + sum_b;
    o[t] = v_fma(v_set1(ROOT_TWO), difference_b, v_set1(ROOT_HALF) * difference_a);
    o[2 * t] = v_fma(v_set1((real)2), sum_b, v_set1((real)0.5) * sum_a);
    o[3 * t] = v_fma(v_set1(2 * ROOT_TWO), difference_b, v_fma(v_set1(ROOT_HALF / 2), difference_a, m[5 * s]));
}

/* A: four values y, s apart, to six values o, t apart. */
PL_INLINE void gradient_1d(const vec *y, int s, vec *o, int t) {
    const vec half = v_set1((real)0.5), two = v_set1((real)2);
    const vec even_a = v_fma(half, y[2 * s], y[0]), odd_a = v_fma(half, y[3 * s], y[s]);
    const vec even_b = v_fma(two, y[2 * s], y[0]), odd_b = v_fma(two, y[3 * s], y[s]);
    o[0] = y[0];
    o[t] = v_fma(v_set1(ROOT_HALF), odd_a, even_a);
    o[2 * t] = v_fma(v_set1(-ROOT_HALF), odd_a, even_a);
    o[3 * t] = v_fma(v_set1(ROOT_TWO), odd_b, even_b);
    o[4 * t] = v_fma(v_set1(-ROOT_TWO), odd_b, even_b);
    o[5 * t] = y[3 * s];
}

/* G: three values g, s apart, to six values o, t apart. */
PL_INLINE void filter_1d(const vec *g, int s, vec *o, int t) {
    const vec even_a = v_fma(v_set1((real)(-1.0 / 3)), g[2 * s], v_set1((real)(-2.0 / 3)) * g[0]);
    const vec odd_a = v_set1(ROOT_TWO / 3) * g[s]; /* 2a/3 = b/3 */
    const vec even_b = v_fma(v_set1((real)(1.0 / 3)), g[2 * s], v_set1((real)(1.0 / 6)) * g[0]);
    const vec odd_b = v_set1(ROOT_TWO / 6) * g[s];
    o[0] = g[0];
    o[t] = even_a - odd_a;
    o[2 * t] = even_a + odd_a;
    o[3 * t] = even_b + odd_b;
    o[4 * t] = even_b - odd_b;
    o[5 * t] = g[2 * s];
}

/* G^T: six values u, s apart, to three values o, t apart. */
PL_INLINE void filter_gradient_1d(const vec *u, int s, vec *o, int t) {
    const vec sum_a = u[s] + u[2 * s], difference_a = u[s] - u[2 * s];
    const vec sum_b = u[3 * s] + u[4 * s], difference_b = u[3 * s] - u[4 * s];
    o[0] = v_fma(v_set1((real)(1.0 / 6)), sum_b, v_fma(v_set1((real)(-2.0 / 3)), sum_a, u[0]));
    o[t] = v_fma(v_set1(ROOT_TWO / 6), difference_b, v_set1(-ROOT_TWO / 3) * difference_a);
    o[2 * t] = v_fma(v_set1((real)(1.0 / 3)), sum_b, v_fma(v_set1((real)(-1.0 / 3)), sum_a, u[5 * s]));
}

/* The size x size pixels of a tile, 0 where they lie outside the image. */
PL_INLINE void load_tile(const int size, const pl_tile *tile, const real *x, ptrdiff_t n, vec *d) {
    const ptrdiff_t row = tile->row, pixel = tile->pixel;
    if (tile->y0 == 0 && tile->x0 == 0 && tile->y1 == size && tile->x1 == size && n >= PL_LANES) {
#pragma GCC unroll 36
        for (int i = 0; i < size * size; i++) {
            d[i] = v_load(x + i / size * row + i % size * pixel);
            if (i % size >= size - 4) __builtin_prefetch(x + i / size * row + (i % size + 8) * pixel);
        }
        return;
    }
    vtail column[PL_WINOGRAD_IN];
#pragma GCC unroll 6
    for (int j = 0; j < size; j++) column[j] = tail_of(j >= tile->x0 && j < tile->x1 ? n : 0);
#pragma GCC unroll 6
    for (int i = 0; i < size; i++)
        if (i >= tile->y0 && i < tile->y1) {
#pragma GCC unroll 6
            for (int j = 0; j < size; j++)
                d[size * i + j] = v_load_tail(x + i * row + j * pixel, column[j]);
        } else {
#pragma GCC unroll 6
            for (int j = 0; j < size; j++) d[size * i + j] = v_zero();
        }
}

static void input(const pl_tile *tile, ptrdiff_t channels, void *v, ptrdiff_t plane) {
    const real *x = (const real *)tile->pixels;
    for (ptrdiff_t c = 0; c < channels; c += PL_LANES) {
        real *to = (real *)v + c;
        vec d[36];
        load_tile(6, tile, x + c, channels - c, d);
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) input_1d(d + i, 6);
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) input_1d(d + 6 * i, 1);
#pragma GCC unroll 36
        for (int i = 0; i < 36; i++) v_store(to + i * plane, d[i]);
    }
}

static void output(const void *m, ptrdiff_t plane, ptrdiff_t channels, const pl_tile *tile,
                   const void *scale, const void *bias, int relu) {
    real *y = (real *)tile->pixels;
    for (ptrdiff_t k = 0; k < channels; k += PL_LANES) {
        const ptrdiff_t n = channels - k;
        const real *from = (const real *)m + k;
        vec d[36], half[24], o[16];
#pragma GCC unroll 36
        for (int i = 0; i < 36; i++) d[i] = v_load(from + i * plane);
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) output_1d(d + i, 6, half + i, 6);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) output_1d(half + 6 * i, 1, o + 4 * i, 1);
        if (bias) {
            const vec b = v_load_n((const real *)bias + k, n);
            const vec s = scale ? v_load_n((const real *)scale + k, n) : v_set1(1);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) o[i] = v_fma(o[i], s, b);
        }
        if (relu) {
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) o[i] = v_keep(m_not(v_le(o[i], v_zero())), o[i]);
        }
        if (n >= PL_LANES) {
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++)
                if (i / 4 < tile->y1 && i % 4 < tile->x1)
                    v_store(y + i / 4 * tile->row + i % 4 * tile->pixel + k, o[i]);
        } else {
            for (int i = 0; i < 16; i++)
                if (i / 4 < tile->y1 && i % 4 < tile->x1)
                    v_store_part(y + i / 4 * tile->row + i % 4 * tile->pixel + k, o[i], n);
        }
    }
}

static void output_gradient(const pl_tile *tile, ptrdiff_t channels, void *m, ptrdiff_t plane) {
    const real *dy = (const real *)tile->pixels;
    for (ptrdiff_t k = 0; k < channels; k += PL_LANES) {
        real *to = (real *)m + k;
        vec d[16], half[24], o[36];
        load_tile(4, tile, dy + k, channels - k, d);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) gradient_1d(d + i, 4, half + i, 4);
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) gradient_1d(half + 4 * i, 1, o + 6 * i, 1);
#pragma GCC unroll 36
        for (int i = 0; i < 36; i++) v_store(to + i * plane, o[i]);
    }
}

static void filter(const void *w, ptrdiff_t c, ptrdiff_t k, ptrdiff_t width, void *u, ptrdiff_t plane,
                   ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t i = begin; i < end; i++)
        for (ptrdiff_t j = 0; j < k; j += PL_LANES) {
            const ptrdiff_t panel = j / width * width;
            const ptrdiff_t columns = pl_round_up(pl_min(width, k - panel), PL_LANES);
            real *to = (real *)u + panel * c + i * columns + (j - panel);
            vec g[9], half[18], o[36];
            for (int t = 0; t < 9; t++) g[t] = v_load_n((const real *)w + (t * c + i) * k + j, k - j);
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++) filter_1d(g + t, 3, half + t, 3);
#pragma GCC unroll 6
            for (int t = 0; t < 6; t++) filter_1d(half + 3 * t, 1, o + 6 * t, 1);
#pragma GCC unroll 36
            for (int e = 0; e < 36; e++) v_store(to + e * plane, o[e]);
        }
}

static void filter_gradient(const void *du, ptrdiff_t c, ptrdiff_t k, void *dw, ptrdiff_t begin,
                            ptrdiff_t end) {
    for (ptrdiff_t i = begin; i < end; i++)
        for (ptrdiff_t j = 0; j < k; j += PL_LANES) {
            vec u[36], half[18], o[9];
            for (int e = 0; e < 36; e++) u[e] = v_load_n((const real *)du + (e * c + i) * k + j, k - j);
#pragma GCC unroll 6
            for (int t = 0; t < 6; t++) filter_gradient_1d(u + t, 6, half + t, 6);
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++) filter_gradient_1d(half + 6 * t, 1, o + 3 * t, 1);
            for (int t = 0; t < 9; t++) v_store_n((real *)dw + (t * c + i) * k + j, o[t], k - j);
        }
}

const pl_winograd_kernels PL_KERNEL(winograd) = {.input = input,
                                                 .output = output,
                                                 .output_gradient = output_gradient,
                                                 .filter = filter,
                                                 .filter_gradient = filter_gradient};
