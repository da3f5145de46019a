/* The transforms of Winograd convolution F(4x4, 3x3) for one ISA and element type.
 *
 * With a = sqrt(1/2), b = sqrt(2) = 2 a:
 *   B^T rows:  1 0 -5/2 0 1 0 | 0 -+b -2 +-a 1 0 | 0 -+a -1/2 +-b 1 0 | 0 1 0 -5/2 0 1
 *   G rows:    1 0 0 | -2/3 -+2a/3 -1/3 | 1/6 +-b/6 1/3 | 0 0 1
 *   A^T rows:  1 1 1 1 1 0 | 0 a -a b -b 0 | 0 1/2 1/2 2 2 0 | 0 a/2 -a/2 2b -2b 1
 * Each one-dimensional transform runs over columns, then over rows. The result is made row by row, or two
 * rows that share their terms, from a tile in memory: the registers do not hold all of it. */
#include "conv/winograd.h"
#include "simd/simd.h"

#define ROOT_HALF ((real)0.70710678118654752440)
#define ROOT_TWO ((real)1.41421356237309504880)

/* A tile in memory: elements between its rows, between its pixels. */
typedef struct {
    const real *pixels;
    ptrdiff_t row, pixel;
} grid;

/* Steps between the pixels of a tile and between planes, so that no address is kept from row to row. */
PL_INLINE ptrdiff_t anew(ptrdiff_t step) {
    PL_OPAQUE(step);
    return step;
}
PL_INLINE grid grid_anew(grid g) { return (grid){g.pixels, anew(g.row), anew(g.pixel)}; }

PL_INLINE vec at(grid g, int i, int j) { return v_load(g.pixels + i * g.row + j * g.pixel); }

/* The size x size pixels of a tile; a copy of it, 0 outside the image, where not all is to be read. Brings
 * what the next tile but one will see for the first time. */
PL_INLINE grid tile_of(const int size, const pl_tile *tile, const real *x, ptrdiff_t n, vec *copy) {
    const ptrdiff_t row = tile->row, pixel = tile->pixel;
    for (int i = tile->y0; i < tile->y1; i++)
#pragma GCC unroll 4
        for (int j = size - 4; j < size; j++) __builtin_prefetch(x + i * row + (j + 8) * pixel);
    if (tile->y0 == 0 && tile->x0 == 0 && tile->y1 == size && tile->x1 == size && n >= PL_LANES)
        return (grid){x, row, pixel};
    const vtail tail = tail_of(n);
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++)
            copy[size * i + j] = i >= tile->y0 && i < tile->y1 && j >= tile->x0 && j < tile->x1
                                     ? v_load_tail(x + i * row + j * pixel, tail)
                                     : v_zero();
    return (grid){(const real *)copy, size * PL_LANES, PL_LANES};
}

/* B^T: the first and the last of six values, from d0 d2 d4 or d1 d3 d5. */
PL_INLINE vec input_end(vec a, vec b, vec c) { return v_fma(v_set1((real)-2.5), b, a + c); }

/* Two values between them. */
PL_INLINE void input_pair(real factor, real root, vec d1, vec d2, vec d3, vec d4, vec *plus, vec *minus) {
    const vec even = v_fma(v_set1(factor), d2, d4), odd = v_fma(v_set1(factor), d1, d3);
    *plus = v_fma(v_set1(root), odd, even);
    *minus = v_fma(v_set1(-root), odd, even);
}

/* The rows of the transforms store each value as soon as it is known: six that were stored together took
 * a tenth longer. */
PL_INLINE void input_row(const vec *d, real *to, ptrdiff_t plane) {
    plane = anew(plane);
    vec plus, minus;
    v_store(to, input_end(d[0], d[2], d[4]));
    input_pair(-2, ROOT_HALF, d[1], d[2], d[3], d[4], &plus, &minus);
    v_store(to + plane, plus);
    v_store(to + 2 * plane, minus);
    input_pair((real)-0.5, ROOT_TWO, d[1], d[2], d[3], d[4], &plus, &minus);
    v_store(to + 3 * plane, plus);
    v_store(to + 4 * plane, minus);
    v_store(to + 5 * plane, input_end(d[1], d[3], d[5]));
}

PL_INLINE void input_end_row(grid g, int first, real *to, ptrdiff_t plane) {
    g = grid_anew(g);
    vec d[6];
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++) d[j] = input_end(at(g, first, j), at(g, first + 2, j), at(g, first + 4, j));
    input_row(d, to, plane);
}

PL_INLINE void input_two_rows(real factor, real root, grid g, real *to, ptrdiff_t plane) {
    g = grid_anew(g);
    vec plus[6], minus[6];
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++)
        input_pair(factor, root, at(g, 1, j), at(g, 2, j), at(g, 3, j), at(g, 4, j), plus + j, minus + j);
    input_row(plus, to, plane);
    input_row(minus, to + 6 * plane, plane);
}

