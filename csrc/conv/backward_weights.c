/* Gradient with respect to the filters: tiles of consecutive (s, c) of one filter row by a panel of
 * k, each a chain over (n, oy, ox) that is reloaded for every band of rows of every image.
 *
 *   dw[r, s, c, k] = sum over n, oy, ox of x[n, oy*stride_h + r*dilation_h - pad_top, ..., c] * dy[n, oy, ox, k]
 *
 * Small filters leave few tiles to share between threads: there the images are cut into PL_CONV_CHUNKS parts
 * (by shape only) whose sums are added in order. Large filters share tiles, with one chain. */
#include "conv/conv.h"

#include <string.h>

#include "common/scratch.h"
#include "conv/depthwise.h"
#include "conv/few_channels.h"
#include "conv/few_filters.h"
#include "conv/winograd.h"
#include "reduce/reduce.h"
#include "threading/threading.h"

/* A 1 x 1 filter, with few tiles to share a panel, reads pixels of dy of at most this size as they lie. */
enum { UNPACKED_BYTES = 1024 };

typedef struct {
    const pl_conv2d_backward_weights_args *args;
    const pl_gemm_kernels *kernels;
    size_t item;
    char *partial; /* dw of chunk 1, 2, ... */
    char *space;   /* worker_bytes for each worker: window, then panel of dy */
    size_t window_bytes, worker_bytes;
    ptrdiff_t width, height;
    ptrdiff_t units;       /* stretches of dw rows that are consecutive in the window: (r) or (r, s) */
    ptrdiff_t unit_length; /* dw rows in a unit */
    ptrdiff_t unit_tiles, panels, tiles; /* tiles of a unit; panels of a group; all tiles */
    ptrdiff_t chunk, chunks;             /* images of a chunk; how many chunks */
    ptrdiff_t band, images; /* rows of an image, and images, that a sweep over dw adds */
    ptrdiff_t frame_bytes;  /* from one image of a sweep to the next */
    int packs; /* dy goes through panels */
} weights_plan;

/* Adds a band of rows of some images, the first seen through `frame`, to the tiles [begin, end) of dw. Tiles
 * are numbered group by group, panel by panel, so a range needs few panels of dy. */
static void band_of_tiles(const weights_plan *plan, char *dw, pl_frame frame, const char *dy, ptrdiff_t images,
                          ptrdiff_t rows, ptrdiff_t begin, ptrdiff_t end, char *panel, int accumulate,
                          pl_soon soon) {
    const pl_conv_shape *s = &plan->args->shape;
    const ptrdiff_t item = (ptrdiff_t)plan->item, filters = s->k / s->groups, channels = s->c / s->groups;
    const ptrdiff_t jump = s->stride_h * frame.row;
    pl_pixels pixels = {.outer = images * rows, .inner = s->ow, .step = s->stride_w * s->c, .jump = jump,
                        .rows = rows, .gap = plan->frame_bytes / item - rows * jump};
    ptrdiff_t packed = -1;
    for (ptrdiff_t strip = begin / plan->unit_tiles; strip * plan->unit_tiles < end; strip++) {
        const ptrdiff_t column_block = strip / plan->units, unit = strip % plan->units;
        const ptrdiff_t group = column_block / plan->panels, j = column_block % plan->panels * plan->width;
        const ptrdiff_t n = pl_min(plan->width, filters - j), column = group * filters + j;
        const int vectors = (int)pl_ceil_div(n, plan->kernels->lanes);
        const char *b = dy + column * item;
        ptrdiff_t ldb = s->k;
        if (plan->packs || (!plan->kernels->masked_load && n % plan->kernels->lanes)) {
            ldb = pl_panel_width(plan->kernels, n);
            if (packed != column_block) plan->kernels->pack(b, s->k, images * rows * s->ow, n, panel, ldb);
            packed = column_block;
            b = panel;
        }
        const ptrdiff_t r = plan->units == s->kh ? unit : unit / s->kw;
        const ptrdiff_t q = plan->units == s->kh ? 0 : unit % s->kw;
        const char *x = frame.pixels +
                        (r * s->dilation_h * frame.row + q * s->dilation_w * s->c + group * channels) * item;
        const ptrdiff_t first = strip * plan->unit_tiles;
        const ptrdiff_t stop = pl_min((end - first) * plan->height, plan->unit_length);
        for (ptrdiff_t i = pl_max(0, begin - first) * plan->height, m; i < stop; i += m) {
            m = pl_next_height(plan->kernels, vectors, stop - i);
            pl_ask_for(&soon, &pixels);
            plan->kernels->columns[vectors - 1][m - 1](
                x + i * item, &pixels, b, ldb, dw + ((unit * plan->unit_length + i) * s->k + column) * item,
                s->k, n, accumulate);
        }
    }
}

