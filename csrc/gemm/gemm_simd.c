/* The register tiles of matrix product and convolution, for one ISA and element type.
 *
 * Registers: a tile of m rows by v vectors holds m * v accumulators, v vectors of b and one
 * broadcast of a: 6 * 4 + 4 + 1 = 29 of 32 with AVX-512 and NEON, 6 * 2 + 2 + 1 = 15 of 16 elsewhere.
 * Latency: an FMA takes 4 cycles on 2 ports, so at least 8 accumulators must be in flight; narrow
 * tiles (one or two vectors) are therefore taller.
 * Masks: a masked load for each k costs 256-bit tiles a tenth of their speed, a masked store of the sums 12
 * cycles a row (Zen 4): only single vectors are masked. */
#include "gemm/gemm.h"
#include "simd/simd.h"
#include "simd/transpose.h"

#if PL_REGISTERS == 32
#define VECTORS 4
#else
#define VECTORS 2
#endif
enum { FULL_TILE = 6 * VECTORS }; /* accumulators of the tile that most work goes to */

PL_INLINE const char *ahead_of(const pl_ahead *ahead, const real *b, ptrdiff_t ldb) {
    return ahead->from ? ahead->from : (const char *)(b + 8 * ldb);
}
PL_INLINE ptrdiff_t step_of(const pl_ahead *ahead, ptrdiff_t ldb) {
    return ahead->from ? ahead->step : ldb * (ptrdiff_t)sizeof(real);
}

/* `m`, `v` are constants in every use: the loops unroll and the arrays become registers. */
PL_INLINE void rows_tile(const int m, const int v, const void *const *a_rows, const pl_walk *walk,
                         const real *b, ptrdiff_t ldb, void *const *c_rows, ptrdiff_t n,
                         const pl_finish *finish, real *panel) {
    const real *a[PL_TILE_ROWS];
    vec c[PL_TILE_ROWS][VECTORS];
    const vlast last = last_of(v, n);
    const int stream = m * v == FULL_TILE && finish->stream && n == v * PL_LANES;
#pragma GCC unroll 12
    for (int i = 0; i < m; i++) {
        real *row = c_rows[i];
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            if (!stream && j * PL_VECTOR_BYTES % 64 == 0) __builtin_prefetch(row + j * PL_LANES, 1, 3);
            c[i][j] = v_zero();
        }
    }
    if (finish->accumulate) {
#pragma GCC unroll 12
        for (int i = 0; i < m; i++) {
            const real *row = c_rows[i];
#pragma GCC unroll 4
            for (int j = 0; j < v; j++)
                c[i][j] = v_load_of(row, j, v, last);
        }
    }
    const char *ahead = ahead_of(&walk->ahead, b, ldb);
    const ptrdiff_t ahead_step = step_of(&walk->ahead, ldb);
    for (ptrdiff_t t = 0; t < walk->runs; t++) {
        const ptrdiff_t run = walk->run, offset = walk->offset[t];
#pragma GCC unroll 12
        for (int i = 0; i < m; i++) a[i] = (const real *)a_rows[i] + offset;
#pragma GCC unroll 4
        for (ptrdiff_t k = 0; k < run; k++) {
            vec bk[VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) bk[j] = v_load_padded(b, j, v, last);
            if (panel) {
#pragma GCC unroll 4
                for (int j = 0; j < v; j++) v_store(panel + j * PL_LANES, bk[j]);
                panel += v * PL_LANES;
            }
            __builtin_prefetch(m > 8 ? (const char *)(b + 8 * ldb) : ahead); /* 12 rows leave no pointer free */
            ahead += ahead_step;
            b += ldb;
#pragma GCC unroll 12
            for (int i = 0; i < m; i++) {
                const vec ai = v_set1(a[i][k]);
#pragma GCC unroll 4
                for (int j = 0; j < v; j++) c[i][j] = v_fma(ai, bk[j], c[i][j]);
            }
        }
    }
    if (finish->bias) { /* c * 1 + bias rounds as c + bias does */
        const real *bias = finish->bias, *scale = finish->scale;
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            const vec bj = v_load_of(bias, j, v, last);
            const vec sj = scale ? v_load_of(scale, j, v, last) : v_set1(1);
#pragma GCC unroll 12
            for (int i = 0; i < m; i++) c[i][j] = v_fma(c[i][j], sj, bj);
        }
    }
    if (finish->relu) {
#pragma GCC unroll 12
        for (int i = 0; i < m; i++)
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) c[i][j] = v_keep(m_not(v_le(c[i][j], v_zero())), c[i][j]);
    }
    if (stream) {
#pragma GCC unroll 12
        for (int i = 0; i < m; i++)
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) v_stream((real *)c_rows[i] + j * PL_LANES, c[i][j]);
        return;
    }
