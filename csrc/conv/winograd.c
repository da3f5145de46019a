/* Winograd convolution F(4x4, 3x3) in its three directions.
 *
 *   forward (and backward-data, with rotated and transposed filters):
 *     many tiles: U = G g G^T of all filters (once); for each block of tiles (tasks, any thread):
 *       V = B^T d B;  M[e] = V[e] @ U[e] for the 36 planes;  Y = A^T M A * scale + bias
 *     few tiles: V (tasks: tiles); for each panel of filters (tasks), for each block of channels: a part
 *       of U, M[e] += V[e] @ U[e]; Y (tasks: tiles)
 *   backward-weights:
 *     for each block of tiles: V, M = A dY A^T (tasks: tiles); dU[e] += V[e]^T @ M[e] (tasks: planes)
 *     dW = G^T dU G
 *
 * Each product is one chain over channels (forward) or over tiles in order (backward-weights), so the
 * blocks may differ between calls. Planes are 16 elements longer than their content: without that the
 * 36 planes of a tile fall into one cache set. */
#include "conv/winograd.h"

#include <string.h>

#include "common/scratch.h"
#include "conv/conv.h"
#include "eltwise/eltwise.h"
#include "threading/threading.h"

#define PL_OP winograd
#define PL_OP_TABLE pl_winograd_kernels
#define PL_OP_ROWS "conv/winograd_kernels.inc"
#include "cpu/variant_rows.h"

enum { PLANES = PL_WINOGRAD_PLANES, OUT = PL_WINOGRAD_OUT, IN = PL_WINOGRAD_IN, GAP = 16 };

typedef struct {
    const pl_winograd_kernels *transforms;
    const pl_gemm_kernels *kernels;
    size_t item;
    pl_conv_shape shape;
    const char *x, *weights, *scale, *bias;
    char *y; /* or dy */
    int activation;
    ptrdiff_t tiles_h, tiles_w, tiles, block; /* all tiles of the batch; tiles of a block */
    ptrdiff_t c_row, k_row;                   /* channels and filters rounded up to whole vectors */
    ptrdiff_t v_plane, m_plane, u_plane, width;
    char *u, *v, *m; /* v and m: one for each worker (forward) or shared (backward-weights) */
    size_t v_bytes, m_bytes;
    char *du;
    ptrdiff_t first, count; /* one block at a time: its tiles */
} winograd_plan;

static void plan_tiles(winograd_plan *p, const pl_conv_shape *shape, int dtype) {
    p->shape = *shape;
    p->item = pl_item_size(dtype);
    p->transforms = pl_select_op(dtype);
    p->kernels = pl_gemm_select(dtype);
    p->width = (ptrdiff_t)p->kernels->lanes * p->kernels->vectors;
    p->tiles_h = pl_ceil_div(shape->oh, OUT);
    p->tiles_w = pl_ceil_div(shape->ow, OUT);
    p->tiles = shape->n * p->tiles_h * p->tiles_w;
    p->c_row = pl_round_up(shape->c, p->kernels->lanes);
    p->k_row = pl_round_up(shape->k, p->kernels->lanes);
}

static void plan_block(winograd_plan *p, ptrdiff_t block) {
    p->block = pl_min(block, p->tiles);
    p->v_plane = p->block * p->c_row + GAP;
    p->m_plane = p->block * p->k_row + GAP;
    p->v_bytes = (size_t)(PLANES * p->v_plane) * p->item;
    p->m_bytes = (size_t)(PLANES * p->m_plane) * p->item;
}

/* Tile `t` of the batch in an image whose tiles are `step` pixels apart and start at -pad. */
static pl_tile tile_at(const winograd_plan *p, ptrdiff_t t, const char *image, ptrdiff_t h, ptrdiff_t w,
                       ptrdiff_t channels, int size, ptrdiff_t pad_top, ptrdiff_t pad_left) {
    const ptrdiff_t n = t / (p->tiles_h * p->tiles_w);
    const ptrdiff_t y = t / p->tiles_w % p->tiles_h * OUT - pad_top, x = t % p->tiles_w * OUT - pad_left;
    return (pl_tile){(char *)image + ((n * h + y) * w + x) * channels * (ptrdiff_t)p->item,
                     w * channels,
                     channels,
                     (int)pl_max(0, -y),
                     (int)pl_min(size, h - y),
                     (int)pl_max(0, -x),
                     (int)pl_min(size, w - x)};
}

