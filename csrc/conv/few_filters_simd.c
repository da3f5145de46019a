/* Tiles of convolutions with few channels and few filters, for one ISA and element type.
 *
 * Registers: lines hold 5 rows by 3 vectors of sums (3 by 3 elsewhere), 3 vectors of inputs and where
 * each comes from; of a single filter, 5 rows by 2 vectors of sums and 2 vectors of inputs. Repeats hold
 * 5 columns by 2 vectors of sums and as many of gradients (5 by 1 elsewhere), 2 vectors of inputs, and
 * where each of both comes from. */
#include "conv/few_filters.h"
#include "simd/simd.h"

#if PL_REGISTERS == 32
enum { LINES_SUMS = 15, REPEATS_SUMS = 10, MOST_REPEATED = PL_LANES };
#else
enum { LINES_SUMS = 9, REPEATS_SUMS = 5, MOST_REPEATED = PL_LANES / 2 - 1 };
#endif

/* `rows`, `v`, `single` are constants in every use: the loops unroll and the arrays become registers.
 * A single filter takes its pixels as they lie, and all vectors share its weights. */
PL_INLINE void lines_tile(const int rows, const int v, const int single, const pl_lines *tile) {
    const ptrdiff_t last = tile->n - (v - 1) * PL_LANES;
    const ptrdiff_t taps = tile->taps, step = tile->step, count = tile->rows;
    const ptrdiff_t *offset = tile->offset;
    const real *x = tile->x, *bias = tile->bias, *scale = tile->scale;
    real *y = tile->y; /* the row that starts */
    ivec pixel[PL_LINES_VECTORS];
    memcpy(pixel, tile->pixel, (size_t)v * sizeof(ivec));
    vec c[PL_LINES][PL_LINES_VECTORS]; /* c[r]: the row that started r rows ago */
#pragma GCC unroll 5
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 5
        for (int j = 0; j < v; j++) c[r][j] = v_zero();
    unsigned live = 0; /* bit r: that row is one of y's */
    for (ptrdiff_t o = 0; o < count + rows - 1; o++, x += tile->x_row, y += tile->y_row) {
        live = live << 1 | (o < count);
        if (tile->accumulate && o < count) {
#pragma GCC unroll 5
            for (int j = 0; j < v; j++)
                c[0][j] = j == v - 1 ? v_load_n(y + j * PL_LANES, last) : v_load(y + j * PL_LANES);
        }
        const real *w = tile->weights;
        for (ptrdiff_t t = 0; t < taps; t++, w += step) {
            const real *from = x + offset[t];
            const vec given = v_load(from);
            PL_OPAQUE(live);
            vec xt[PL_LINES_VECTORS];
#pragma GCC unroll 5
            for (int j = 0; j < v; j++) xt[j] = single ? v_load(from + j * PL_LANES) : v_permute(given, pixel[j]);
#pragma GCC unroll 5
            for (int r = 0; r < rows; r++)
                if (live >> r & 1) {
#pragma GCC unroll 5
                    for (int j = 0; j < v; j++)
                        c[r][j] = v_fma(xt[j], v_load(w + ((single ? 0 : j) * rows + r) * PL_LANES), c[r][j]);
                }
        }
        if (live >> (rows - 1) & 1) {
            real *to = y - (rows - 1) * tile->y_row;
#pragma GCC unroll 5
            for (int j = 0; j < v; j++) {
                vec sum = c[rows - 1][j];
                if (bias)
                    sum = v_fma(sum, scale ? v_load(scale + j * PL_LANES) : v_set1(1), v_load(bias + j * PL_LANES));
                if (tile->relu) sum = v_keep(m_not(v_le(sum, v_zero())), sum);
                if (j == v - 1)
                    v_store_n(to + j * PL_LANES, sum, last);
                else
                    v_store(to + j * PL_LANES, sum);
            }
        }
#pragma GCC unroll 5
        for (int r = rows - 1; r >= 0; r--)
#pragma GCC unroll 5
            for (int j = 0; j < v; j++) c[r][j] = r ? c[r - 1][j] : v_zero();
    }
}

static void repeat(int what, const void *from, ptrdiff_t k, ptrdiff_t first, ptrdiff_t n, void *to) {
    const real *source = from;
    real *lane = to;
    bits *place = to;
    ptrdiff_t quotient = first / k, rest = first % k;
    for (ptrdiff_t i = 0; i < PL_LANES; i++) {
        const int inside = first + i < n;
        if (what == PL_REPEAT_FROM)
            lane[i] = inside ? source[rest] : 0;
        else
            place[i] = inside ? (bits)(what == PL_REPEAT_REST ? rest : quotient) : 0;
        if (++rest == k) {
            rest = 0;
            quotient++;
        }
    }
}

