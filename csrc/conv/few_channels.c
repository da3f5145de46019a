#include "conv/few_channels.h"

#include <string.h>

#include "common/scratch.h"
#include "conv/conv.h"
#include "eltwise/eltwise.h"
#include "reduce/reduce.h"
#include "threading/threading.h"

#define PL_OP few_channels
#define PL_OP_TABLE pl_few_channels_kernels
#define PL_OP_ROWS "conv/few_channels_kernels.inc"
#include "cpu/variant_rows.h"

/* Columns of a matrix cut into panels of whole vectors, packed one after the other. */
typedef struct {
    const pl_few_channels_kernels *kernels;
    const pl_gemm_kernels *pack;
    size_t item;
    ptrdiff_t columns, width;
} panel_cut;

static panel_cut cut_panels(int dtype, ptrdiff_t columns) {
    panel_cut cut = {pl_select_op(dtype), pl_gemm_select(dtype), pl_item_size(dtype), columns, 0};
    cut.width = (ptrdiff_t)cut.kernels->lanes * cut.kernels->vectors;
    return cut;
}

static ptrdiff_t panel_columns(const panel_cut *cut, ptrdiff_t j) {
    return pl_min(cut->width, cut->columns - j);
}

static ptrdiff_t panel_room(const panel_cut *cut, ptrdiff_t depth) {
    return pl_round_up(cut->columns, cut->kernels->lanes) * depth;
}

/* ---- forward -------------------------------------------------------------------------------- */
typedef struct {
    const pl_conv2d_args *args;
    panel_cut cut;
    pl_walk walk;
    char *panels, *windows;
    size_t window_bytes; /* of each worker; 0: the image is read where it lies */
    ptrdiff_t depth, band, bands;
} forward_plan;

static void forward_bands(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const forward_plan *plan = context;
    const panel_cut *cut = &plan->cut;
    const pl_conv2d_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = (ptrdiff_t)cut->item;
    char *window = plan->window_bytes ? plan->windows + (size_t)thread * plan->window_bytes : NULL;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / plan->bands, row0 = task % plan->bands * plan->band;
        const ptrdiff_t rows = pl_min(plan->band, s->oh - row0);
        if (rows <= 0) continue;
        const pl_frame frame = pl_frame_of((const char *)a->x + image * s->h * s->w * s->c * item, s->h, s->w,
                                           s->c, pl_window_of(s, row0, rows), cut->item, window);
        char *y = (char *)a->y + (image * s->oh + row0) * s->ow * s->k * item;
        for (ptrdiff_t row = 0; row < rows; row++)
            for (ptrdiff_t j = 0; j < s->k; j += cut->width) {
                const ptrdiff_t n = panel_columns(cut, j);
                const pl_strip_kernel *kernels = cut->kernels->strip[pl_ceil_div(n, cut->kernels->lanes) - 1];
                const pl_finish finish = {0, a->activation == PL_RELU,
                                          a->bias ? (const char *)a->bias + j * item : NULL,
                                          a->scale ? (const char *)a->scale + j * item : NULL,
                                          0};
                pl_strip strip = {frame.pixels + row * s->stride_h * frame.row * item,
                                  plan->panels + j * plan->depth * item,
                                  y + (row * s->ow * s->k + j) * item,
                                  plan->walk,
                                  s->stride_w * s->c,
                                  pl_round_up(n, cut->kernels->lanes),
                                  s->k,
                                  n};
                ptrdiff_t most = PL_STRIP;
                while (!kernels[most - 1]) most--;
                /* Nearly equal tiles. */
                for (ptrdiff_t left = s->ow, tiles = pl_ceil_div(s->ow, most); tiles > 0; tiles--) {
                    const ptrdiff_t q = pl_ceil_div(left, tiles);
                    kernels[q - 1](&strip, &finish);
                    strip.a = (const char *)strip.a + q * strip.a_step * item;
                    strip.c = (char *)strip.c + q * s->k * item;
                    left -= q;
                }
            }
        if (a->activation > PL_RELU)
            pl_activate(a->dtype, a->activation, PL_FUSED_ALPHA, y, rows * s->ow * s->k);
    }
}

