/* Tiles of depthwise convolutions, for one ISA and element type.
 *
 * Registers of the 3 x 3 tile: 8 sums, 6 weights and a pixel, of 16. A pixel is loaded once and serves
 * up to 6 sums, which do not depend on each other. Tiles of 2 x 7 load less but were slower where results
 * are streamed (measured), on 16 registers many times. */
#include "conv/depthwise.h"
#include "simd/simd.h"

enum { ROWS = PL_SQUARE_ROWS, COLUMNS = PL_SQUARE_COLUMNS };

/* Where a vector is half a line, the first halves of streamed lines wait for the second: eight lines
 * begun and left to be completed later took up to four times as long (Zen 4). */
enum { HALVES = PL_VECTOR_BYTES == 32 };

PL_INLINE vec load(const void *p, ptrdiff_t j, const int full, ptrdiff_t left) {
    return full ? v_load((const real *)p + j) : v_load_part((const real *)p + j, left);
}

/* Into the second level of cache, to be read or written. Without it
 * images beyond the caches took two to three times as long (measured). */
PL_INLINE void fetch(const void *p, ptrdiff_t j) { __builtin_prefetch((const real *)p + j, 0, 2); }
PL_INLINE void fetch_to(const void *p, ptrdiff_t j) { __builtin_prefetch((const real *)p + j, 1, 2); }

/* Sums of `columns` pixels side by side from each y on. One branch for all sums: with one for each,
 * the compiler would compute sum after sum. */
PL_INLINE void finish(const pl_depthwise_tile *tile, vec *sum, const int rows, const int columns, ptrdiff_t j,
                      const int full, ptrdiff_t left, vec *first) {
    const int count = rows * columns;
    if (tile->bias) {
        const vec bias = load(tile->bias, j, full, left);
        const vec scale = tile->scale ? load(tile->scale, j, full, left) : v_set1(1);
#pragma GCC unroll 8
        for (int i = 0; i < count; i++) sum[i] = v_fma(sum[i], scale, bias);
    }
    if (tile->relu) {
#pragma GCC unroll 8
        for (int i = 0; i < count; i++) sum[i] = v_keep(m_not(v_le(sum[i], v_zero())), sum[i]);
    }
#define EACH(i)                                          \
    _Pragma("GCC unroll 8") for (int i = 0; i < count; i++)
#define AT(i) (real *)tile->y[(i) / columns] + (i) % columns * tile->n + j
    if (full && tile->stream) {
        if (HALVES && j / PL_LANES % 2 == 0) {
            EACH(i) first[i] = sum[i];
        } else {
            EACH(i) {
                if (HALVES) v_stream(AT(i) - PL_LANES, first[i]);
                v_stream(AT(i), sum[i]);
            }
        }
    } else {
        EACH(i) fetch_to(AT(i), tile->y_ahead);
        EACH(i) v_store_n(AT(i), sum[i], full ? PL_LANES : left);
    }
#undef EACH
#undef AT
}

PL_INLINE void gather_channels(const pl_depthwise_tile *tile, ptrdiff_t j, const int full,
                               ptrdiff_t left, vec *first) {
    vec sum[PL_GATHER];
#pragma GCC unroll 8
    for (int i = 0; i < PL_GATHER; i++) sum[i] = v_zero();
    const void *const *x = tile->x;
    for (ptrdiff_t t = 0; t < tile->taps; t++, x += PL_GATHER) {
        const vec w = load(tile->weights[t], j, full, left);
#pragma GCC unroll 8
        for (int i = 0; i < PL_GATHER; i++) sum[i] = v_fma(load(x[i], j, full, left), w, sum[i]);
    }
    const ptrdiff_t soon = PL_GATHER * tile->soon_columns;
    for (ptrdiff_t r = 0; r < tile->soon_rows; r++)
        for (ptrdiff_t e = 0; e < soon * PL_LANES; e += 64 / (ptrdiff_t)sizeof(real))
            fetch(tile->soon, r * tile->soon_row + j * soon + e);
    finish(tile, sum, PL_GATHER, 1, j, full, left, first);
}

static void gather(const pl_depthwise_tile *tile) {
    vec first[PL_GATHER] = {{0}};
    ptrdiff_t j = 0;
    for (; j + PL_LANES <= tile->n; j += PL_LANES) gather_channels(tile, j, 1, 0, first);
    if (j < tile->n) gather_channels(tile, j, 0, tile->n - j, first);
}