static void input_tile(const winograd_plan *p, ptrdiff_t t, char *v) {
    const pl_conv_shape *s = &p->shape;
    const pl_tile tile = tile_at(p, t, p->x, s->h, s->w, s->c, IN, s->pad_top, s->pad_left);
    p->transforms->input(&tile, s->c, v, p->v_plane);
}

static pl_tile output_tile(const winograd_plan *p, ptrdiff_t t) {
    return tile_at(p, t, p->y, p->shape.oh, p->shape.ow, p->shape.k, OUT, 0, 0);
}

/* Winograd needs half the time of a direct convolution, in round numbers. */
static double work_of(const pl_conv_shape *s) {
    return 2.0 * 9.0 * (double)(s->n * s->oh * s->ow) * (double)s->c * (double)s->k / (2 * PL_FLOPS);
}

/* Brings the lines that a tile of the output will be written to. */
static void expect_tile(const winograd_plan *p, ptrdiff_t t) {
    const pl_tile tile = output_tile(p, t);
    const ptrdiff_t item = (ptrdiff_t)p->item;
    for (int i = 0; i < tile.y1; i++) {
        const char *line = tile.pixels + i * tile.row * item;
        for (ptrdiff_t at = 0; at < tile.x1 * tile.pixel * item; at += 64) __builtin_prefetch(line + at, 1, 2);
    }
}

/* M[e] = V[e] @ U[e] for `count` tiles, the filters [j, j + n) and the channels [first, first + channels),
 * whose U[e] is `u`. */
static void multiply(const winograd_plan *p, ptrdiff_t e, ptrdiff_t count, const char *v, char *m, ptrdiff_t j,
                     ptrdiff_t n, ptrdiff_t first, ptrdiff_t channels, const char *u) {
    const ptrdiff_t item = (ptrdiff_t)p->item, columns = pl_panel_width(p->kernels, n), origin = 0;
    const int vectors = (int)(columns / p->kernels->lanes);
    const pl_walk walk = {1, channels, &origin, {NULL, 0}};
    const pl_finish finish = {first > 0, 0, NULL, NULL, 0};
    for (ptrdiff_t i = 0; i < count;) {
        const int rows = pl_next_height(p->kernels, vectors, count - i);
        const void *from[PL_TILE_ROWS];
        void *to[PL_TILE_ROWS];
        for (int r = 0; r < rows; r++) {
            from[r] = v + (e * p->v_plane + (i + r) * p->c_row + first) * item;
            to[r] = m + (e * p->m_plane + (i + r) * p->k_row + j) * item;
        }
        p->kernels->rows[vectors - 1][rows - 1](from, &walk, u, columns, to, columns, &finish);
        i += rows;
    }
}

static void transform_tiles(const winograd_plan *p, ptrdiff_t first, ptrdiff_t count, char *v) {
    for (ptrdiff_t i = 0; i < count; i++) input_tile(p, first + i, v + i * p->c_row * (ptrdiff_t)p->item);
}

static void finish_tiles(const winograd_plan *p, ptrdiff_t first, ptrdiff_t count, const char *m) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const pl_tile tile = output_tile(p, first + i);
        p->transforms->output(m + i * p->k_row * (ptrdiff_t)p->item, p->m_plane, p->shape.k, &tile, p->scale,
                              p->bias, p->activation == PL_RELU);
    }
}

static void transform_filters(const winograd_plan *p, ptrdiff_t j, ptrdiff_t n, ptrdiff_t first,
                              ptrdiff_t channels, char *u, ptrdiff_t plane) {
    const ptrdiff_t c = p->shape.c, k = p->shape.k;
    p->transforms->filter(p->weights + (first * k + j) * (ptrdiff_t)p->item, c * k, k, channels, n, u, plane);
}

/* ---- Many tiles: all of U, then blocks of tiles. ------------------------------------------------- */
static void fill_channels(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const winograd_plan *p = context;
    for (ptrdiff_t j = 0; j < p->shape.k; j += p->width) {
        const ptrdiff_t n = pl_min(p->width, p->shape.k - j), columns = pl_panel_width(p->kernels, n);
        transform_filters(p, j, n, begin, end - begin,
                          p->u + (j * p->shape.c + begin * columns) * (ptrdiff_t)p->item, p->u_plane);
    }
}