int pl_few_channels_forward(const pl_conv2d_args *a) {
    const pl_conv_shape *s = &a->shape;
    forward_plan plan = {.args = a, .cut = cut_panels(a->dtype, s->k)};
    const ptrdiff_t item = (ptrdiff_t)plan.cut.item, taps = s->kh * s->kw;
    plan.depth = taps * s->c;
    const pl_window whole = pl_window_of(s, 0, s->oh);
    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)s->k * (double)plan.depth;
    const int workers = pl_workers(s->n * s->oh, work / PL_FLOPS);
    plan.band = pl_band_rows(s->oh, s->stride_h * whole.width * s->c * item, s->n, workers);
    plan.bands = pl_ceil_div(s->oh, plan.band);
    const pl_window window = pl_window_of(s, 0, plan.band);
    const int inside = pl_window_inside(whole, s->h, s->w);
    if (!inside) plan.window_bytes = (size_t)(pl_round_up(window.height * window.width * s->c, 16) * item);

    const size_t panel_bytes = (size_t)(panel_room(&plan.cut, plan.depth) * item);
    const size_t offset_bytes = (size_t)pl_round_up(taps, 8) * sizeof(ptrdiff_t);
    char *space = pl_scratch(PL_SLOT_CONV, offset_bytes + panel_bytes + plan.window_bytes * (size_t)workers);
    if (!space) return PL_NO_MEMORY;
    ptrdiff_t *offset = (ptrdiff_t *)space;
    plan.panels = space + offset_bytes;
    plan.windows = plan.panels + panel_bytes;

    const ptrdiff_t row = inside ? s->w * s->c : window.width * s->c;
    for (ptrdiff_t t = 0; t < taps; t++)
        offset[t] = t / s->kw * s->dilation_h * row + t % s->kw * s->dilation_w * s->c;
    plan.walk = (pl_walk){taps, s->c, offset, {NULL, 0}};
    pl_join_runs(&plan.walk, offset);
    for (ptrdiff_t j = 0; j < s->k; j += plan.cut.width) {
        const ptrdiff_t n = panel_columns(&plan.cut, j);
        plan.cut.pack->pack((const char *)a->weights + j * item, s->k, plan.depth, n,
                            plan.panels + j * plan.depth * item, pl_round_up(n, plan.cut.kernels->lanes));
    }
    pl_parallel_for(s->n * plan.bands, workers, forward_bands, &plan);
    return PL_OK;
}

/* ---- backward-data -------------------------------------------------------------------------- */
typedef struct {
    const pl_conv2d_backward_data_args *args;
    panel_cut cut;
    char *panels, *lines; /* panels: for each filter row; lines: `pitch` elements for each row of a band */
    size_t line_bytes;    /* of each worker */
    ptrdiff_t pitch, band, bands;
} data_plan;

/* Adds the products of filter row r to the rows [row0, row0 + rows) of dx. The last panel goes first:
 * it holds the last taps, and taps are added in falling order. */
static void slide_row(const data_plan *plan, const char *dy, char *lines, ptrdiff_t row0, ptrdiff_t rows,
                      ptrdiff_t r) {
    const panel_cut *cut = &plan->cut;
    const pl_conv_shape *s = &plan->args->shape;
    const ptrdiff_t item = (ptrdiff_t)cut->item;
    const ptrdiff_t shift = s->pad_top - r * s->dilation_h;
    const ptrdiff_t first = pl_max(0, -pl_floor_div(-(row0 + shift), s->stride_h));
    const ptrdiff_t last = pl_min(s->oh - 1, pl_floor_div(row0 + rows - 1 + shift, s->stride_h));
    for (ptrdiff_t j = (cut->columns - 1) / cut->width * cut->width; j >= 0; j -= cut->width) {
        const ptrdiff_t n = panel_columns(cut, j);
        const pl_slide_kernel *kernels = cut->kernels->slide[pl_ceil_div(n, cut->kernels->lanes) - 1];
        ptrdiff_t most = PL_SLIDE;
        while (!kernels[most - 1]) most--;
        pl_slide slide = {dy + first * s->ow * s->k * item,
                          plan->panels + (r * panel_room(cut, 1) + j) * s->k * item,
                          lines + ((first * s->stride_h - shift - row0) * plan->pitch + j) * item,
                          s->ow * s->k,
                          s->stride_h * plan->pitch,
                          pl_round_up(n, cut->kernels->lanes),
                          s->k,
                          n,
                          s->ow,
                          s->stride_w * s->c};
        for (ptrdiff_t left = last - first + 1, tiles = pl_ceil_div(left, most); tiles > 0; tiles--) {
            const ptrdiff_t q = pl_ceil_div(left, tiles);
            kernels[q - 1](&slide);
            slide.dy = (const char *)slide.dy + q * slide.dy_row * item;
            slide.dx = (char *)slide.dx + q * slide.dx_row * item;
            left -= q;
        }
    }
}