static void images_of_tiles(const weights_plan *plan, char *dw, ptrdiff_t first, ptrdiff_t last,
                            ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pl_conv2d_backward_weights_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    char *space = plan->space + (size_t)thread * plan->worker_bytes;
    for (ptrdiff_t image = first, images; image < last; image += images) {
        images = pl_min(plan->images, last - image);
        for (ptrdiff_t row = 0; row < s->oh; row += plan->band) {
            const ptrdiff_t rows = pl_min(plan->band, s->oh - row);
            pl_frame frame;
            for (ptrdiff_t t = images - 1; t >= 0; t--)
                frame = pl_frame_of((const char *)a->x + (size_t)((image + t) * s->h * s->w * s->c) * plan->item,
                                    s->h, s->w, s->c, pl_window_of(s, row, rows), plan->item,
                                    plan->window_bytes ? space + t * plan->frame_bytes : NULL);
            const char *dy =
                (const char *)a->dy + (size_t)((image * s->oh + row) * s->ow * s->k) * plan->item;
            band_of_tiles(plan, dw, frame, dy, images, rows, begin, end, space + plan->window_bytes,
                          image > first || row > 0,
                          pl_soon_of(s, a->x, a->dy, plan->item, last, image + images - 1, row, plan->band));
        }
    }
}

static void run_chunks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const weights_plan *plan = context;
    const pl_conv_shape *s = &plan->args->shape;
    const size_t bytes = (size_t)(s->kh * s->kw * (s->c / s->groups) * s->k) * plan->item;
    for (ptrdiff_t chunk = begin; chunk < end; chunk++)
        images_of_tiles(plan, chunk ? plan->partial + (size_t)(chunk - 1) * bytes : plan->args->dweights,
                        chunk * plan->chunk, pl_min((chunk + 1) * plan->chunk, s->n), 0, plan->tiles, thread);
}

static void run_tiles(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const weights_plan *plan = context;
    images_of_tiles(plan, plan->args->dweights, 0, plan->args->shape.n, begin, end, thread);
}

