/* Matrix product: blocking, packing and threads around the register tiles of gemm_simd.c.
 *
 *   for each block of columns (BLOCK_N)            B block stays in L3
 *     for each block of k (BLOCK_K)                chains go on through c
 *       for each block of rows                     A block and one panel stay in L2
 *         for each tile-wide panel of B: pack it for the first block of rows (unless it can be read as it
 *         lies), then one kernel call for each tile of rows; tiles bring what is read next on the way
 *
 * A transposed b with few rows of a is multiplied the other way round (the last part of this file):
 * lanes run over the rows of a, so that not b, the larger one, is turned, but a and the result.
 *
 * The chain of an output never depends on the blocks, so they may differ between ISAs and calls. */
#include "gemm/gemm.h"

#include "common/scratch.h"
#include "eltwise/eltwise.h"
#include "threading/threading.h"

#define PL_OP gemm
#define PL_OP_TABLE pl_gemm_kernels
#define PL_OP_ROWS "gemm/gemm_kernels.inc"
#include "cpu/variant_rows.h"

const pl_gemm_kernels *pl_gemm_select(int dtype) { return pl_select_op(dtype); }

/* Measured with 1 MB and 2 MB of L2: where more than one block of rows shares them, panels of b come from
 * L3. Panels that pay for packing a block of a transposed a. */
enum { BLOCK_K = 1024, BLOCK_N = 512, MANY_PANELS = 16 };

/* Rows of a block: whole tiles (6 or 12); a panel of one line leaves room for more in L1, and for a batch
 * of 64. */
enum { BLOCK_M = 48, NARROW_BLOCK_M = 72, LINE = 64 };

typedef struct {
    const pl_gemm_args *args;
    const pl_gemm_kernels *kernels;
    size_t item;
    int packed;        /* b goes through panels */
    int fills;         /* a panel is packed by the first tile that it is multiplied by */
    int packed_rows;   /* a transposed goes through blocks of BLOCK_M columns */
    int split_rows;    /* tasks are tiles of rows, else panels of columns */
    ptrdiff_t width;   /* columns of a full tile */
    ptrdiff_t height;  /* rows of a full tile */
    int narrow;        /* a panel is one line wide */
    ptrdiff_t block_m;
    ptrdiff_t block_row; /* elements of a row of a packed block of a */
    char *space;       /* packing space for each worker: panels of b, then a block of a */
    size_t panel_bytes, worker_bytes;
} gemm_plan;

static const char *at(const void *base, ptrdiff_t elements, size_t item) {
    return (const char *)base + elements * (ptrdiff_t)item;
}

/* What the calls after a sweep will be the first to read: the next panel of b, by the first tile, or the
 * next block of a, by the tiles of the last panels. */
typedef struct {
    const char *b, *a;
    ptrdiff_t b_step, a_step, a_next; /* a_next: from what one tile brings to what the next does */
    ptrdiff_t a_calls;                /* tiles that bring a part of a, from the first on */
} gemm_next;

/* Rows [i0, i1) of one panel: columns [j, j + n), k block [p, p + kc). `a` holds row i0 of k block p; its
 * rows, with trans_a its k lines, are `step` elements apart. A `panel` is filled with b by the first tile
 * and then read in its place. */
static void sweep_rows(const gemm_plan *plan, ptrdiff_t i0, ptrdiff_t i1, ptrdiff_t j, ptrdiff_t n,
                       ptrdiff_t p, ptrdiff_t kc, const char *a, ptrdiff_t step, const void *b,
                       ptrdiff_t ldb, void *panel, const gemm_next *next) {
    const pl_gemm_args *g = plan->args;
    const pl_gemm_kernels *kernels = plan->kernels;
    const size_t item = plan->item;
    const int vectors = (int)pl_ceil_div(n, kernels->lanes);
    const int full = pl_tile_height(kernels, vectors, PL_TILE_ROWS);
    const int last = p + kc == g->k;
    const ptrdiff_t a_row = (g->trans_a ? 1 : step) * (ptrdiff_t)item, c_row = g->ldc * (ptrdiff_t)item;
    const ptrdiff_t origin = 0;
    pl_walk walk = {1, kc, &origin, {NULL, 0}};
    pl_pixels pixels = {.outer = 1, .inner = kc, .step = step};
    const pl_finish finish = {p > 0, last && g->activation == PL_RELU,
                              last && g->bias ? at(g->bias, j, item) : NULL,
                              g->scale ? at(g->scale, j, item) : NULL,
                              0};
    char *c = (char *)g->c + (i0 * g->ldc + j) * (ptrdiff_t)item;
    ptrdiff_t tile = 0;
    for (ptrdiff_t left = i1 - i0; left > 0; tile++) {
        const int m = panel || left >= 2 * full ? full : pl_next_height(kernels, vectors, left);
        pl_ahead ahead = {NULL, 0};
        if (next->b && tile == 0)
            ahead = (pl_ahead){next->b, next->b_step};
        else if (tile < next->a_calls)
            ahead = (pl_ahead){next->a + tile * next->a_next, next->a_step};
        walk.ahead = pixels.ahead = ahead;
        left -= m;
        if (g->trans_a) {
            kernels->columns[vectors - 1][m - 1](a, &pixels, b, ldb, c, g->ldc, n, p > 0);
            a += m * a_row;
            c += m * c_row;
            continue;
        }
        const void *a_rows[PL_TILE_ROWS];
        void *c_rows[PL_TILE_ROWS];
        for (int r = 0; r < m; r++, a += a_row, c += c_row) {
            a_rows[r] = a;
            c_rows[r] = c;
        }
        if (panel) {
            kernels->rows_packing(a_rows, &walk, b, ldb, c_rows, &finish, panel);
            b = panel;
            ldb = plan->width;
            panel = NULL;
        } else {
            kernels->rows[vectors - 1][m - 1](a_rows, &walk, b, ldb, c_rows, n, &finish);
        }
    }
}

