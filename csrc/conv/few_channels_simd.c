/* Tiles of convolutions with few input channels, for one ISA and element type.
 *
 * The rows of a tile are reached from one moving pointer: the compiler then needs few general
 * registers, and a broadcast can be an operand of its multiply-add. */
#include "conv/few_channels.h"
#include "simd/simd.h"

#if PL_REAL_BITS == 64 || PL_VECTOR_BYTES == 16
/* Nothing here needs speed: few kernels. */
enum { VECTORS = 2, STRIPS = 3, STRIP_SUMS = 6, TAPS_SUMS = 4 };
#elif PL_REGISTERS == 32
enum { VECTORS = 4, STRIPS = PL_STRIP, STRIP_SUMS = 24, TAPS_SUMS = 28 };
#else
enum { VECTORS = 2, STRIPS = 12, STRIP_SUMS = 12, TAPS_SUMS = 12 };
#endif

/* Multiply-adds of `u` taps that follow each other: the chain of a pixel goes on, those of neighbours
 * overlap. One tap at a time is enough where a broadcast serves several vectors. */
enum { BLOCK = 6 };
/* Taps that fit beside `q` sums and a broadcast into 16 registers. */
#define BLOCK_BESIDE(q) (PL_REGISTERS == 32 || (q) <= 9 ? BLOCK : 3)
PL_INLINE void strip_steps(const int u, const int q, const int v, const real *a, ptrdiff_t step, const real *b,
                           ptrdiff_t ldb, vlast last, vec c[][VECTORS]) {
    const ptrdiff_t step3 = 3 * step;
    vec bt[BLOCK][VECTORS];
#pragma GCC unroll 6
    for (int t = 0; t < u; t++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++)
            bt[t][j] = v > 1 ? v_load_of(b + t * ldb, j, v, last) : v_load(b + t * ldb);
#pragma GCC unroll 14
    for (int i = 0; i < q; i++) {
        const int apart = u > 1 ? 1 : 3; /* pixels reached from one pointer */
        if (i > 0 && i % apart == 0) {
            a += u > 1 ? step : step3;
            PL_OPAQUE(a);
        }
#pragma GCC unroll 6
        for (int t = 0; t < u; t++) {
            const vec ai = v_set1(a[i % apart * step + t]);
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) c[i][j] = v_fma(ai, bt[t][j], c[i][j]);
        }
    }
}

/* `q`, `v` are constants in every use: the loops unroll and the arrays become registers. */
PL_INLINE void strip_tile(const int q, const int v, const pl_strip *strip, const pl_finish *finish) {
    vec c[PL_STRIP][VECTORS];
    const int block = BLOCK_BESIDE(q);
    const vlast last = last_of(v, strip->n);
    const ptrdiff_t step = strip->a_step, ldb = strip->ldb, ldc = strip->ldc;
    const pl_walk walk = strip->walk;
    const real *b = strip->b;
    real *to = strip->c;
    /* Lines of c are asked for a tile ahead: stores that miss would stop the next tile. */
#pragma GCC unroll 14
    for (int i = 0; i < q; i++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            if (j * PL_VECTOR_BYTES % 64 == 0) __builtin_prefetch(to + (q + i) * ldc + j * PL_LANES, 1, 3);
            c[i][j] = v_zero();
        }
    for (ptrdiff_t t = 0; t < walk.runs; t++) {
        const real *a = (const real *)strip->a + walk.offset[t];
        ptrdiff_t left = walk.run;
        if (v == 1)
            for (; left >= block; left -= block, a += block, b += block * ldb)
                strip_steps(block, q, v, a, step, b, ldb, last, c);
        for (; left > 0; left--, a++, b += ldb) strip_steps(1, q, v, a, step, b, ldb, last, c);
    }
    if (finish->bias) {
        const real *bias = finish->bias, *scale = finish->scale;
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            const vec bj = v_load_of(bias, j, v, last);
            const vec sj = scale ? v_load_of(scale, j, v, last) : v_set1(1);
#pragma GCC unroll 14
            for (int i = 0; i < q; i++) c[i][j] = v_fma(c[i][j], sj, bj);
        }
    }
    if (finish->relu) {
#pragma GCC unroll 14
        for (int i = 0; i < q; i++)
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) c[i][j] = v_keep(m_not(v_le(c[i][j], v_zero())), c[i][j]);
    }
#pragma GCC unroll 14
    for (int i = 0; i < q; i++) {
        if (i > 0) {
            to += ldc;
            PL_OPAQUE(to);
        }
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) v_store_of(to, c[i][j], j, v, last);
    }
}

static const bits lane_numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