#pragma GCC unroll 12
    for (int i = 0; i < m; i++) {
        real *row = c_rows[i];
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) v_store_of(row, c[i][j], j, v, last);
    }
}

PL_INLINE void columns_tile(const int m, const int v, const real *a, const pl_pixels *pixels,
                            const real *b, ptrdiff_t ldb, real *c_tile, ptrdiff_t ldc, ptrdiff_t n,
                            int accumulate) {
    vec c[PL_TILE_ROWS][VECTORS];
    const vlast last = last_of(v, n);
    const ptrdiff_t inner = pixels->inner, step = pixels->step, jump = pixels->jump;
    const char *soon = pixels->soon;
#pragma GCC unroll 12
    for (int i = 0; i < m; i++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            if (j * PL_VECTOR_BYTES % 64 == 0) __builtin_prefetch(c_tile + (m + i) * ldc + j * PL_LANES, 1, 3);
            c[i][j] = v_zero();
        }
    if (accumulate) {
#pragma GCC unroll 12
        for (int i = 0; i < m; i++)
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) c[i][j] = v_load_of(c_tile + i * ldc, j, v, last);
    }
    const char *ahead = ahead_of(&pixels->ahead, b, ldb);
    const ptrdiff_t ahead_step = step_of(&pixels->ahead, ldb);
    for (ptrdiff_t r = 0, y = pixels->rows; r < pixels->outer; r++, a += jump) {
        if (y-- == 0) {
            a += pixels->gap;
            y = pixels->rows - 1;
        }
        const real *as = a;
        for (ptrdiff_t left = pixels->soon_row; left > 0; left -= 64, soon += 64) __builtin_prefetch(soon, 0, 2);
#pragma GCC unroll 4
        for (ptrdiff_t s = 0; s < inner; s++) {
            vec bk[VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) bk[j] = v_load_padded(b, j, v, last);
            __builtin_prefetch(ahead);
            ahead += ahead_step;
            b += ldb;
#pragma GCC unroll 12
            for (int i = 0; i < m; i++) {
                const vec ai = v_set1(as[i]);
#pragma GCC unroll 4
                for (int j = 0; j < v; j++) c[i][j] = v_fma(ai, bk[j], c[i][j]);
            }
            as += step;
        }
    }
    PL_OPAQUE(ldc); /* no address of c is kept from its loads */
#pragma GCC unroll 12
    for (int i = 0; i < m; i++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) v_store_of(c_tile + i * ldc, c[i][j], j, v, last);
}

#define TILE(m, v)                                                                                  \
    static void rows_##m##x##v(const void *const *a, const pl_walk *walk, const void *b,            \
                               ptrdiff_t ldb, void *const *c, ptrdiff_t n,                          \
                               const pl_finish *finish) {                                           \
        rows_tile(m, v, a, walk, b, ldb, c, n, finish, NULL);                                             \
    }                                                                                               \
    static void columns_##m##x##v(const void *a, const pl_pixels *pixels, const void *b,            \
                                  ptrdiff_t ldb, void *c, ptrdiff_t ldc, ptrdiff_t n, int accumulate) { \
        columns_tile(m, v, a, pixels, b, ldb, c, ldc, n, accumulate);                               \
    }