/* Columns [j, j + n) of k block [p, p + kc) of b, into a panel. */
static void pack_panel(const gemm_plan *plan, ptrdiff_t j, ptrdiff_t n, ptrdiff_t p, ptrdiff_t kc,
                       void *panel) {
    const pl_gemm_args *g = plan->args;
    const ptrdiff_t wide = pl_panel_width(plan->kernels, n);
    if (g->trans_b)
        plan->kernels->pack_transposed(at(g->b, j * g->ldb + p, plan->item), g->ldb, kc, n, panel, wide,
                                       wide);
    else
        plan->kernels->pack(at(g->b, p * g->ldb + j, plan->item), g->ldb, kc, n, panel, wide);
}

/* While rows [i, ...) of all rows [i0, i1) are multiplied by columns [j, ...) of [.., je). */
static gemm_next next_of(const gemm_plan *plan, ptrdiff_t i0, ptrdiff_t i, ptrdiff_t i1, ptrdiff_t j,
                         ptrdiff_t je, ptrdiff_t p) {
    const pl_gemm_args *g = plan->args;
    const ptrdiff_t item = (ptrdiff_t)plan->item, first = i + plan->block_m;
    const ptrdiff_t later = (je - 1 - j) / plan->width; /* panels after this one */
    gemm_next next = {0};
    if (plan->narrow && i == i0 && later && !g->trans_b) {
        next.b = at(g->b, p * g->ldb + j + plan->width, plan->item);
        next.b_step = g->ldb * item;
    }
    if (first < i1) {
        const ptrdiff_t rows = pl_min(plan->block_m, i1 - first), tiles = plan->block_m / plan->height;
        if (g->trans_a) {
            next.a = at(g->a, p * g->lda + first, plan->item);
            next.a_step = g->lda * item;
            next.a_next = 64;
            next.a_calls = later ? 0 : rows * item / 64;
        } else {
            next.a = at(g->a, (first + later * tiles) * g->lda + p, plan->item);
            next.a_step = item;
            next.a_next = g->lda * item;
            next.a_calls = pl_max(0, pl_min(tiles, rows - later * tiles));
        }
    }
    return next;
}

static void run_block(const gemm_plan *plan, ptrdiff_t i0, ptrdiff_t i1, ptrdiff_t j0, ptrdiff_t j1,
                      char *space) {
    const pl_gemm_args *g = plan->args;
    const size_t item = plan->item;
    char *const block = space + plan->panel_bytes;
    for (ptrdiff_t jb = j0; jb < j1; jb += BLOCK_N) {
        const ptrdiff_t je = pl_min(jb + BLOCK_N, j1);
        ptrdiff_t p = 0;
        do {
            const ptrdiff_t kc = pl_min(BLOCK_K, g->k - p);
            for (ptrdiff_t i = i0; i < i1; i += plan->block_m) {
                const ptrdiff_t rows = pl_min(plan->block_m, i1 - i);
                const char *a = at(g->a, g->trans_a ? p * g->lda + i : i * g->lda + p, item);
                if (plan->packed_rows) plan->kernels->pack(a, g->lda, kc, rows, block, plan->block_row);
                for (ptrdiff_t j = jb; j < je; j += plan->width) {
                    const ptrdiff_t n = pl_min(plan->width, je - j);
                    const gemm_next next = next_of(plan, i0, i, i1, j, je, p);
                    const void *b = at(g->b, p * g->ldb + j, item);
                    ptrdiff_t ldb = g->ldb;
                    void *panel = NULL;
                    if (plan->packed) {
                        /* One block of rows is done with a panel at once: the next takes its place. */
                        panel = space + (rows < i1 - i0 ? (j - jb) * kc * (ptrdiff_t)item : 0);
                        if (i > i0 || !plan->fills || n < plan->width || rows < plan->height) {
                            if (i == i0) pack_panel(plan, j, n, p, kc, panel);
                            b = panel;
                            ldb = pl_panel_width(plan->kernels, n);
                            panel = NULL;
                        }
                    }
                    sweep_rows(plan, i, i + rows, j, n, p, kc, plan->packed_rows ? block : a,
                               plan->packed_rows ? plan->block_row : g->lda, b, ldb, panel, &next);
                }
            }
            p += kc;
        } while (p < g->k);
    }
}