PL_INLINE void slide_tile(const int q, const int v, const pl_slide *slide) {
    vec c[PL_SLIDE][VECTORS];
    const ptrdiff_t n = slide->n, last = n - (v - 1) * PL_LANES;
    const ptrdiff_t dy_row = slide->dy_row, dy_row3 = 3 * dy_row, dx_row = slide->dx_row;
    ivec lane;
    memcpy(&lane, lane_numbers, sizeof lane);
    const ivec own = lane < i_set1((bits)last);
    /* The last vector with what lies behind its sums. */
    const ivec fill = (lane & own) | ((lane + i_set1((bits)(PL_LANES - last))) & ~own);
    real *window = slide->dx;
#pragma GCC unroll 10
    for (int i = 0; i < q; i++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) c[i][j] = v_load(window + i * dx_row + j * PL_LANES);
    const real *dy = slide->dy;
    for (ptrdiff_t pixel = 1;; pixel++) {
        const real *b = slide->b;
        for (ptrdiff_t t = 0; t < slide->depth; t++, dy++, b += slide->ldb) {
            const real *a = dy;
            vec bt[VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) bt[j] = v_load(b + j * PL_LANES);
#pragma GCC unroll 10
            for (int i = 0; i < q; i++) {
                if (i > 0 && i % 3 == 0) {
                    a += dy_row3;
                    PL_OPAQUE(a);
                }
                const vec ai = v_set1(a[i % 3 * dy_row]);
#pragma GCC unroll 4
                for (int j = 0; j < v; j++) c[i][j] = v_fma(ai, bt[j], c[i][j]);
            }
        }
        if (pixel == slide->pixels) break;
        for (ptrdiff_t left = slide->shift; left > 0; left -= PL_LANES) {
            const ptrdiff_t step = pl_min(left, PL_LANES);
            const ivec down = lane + i_set1((bits)step);
            /* The last vector: what stays of it, then what lies behind. */
            const ivec stays = down < i_set1((bits)last);
            const ivec enter = step > last ? down : (down & stays) | ((down + i_set1((bits)(PL_LANES - last))) & ~stays);
            real *to = window;
#pragma GCC unroll 10
            for (int i = 0; i < q; i++) {
                if (i > 0) {
                    to += dx_row;
                    PL_OPAQUE(to);
                }
                vec behind = v_load(to + n);
                if (step > last) { /* the last vector but one takes from behind too */
                    c[i][v - 1] = v_lookup(c[i][v - 1], behind, fill);
                    behind = v_load(to + v * PL_LANES);
                }
                /* What a whole vector writes too much is written again later. */
                v_store(to, v > 1 ? c[i][0] : v_select(m_first(step), c[i][0], v_load(to)));
#pragma GCC unroll 4
                for (int j = 0; j < v - 1; j++) c[i][j] = v_lookup(c[i][j], c[i][j + 1], down);
                c[i][v - 1] = v_lookup(c[i][v - 1], behind, enter);
            }
            window += step;
        }
    }
    const vtail tail = tail_of(last);
#pragma GCC unroll 10
    for (int i = 0; i < q; i++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            real *to = window + i * dx_row + j * PL_LANES;
            if (j == v - 1)
                v_store_tail(to, c[i][j], tail);
            else
                v_store(to, c[i][j]);
        }
}

PL_INLINE void taps_tile(const int rows, const int run, const int v, const pl_taps *taps, int accumulate) {
    vec c[PL_TAPS_ROWS][PL_TAPS_RUN][PL_TAPS_VECTORS];
    const vlast last = last_of(v, taps->n);
    const ptrdiff_t ldw = taps->ldw, ldy = taps->ldy, x_row = taps->x_row;
    const ptrdiff_t inner = taps->pixels.inner, step = taps->pixels.step;
    const char *soon = taps->pixels.soon;
#pragma GCC unroll 5
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int i = 0; i < run; i++)
#pragma GCC unroll 2
            for (int j = 0; j < v; j++) c[r][i][j] = v_zero();
    if (accumulate) {
        const real *from = taps->dw;
#pragma GCC unroll 5
        for (int r = 0; r < rows; r++, from += taps->dw_row)
#pragma GCC unroll 16
            for (int i = 0; i < run; i++)
#pragma GCC unroll 2
                for (int j = 0; j < v; j++) c[r][i][j] = v_load_of(from + i * ldw, j, v, last);
    }
    const real *dy = taps->dy, *line = taps->x;
    for (ptrdiff_t o = 0; o < taps->pixels.outer; o++, line += taps->pixels.jump) {
        const real *x = line;
        for (const char *end = soon + taps->pixels.soon_row; soon < end; soon += 64)
            __builtin_prefetch(soon, 0, 2);
        for (ptrdiff_t p = 0; p < inner; p++, dy += ldy, x += step) {
            const real *from = x;
            vec d[PL_TAPS_VECTORS];
#pragma GCC unroll 2
            for (int j = 0; j < v; j++) d[j] = v_load_padded(dy, j, v, last);
#pragma GCC unroll 5
            for (int r = 0; r < rows; r++) {
                if (r > 0) {
                    from += x_row;
                    PL_OPAQUE(from);
                }
#pragma GCC unroll 16
                for (int i = 0; i < run; i++) {
                    const vec xi = v_set1(from[i]);
#pragma GCC unroll 2
                    for (int j = 0; j < v; j++) c[r][i][j] = v_fma(xi, d[j], c[r][i][j]);
                }
            }
        }
    }
    real *to = taps->dw;