#if PL_REAL_BITS == 32
/* Row y of the pixels below a tile: filter row y of its first row, y - 1 of its second. */
PL_INLINE void square_row(const int y, const pl_depthwise_tile *tile, ptrdiff_t j, const int full,
                          ptrdiff_t left, vec w[][PL_SQUARE], vec *sum) {
    const void *const *x = tile->x + y * 3;
    const real *inside = (const real *)x[1] + j;
    if (y < PL_SQUARE) {
#pragma GCC unroll 3
        for (int s = 0; s < PL_SQUARE; s++)
            w[y][s] = load(tile->weights[y * PL_SQUARE + s], j, full, left);
    }
#pragma GCC unroll 6
    for (int i = 0; i < COLUMNS + 2; i++) {
        const real *p = inside + (i - 1) * tile->n;
        if (y >= 2 && i >= 1 && i <= COLUMNS) fetch(p, tile->x_ahead);
        if (i == 0) p = (const real *)x[0] + j;
        if (i == COLUMNS + 1) p = (const real *)x[2] + j;
        const vec at = load(p, 0, full, left);
#pragma GCC unroll 2
        for (int a = 0; a < ROWS; a++)
#pragma GCC unroll 3
            for (int s = PL_SQUARE - 1; s >= 0; s--)
                if (y - a >= 0 && y - a < PL_SQUARE && i - s >= 0 && i - s < COLUMNS)
                    sum[a * COLUMNS + i - s] = v_fma(at, w[y - a][s], sum[a * COLUMNS + i - s]);
    }
}

PL_INLINE void square_channels(const pl_depthwise_tile *tile, ptrdiff_t j, const int full, ptrdiff_t left,
                               vec *first) {
    vec sum[ROWS * COLUMNS], w[PL_SQUARE][PL_SQUARE];
#pragma GCC unroll 8
    for (int i = 0; i < ROWS * COLUMNS; i++) sum[i] = v_zero();
#pragma GCC unroll 4
    for (int y = 0; y < ROWS + 2; y++) square_row(y, tile, j, full, left, w, sum);
    finish(tile, sum, ROWS, COLUMNS, j, full, left, first);
}

static void square(const pl_depthwise_tile *at) {
    const pl_depthwise_tile local = *at, *tile = &local; /* a copy that the results cannot alias */
    vec first[PL_GATHER] = {{0}};
    ptrdiff_t j = 0;
    for (; j + PL_LANES <= tile->n; j += PL_LANES) square_channels(tile, j, 1, 0, first);
    if (j < tile->n) square_channels(tile, j, 0, tile->n - j, first);
}
#endif

PL_INLINE void taps_of_channels(const int count, const pl_depthwise_taps *taps, int accumulate,
                                ptrdiff_t j, const int full, ptrdiff_t left) {
    vec sum[PL_DEPTHWISE_TAPS];
#pragma GCC unroll 9
    for (int t = 0; t < count; t++)
        sum[t] = accumulate ? load(taps->dw[t], j, full, left) : v_zero();
    const void *const *x = taps->x;
    const real *dy = (const real *)taps->dy + j;
    for (ptrdiff_t p = 0; p < taps->pixels; p++, x += taps->step, dy += taps->ldy) {
        const vec d = load(dy, 0, full, left);
        fetch(dy, taps->dy_ahead);
        for (ptrdiff_t r = 1; r <= taps->soon_rows; r++)
            for (ptrdiff_t q = 0; q < taps->soon_columns; q++)
                fetch(x[taps->at[count - 1]], j + r * taps->soon_row + q * taps->ldy);
#pragma GCC unroll 9
        for (int t = 0; t < count; t++)
            sum[t] = v_fma(load(x[taps->at[t]], j, full, left), d, sum[t]);
    }
#pragma GCC unroll 9
    for (int t = 0; t < count; t++) v_store_n((real *)taps->dw[t] + j, sum[t], full ? PL_LANES : left);
}

#if PL_REAL_BITS == 32
/* 3 x 3 taps side by side: `pixels` windows from pixel p on. A pixel of x serves up to three sums,
 * of as many vectors of channels as there are registers for. */