static void run_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const gemm_plan *plan = context;
    const pl_gemm_args *g = plan->args;
    char *space = plan->space + (size_t)thread * plan->worker_bytes;
    const ptrdiff_t i0 = plan->split_rows ? begin * plan->height : 0;
    const ptrdiff_t i1 = plan->split_rows ? pl_min(end * plan->height, g->m) : g->m;
    const ptrdiff_t j0 = plan->split_rows ? 0 : begin * plan->width;
    const ptrdiff_t j1 = plan->split_rows ? g->n : pl_min(end * plan->width, g->n);
    run_block(plan, i0, i1, j0, j1, space);
    if (g->activation > PL_RELU)
        for (ptrdiff_t i = i0; i < i1; i++)
            pl_activate(g->dtype, g->activation, PL_FUSED_ALPHA,
                        (char *)g->c + (i * g->ldc + j0) * (ptrdiff_t)plan->item, j1 - j0);
}

/* ---- c^T = b a^T ---------------------------------------------------------------------------- */
typedef struct {
    const pl_gemm_args *args;
    const pl_gemm_kernels *kernels;
    ptrdiff_t item, width; /* of a panel of a^T */
    char *panels;          /* of a^T, each k deep */
    char *blocks;          /* for each worker, BLOCK_M rows of c^T in one panel */
} turned_plan;

static void turn_a(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const turned_plan *plan = context;
    const pl_gemm_args *g = plan->args;
    const ptrdiff_t p = begin * BLOCK_M, kc = pl_min(end * BLOCK_M, g->k) - p;
    for (ptrdiff_t i = 0; i < g->m; i += plan->width) {
        const ptrdiff_t n = pl_min(plan->width, g->m - i), wide = pl_panel_width(plan->kernels, n);
        plan->kernels->pack_transposed((const char *)g->a + (i * g->lda + p) * plan->item, g->lda, kc, n,
                                       plan->panels + (i * g->k + p * wide) * plan->item, wide, wide);
    }
}

static void run_turned(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const turned_plan *plan = context;
    const pl_gemm_args *g = plan->args;
    const ptrdiff_t item = plan->item, last = pl_min(end * BLOCK_M, g->n);
    char *block = plan->blocks + thread * BLOCK_M * plan->width * item;
    for (ptrdiff_t j = begin * BLOCK_M; j < last; j += BLOCK_M) {
        const ptrdiff_t rows = pl_min(BLOCK_M, last - j);
        for (ptrdiff_t i = 0; i < g->m; i += plan->width) {
            const ptrdiff_t n = pl_min(plan->width, g->m - i), wide = pl_panel_width(plan->kernels, n);
            const int vectors = (int)(wide / plan->kernels->lanes);
            for (ptrdiff_t p = 0; p < g->k; p += BLOCK_K) {
                const ptrdiff_t origin = p;
                const pl_walk walk = {1, pl_min(BLOCK_K, g->k - p), &origin, {NULL, 0}};
                const pl_finish finish = {p > 0, 0, NULL, NULL, 0};
                for (ptrdiff_t row = 0; row < rows;) {
                    const int height = pl_next_height(plan->kernels, vectors, rows - row);
                    const void *b_rows[PL_TILE_ROWS];
                    void *c_rows[PL_TILE_ROWS];
                    for (int r = 0; r < height; r++) {
                        b_rows[r] = (const char *)g->b + (j + row + r) * g->ldb * item;
                        c_rows[r] = block + (row + r) * wide * item;
                    }
                    plan->kernels->rows[vectors - 1][height - 1](
                        b_rows, &walk, plan->panels + (i * g->k + p * wide) * item, wide, c_rows, wide,
                        &finish);
                    row += height;
                }
            }
            plan->kernels->pack_transposed(block, wide, n, rows, (char *)g->c + (i * g->ldc + j) * item,
                                           g->ldc, rows);
        }
    }
}

