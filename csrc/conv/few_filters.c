#include "conv/few_filters.h"

#include <string.h>

#include "common/scratch.h"
#include "conv/conv.h"
#include "conv/few_channels.h"
#include "eltwise/eltwise.h"
#include "reduce/reduce.h"
#include "threading/threading.h"

#define PL_OP few_filters
#define PL_OP_TABLE pl_few_filters_kernels
#define PL_OP_ROWS "conv/few_filters_kernels.inc"
#include "cpu/variant_rows.h"

/* ---- forward -------------------------------------------------------------------------------- */
typedef struct {
    const pl_conv2d_args *args;
    const pl_few_filters_kernels *kernels;
    const pl_gemm_kernels *pack;
    ptrdiff_t item;
    const ptrdiff_t *offset;
    const void *turns;
    char *spaces; /* of each worker: window, its planes, lines of sums; elements */
    ptrdiff_t window_size, plane_size, space_size, pitch;
    ptrdiff_t band, bands;
} lines_plan;

static void band_of_lines(const lines_plan *plan, const char *planes, ptrdiff_t width, ptrdiff_t rows,
                          char *sums, char *y) {
    const pl_conv2d_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = plan->item, tiles = pl_ceil_div(s->k, PL_LINES);
    for (ptrdiff_t tile = 0; tile < tiles; tile++) {
        const ptrdiff_t f = s->k * tile / tiles, end = s->k * (tile + 1) / tiles;
        const pl_lines lines = {.planes = planes,
                                .weights = (const char *)a->weights + f * item,
                                .bias = a->bias ? (const char *)a->bias + f * item : NULL,
                                .scale = a->scale ? (const char *)a->scale + f * item : NULL,
                                .sums = sums + f * plan->pitch * item,
                                .offset = plan->offset,
                                .taps = s->kh * s->kw * s->c,
                                .ldw = s->k,
                                .pitch = plan->pitch,
                                .count = (rows - 1) * width + s->ow,
                                .relu = a->activation == PL_RELU};
        plan->kernels->lines[end - f - 1](&lines);
    }
    for (ptrdiff_t row = 0; row < rows; row++)
        plan->kernels->turn(sums + row * width * item, plan->pitch, s->ow, s->k, plan->turns,
                            y + row * s->ow * s->k * item);
    if (a->activation > PL_RELU)
        pl_activate(a->dtype, a->activation, PL_FUSED_ALPHA, y, rows * s->ow * s->k);
}

static void lines_bands(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const lines_plan *plan = context;
    const pl_conv2d_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = plan->item;
    char *window = plan->spaces + thread * plan->space_size * item;
    char *planes = window + plan->window_size * item;
    char *sums = planes + plan->plane_size * s->c * item;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / plan->bands, row0 = task % plan->bands * plan->band;
        const ptrdiff_t rows = pl_min(plan->band, s->oh - row0);
        if (rows <= 0) continue;
        const pl_window view = pl_window_of(s, row0, rows);
        pl_frame_of((const char *)a->x + image * s->h * s->w * s->c * item, s->h, s->w, s->c, view,
                    (size_t)item, s->c == 1 ? planes : window);
        if (s->c > 1)
            plan->pack->pack_transposed(window, s->c, s->c, view.height * view.width, planes,
                                        plan->plane_size, view.height * view.width);
        band_of_lines(plan, planes, view.width, rows, sums,
                      (char *)a->y + (image * s->oh + row0) * s->ow * s->k * item);
    }
}

int pl_few_filters_forward(const pl_conv2d_args *a) {
    const pl_conv_shape *s = &a->shape;
    const pl_few_filters_kernels *kernels = pl_select_op(a->dtype);
    lines_plan plan = {.args = a, .kernels = kernels, .pack = pl_gemm_select(a->dtype),
                       .item = (ptrdiff_t)pl_item_size(a->dtype)};
    const ptrdiff_t width = pl_window_of(s, 0, 1).width, taps = s->kh * s->kw * s->c;
    plan.band = pl_band_rows(s->oh, width * (2 * s->c + s->k) * plan.item, s->n);
    plan.bands = pl_ceil_div(s->oh, plan.band);
    plan.pitch = pl_round_up((plan.band - 1) * width + s->ow, kernels->tile);
    /* The last tile reads on behind the window. */
    const ptrdiff_t window = pl_window_of(s, 0, plan.band).height * width;
    plan.plane_size = pl_round_up(window + kernels->tile, 16);
    plan.window_size = s->c == 1 ? 0 : pl_round_up(window * s->c, 16);
    plan.space_size = plan.window_size + plan.plane_size * s->c + plan.pitch * s->k + 16;

    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)s->k * (double)taps;
    const int workers = pl_workers(s->n * plan.bands, work / 64.0);
    const size_t offset_bytes = (size_t)pl_round_up(taps, 8) * sizeof(ptrdiff_t);
    const size_t turns_bytes = (size_t)(s->k * s->k * kernels->lanes * plan.item);
    const size_t space_bytes = (size_t)(workers * plan.space_size * plan.item);
    char *space = pl_scratch(PL_SLOT_CONV, turns_bytes + offset_bytes + space_bytes);
    if (!space) return PL_NO_MEMORY;
    kernels->turns(s->k, space);
    plan.turns = space;
    ptrdiff_t *offset = (ptrdiff_t *)(space + turns_bytes);
    plan.offset = offset;
    plan.spaces = memset(space + turns_bytes + offset_bytes, 0, space_bytes);
    for (ptrdiff_t t = 0; t < taps; t++) {
        const ptrdiff_t row = t / s->c / s->kw, column = t / s->c % s->kw;
        offset[t] = t % s->c * plan.plane_size + row * s->dilation_h * width + column * s->dilation_w;
    }
    pl_parallel_for(s->n * plan.bands, workers, lines_bands, &plan);
    return PL_OK;
}