static void data_bands(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const data_plan *plan = context;
    const pl_conv2d_backward_data_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = (ptrdiff_t)plan->cut.item, line = s->w * s->c;
    char *lines = plan->lines + (size_t)thread * plan->line_bytes;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / plan->bands, row0 = task % plan->bands * plan->band;
        const ptrdiff_t rows = pl_min(plan->band, s->h - row0);
        if (rows <= 0) continue;
        const char *dy = (const char *)a->dy + image * s->oh * s->ow * s->k * item;
        char *dx = (char *)a->dx + (image * s->h + row0) * line * item;
        memset(lines, 0, (size_t)(rows * plan->pitch * item));
        for (ptrdiff_t r = s->kh - 1; r >= 0; r--) slide_row(plan, dy, lines, row0, rows, r);
        for (ptrdiff_t row = 0; row < rows; row++)
            memcpy(dx + row * line * item, lines + (row * plan->pitch + s->pad_left * s->c) * item,
                   (size_t)(line * item));
    }
}

int pl_few_channels_backward_data(const pl_conv2d_backward_data_args *a) {
    const pl_conv_shape *s = &a->shape;
    data_plan plan = {.args = a, .cut = cut_panels(a->dtype, s->kw * s->c)};
    const ptrdiff_t item = (ptrdiff_t)plan.cut.item;
    plan.pitch = pl_max((s->ow - 1) * s->stride_w + s->kw, s->pad_left + s->w) * s->c;
    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)s->k * (double)(s->kh * s->kw * s->c);
    const int workers = pl_workers(s->n * s->h, work / PL_FLOPS);
    plan.band = pl_band_rows(s->h, (plan.pitch + s->ow * s->k / s->stride_h) * item, s->n, workers);
    plan.bands = pl_ceil_div(s->h, plan.band);
    const ptrdiff_t read_behind = 2 * plan.cut.width; /* a vector behind a panel */
    plan.line_bytes = (size_t)(pl_round_up(plan.band * plan.pitch + read_behind, 16) * item);

    const size_t panel_bytes = (size_t)(s->kh * panel_room(&plan.cut, s->k) * item);
    char *space = pl_scratch(PL_SLOT_CONV, panel_bytes + plan.line_bytes * (size_t)workers);
    if (!space) return PL_NO_MEMORY;
    plan.panels = space;
    plan.lines = space + panel_bytes;
    for (ptrdiff_t r = 0; r < s->kh; r++)
        for (ptrdiff_t j = 0; j < plan.cut.columns; j += plan.cut.width) {
            const ptrdiff_t n = panel_columns(&plan.cut, j), wide = pl_round_up(n, plan.cut.kernels->lanes);
            plan.cut.pack->pack_transposed(
                (const char *)a->weights + (r * plan.cut.columns + j) * s->k * item, s->k, s->k, n,
                plan.panels + (r * panel_room(&plan.cut, 1) + j) * s->k * item, wide, wide);
        }
    pl_parallel_for(s->n * plan.bands, workers, data_bands, &plan);
    return PL_OK;
}