static void input(const pl_tile *tile, ptrdiff_t channels, void *v, ptrdiff_t plane) {
    for (ptrdiff_t c = 0; c < channels; c += PL_LANES) {
        vec copy[36];
        const grid g = tile_of(6, tile, (const real *)tile->pixels + c, channels - c, copy);
        real *to = (real *)v + c;
        input_end_row(g, 0, to, plane);
        input_two_rows(-2, ROOT_HALF, g, to + 6 * plane, plane);
        input_two_rows((real)-0.5, ROOT_TWO, g, to + 18 * plane, plane);
        input_end_row(g, 1, to + 30 * plane, plane);
    }
}

/* A^T: the first and the third of four values, from the sums of pairs. */
PL_INLINE void output_even(vec m0, vec m1, vec m2, vec m3, vec m4, vec *o0, vec *o2) {
    const vec sum_a = m1 + m2, sum_b = m3 + m4;
    *o0 = (m0 + sum_a) + sum_b;
    *o2 = v_fma(v_set1(2), sum_b, v_set1((real)0.5) * sum_a);
}

/* The second and the fourth, from their differences. */
PL_INLINE void output_odd(vec m1, vec m2, vec m3, vec m4, vec m5, vec *o1, vec *o3) {
    const vec difference_a = m1 - m2, difference_b = m3 - m4;
    *o1 = v_fma(v_set1(ROOT_TWO), difference_b, v_set1(ROOT_HALF) * difference_a);
    *o3 = v_fma(v_set1(2 * ROOT_TWO), difference_b, v_fma(v_set1(ROOT_HALF / 2), difference_a, m5));
}

/* What happens to n values of an output, and how many pixels of a row are written. */
typedef struct {
    vec scale, bias;
    int finish, relu, pixels;
    ptrdiff_t pixel, n;
} row_end;

PL_INLINE void output_row(const vec *m, real *y, const row_end *end) {
    const ptrdiff_t pixel = anew(end->pixel);
    vec o[4];
    output_even(m[0], m[1], m[2], m[3], m[4], o, o + 2);
    output_odd(m[1], m[2], m[3], m[4], m[5], o + 1, o + 3);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        if (end->finish) o[j] = v_fma(o[j], end->scale, end->bias);
        if (end->relu) o[j] = v_keep(m_not(v_le(o[j], v_zero())), o[j]);
        if (j < end->pixels) v_store_n(y + j * pixel, o[j], end->n);
    }
}

static void output(const void *m, ptrdiff_t plane, ptrdiff_t channels, const pl_tile *tile,
                   const void *scale, const void *bias, int relu) {
    const ptrdiff_t row = tile->row;
    for (ptrdiff_t k = 0; k < channels; k += PL_LANES) {
        grid g = grid_anew((grid){(const real *)m + k, 6 * plane, plane});
        const ptrdiff_t n = channels - k;
        const row_end end = {scale ? v_load_n((const real *)scale + k, n) : v_set1(1),
                             bias ? v_load_n((const real *)bias + k, n) : v_zero(),
                             bias != NULL,
                             relu,
                             tile->x1,
                             tile->pixel,
                             n};
        real *y = (real *)tile->pixels + k;
        vec first[6], second[6];
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++)
            output_even(at(g, 0, j), at(g, 1, j), at(g, 2, j), at(g, 3, j), at(g, 4, j), first + j, second + j);
        output_row(first, y, &end);
        if (tile->y1 > 2) output_row(second, y + 2 * row, &end);
        g = grid_anew(g);
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++)
            output_odd(at(g, 1, j), at(g, 2, j), at(g, 3, j), at(g, 4, j), at(g, 5, j), first + j, second + j);
        if (tile->y1 > 1) output_row(first, y + row, &end);
        if (tile->y1 > 3) output_row(second, y + 3 * row, &end);
    }
}

/* A: two values between the first, y0, and the last, y3. */
PL_INLINE void gradient_pair(real factor, real root, vec y0, vec y1, vec y2, vec y3, vec *plus, vec *minus) {
    const vec even = v_fma(v_set1(factor), y2, y0), odd = v_fma(v_set1(factor), y3, y1);
    *plus = v_fma(v_set1(root), odd, even);
    *minus = v_fma(v_set1(-root), odd, even);
}

PL_INLINE void gradient_row(const vec *y, real *to, ptrdiff_t plane) {
    plane = anew(plane);
    vec plus, minus;
    v_store(to, y[0]);
    gradient_pair((real)0.5, ROOT_HALF, y[0], y[1], y[2], y[3], &plus, &minus);
    v_store(to + plane, plus);
    v_store(to + 2 * plane, minus);
    gradient_pair(2, ROOT_TWO, y[0], y[1], y[2], y[3], &plus, &minus);
    v_store(to + 3 * plane, plus);
    v_store(to + 4 * plane, minus);
    v_store(to + 5 * plane, y[3]);
}