enum { VECTORS = PL_REGISTERS == 32 ? 2 : 1, TOGETHER = 4 / VECTORS };
PL_INLINE void square_windows(const pl_depthwise_rows *at, const int pixels, const int full, ptrdiff_t row, ptrdiff_t p,
                              ptrdiff_t j, vtail tail, vec sum[][PL_DEPTHWISE_TAPS]) {
    const ptrdiff_t ld = at->ld, here = p * ld + j;
    const real *dy = (const real *)at->dy + row * at->pixels * ld + here;
    const real *below = (const real *)at->x[row + 2] + here + at->x_ahead;
    const int vectors = full ? VECTORS : 1;
    vec d[TOGETHER][VECTORS];
#pragma GCC unroll 4
    for (int i = 0; i < pixels; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            d[i][v] = full ? v_load(dy + i * ld + v * PL_LANES) : v_load_tail(dy + i * ld, tail);
            fetch(dy + i * ld + v * PL_LANES, at->dy_ahead);
            fetch(below + i * ld, v * PL_LANES);
        }
#pragma GCC unroll 3
    for (int r = 0; r < PL_SQUARE; r++) {
        const real *x = (const real *)at->x[row + r] + here;
        const real *first = at->left && p == 0 ? (const real *)at->zeros + j : x - ld;
        const real *last = at->right && p + pixels == at->pixels ? (const real *)at->zeros + j : x + pixels * ld;
#pragma GCC unroll 6
        for (int i = 0; i < pixels + 2; i++) {
            const real *from = i == 0 ? first : i == pixels + 1 ? last : x + (i - 1) * ld;
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                const vec pixel = full ? v_load(from + v * PL_LANES) : v_load_tail(from, tail);
#pragma GCC unroll 3
                for (int s = PL_SQUARE - 1; s >= 0; s--)
                    if (i - s >= 0 && i - s < pixels)
                        sum[v][r * PL_SQUARE + s] = v_fma(pixel, d[i - s][v], sum[v][r * PL_SQUARE + s]);
            }
        }
    }
}

PL_INLINE void square_taps_of_channels(const pl_depthwise_rows *at, const int full, int accumulate,
                                       ptrdiff_t j, ptrdiff_t left) {
    const int vectors = full ? VECTORS : 1;
    const vtail tail = tail_of(left);
    vec sum[VECTORS][PL_DEPTHWISE_TAPS];
    real *dw = (real *)at->dw + j;
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
#pragma GCC unroll 9
        for (int t = 0; t < PL_DEPTHWISE_TAPS; t++) {
            const real *from = dw + t * at->ld + v * PL_LANES;
            sum[v][t] = !accumulate ? v_zero() : full ? v_load(from) : v_load_tail(from, tail);
        }
    for (ptrdiff_t row = 0; row < at->rows; row++) {
        ptrdiff_t p = 0;
        for (; p + TOGETHER <= at->pixels; p += TOGETHER)
            square_windows(at, TOGETHER, full, row, p, j, tail, sum);
        for (; p < at->pixels; p++) square_windows(at, 1, full, row, p, j, tail, sum);
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
#pragma GCC unroll 9
        for (int t = 0; t < PL_DEPTHWISE_TAPS; t++) {
            real *to = dw + t * at->ld + v * PL_LANES;
            if (full)
                v_store(to, sum[v][t]);
            else
                v_store_tail(to, sum[v][t], tail);
        }
}

static void square_taps(const pl_depthwise_rows *rows, int accumulate) {
    const pl_depthwise_rows local = *rows; /* a copy that the results cannot alias */
    ptrdiff_t j = local.first;
    for (; j + VECTORS * PL_LANES <= local.n; j += VECTORS * PL_LANES)
        square_taps_of_channels(&local, 1, accumulate, j, PL_LANES);
    for (; j < local.n; j += PL_LANES) square_taps_of_channels(&local, 0, accumulate, j, local.n - j);
}
#endif

#define TAPS(name, count)                                                                    \
    static void name(const pl_depthwise_taps *taps, int accumulate) {                        \
        ptrdiff_t j = taps->first;                                                           \
        for (; j + PL_LANES <= taps->n; j += PL_LANES)                                       \
            taps_of_channels(count, taps, accumulate, j, 1, 0);                              \
        if (j < taps->n) taps_of_channels(count, taps, accumulate, j, 0, taps->n - j);       \
    }
TAPS(taps_all, PL_DEPTHWISE_TAPS)
TAPS(taps_few, 4)

static void fence(void) { v_fence(); }

const pl_depthwise_kernels PL_KERNEL(depthwise) = {.lanes = PL_LANES,
                                                   .gather = gather,
#if PL_REAL_BITS == 32
                                                   .square = square,
                                                   .square_taps = square_taps,
#endif
                                                   .taps = {taps_all, taps_few},
                                                   .fence = fence};