/* ---- backward-weights ----------------------------------------------------------------------- */
typedef struct {
    const pl_conv2d_backward_weights_args *args;
    panel_cut cut;
    char *partial; /* dw of chunk 1, 2, ... */
    char *space;   /* worker_bytes for each worker: window, then panel of dy */
    size_t window_bytes, worker_bytes;
    ptrdiff_t run, runs; /* longest piece of a filter row (s, c), and how many */
    ptrdiff_t rows;      /* filter rows of a tile */
    ptrdiff_t chunk, chunks, band, bands;
} weights_plan;

/* How a tile of `run` elements of `rows` filter rows by v vectors keeps the units busy: multiply-adds
 * by loads or by latency, whatever limits. */
static void choose_tile(weights_plan *plan, ptrdiff_t kh, ptrdiff_t length, int v) {
    const pl_few_channels_kernels *kernels = plan->cut.kernels;
    double best = 0;
    for (ptrdiff_t rows = 1; rows <= pl_min(kh, PL_TAPS_ROWS); rows++)
        for (ptrdiff_t run = 1; run <= pl_min(length, PL_TAPS_RUN); run++) {
            if (!kernels->taps[v - 1][rows - 1][run - 1]) continue;
            /* Half cycles of all tiles: two multiply-adds or loads in a cycle, four cycles latency. */
            const ptrdiff_t pieces = pl_ceil_div(length, run);
            const ptrdiff_t blocks = pl_ceil_div(kh, rows);
            const ptrdiff_t least = 8;
            ptrdiff_t cost = 0;
            for (ptrdiff_t b = 0; b < blocks; b++)
                for (ptrdiff_t p = 0; p < pieces; p++) {
                    const ptrdiff_t taps = pl_min(rows, kh - b * rows) *
                                           (length * (p + 1) / pieces - length * p / pieces);
                    cost += pl_max(least, pl_max(taps * v, taps + v)) + 2;
                }
            if (best == 0 || (double)cost < best) {
                best = (double)cost;
                plan->rows = rows;
                plan->runs = pieces;
                plan->run = run;
            }
        }
}

static void band_of_weights(const weights_plan *plan, char *dw, pl_frame frame, const char *dy,
                            ptrdiff_t rows, char *panel, int accumulate, pl_soon soon) {
    const panel_cut *cut = &plan->cut;
    const pl_few_channels_kernels *kernels = cut->kernels;
    const pl_conv_shape *s = &plan->args->shape;
    const ptrdiff_t item = (ptrdiff_t)cut->item, length = s->kw * s->c;
    for (ptrdiff_t j = 0; j < s->k; j += cut->width) {
        const ptrdiff_t n = panel_columns(cut, j);
        const pl_taps_kernel(*tiles)[PL_TAPS_RUN] = kernels->taps[pl_ceil_div(n, kernels->lanes) - 1];
        const pl_pixels pixels = {.outer = rows, .inner = s->ow, .step = s->stride_w * s->c,
                                  .jump = s->stride_h * frame.row};
        pl_taps taps = {.pixels = pixels,
                        .x_row = s->dilation_h * frame.row,
                        .dy = dy + j * item,
                        .ldy = s->k,
                        .dw_row = length * s->k,
                        .ldw = s->k,
                        .n = n};
        if (!kernels->masked_load && n % kernels->lanes) {
            taps.ldy = pl_round_up(n, kernels->lanes);
            cut->pack->pack(taps.dy, s->k, rows * s->ow, n, panel, taps.ldy);
            taps.dy = panel;
        }
        for (ptrdiff_t r = 0; r < s->kh;) {
            ptrdiff_t height = pl_min(plan->rows, s->kh - r);
            while (!tiles[height - 1][plan->run - 1]) height--;
            for (ptrdiff_t piece = 0, i = 0; piece < plan->runs; piece++) {
                const ptrdiff_t end = length * (piece + 1) / plan->runs;
                taps.x = frame.pixels + (r * taps.x_row + i) * item;
                taps.dw = dw + ((r * length + i) * s->k + j) * item;
                pl_ask_for(&soon, &taps.pixels);
                tiles[height - 1][end - i - 1](&taps, accumulate);
                i = end;
            }
            r += height;
        }
    }
}