int pl_conv2d_backward_weights(const void *args) {
    const pl_conv2d_backward_weights_args *a = args;
    const pl_conv_shape *s = &a->shape;
    const size_t item = pl_item_size(a->dtype);
    const ptrdiff_t filters = s->k / s->groups, channels = s->c / s->groups;
    const size_t count = (size_t)(s->kh * s->kw * channels * s->k), bytes = count * item;
    if (s->n * s->oh * s->ow == 0) {
        memset(a->dweights, 0, bytes);
        return PL_OK;
    }
    switch (pl_conv_algorithm(a->dtype, s, PL_BACKWARD_WEIGHTS, a->algorithm)) {
    case PL_CONV_WINOGRAD: return pl_winograd_backward_weights(a->dtype, s, a->dy, a->x, a->dweights);
    case PL_CONV_FEW_CHANNELS: return pl_few_channels_backward_weights(a);
    case PL_CONV_FEW_FILTERS: return pl_few_filters_backward_weights(a);
    case PL_CONV_DEPTHWISE: return pl_depthwise_backward_weights(a);
    }
    weights_plan plan = {.args = a, .kernels = pl_gemm_select(a->dtype), .item = item};
    plan.width = (ptrdiff_t)plan.kernels->lanes * plan.kernels->vectors;
    plan.panels = pl_ceil_div(filters, plan.width);
    plan.height = pl_tile_height(plan.kernels,
                                 (int)pl_ceil_div(pl_min(filters, plan.width), plan.kernels->lanes),
                                 PL_TILE_ROWS);
    const int whole_rows = s->groups == 1 && s->dilation_w == 1;
    plan.units = whole_rows ? s->kh : s->kh * s->kw;
    plan.unit_length = whole_rows ? s->kw * channels : channels;
    plan.unit_tiles = pl_ceil_div(plan.unit_length, plan.height);
    plan.tiles = s->groups * plan.panels * plan.units * plan.unit_tiles;
    plan.chunks = count <= PL_CONV_SMALL_FILTERS ? pl_min(PL_CONV_CHUNKS, s->n) : 1;
    plan.chunk = pl_ceil_div(s->n, plan.chunks);
    plan.chunks = pl_ceil_div(s->n, plan.chunk);

    const pl_window whole = pl_window_of(s, 0, s->oh);
    const ptrdiff_t row_bytes = (s->stride_h * whole.width * s->c + s->ow * plan.width) * (ptrdiff_t)item;
    plan.band = pl_band_rows(s->oh, row_bytes, s->n, 1);
    plan.packs = s->k > plan.width;
    const ptrdiff_t both_bytes = (s->stride_h * s->w * s->c + s->ow * s->k) * (ptrdiff_t)item;
    if (s->kh * s->kw == 1 && s->groups == 1) {
        /* Bound by memory: bands of x and dy so small that the next one has room in L2 beside them. */
        plan.band = pl_band_rows(s->oh, 2 * both_bytes, s->n, 1);
        plan.packs &= s->k * (ptrdiff_t)item > UNPACKED_BYTES;
    }
    plan.frame_bytes = s->h * s->w * s->c * (ptrdiff_t)item;
    const int inside = pl_window_inside(whole, s->h, s->w);
    if (!inside) {
        const pl_window window = pl_window_of(s, 0, plan.band);
        plan.frame_bytes = pl_round_up(window.height * window.width * s->c, 16) * (ptrdiff_t)item;
    }
    const ptrdiff_t panel_bytes = plan.band * s->ow * plan.width * (ptrdiff_t)item;
    /* Small images together, so that dw is read and written less often; the next ones have room beside them. */
    const ptrdiff_t image_bytes = pl_max(s->oh * both_bytes, plan.frame_bytes + panel_bytes);
    plan.images = plan.band < s->oh ? 1 : pl_max(1, pl_min(plan.chunk, PL_SOON_BYTES / image_bytes));
    if (!inside) plan.window_bytes = (size_t)(plan.images * plan.frame_bytes);
    plan.worker_bytes = plan.window_bytes + (size_t)(plan.images * panel_bytes);

    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)count;
    const ptrdiff_t tasks = plan.chunks > 1 ? plan.chunks : plan.tiles;
    const int workers = pl_workers(tasks, work / PL_FLOPS);
    const size_t partial_bytes = (bytes * (size_t)(plan.chunks - 1) + 63) / 64 * 64;
    plan.partial = pl_scratch(PL_SLOT_CONV, partial_bytes + plan.worker_bytes * (size_t)workers);
    if (!plan.partial) return PL_NO_MEMORY;
    plan.space = plan.partial + partial_bytes;
    pl_parallel_for(tasks, workers, plan.chunks > 1 ? run_chunks : run_tiles, &plan);
    const pl_reduce_kernels *reduce = pl_reduce_select(a->dtype);
    for (ptrdiff_t chunk = 1; chunk < plan.chunks; chunk++)
        reduce->add(plan.partial + (size_t)(chunk - 1) * bytes, a->dweights, (ptrdiff_t)count);
    return PL_OK;
}
