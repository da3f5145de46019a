/* The register-tile kernels that matrix products and convolutions share.
 *
 * Shapes: a tile is mr rows by n columns, n <= nr = most lanes of a row. Each output is one chain of
 * fused multiply-adds over k in rising order; an accumulating call reloads the tile from c, so a
 * chain cut into blocks gives the same bits. Leaves: no threads, no malloc, no CPU check. */
#ifndef PL_GEMM_H
#define PL_GEMM_H

#include "common/common.h"

/* What a kernel brings into the caches on its way, for calls to come: a line for each k. Without `from`
 * that is its own b, some rows ahead, and so it is in tiles of more than 8 rows. */
typedef struct {
    const void *from;
    ptrdiff_t step; /* bytes */
} pl_ahead;

/* How a rows-kernel walks its k: `runs` pieces of `run` consecutive elements; piece t starts at
 * offset[t] from each row pointer. A matrix row is one piece; a convolution has one piece for each
 * filter row (or each filter tap when dilation or groups cut them). */
typedef struct {
    ptrdiff_t runs, run;
    const ptrdiff_t *offset;
    pl_ahead ahead;
} pl_walk;

/* What happens to a finished tile. */
typedef struct {
    int accumulate;   /* start from c instead of 0 */
    int relu;         /* after the bias */
    const void *bias; /* n values added last, or NULL */
    const void *scale; /* n values that the sum is multiplied by before, or NULL; only with bias */
    int stream; /* full tiles go past the caches: rows of c are aligned to 64 bytes; fence afterwards */
} pl_finish;

/* Rows of a by pointers:  c[i][j] = sum over k of a[i][walk(k)] * b[k * ldb + j].
 * b: k rows of ldb elements. Where the ISA has no masked load, or b is a packed panel, whole vectors
 * of b are read: n rounded up to lanes. n > 0 columns are written. */
typedef void (*pl_rows_kernel)(const void *const *a, const pl_walk *walk, const void *b, ptrdiff_t ldb,
                               void *const *c, ptrdiff_t n, const pl_finish *finish);

/* Rows of a as consecutive elements:
 *   c[i * ldc + j] = sum over r < outer, s < inner of
 *       a[r * jump + r / rows * gap + s * step + i] * b[(r * inner + s) * ldb + j].
 * Before each r the next `soon_row` bytes from `soon` on are asked for: memory that later calls read. Every
 * call brings the lines of c below its own, where the next tile is most often. */
typedef struct {
    ptrdiff_t outer, inner, step, jump;
    ptrdiff_t rows, gap; /* both 0 where the rows are evenly spaced */
    pl_ahead ahead;
    const void *soon;
    ptrdiff_t soon_row;
} pl_pixels;
typedef void (*pl_columns_kernel)(const void *a, const pl_pixels *pixels, const void *b, ptrdiff_t ldb,
                                  void *c, ptrdiff_t ldc, ptrdiff_t n, int accumulate);

enum { PL_TILE_ROWS = 12, PL_TILE_VECTORS = 4 };

typedef struct {
    int lanes;       /* elements of a vector */
    int vectors;     /* vectors of a full tile: nr = lanes * vectors */
    int masked_load; /* unpacked b may be read for n that is no multiple of lanes */
    /* rows[v - 1][m - 1]: tile of m rows by v vectors, NULL where the tile has no kernel. */
    pl_rows_kernel rows[PL_TILE_VECTORS][PL_TILE_ROWS];
    pl_columns_kernel columns[PL_TILE_VECTORS][PL_TILE_ROWS];
    /* The largest tile; b goes into a panel on the way. */
    void (*rows_packing)(const void *const *a, const pl_walk *walk, const void *b, ptrdiff_t ldb,
                         void *const *c, const pl_finish *finish, void *panel);
    /* to[k * width + j] = from[k * ld + j], columns from n to width are 0. */
    void (*pack)(const void *from, ptrdiff_t ld, ptrdiff_t k, ptrdiff_t n, void *to, ptrdiff_t width);
    /* to[k * ldt + j] = from[j * ld + k], columns from n to width are 0; any width >= n. */
    void (*pack_transposed)(const void *from, ptrdiff_t ld, ptrdiff_t k, ptrdiff_t n, void *to,
                            ptrdiff_t ldt, ptrdiff_t width);
    void (*fence)(void); /* after the last streamed tile of a task */
} pl_gemm_kernels;

const pl_gemm_kernels *pl_gemm_select(int dtype);

/* The largest tile height that has a kernel for this many vectors and at most `rows` rows. */
PL_INLINE int pl_tile_height(const pl_gemm_kernels *kernels, int vectors, ptrdiff_t rows) {
    int m = (int)pl_min(rows, PL_TILE_ROWS);
    while (!kernels->rows[vectors - 1][m - 1]) m--;
    return m;
}

/* The height of the next tile where `rows` rows are left. The last two tiles are nearly equal: a low one
 * waits for its sums. */
PL_INLINE int pl_next_height(const pl_gemm_kernels *kernels, int vectors, ptrdiff_t rows) {
    const int most = pl_tile_height(kernels, vectors, rows);
    const ptrdiff_t half = (rows + 1) / 2;
    return rows > most && rows < 2 * most && kernels->rows[vectors - 1][half - 1] ? (int)half : most;
}

/* Whether b, `ldb` elements from row to row, is best read as it lies: few rows of a do not pay for
 * packing it; rows of b a multiple of 4 KiB apart fall into one cache set. */
PL_INLINE int pl_reads_unpacked(const pl_gemm_kernels *kernels, size_t item, ptrdiff_t m, ptrdiff_t n,
                                ptrdiff_t ldb) {
    const int vectors = (int)pl_ceil_div(pl_min(n, (ptrdiff_t)kernels->lanes * kernels->vectors), kernels->lanes);
    if (!kernels->masked_load && n % kernels->lanes != 0) return 0;
    return m <= 2 * pl_tile_height(kernels, vectors, PL_TILE_ROWS) ||
           (m < 256 && ldb * (ptrdiff_t)item % 4096 != 0);
}

/* Width of the packed panel for n columns: whole vectors. */
PL_INLINE ptrdiff_t pl_panel_width(const pl_gemm_kernels *kernels, ptrdiff_t n) {
    return pl_round_up(pl_min(n, (ptrdiff_t)kernels->lanes * kernels->vectors), kernels->lanes);
}

#endif