static void forward_blocks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const winograd_plan *p = context;
    const ptrdiff_t c = p->shape.c, k = p->shape.k;
    char *v = p->v + (size_t)thread * p->v_bytes, *m = p->m + (size_t)thread * p->m_bytes;
    for (ptrdiff_t block = begin; block < end; block++) {
        const ptrdiff_t first = block * p->block, count = pl_min(p->block, p->tiles - first);
        transform_tiles(p, first, count, v);
        for (ptrdiff_t e = 0; e < PLANES; e++) {
            for (ptrdiff_t i = count * e / PLANES; i < count * (e + 1) / PLANES; i++)
                expect_tile(p, first + i);
            for (ptrdiff_t j = 0; j < k; j += p->width)
                multiply(p, e, count, v, m, j, pl_min(p->width, k - j), 0, c,
                         p->u + (e * p->u_plane + j * c) * (ptrdiff_t)p->item);
        }
        finish_tiles(p, first, count, m);
    }
}

static int forward_many(winograd_plan *p, ptrdiff_t block) {
    const int workers = pl_workers(pl_ceil_div(p->tiles, 12), work_of(&p->shape));
    const ptrdiff_t rounds = pl_ceil_div(p->tiles, block * workers);
    plan_block(p, pl_ceil_div(p->tiles, rounds * workers));
    const ptrdiff_t c = p->shape.c;
    p->u_plane = p->k_row * c + GAP;
    const size_t u_bytes = (size_t)(PLANES * p->u_plane) * p->item;
    p->u = pl_scratch(PL_SLOT_WINOGRAD, u_bytes + (p->v_bytes + p->m_bytes) * (size_t)workers);
    if (!p->u) return PL_NO_MEMORY;
    p->v = p->u + u_bytes;
    p->m = p->v + p->v_bytes * (size_t)workers;
    pl_parallel_for(c, pl_workers(c, (double)(c * p->shape.k) * 5.0), fill_channels, p);
    pl_parallel_for(pl_ceil_div(p->tiles, p->block), workers, forward_blocks, p);
    return PL_OK;
}

/* ---- Few tiles: a part of U that stays in L2 is made, used and forgotten. ------------------------ */
enum { CHANNELS = 64 };

static void transform_part(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const winograd_plan *p = context;
    transform_tiles(p, begin, end - begin, p->v + begin * p->c_row * (ptrdiff_t)p->item);
}

static void multiply_panels(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const winograd_plan *p = context;
    const ptrdiff_t item = (ptrdiff_t)p->item, c = p->shape.c, k = p->shape.k;
    char *u = p->u + thread * PLANES * p->u_plane * item;
    for (ptrdiff_t j = begin * p->width; j < pl_min(end * p->width, k); j += p->width)
        for (ptrdiff_t first = 0; first < c; first += CHANNELS) {
            const ptrdiff_t n = pl_min(p->width, k - j), channels = pl_min(CHANNELS, c - first);
            transform_filters(p, j, n, first, channels, u, p->u_plane);
            for (ptrdiff_t e = 0; e < PLANES; e++)
                multiply(p, e, p->tiles, p->v, p->m, j, n, first, channels, u + e * p->u_plane * item);
        }
}

static void finish_part(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const winograd_plan *p = context;
    finish_tiles(p, begin, end - begin, p->m + begin * p->k_row * (ptrdiff_t)p->item);
}

static int forward_few(winograd_plan *p) {
    const ptrdiff_t lanes = p->kernels->lanes;
    p->width = pl_min(p->width, pl_round_up(pl_ceil_div(p->shape.k, pl_threads()), lanes));
    const ptrdiff_t panels = pl_ceil_div(p->shape.k, p->width);
    const int workers = pl_workers(panels, work_of(&p->shape));
    plan_block(p, p->tiles);
    p->u_plane = CHANNELS * p->width + GAP;
    const size_t u_bytes = (size_t)(workers * PLANES * p->u_plane) * p->item;
    p->u = pl_scratch(PL_SLOT_WINOGRAD, u_bytes + p->v_bytes + p->m_bytes);
    if (!p->u) return PL_NO_MEMORY;
    p->v = p->u + u_bytes;
    p->m = p->v + p->v_bytes;
    const double vectors = (double)p->tiles / (double)lanes;
    pl_parallel_for(p->tiles, pl_workers(p->tiles, vectors * (double)p->c_row * 100.0), transform_part, p);
    pl_parallel_for(panels, workers, multiply_panels, p);
    pl_parallel_for(p->tiles, pl_workers(p->tiles, vectors * (double)p->k_row * 60.0), finish_part, p);
    return PL_OK;
}