PL_INLINE void gradient_end_row(grid g, int i, real *to, ptrdiff_t plane) {
    const vec y[4] = {at(g, i, 0), at(g, i, 1), at(g, i, 2), at(g, i, 3)};
    gradient_row(y, to, plane);
}

PL_INLINE void gradient_two_rows(real factor, real root, grid g, real *to, ptrdiff_t plane) {
    g = grid_anew(g);
    vec plus[4], minus[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++)
        gradient_pair(factor, root, at(g, 0, j), at(g, 1, j), at(g, 2, j), at(g, 3, j), plus + j, minus + j);
    gradient_row(plus, to, plane);
    gradient_row(minus, to + 6 * plane, plane);
}

static void output_gradient(const pl_tile *tile, ptrdiff_t channels, void *m, ptrdiff_t plane) {
    for (ptrdiff_t k = 0; k < channels; k += PL_LANES) {
        vec copy[16];
        const grid g = tile_of(4, tile, (const real *)tile->pixels + k, channels - k, copy);
        real *to = (real *)m + k;
        gradient_end_row(g, 0, to, plane);
        gradient_two_rows((real)0.5, ROOT_HALF, g, to + 6 * plane, plane);
        gradient_two_rows(2, ROOT_TWO, g, to + 18 * plane, plane);
        gradient_end_row(g, 3, to + 30 * plane, plane);
    }
}

/* G: two values between the first, g0, and the last, g2. */
PL_INLINE void filter_pair(real c0, real c1, real c2, vec g0, vec g1, vec g2, vec *plus, vec *minus) {
    const vec even = v_fma(v_set1(c2), g2, v_set1(c0) * g0), odd = v_set1(c1) * g1;
    *plus = even + odd;
    *minus = even - odd;
}

#define FILTER_A (real)(-2.0 / 3), -ROOT_TWO / 3, (real)(-1.0 / 3) /* 2a/3 = b/3 */
#define FILTER_B (real)(1.0 / 6), ROOT_TWO / 6, (real)(1.0 / 3)

PL_INLINE void filter_row(const vec *g, real *to, ptrdiff_t plane) {
    plane = anew(plane);
    vec plus, minus;
    v_store(to, g[0]);
    filter_pair(FILTER_A, g[0], g[1], g[2], &plus, &minus);
    v_store(to + plane, plus);
    v_store(to + 2 * plane, minus);
    filter_pair(FILTER_B, g[0], g[1], g[2], &plus, &minus);
    v_store(to + 3 * plane, plus);
    v_store(to + 4 * plane, minus);
    v_store(to + 5 * plane, g[2]);
}

static void filter(const void *w, ptrdiff_t tap, ptrdiff_t ldw, ptrdiff_t c, ptrdiff_t n, void *u,
                   ptrdiff_t plane) {
    const ptrdiff_t columns = pl_round_up(n, PL_LANES);
    for (ptrdiff_t i = 0; i < c; i++)
        for (ptrdiff_t j = 0; j < n; j += PL_LANES) {
            const real *from = (const real *)w + i * ldw + j;
            real *to = (real *)u + i * columns + j;
            vec g[9], plus[3], minus[3];
#pragma GCC unroll 9
            for (int t = 0; t < 9; t++) g[t] = v_load_n(from + t * tap, n - j);
            filter_row(g, to, plane);
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++) filter_pair(FILTER_A, g[t], g[t + 3], g[t + 6], plus + t, minus + t);
            filter_row(plus, to + 6 * plane, plane);
            filter_row(minus, to + 12 * plane, plane);
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++) filter_pair(FILTER_B, g[t], g[t + 3], g[t + 6], plus + t, minus + t);
            filter_row(plus, to + 18 * plane, plane);
            filter_row(minus, to + 24 * plane, plane);
            filter_row(g + 6, to + 30 * plane, plane);
        }
}

/* G^T: six values u, s apart, to three values o, t apart. */
PL_INLINE void filter_gradient_1d(const vec *u, int s, vec *o, int t) {
    const vec sum_a = u[s] + u[2 * s], difference_a = u[s] - u[2 * s];
    const vec sum_b = u[3 * s] + u[4 * s], difference_b = u[3 * s] - u[4 * s];
    o[0] = v_fma(v_set1((real)(1.0 / 6)), sum_b, v_fma(v_set1((real)(-2.0 / 3)), sum_a, u[0]));
    o[t] = v_fma(v_set1(ROOT_TWO / 6), difference_b, v_set1(-ROOT_TWO / 3) * difference_a);
    o[2 * t] = v_fma(v_set1((real)(1.0 / 3)), sum_b, v_fma(v_set1((real)(-1.0 / 3)), sum_a, u[5 * s]));
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