PL_INLINE void repeats_tile(const int columns, const int v, const pl_repeats *tile) {
    const ptrdiff_t k = tile->k, pixels = tile->pixels, x_step = tile->x_step;
    const vtail tail = tail_of(k);
    ivec row[PL_REPEATS_VECTORS], filter[PL_REPEATS_VECTORS];
    memcpy(row, tile->row, (size_t)v * sizeof(ivec));
    memcpy(filter, tile->filter, (size_t)v * sizeof(ivec));
    vec c[PL_REPEATS][PL_REPEATS_VECTORS];
    vec d[PL_REPEATS][PL_REPEATS_VECTORS]; /* d[s]: the pixel that came s columns ago */
    real *sums = tile->sums;
#pragma GCC unroll 5
    for (int s = 0; s < columns; s++)
#pragma GCC unroll 3
        for (int j = 0; j < v; j++) {
            c[s][j] = v_load(sums + (s * v + j) * PL_LANES);
            d[s][j] = v_zero();
        }
    const real *line = tile->x, *dy = tile->dy;
    for (ptrdiff_t o = 0; o < tile->rows; o++, line += tile->x_row) {
        const real *x = line;
        unsigned live = 0; /* bit s: that pixel is one of the row's */
        for (ptrdiff_t q = 0; q < pixels + columns - 1; q++, x += x_step) {
            live = live << 1 | (q < pixels);
            PL_OPAQUE(live);
#pragma GCC unroll 5
            for (int s = columns - 1; s > 0; s--)
#pragma GCC unroll 3
                for (int j = 0; j < v; j++) d[s][j] = d[s - 1][j];
            if (q < pixels) {
                const vec given = v_load_tail(dy, tail);
                dy += k;
#pragma GCC unroll 3
                for (int j = 0; j < v; j++) d[0][j] = v_permute(given, filter[j]);
            }
            const vec column = v_load(x);
            vec xt[PL_REPEATS_VECTORS];
#pragma GCC unroll 3
            for (int j = 0; j < v; j++) xt[j] = v_permute(column, row[j]);
#pragma GCC unroll 5
            for (int s = 0; s < columns; s++)
                if (live >> s & 1) {
#pragma GCC unroll 3
                    for (int j = 0; j < v; j++) c[s][j] = v_fma(xt[j], d[s][j], c[s][j]);
                }
        }
    }
#pragma GCC unroll 5
    for (int s = 0; s < columns; s++)
#pragma GCC unroll 3
        for (int j = 0; j < v; j++) v_store(sums + (s * v + j) * PL_LANES, c[s][j]);
}

/* clang-format off */
#define UP_TO_5(X, v) X(1, v) X(2, v) X(3, v) X(4, v) X(5, v)
/* clang-format on */
#if PL_REAL_BITS == 64 || PL_VECTOR_BYTES == 16 /* nothing here needs speed: few kernels */
#define LINES(X) X(1, 1) X(1, 2) X(1, 3) X(1, 4) X(1, 5)
#define SINGLES(X)
#define REPEATS(X) X(1, 1) X(2, 1)
#else
#define LINES(X) UP_TO_5(X, 1) UP_TO_5(X, 2) UP_TO_5(X, 3)
#if PL_REGISTERS == 32 /* lanes wide enough that little is gained */
#define SINGLES(X)
#else
#define SINGLES(X) UP_TO_5(X, 1) UP_TO_5(X, 2)
#endif
#define REPEATS(X) UP_TO_5(X, 1) UP_TO_5(X, 2) UP_TO_5(X, 3)
#endif

#define LINES_FIT(r, v) ((r) * (v) <= LINES_SUMS)
#define REPEATS_FIT(s, v) ((s) * (v) <= REPEATS_SUMS)
#define LINE(r, v)                                        \
    static void lines_##r##x##v(const pl_lines *tile) {   \
        if (LINES_FIT(r, v)) lines_tile(r, v, 0, tile);   \
    }
#define SINGLE(r, v) \
    static void lines_single_##r##x##v(const pl_lines *tile) { lines_tile(r, v, 1, tile); }
#define REPEAT(s, v)                                        \
    static void repeats_##s##x##v(const pl_repeats *tile) { \
        if (REPEATS_FIT(s, v)) repeats_tile(s, v, tile);    \
    }
LINES(LINE)
SINGLES(SINGLE)
REPEATS(REPEAT)

#define LINE_ENTRY(r, v) .lines[0][v - 1][r - 1] = LINES_FIT(r, v) ? lines_##r##x##v : NULL,
#define SINGLE_ENTRY(r, v) .lines[1][v - 1][r - 1] = lines_single_##r##x##v,
#define REPEAT_ENTRY(s, v) .repeats[v - 1][s - 1] = REPEATS_FIT(s, v) ? repeats_##s##x##v : NULL,

const pl_few_filters_kernels PL_KERNEL(few_filters) = {
    .lanes = PL_LANES, .most_repeated = MOST_REPEATED, .repeat = repeat, LINES(LINE_ENTRY) SINGLES(SINGLE_ENTRY)
        REPEATS(REPEAT_ENTRY)};
