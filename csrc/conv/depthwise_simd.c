/* Tiles of depthwise convolutions, for one ISA and element type.
 *
 * Registers of the 3 x 3 tile: 14 sums, 6 weights and a pixel of 32; on 16 registers 7, 3 and 1. A
 * pixel is loaded once and serves up to 6 sums (3), which do not depend on each other. */
#include "conv/depthwise.h"
#include "simd/simd.h"

enum { ROWS = PL_REGISTERS == 32 ? 2 : 1, WIDE = 7, NARROW = 4 };

PL_INLINE vec load(const void *p, ptrdiff_t j, const int full, ptrdiff_t left) {
    return full ? v_load((const real *)p + j) : v_load_part((const real *)p + j, left);
}

/* Into the second level of cache. */
PL_INLINE void fetch(const void *p, ptrdiff_t j) { __builtin_prefetch((const real *)p + j, 0, 2); }

/* One branch for all sums: with one for each, the compiler would compute sum after sum. */
PL_INLINE void finish(const pl_depthwise_tile *tile, vec *sum, const int count, ptrdiff_t j, const int full,
                      ptrdiff_t left) {
    if (tile->bias) {
        const vec bias = load(tile->bias, j, full, left);
        const vec scale = tile->scale ? load(tile->scale, j, full, left) : v_set1(1);
#pragma GCC unroll 14
        for (int i = 0; i < count; i++) sum[i] = v_fma(sum[i], scale, bias);
    }
    if (tile->relu) {
#pragma GCC unroll 14
        for (int i = 0; i < count; i++) sum[i] = v_keep(m_not(v_le(sum[i], v_zero())), sum[i]);
    }
    if (full && tile->stream) {
#pragma GCC unroll 14
        for (int i = 0; i < count; i++) v_stream((real *)tile->y[i] + j, sum[i]);
    } else {
#pragma GCC unroll 14
        for (int i = 0; i < count; i++)
            v_store_n((real *)tile->y[i] + j, sum[i], full ? PL_LANES : left);
    }
}

PL_INLINE void gather_channels(const pl_depthwise_tile *tile, ptrdiff_t j, const int full,
                               ptrdiff_t left) {
    vec sum[PL_GATHER];
#pragma GCC unroll 8
    for (int i = 0; i < PL_GATHER; i++) sum[i] = v_zero();
    const void *const *x = tile->x;
    for (ptrdiff_t t = 0; t < tile->taps; t++, x += PL_GATHER) {
        const vec w = load(tile->weights[t], j, full, left);
#pragma GCC unroll 8
        for (int i = 0; i < PL_GATHER; i++) sum[i] = v_fma(load(x[i], j, full, left), w, sum[i]);
    }
    if (tile->taps > 0)
        for (int i = 0; i < PL_GATHER; i++) fetch(x[i - PL_GATHER], j + tile->ahead);
    finish(tile, sum, PL_GATHER, j, full, left);
}

static void gather(const pl_depthwise_tile *tile) {
    ptrdiff_t j = 0;
    for (; j + PL_LANES <= tile->n; j += PL_LANES) gather_channels(tile, j, 1, 0);
    if (j < tile->n) gather_channels(tile, j, 0, tile->n - j);
}

#if PL_REAL_BITS == 32
/* Row y of the pixels below a tile: filter row y of its first row, y - 1 of its second. */
PL_INLINE void square_row(const int y, const int columns, const pl_depthwise_tile *tile, ptrdiff_t j,
                          const int full, ptrdiff_t left, vec w[][PL_SQUARE], vec *sum) {
    const void *const *x = tile->x + y * (columns + 2);
    if (y < PL_SQUARE) {
#pragma GCC unroll 3
        for (int s = 0; s < PL_SQUARE; s++)
            w[y][s] = load(tile->weights[y * PL_SQUARE + s], j, full, left);
    }
#pragma GCC unroll 9
    for (int i = 0; i < columns + 2; i++) {
        const vec at = load(x[i], j, full, left);
        if (y >= 2) fetch(x[i], j + tile->ahead);
#pragma GCC unroll 2
        for (int a = 0; a < ROWS; a++)
#pragma GCC unroll 3
            for (int s = PL_SQUARE - 1; s >= 0; s--)
                if (y - a >= 0 && y - a < PL_SQUARE && i - s >= 0 && i - s < columns)
                    sum[a * columns + i - s] = v_fma(at, w[y - a][s], sum[a * columns + i - s]);
    }
}

