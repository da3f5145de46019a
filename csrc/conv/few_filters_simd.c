/* Tiles of convolutions with few channels and few filters, for one ISA and element type.
 *
 * Registers: lines hold 6 filters by 4 vectors of pixels, 4 vectors of inputs, one broadcast: 29 of 32
 * (6 by 2 elsewhere: 15 of 16). Repeats hold 5 rows by 4 vectors (4 by 2 or 2 by 3), as many vectors of
 * gradients as a row has, and two patterns for each, which may lie in memory. */
#include "conv/few_filters.h"
#include "simd/simd.h"

#if PL_REGISTERS == 32
enum { VECTORS = 4, REPEATS_SUMS = 20 };
#else
enum { VECTORS = 2, REPEATS_SUMS = 8 };
#endif

/* `f` is a constant in every use: the loops unroll and the arrays become registers. */
PL_INLINE void lines_tile(const int f, const pl_lines *lines) {
    const ptrdiff_t ldw = lines->ldw, pitch = lines->pitch, taps = lines->taps;
    for (ptrdiff_t p = 0; p < lines->count; p += VECTORS * PL_LANES) {
        const real *w = lines->weights, *x = (const real *)lines->planes + p;
        vec c[PL_LINES][VECTORS];
#pragma GCC unroll 6
        for (int i = 0; i < f; i++)
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) c[i][j] = v_zero();
        for (ptrdiff_t t = 0; t < taps; t++, w += ldw) {
            const real *from = x + lines->offset[t];
            vec xt[VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) xt[j] = v_load(from + j * PL_LANES);
#pragma GCC unroll 6
            for (int i = 0; i < f; i++) {
                const vec wi = v_set1(w[i]);
#pragma GCC unroll 4
                for (int j = 0; j < VECTORS; j++) c[i][j] = v_fma(xt[j], wi, c[i][j]);
            }
        }
        real *to = (real *)lines->sums + p;
#pragma GCC unroll 6
        for (int i = 0; i < f; i++)
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) {
                vec sum = c[i][j];
                if (lines->bias)
                    sum = v_fma(sum, v_set1(lines->scale ? ((const real *)lines->scale)[i] : 1),
                                v_set1(((const real *)lines->bias)[i]));
                if (lines->relu) sum = v_keep(m_not(v_le(sum, v_zero())), sum);
                v_store(to + i * pitch + j * PL_LANES, sum);
            }
    }
}

/* Element e of the pixels' vectors is pixel e / k of line e % k: line after line puts in its lanes. */
static void turns(ptrdiff_t k, void *from) {
    bits *lane = from;
    for (ptrdiff_t o = 0; o < k; o++)
        for (ptrdiff_t f = 0; f < k; f++)
            for (ptrdiff_t i = 0; i < PL_LANES; i++) {
                const ptrdiff_t e = o * PL_LANES + i;
                *lane++ = (bits)(e % k != f ? i : f ? PL_LANES + e / k : e / k);
            }
}

/* Unrolled, so that the lines stay in registers. */
PL_INLINE void turn_vectors(const real *sums, ptrdiff_t pitch, ptrdiff_t k, const void *from, real *y) {
    const ivec *lanes = from;
    vec line[PL_FEW_FILTERS];
#pragma GCC unroll 10
    for (int f = 0; f < PL_FEW_FILTERS; f++) line[f] = f < k ? v_load(sums + f * pitch) : v_zero();
    for (ptrdiff_t o = 0; o < k; o++, lanes += k) {
        vec v = v_permute(line[0], lanes[0]);
#pragma GCC unroll 10
        for (int f = 1; f < PL_FEW_FILTERS; f++) {
            if (f == k) break;
            v = v_lookup(v, line[f], lanes[f]);
        }
        v_store(y + o * PL_LANES, v);
    }
}

/* The last vectors lie over those before: no element behind the last pixel is written. */
static void turn(const void *from, ptrdiff_t pitch, ptrdiff_t count, ptrdiff_t k, const void *lanes, void *to) {
    const real *sums = from;
    real *y = to;
    if (count < PL_LANES) {
        real few[PL_FEW_FILTERS * PL_LANES];
        turn_vectors(sums, pitch, k, lanes, few);
        for (ptrdiff_t i = 0; i < count * k; i++) y[i] = few[i];
        return;
    }
    for (ptrdiff_t p = 0; p < count; p += PL_LANES) {
        const ptrdiff_t at = pl_min(p, count - PL_LANES);
        turn_vectors(sums + at, pitch, k, lanes, y + at * k);
    }
}