int pl_winograd_forward(const pl_conv2d_args *args) {
    const pl_conv_shape *shape = &args->shape;
    winograd_plan p = {.x = args->x,
                       .weights = args->weights,
                       .scale = args->scale,
                       .bias = args->bias,
                       .y = args->y,
                       .activation = args->activation};
    plan_tiles(&p, shape, args->dtype);
    /* The parts of U pay longer where all of it would go through L3 (measured). */
    const ptrdiff_t few = shape->c * shape->k > 1 << 15 ? 48 : 24;
    /* V and M of a block in half of a 1 MB L2, and whole tiles of rows (6 or 12); large filters are read
     * once a block, so blocks of at least 24. */
    const ptrdiff_t fits = (ptrdiff_t)(448 << 10) / (PLANES * (p.c_row + p.k_row) * (ptrdiff_t)p.item);
    const ptrdiff_t block = pl_max(24, pl_min(96, fits / 12 * 12));
    const int status = p.tiles <= few ? forward_few(&p) : forward_many(&p, block);
    if (status == PL_OK && args->activation > PL_RELU)
        pl_activate(args->dtype, args->activation, PL_FUSED_ALPHA, args->y,
                    shape->n * shape->oh * shape->ow * shape->k);
    return status;
}

static void transform_block(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const winograd_plan *p = context;
    for (ptrdiff_t i = begin; i < end; i++) {
        input_tile(p, p->first + i, p->v + i * p->c_row * (ptrdiff_t)p->item);
        const pl_tile tile = output_tile(p, p->first + i);
        p->transforms->output_gradient(&tile, p->shape.k, p->m + i * p->k_row * (ptrdiff_t)p->item,
                                       p->m_plane);
    }
}

/* Tasks: plane by plane, panel by panel. */
static void accumulate_planes(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const winograd_plan *p = context;
    const ptrdiff_t item = (ptrdiff_t)p->item, c = p->shape.c, k = p->shape.k;
    const ptrdiff_t panels = pl_ceil_div(k, p->width);
    const pl_pixels pixels = {.outer = 1, .inner = p->count, .step = p->c_row};
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t e = task / panels, j = task % panels * p->width, n = pl_min(p->width, k - j);
        const int vectors = (int)pl_ceil_div(n, p->kernels->lanes);
        const char *b = p->m + (e * p->m_plane + j) * item;
        for (ptrdiff_t i = 0; i < c;) {
            const int rows = pl_next_height(p->kernels, vectors, c - i);
            p->kernels->columns[vectors - 1][rows - 1](p->v + (e * p->v_plane + i) * item, &pixels, b,
                                                       p->k_row, p->du + ((e * c + i) * k + j) * item, k, n,
                                                       p->first > 0);
            i += rows;
        }
    }
}

typedef struct {
    const winograd_plan *plan;
    void *dweights;
} finish_job;

static void finish_rows(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const finish_job *job = context;
    const winograd_plan *p = job->plan;
    p->transforms->filter_gradient(p->du, p->shape.c, p->shape.k, job->dweights, begin, end);
}

int pl_winograd_backward_weights(int dtype, const pl_conv_shape *shape, const void *dy, const void *x,
                                 void *dweights) {
    winograd_plan p = {.x = x, .y = (char *)dy};
    plan_tiles(&p, shape, dtype);
    /* Every block reads and writes dU: larger ones where that is more than V and M (measured). */
    const ptrdiff_t block = shape->c * shape->k > 1 << 15 ? 256 : 96;
    plan_block(&p, pl_ceil_div(p.tiles, pl_ceil_div(p.tiles, block)));
    const size_t du_bytes = (size_t)pl_round_up(PLANES * shape->c * shape->k, GAP) * p.item;
    p.du = pl_scratch(PL_SLOT_WINOGRAD, du_bytes + p.v_bytes + p.m_bytes);
    if (!p.du) return PL_NO_MEMORY;
    p.v = p.du + du_bytes;
    p.m = p.v + p.v_bytes;
    const ptrdiff_t planes = PLANES * pl_ceil_div(shape->k, p.width);
    const double work = work_of(shape) * (double)p.block / (double)p.tiles;
    for (p.first = 0; p.first < p.tiles; p.first += p.block) {
        p.count = pl_min(p.block, p.tiles - p.first);
        pl_parallel_for(p.count, pl_workers(p.count, work * 0.3), transform_block, &p);
        pl_parallel_for(planes, pl_workers(planes, work), accumulate_planes, &p);
    }
    finish_job finish = {&p, dweights};
    pl_parallel_for(shape->c, pl_workers(shape->c, (double)(shape->c * shape->k) * 3.0), finish_rows,
                    &finish);
    return PL_OK;
}