PL_INLINE void square_channels(const int columns, const pl_depthwise_tile *tile, ptrdiff_t j,
                               const int full, ptrdiff_t left) {
    vec sum[ROWS * WIDE], w[PL_SQUARE][PL_SQUARE];
#pragma GCC unroll 14
    for (int i = 0; i < ROWS * columns; i++) sum[i] = v_zero();
    square_row(0, columns, tile, j, full, left, w, sum);
    square_row(1, columns, tile, j, full, left, w, sum);
    square_row(2, columns, tile, j, full, left, w, sum);
    if (ROWS == 2) square_row(3, columns, tile, j, full, left, w, sum);
    finish(tile, sum, ROWS * columns, j, full, left);
}

#define SQUARE(name, columns)                                                                       \
    static void name(const pl_depthwise_tile *tile) {                                               \
        ptrdiff_t j = 0;                                                                            \
        for (; j + PL_LANES <= tile->n; j += PL_LANES) square_channels(columns, tile, j, 1, 0);     \
        if (j < tile->n) square_channels(columns, tile, j, 0, tile->n - j);                         \
    }
SQUARE(square_wide, WIDE)
SQUARE(square_narrow, NARROW)
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
        fetch(x[taps->at[count - 1]], j + taps->x_ahead);
#pragma GCC unroll 9
        for (int t = 0; t < count; t++)
            sum[t] = v_fma(load(x[taps->at[t]], j, full, left), d, sum[t]);
    }
#pragma GCC unroll 9
    for (int t = 0; t < count; t++) v_store_n((real *)taps->dw[t] + j, sum[t], full ? PL_LANES : left);
}

#if PL_REAL_BITS == 32
/* 3 x 3 taps side by side, step 1: a pixel serves the filters' three columns. at[0], at[3], at[6]
 * begin the three rows. */
enum { TOGETHER = 4 };
PL_INLINE void square_pixels(const int pixels, const pl_depthwise_taps *taps, const void *const *x,
                             const real *dy, ptrdiff_t j, const int full, ptrdiff_t left, vec *sum) {
    vec d[TOGETHER];
#pragma GCC unroll 4
    for (int p = 0; p < pixels; p++) {
        d[p] = load(dy + p * taps->ldy, 0, full, left);
        fetch(dy + p * taps->ldy, taps->dy_ahead);
        fetch(x[taps->at[6] + p], j + taps->x_ahead);
    }
#pragma GCC unroll 3
    for (int r = 0; r < PL_SQUARE; r++) {
        const void *const *row = x + taps->at[r * PL_SQUARE];
#pragma GCC unroll 6
        for (int i = 0; i < pixels + 2; i++) {
            const vec at = load(row[i], j, full, left);
#pragma GCC unroll 3
            for (int s = PL_SQUARE - 1; s >= 0; s--)
                if (i - s >= 0 && i - s < pixels)
                    sum[r * PL_SQUARE + s] = v_fma(at, d[i - s], sum[r * PL_SQUARE + s]);
        }
    }
}

PL_INLINE void square_taps_of_channels(const pl_depthwise_taps *taps, int accumulate, ptrdiff_t j,
                                       const int full, ptrdiff_t left) {
    vec sum[PL_DEPTHWISE_TAPS];
#pragma GCC unroll 9
    for (int t = 0; t < PL_DEPTHWISE_TAPS; t++)
        sum[t] = accumulate ? load(taps->dw[t], j, full, left) : v_zero();
    const void *const *x = taps->x;
    const real *dy = (const real *)taps->dy + j;
    ptrdiff_t p = taps->pixels;
    for (; p >= TOGETHER; p -= TOGETHER, x += TOGETHER, dy += TOGETHER * taps->ldy)
        square_pixels(TOGETHER, taps, x, dy, j, full, left, sum);
    for (; p > 0; p--, x++, dy += taps->ldy) square_pixels(1, taps, x, dy, j, full, left, sum);
#pragma GCC unroll 9
    for (int t = 0; t < PL_DEPTHWISE_TAPS; t++)
        v_store_n((real *)taps->dw[t] + j, sum[t], full ? PL_LANES : left);
}

static void square_taps(const pl_depthwise_taps *taps, int accumulate) {
    ptrdiff_t j = taps->first;
    for (; j + PL_LANES <= taps->n; j += PL_LANES) square_taps_of_channels(taps, accumulate, j, 1, 0);
    if (j < taps->n) square_taps_of_channels(taps, accumulate, j, 0, taps->n - j);
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
                                                   .rows = ROWS,
                                                   .columns = {WIDE, NARROW},
                                                   .square = {square_wide, square_narrow},
                                                   .square_taps = square_taps,
#endif
                                                   .taps = {taps_all, taps_few},
                                                   .fence = fence};