PL_INLINE void repeats_tile(const int rows, const int v, const pl_repeats *repeats, int accumulate) {
    const ptrdiff_t k = repeats->k, x_row = repeats->x_row, dw_row = repeats->dw_row;
    const ptrdiff_t inner = repeats->pixels.inner, step = repeats->pixels.step;
    const ptrdiff_t base = repeats->first / k, needed = (repeats->first + repeats->n - 1) / k - base + 1;
    const vtail x_tail = tail_of(needed), dy_tail = tail_of(k);
    const vtail tail = tail_of(repeats->n - (v - 1) * PL_LANES);
    vec c[PL_REPEATS_ROWS][PL_REPEATS_VECTORS];
    ivec tap[PL_REPEATS_VECTORS], filter[PL_REPEATS_VECTORS];
    for (int j = 0; j < v; j++)
        for (int lane = 0; lane < PL_LANES; lane++) {
            const ptrdiff_t e = pl_min(j * PL_LANES + lane, repeats->n - 1) + repeats->first;
            tap[j][lane] = (bits)(e / k - base);
            filter[j][lane] = (bits)(e % k);
        }
#pragma GCC unroll 5
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            const real *p = (real *)repeats->dw + r * dw_row + j * PL_LANES;
            c[r][j] = !accumulate ? v_zero() : j == v - 1 ? v_load_tail(p, tail) : v_load(p);
        }
    const real *dy = repeats->dy, *line = (const real *)repeats->x + base;
    for (ptrdiff_t o = 0; o < repeats->pixels.outer; o++, line += repeats->pixels.jump) {
        const real *x = line;
        for (ptrdiff_t p = 0; p < inner; p++, dy += k, x += step) {
            const vec given = v_load_tail(dy, dy_tail);
            vec d[PL_REPEATS_VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) d[j] = v_permute(given, filter[j]);
#pragma GCC unroll 5
            for (int r = 0; r < rows; r++) {
                const vec xr = v_load_tail(x + r * x_row, x_tail);
#pragma GCC unroll 4
                for (int j = 0; j < v; j++) c[r][j] = v_fma(v_permute(xr, tap[j]), d[j], c[r][j]);
            }
        }
    }
#pragma GCC unroll 5
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            real *p = (real *)repeats->dw + r * dw_row + j * PL_LANES;
            if (j == v - 1)
                v_store_tail(p, c[r][j], tail);
            else
                v_store(p, c[r][j]);
        }
}

/* clang-format off */
#define LINES(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define ROWS(X, v) X(1, v) X(2, v) X(3, v) X(4, v) X(5, v)
#if PL_REAL_BITS == 64 || PL_VECTOR_BYTES == 16 /* nothing here needs speed: few kernels */
#define REPEATS(X) X(1, 1) X(2, 1) X(1, 2) X(2, 2)
#elif PL_REGISTERS == 16 /* 2 x 4 would not leave room for two masks */
#define REPEATS(X) ROWS(X, 1) ROWS(X, 2) ROWS(X, 3)
#else
#define REPEATS(X) ROWS(X, 1) ROWS(X, 2) ROWS(X, 3) ROWS(X, 4)
#endif
/* clang-format on */

#define REPEATS_FIT(r, v) ((r) * (v) <= REPEATS_SUMS)
#define LINE(f) \
    static void lines_##f(const pl_lines *lines) { lines_tile(f, lines); }
#define REPEAT(r, v)                                                                    \
    static void repeats_##r##x##v(const pl_repeats *repeats, int accumulate) {          \
        if (REPEATS_FIT(r, v)) repeats_tile(r, v, repeats, accumulate);                 \
    }
LINES(LINE)
REPEATS(REPEAT)

#define LINE_ENTRY(f) .lines[f - 1] = lines_##f,
#define REPEAT_ENTRY(r, v) .repeats[v - 1][r - 1] = REPEATS_FIT(r, v) ? repeats_##r##x##v : NULL,

const pl_few_filters_kernels PL_KERNEL(few_filters) = {
    .lanes = PL_LANES, .tile = VECTORS * PL_LANES, .turns = turns, .turn = turn, LINES(LINE_ENTRY) REPEATS(REPEAT_ENTRY)};