static void run_chunks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const weights_plan *plan = context;
    const pl_conv2d_backward_weights_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = (ptrdiff_t)plan->cut.item;
    const size_t bytes = (size_t)(s->kh * s->kw * s->c * s->k * item);
    char *space = plan->space + (size_t)thread * plan->worker_bytes;
    for (ptrdiff_t chunk = begin; chunk < end; chunk++) {
        char *dw = chunk ? plan->partial + (size_t)(chunk - 1) * bytes : a->dweights;
        const ptrdiff_t first = chunk * plan->chunk, last = pl_min(first + plan->chunk, s->n);
        for (ptrdiff_t image = first; image < last; image++)
            for (ptrdiff_t row = 0; row < s->oh; row += plan->band) {
                const ptrdiff_t rows = pl_min(plan->band, s->oh - row);
                const pl_frame frame = pl_frame_of((const char *)a->x + image * s->h * s->w * s->c * item,
                                                   s->h, s->w, s->c, pl_window_of(s, row, rows), plan->cut.item,
                                                   plan->window_bytes ? space : NULL);
                band_of_weights(plan, dw, frame,
                                (const char *)a->dy + (image * s->oh + row) * s->ow * s->k * item, rows,
                                space + plan->window_bytes, image > first || row > 0,
                                pl_soon_of(s, a->x, a->dy, plan->cut.item, last, image, row, plan->band));
            }
    }
}

int pl_few_channels_backward_weights(const pl_conv2d_backward_weights_args *a) {
    const pl_conv_shape *s = &a->shape;
    weights_plan plan = {.args = a, .cut = cut_panels(a->dtype, s->k)};
    const ptrdiff_t item = (ptrdiff_t)plan.cut.item, lanes = plan.cut.kernels->lanes;
    const ptrdiff_t count = s->kh * s->kw * s->c * s->k;
    const int v = (int)pl_min(PL_TAPS_VECTORS, pl_ceil_div(s->k, lanes));
    plan.cut.width = v * lanes;
    choose_tile(&plan, s->kh, s->kw * s->c, v);
    plan.chunks = pl_min(PL_CONV_CHUNKS, s->n);
    plan.chunk = pl_ceil_div(s->n, plan.chunks);
    plan.chunks = pl_ceil_div(s->n, plan.chunk);

    const pl_window whole = pl_window_of(s, 0, s->oh);
    /* The next band has room in L2 beside this one. */
    const ptrdiff_t row_bytes = (s->stride_h * whole.width * s->c + s->ow * s->k) * item;
    plan.band = pl_band_rows(s->oh, 2 * row_bytes, s->n, 1);
    if (!pl_window_inside(whole, s->h, s->w)) {
        const pl_window window = pl_window_of(s, 0, plan.band);
        plan.window_bytes = (size_t)(pl_round_up(window.height * window.width * s->c, 16) * item);
    }
    plan.worker_bytes = plan.window_bytes;
    if (!plan.cut.kernels->masked_load) plan.worker_bytes += (size_t)(plan.band * s->ow * plan.cut.width * item);

    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)count;
    const int workers = pl_workers(plan.chunks, work / PL_FLOPS);
    const size_t partial_bytes = (size_t)(pl_round_up(count * (plan.chunks - 1), 16) * item);
    plan.partial = pl_scratch(PL_SLOT_CONV, partial_bytes + plan.worker_bytes * (size_t)workers);
    if (!plan.partial) return PL_NO_MEMORY;
    plan.space = plan.partial + partial_bytes;
    pl_parallel_for(plan.chunks, workers, run_chunks, &plan);
    const pl_reduce_kernels *reduce = pl_reduce_select(a->dtype);
    for (ptrdiff_t chunk = 1; chunk < plan.chunks; chunk++)
        reduce->add(plan.partial + (size_t)((chunk - 1) * count * item), a->dweights, count);
    return PL_OK;
}