/* ---- backward-weights ----------------------------------------------------------------------- */
typedef struct {
    const pl_conv2d_backward_weights_args *args;
    const pl_few_filters_kernels *kernels;
    ptrdiff_t item;
    char *partial;   /* dw of chunk 1, 2, ... */
    char *windows;   /* window_bytes for each worker; 0: the image is read where it lies */
    size_t window_bytes;
    ptrdiff_t chunk, chunks, band;
} repeats_plan;

static void band_of_repeats(const repeats_plan *plan, char *dw, pl_frame frame, const char *dy, ptrdiff_t rows,
                            int accumulate) {
    const pl_conv_shape *s = &plan->args->shape;
    const ptrdiff_t item = plan->item, length = s->kw * s->c * s->k;
    int most = PL_REPEATS_VECTORS;
    /* All inputs of a tile come out of one vector. */
    while (!plan->kernels->repeats[most - 1][0] || (most > 1 && most >= s->k)) most--;
    const ptrdiff_t width = most * plan->kernels->lanes;
    for (ptrdiff_t first = 0; first < length; first += width) {
        const ptrdiff_t n = pl_min(width, length - first);
        const pl_repeats_kernel *kernels = plan->kernels->repeats[pl_ceil_div(n, plan->kernels->lanes) - 1];
        for (ptrdiff_t r = 0; r < s->kh;) {
            ptrdiff_t height = pl_min(PL_REPEATS_ROWS, s->kh - r);
            while (!kernels[height - 1]) height--;
            const pl_repeats repeats = {
                .x = frame.pixels + r * s->dilation_h * frame.row * item,
                .dy = dy,
                .dw = dw + (r * length + first) * item,
                .pixels = {rows, s->ow, s->stride_w * s->c, s->stride_h * frame.row},
                .x_row = s->dilation_h * frame.row,
                .dw_row = length,
                .first = first,
                .n = n,
                .k = s->k};
            kernels[height - 1](&repeats, accumulate);
            r += height;
        }
    }
}

static void repeats_chunks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const repeats_plan *plan = context;
    const pl_conv2d_backward_weights_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = plan->item, bytes = s->kh * s->kw * s->c * s->k * item;
    char *window = plan->window_bytes ? plan->windows + (size_t)thread * plan->window_bytes : NULL;
    for (ptrdiff_t chunk = begin; chunk < end; chunk++) {
        char *dw = chunk ? plan->partial + (chunk - 1) * bytes : a->dweights;
        const ptrdiff_t first = chunk * plan->chunk, last = pl_min(first + plan->chunk, s->n);
        for (ptrdiff_t image = first; image < last; image++)
            for (ptrdiff_t row = 0; row < s->oh; row += plan->band) {
                const ptrdiff_t rows = pl_min(plan->band, s->oh - row);
                const pl_frame frame = pl_frame_of((const char *)a->x + image * s->h * s->w * s->c * item,
                                                   s->h, s->w, s->c, pl_window_of(s, row, rows), (size_t)item,
                                                   window);
                band_of_repeats(plan, dw, frame,
                                (const char *)a->dy + (image * s->oh + row) * s->ow * s->k * item, rows,
                                image > first || row > 0);
            }
    }
}

int pl_few_filters_backward_weights(const pl_conv2d_backward_weights_args *a) {
    const pl_conv_shape *s = &a->shape;
    repeats_plan plan = {.args = a, .kernels = pl_select_op(a->dtype),
                         .item = (ptrdiff_t)pl_item_size(a->dtype)};
    if (s->k > plan.kernels->lanes) return pl_few_channels_backward_weights(a); /* the same chains */
    const ptrdiff_t count = s->kh * s->kw * s->c * s->k;
    plan.chunks = pl_min(PL_CONV_CHUNKS, s->n);
    plan.chunk = pl_ceil_div(s->n, plan.chunks);
    plan.chunks = pl_ceil_div(s->n, plan.chunk);
    const pl_window whole = pl_window_of(s, 0, s->oh);
    plan.band = pl_band_rows(s->oh, (s->stride_h * whole.width * s->c + s->ow * s->k) * plan.item, 16);
    if (!pl_window_inside(whole, s->h, s->w)) {
        const pl_window window = pl_window_of(s, 0, plan.band);
        plan.window_bytes = (size_t)(pl_round_up(window.height * window.width * s->c, 16) * plan.item);
    }
    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)count;
    const int workers = pl_workers(plan.chunks, work / 64.0);
    const size_t partial_bytes = (size_t)(pl_round_up(count * (plan.chunks - 1), 16) * plan.item);
    if (partial_bytes + plan.window_bytes) {
        plan.partial = pl_scratch(PL_SLOT_CONV, partial_bytes + plan.window_bytes * (size_t)workers);
        if (!plan.partial) return PL_NO_MEMORY;
        plan.windows = plan.partial + partial_bytes;
    }
    pl_parallel_for(plan.chunks, workers, repeats_chunks, &plan);
    const pl_reduce_kernels *reduce = pl_reduce_select(a->dtype);
    for (ptrdiff_t chunk = 1; chunk < plan.chunks; chunk++)
        reduce->add(plan.partial + (chunk - 1) * count * plan.item, a->dweights, count);
    return PL_OK;
}