/* clang-format off */
#if VECTORS == 4
#define TILES(X) X(1,1) X(2,1) X(4,1) X(8,1) X(12,1) X(1,2) X(2,2) X(4,2) X(8,2) X(12,2) \
    X(1,3) X(2,3) X(4,3) X(8,3) X(1,4) X(2,4) X(3,4) X(4,4) X(5,4) X(6,4)
#else
#define TILES(X) X(1,1) X(2,1) X(4,1) X(8,1) X(12,1) X(1,2) X(2,2) X(3,2) X(4,2) X(5,2) X(6,2)
#endif
/* clang-format on */
TILES(TILE)

static void rows_packing(const void *const *a, const pl_walk *walk, const void *b, ptrdiff_t ldb,
                         void *const *c, const pl_finish *finish, void *panel) {
    rows_tile(6, VECTORS, a, walk, b, ldb, c, VECTORS * PL_LANES, finish, panel);
}

static void pack(const void *from, ptrdiff_t ld, ptrdiff_t k, ptrdiff_t n, void *to, ptrdiff_t width) {
    const real *x = from;
    real *p = to;
    if (n == VECTORS * PL_LANES && width == n) {
#pragma GCC unroll 4
        for (ptrdiff_t i = 0; i < k; i++, x += ld, p += VECTORS * PL_LANES) {
            vec line[VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) line[j] = v_load(x + j * PL_LANES);
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) v_store(p + j * PL_LANES, line[j]);
        }
        return;
    }
    for (ptrdiff_t i = 0; i < k; i++, x += ld, p += width) {
        ptrdiff_t j = 0;
        for (; j + PL_LANES <= n; j += PL_LANES) v_store(p + j, v_load(x + j));
        for (; j < width; j += PL_LANES) v_store(p + j, n > j ? v_load_part(x + j, n - j) : v_zero());
    }
}

static void pack_transposed(const void *from, ptrdiff_t ld, ptrdiff_t k, ptrdiff_t n, void *to,
                            ptrdiff_t ldt, ptrdiff_t width) {
    for (ptrdiff_t i = 0; i < k; i += PL_LANES)
        for (ptrdiff_t j = 0; j < width; j += PL_LANES) {
            const real *x = (const real *)from + j * ld + i;
            real *p = (real *)to + i * ldt + j;
            const ptrdiff_t deep = pl_min(k - i, PL_LANES), wide = pl_min(width - j, PL_LANES);
            vec block[PL_LANES];
            if (deep == PL_LANES && n - j >= PL_LANES) {
#pragma GCC unroll 16
                for (int r = 0; r < PL_LANES; r++) block[r] = v_load(x + r * ld);
            } else {
#pragma GCC unroll 16
                for (int r = 0; r < PL_LANES; r++)
                    block[r] = r < n - j ? v_load_n(x + r * ld, deep) : v_zero();
            }
            v_transpose(block);
#pragma GCC unroll 16
            for (int r = 0; r < PL_LANES; r++)
                if (r < deep) v_store_n(p + r * ldt, block[r], wide);
        }
}

static void fence(void) { v_fence(); }

#define ROWS_ENTRY(m, v) .rows[v - 1][m - 1] = rows_##m##x##v,
#define COLUMNS_ENTRY(m, v) .columns[v - 1][m - 1] = columns_##m##x##v,

const pl_gemm_kernels PL_KERNEL(gemm) = {.lanes = PL_LANES,
                                         .vectors = VECTORS,
                                         .masked_load = PL_HAS_MASKED_LOAD,
                                         TILES(ROWS_ENTRY) TILES(COLUMNS_ENTRY).rows_packing = rows_packing,
                                         .pack = pack,
                                         .pack_transposed = pack_transposed,
                                         .fence = fence};