#pragma GCC unroll 5
    for (int r = 0; r < rows; r++, to += taps->dw_row)
#pragma GCC unroll 16
        for (int i = 0; i < run; i++)
#pragma GCC unroll 2
            for (int j = 0; j < v; j++) v_store_of(to + i * ldw, c[r][i][j], j, v, last);
}

/* clang-format off */
#define UP_TO_8(X, ...) X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) \
    X(5, __VA_ARGS__) X(6, __VA_ARGS__) X(7, __VA_ARGS__) X(8, __VA_ARGS__)
#define UP_TO_10(X, ...) UP_TO_8(X, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__)
#define UP_TO_14(X, ...) UP_TO_10(X, __VA_ARGS__) X(11, __VA_ARGS__) X(12, __VA_ARGS__) \
    X(13, __VA_ARGS__) X(14, __VA_ARGS__)
#define UP_TO_16(X, ...) UP_TO_14(X, __VA_ARGS__) X(15, __VA_ARGS__) X(16, __VA_ARGS__)
#define STRIPS(X) UP_TO_14(X, 1) UP_TO_14(X, 2) UP_TO_14(X, 3) UP_TO_14(X, 4)
#define SLIDES(X) UP_TO_10(X, 1) UP_TO_10(X, 2) UP_TO_8(X, 3) UP_TO_8(X, 4)
#define TAPS(X) UP_TO_16(X, 1, 1) UP_TO_16(X, 2, 1) UP_TO_16(X, 3, 1) UP_TO_16(X, 5, 1) \
    UP_TO_16(X, 1, 2) UP_TO_16(X, 2, 2) UP_TO_16(X, 3, 2) UP_TO_16(X, 5, 2)
/* clang-format on */

#define STRIP_FITS(q, v) ((v) <= VECTORS && (q) <= STRIPS && ((v) == 1 || (q) * (v) <= STRIP_SUMS))
#define SLIDE_FITS(q, v) STRIP_FITS(q, v)
#define TAPS_FITS(rows, run, v) ((rows) * (run) * (v) <= TAPS_SUMS)

#define STRIP(q, v)                                                                  \
    static void strip_##q##x##v(const pl_strip *strip, const pl_finish *finish) {    \
        if (STRIP_FITS(q, v)) strip_tile(q, v, strip, finish);                       \
    }
#define SLIDE(q, v)                                               \
    static void slide_##q##x##v(const pl_slide *slide) {          \
        if (SLIDE_FITS(q, v)) slide_tile(q, v, slide);            \
    }
#define TAP(run, rows, v)                                                            \
    static void taps_##rows##x##run##x##v(const pl_taps *taps, int accumulate) {     \
        if (TAPS_FITS(rows, run, v)) taps_tile(rows, run, v, taps, accumulate);      \
    }
STRIPS(STRIP)
SLIDES(SLIDE)
TAPS(TAP)

#define STRIP_ENTRY(q, v) .strip[v - 1][q - 1] = STRIP_FITS(q, v) ? strip_##q##x##v : NULL,
#define SLIDE_ENTRY(q, v) .slide[v - 1][q - 1] = SLIDE_FITS(q, v) ? slide_##q##x##v : NULL,
#define TAPS_ENTRY(run, rows, v) \
    .taps[v - 1][rows - 1][run - 1] = TAPS_FITS(rows, run, v) ? taps_##rows##x##run##x##v : NULL,

const pl_few_channels_kernels PL_KERNEL(few_channels) = {.lanes = PL_LANES,
                                                         .vectors = VECTORS,
                                                         .masked_load = PL_HAS_MASKED_LOAD,
                                                         STRIPS(STRIP_ENTRY) SLIDES(SLIDE_ENTRY)
                                                             TAPS(TAPS_ENTRY)};