/* Turning a and c moves m (n + k) elements, turning b moves n k. */
static int better_turned(const pl_gemm_args *g, const pl_gemm_kernels *kernels) {
    return g->trans_b && !g->trans_a && !g->bias && g->activation == PL_LINEAR &&
           5 * g->m >= 4 * pl_round_up(g->m, kernels->lanes) && g->m * (g->n + g->k) < g->n * g->k;
}

static int gemm_turned(const pl_gemm_args *g, const pl_gemm_kernels *kernels) {
    turned_plan plan = {g, kernels, (ptrdiff_t)pl_item_size(g->dtype), 0, NULL, NULL};
    plan.width = (ptrdiff_t)kernels->lanes * kernels->vectors;
    const ptrdiff_t tasks = pl_ceil_div(g->n, BLOCK_M), pieces = pl_ceil_div(g->k, BLOCK_M);
    const double moves = (double)g->m * (double)g->k;
    const int workers = pl_workers(tasks, 2.0 * moves * (double)g->n / PL_FLOPS);
    const ptrdiff_t panel_bytes = pl_round_up(g->m, kernels->lanes) * g->k * plan.item;
    plan.panels = pl_scratch(PL_SLOT_GEMM,
                             (size_t)(panel_bytes + workers * BLOCK_M * plan.width * plan.item));
    if (!plan.panels) return PL_NO_MEMORY;
    plan.blocks = plan.panels + panel_bytes;
    pl_parallel_for(pieces, pl_workers(pieces, moves / 4.0), turn_a, &plan);
    pl_parallel_for(tasks, workers, run_turned, &plan);
    return PL_OK;
}

int pl_gemm(const void *args) {
    const pl_gemm_args *g = args;
    if (g->m == 0 || g->n == 0) return PL_OK;
    const pl_gemm_kernels *kernels = pl_gemm_select(g->dtype);
    if (better_turned(g, kernels)) return gemm_turned(g, kernels);
    gemm_plan plan = {.args = g, .kernels = kernels, .item = pl_item_size(g->dtype)};
    plan.width = (ptrdiff_t)kernels->lanes * kernels->vectors;
    plan.narrow = plan.width * (ptrdiff_t)plan.item <= LINE;
    plan.block_m = plan.narrow ? NARROW_BLOCK_M : BLOCK_M;
    plan.block_row = pl_round_up(plan.block_m, kernels->lanes);
    plan.height = pl_tile_height(kernels, (int)pl_ceil_div(pl_min(g->n, plan.width), kernels->lanes),
                                 PL_TILE_ROWS);
    /* A panel one line wide, as it lies, is lines from many pages; the first tile packs it at no cost. */
    plan.packed = g->trans_b || (plan.narrow && g->m > 4 * plan.height) ||
                  !pl_reads_unpacked(kernels, plan.item, g->m, g->n, g->ldb);
    plan.fills = plan.packed && !g->trans_a && !g->trans_b;

    const ptrdiff_t panel_count = pl_ceil_div(g->n, plan.width);
    const ptrdiff_t row_tiles = pl_ceil_div(g->m, plan.height);
    /* One row takes as long as reading b: as three. */
    const double nanoseconds = 2.0 * (double)pl_max(g->m, 3) * (double)g->n * (double)pl_max(g->k, 1) / PL_FLOPS;
    plan.split_rows = panel_count < 2 * pl_threads() && row_tiles > panel_count;
    const ptrdiff_t tasks = plan.split_rows ? row_tiles : panel_count;
    const int workers = pl_workers(tasks, nanoseconds);
    if (plan.packed) {
        const ptrdiff_t columns = pl_round_up(pl_min(g->n, BLOCK_N), plan.width);
        plan.panel_bytes = (size_t)(columns * pl_min(pl_max(g->k, 1), BLOCK_K)) * plan.item;
    }
    /* Lines of a transposed a that are 4 KiB apart conflict; packing pays when used by some panels. */
    plan.packed_rows =
        g->trans_a && panel_count > (g->lda * (ptrdiff_t)plan.item % 4096 == 0 ? 1 : MANY_PANELS);
    plan.worker_bytes = plan.panel_bytes;
    if (plan.packed_rows) plan.worker_bytes += (size_t)(plan.block_row * pl_min(g->k, BLOCK_K)) * plan.item;
    if (plan.worker_bytes) {
        plan.space = pl_scratch(PL_SLOT_GEMM, plan.worker_bytes * (size_t)workers);
        if (!plan.space) return PL_NO_MEMORY;
    }
    pl_parallel_for(tasks, workers, run_tasks, &plan);
    return PL_OK;
}
