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
    ptrdiff_t item, vector; /* bytes */
    const pl_lines_kernel (*lines)[PL_LINES];
    ptrdiff_t vectors, pixels; /* of a tile: as many pixels as fill the vectors best */
    ptrdiff_t height;          /* filter rows of a tile, or one less */
    const ptrdiff_t *offset;
    const char *pixel, *weights, *bias, *scale; /* as a tile takes them */
    char *spaces;                               /* of each worker: window, its planes; elements */
    ptrdiff_t window_size, plane_size, space_size;
    ptrdiff_t band, bands;
} lines_plan;

static void choose_tile(lines_plan *plan) {
    const pl_conv_shape *s = &plan->args->shape;
    const pl_few_filters_kernels *kernels = plan->kernels;
    const int single = s->k == 1 && kernels->lines[1][0][0];
    plan->lines = kernels->lines[single];
    ptrdiff_t best = 0; /* vectors of an output row */
    for (ptrdiff_t v = 1; v <= PL_LINES_VECTORS && plan->lines[v - 1][0]; v++) {
        const ptrdiff_t lanes = kernels->lanes;
        /* The inputs of a tile come out of one vector, but those of a single filter. */
        const ptrdiff_t pixels = single ? v * lanes : pl_min(v * lanes / s->k, lanes);
        if (!pixels) continue;
        const ptrdiff_t count = s->ow / pixels * v + pl_ceil_div(s->ow % pixels * s->k, lanes);
        if (best && count > best) continue;
        best = count;
        plan->vectors = v;
        plan->pixels = pixels;
        if (pixels >= s->ow) break;
    }
    ptrdiff_t most = s->dilation_h == 1 ? PL_LINES : 1;
    while (!plan->lines[plan->vectors - 1][most - 1]) most--;
    plan->height = pl_ceil_div(s->kh, pl_ceil_div(s->kh, most));
}

/* Writes the vectors of one table row, `apart` vectors from each other, and returns the place of the next. */
static char *repeat_row(const lines_plan *plan, int what, const void *from, char *to, ptrdiff_t apart) {
    const ptrdiff_t k = plan->args->shape.k;
    for (ptrdiff_t j = 0; j < plan->vectors; j++)
        plan->kernels->repeat(what, from, k, j * plan->kernels->lanes, plan->pixels * k,
                              to + j * apart * plan->vector);
    return to + plan->vector;
}

static ptrdiff_t table_vectors(const lines_plan *plan) {
    const pl_conv_shape *s = &plan->args->shape;
    return (s->kh * s->kw * s->c + 3) * plan->vectors;
}

static void write_tables(lines_plan *plan, char *to) {
    const pl_conv2d_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t taps = s->kw * s->c;
    const void *rows[3] = {NULL, a->bias, a->scale};
    const char **tables[3] = {&plan->pixel, &plan->bias, &plan->scale};
    for (int i = 0; i < 3; i++, to += plan->vectors * plan->vector) {
        *tables[i] = i && !rows[i] ? NULL : to;
        if (*tables[i]) repeat_row(plan, i ? PL_REPEAT_FROM : PL_REPEAT_QUOTIENT, rows[i], to, 1);
    }
    plan->weights = to;
    for (ptrdiff_t r0 = 0; r0 < s->kh; r0 += plan->height) {
        const ptrdiff_t rows_here = pl_min(plan->height, s->kh - r0);
        for (ptrdiff_t t = 0; t < taps; t++, to += (plan->vectors - 1) * rows_here * plan->vector)
            for (ptrdiff_t r = r0; r < r0 + rows_here; r++)
                to = repeat_row(plan, PL_REPEAT_FROM,
                                (const char *)a->weights + (r * taps + t) * s->k * plan->item, to, rows_here);
    }
}

static void band_of_lines(const lines_plan *plan, const char *planes, ptrdiff_t width, ptrdiff_t rows, char *y) {
    const pl_conv2d_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = plan->item, taps = s->kw * s->c;
    for (ptrdiff_t pixel = 0; pixel < s->ow; pixel += plan->pixels) {
        const ptrdiff_t n = pl_min(plan->pixels, s->ow - pixel) * s->k;
        const pl_lines_kernel *kernels = plan->lines[pl_ceil_div(n, plan->kernels->lanes) - 1];
        pl_lines tile = {.weights = plan->weights,
                        .pixel = plan->pixel,
                        .y = y + pixel * s->k * item,
                        .offset = plan->offset,
                        .taps = taps,
                        .x_row = width,
                        .y_row = s->ow * s->k,
                        .rows = rows,
                        .n = n};
        for (ptrdiff_t r = 0; r < s->kh; r += plan->height) {
            const ptrdiff_t height = pl_min(plan->height, s->kh - r);
            tile.x = planes + (r * s->dilation_h * width + pixel) * item;
            tile.step = height * plan->vectors * plan->kernels->lanes;
            tile.accumulate = r > 0;
            if (r + height == s->kh) {
                tile.bias = plan->bias;
                tile.scale = plan->scale;
                tile.relu = a->activation == PL_RELU;
            }
            kernels[height - 1](&tile);
            tile.weights = (const char *)tile.weights + taps * tile.step * item;
        }
    }
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
        band_of_lines(plan, planes, view.width, rows,
                     (char *)a->y + (image * s->oh + row0) * s->ow * s->k * item);
    }
}

int pl_few_filters_forward(const pl_conv2d_args *a) {
    const pl_conv_shape *s = &a->shape;
    const pl_few_filters_kernels *kernels = pl_select_op(a->dtype);
    lines_plan plan = {.args = a, .kernels = kernels, .pack = pl_gemm_select(a->dtype),
                      .item = (ptrdiff_t)pl_item_size(a->dtype)};
    plan.vector = kernels->lanes * plan.item;
    choose_tile(&plan);
    const ptrdiff_t width = pl_window_of(s, 0, 1).width, taps = s->kw * s->c;
    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)s->k * (double)(s->kh * taps);
    const int workers = pl_workers(s->n * s->oh, work / PL_FLOPS);
    plan.band = pl_band_rows(s->oh, width * (2 * s->c + s->k) * plan.item, s->n, workers);
    plan.bands = pl_ceil_div(s->oh, plan.band);
    const ptrdiff_t window = pl_window_of(s, 0, plan.band).height * width;
    plan.plane_size = pl_round_up(window + kernels->lanes, 16); /* the last tile reads on behind */
    plan.window_size = s->c == 1 ? 0 : pl_round_up(window * s->c, 16);
    plan.space_size = plan.window_size + plan.plane_size * s->c + 16;

    const size_t table_bytes = (size_t)pl_round_up(table_vectors(&plan) * plan.vector, 64);
    const size_t offset_bytes = (size_t)pl_round_up(taps, 8) * sizeof(ptrdiff_t);
    const size_t space_bytes = (size_t)(workers * plan.space_size * plan.item);
    char *space = pl_scratch(PL_SLOT_CONV, table_bytes + offset_bytes + space_bytes);
    if (!space) return PL_NO_MEMORY;
    write_tables(&plan, space);
    ptrdiff_t *offset = (ptrdiff_t *)(space + table_bytes);
    plan.offset = offset;
    plan.spaces = memset(space + table_bytes + offset_bytes, 0, space_bytes);
    for (ptrdiff_t t = 0; t < taps; t++) offset[t] = t % s->c * plan.plane_size + t / s->c * s->dilation_w;
    pl_parallel_for(s->n * plan.bands, workers, lines_bands, &plan);
    return PL_OK;
}

/* ---- backward-weights ----------------------------------------------------------------------- */
typedef struct {
    const pl_conv2d_backward_weights_args *args;
    const pl_few_filters_kernels *kernels;
    const pl_gemm_kernels *pack;
    ptrdiff_t item, vector;   /* bytes */
    ptrdiff_t vectors, tiles; /* of a tile; all tiles hold the outputs (filter row, k) */
    ptrdiff_t width;          /* filter columns of a tile */
    const char *tables;       /* for each vector of the tiles: rows, then filters */
    char *sums;               /* of each chunk: for each tile and channel those of the filter columns */
    ptrdiff_t sums_size;      /* elements */
    char *spaces;             /* of each worker: window, its columns */
    ptrdiff_t window_size, space_size, column; /* elements */
    ptrdiff_t chunk, chunks, band;
} repeats_plan;

static void band_of_repeats(const repeats_plan *plan, char *sums, const char *columns, const char *dy,
                            ptrdiff_t rows) {
    const pl_conv_shape *s = &plan->args->shape;
    const ptrdiff_t item = plan->item, outputs = plan->vectors * plan->kernels->lanes;
    for (ptrdiff_t tile = 0; tile < plan->tiles; tile++) {
        const ptrdiff_t row = tile * outputs / s->k;
        for (ptrdiff_t channel = 0; channel < s->c; channel++)
            for (ptrdiff_t first = 0; first < s->kw; first += plan->width) {
                const ptrdiff_t width = pl_min(plan->width, s->kw - first);
                const pl_repeats repeats = {
                    .x = columns + ((first * s->c + channel) * plan->column + row) * item,
                    .dy = dy,
                    .row = plan->tables + tile * plan->vectors * plan->vector,
                    .filter = plan->tables + (plan->tiles + tile) * plan->vectors * plan->vector,
                    .sums = sums + ((tile * s->c + channel) * s->kw + first) * outputs * item,
                    .rows = rows,
                    .pixels = s->ow,
                    .x_row = s->stride_h,
                    .x_step = s->stride_w * s->c * plan->column,
                    .k = s->k};
                plan->kernels->repeats[plan->vectors - 1][width - 1](&repeats);
            }
    }
}

static void repeats_chunks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const repeats_plan *plan = context;
    const pl_conv2d_backward_weights_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = plan->item;
    char *window = plan->spaces + thread * plan->space_size * item, *columns = window + plan->window_size * item;
    for (ptrdiff_t chunk = begin; chunk < end; chunk++) {
        char *sums = plan->sums + chunk * plan->sums_size * item;
        memset(sums, 0, (size_t)(plan->sums_size * item));
        const ptrdiff_t first = chunk * plan->chunk, last = pl_min(first + plan->chunk, s->n);
        for (ptrdiff_t image = first; image < last; image++)
            for (ptrdiff_t row = 0; row < s->oh; row += plan->band) {
                const ptrdiff_t rows = pl_min(plan->band, s->oh - row);
                const pl_window view = pl_window_of(s, row, rows);
                const pl_frame frame = pl_frame_of((const char *)a->x + image * s->h * s->w * s->c * item, s->h,
                                                   s->w, s->c, view, (size_t)item,
                                                   plan->window_size ? window : NULL);
                plan->pack->pack_transposed(frame.pixels, frame.row, view.width * s->c, view.height, columns,
                                            plan->column, view.height);
                band_of_repeats(plan, sums, columns,
                                (const char *)a->dy + (image * s->oh + row) * s->ow * s->k * item, rows);
            }
    }
}

/* From sums[tile][channel][filter column][(filter row, k)] to dweights. */
static void place_sums(const repeats_plan *plan) {
    const pl_conv_shape *s = &plan->args->shape;
    const ptrdiff_t outputs = plan->vectors * plan->kernels->lanes, all = s->kh * s->k;
    const size_t item = (size_t)plan->item;
    for (ptrdiff_t e = 0; e < all; e++)
        for (ptrdiff_t channel = 0; channel < s->c; channel++)
            for (ptrdiff_t column = 0; column < s->kw; column++) {
                const ptrdiff_t from = ((e / outputs * s->c + channel) * s->kw + column) * outputs + e % outputs;
                const ptrdiff_t to = ((e / s->k * s->kw + column) * s->c + channel) * s->k + e % s->k;
                memcpy((char *)plan->args->dweights + (size_t)to * item, plan->sums + (size_t)from * item, item);
            }
}

int pl_few_filters_backward_weights(const pl_conv2d_backward_weights_args *a) {
    const pl_conv_shape *s = &a->shape;
    repeats_plan plan = {.args = a, .kernels = pl_select_op(a->dtype), .pack = pl_gemm_select(a->dtype),
                         .item = (ptrdiff_t)pl_item_size(a->dtype)};
    const ptrdiff_t lanes = plan.kernels->lanes, outputs = s->kh * s->k;
    if (s->k > plan.kernels->most_repeated) return pl_few_channels_backward_weights(a); /* the same chains */
    plan.vector = lanes * plan.item;
    /* A pixel's neighbour is under the next filter column. */
    plan.width = s->stride_w == 1 ? pl_min(s->kw, PL_REPEATS) : 1;
    while (!plan.kernels->repeats[0][plan.width - 1]) plan.width--;
    /* The inputs of a tile come out of one vector. */
    plan.vectors = pl_min(pl_ceil_div(outputs, lanes), s->k > 2 ? PL_REPEATS_VECTORS : 1);
    while (!plan.kernels->repeats[plan.vectors - 1][plan.width - 1]) plan.vectors--;
    plan.tiles = pl_ceil_div(outputs, plan.vectors * lanes);
    plan.vectors = pl_ceil_div(pl_ceil_div(outputs, lanes), plan.tiles);
    plan.chunks = pl_min(PL_CONV_CHUNKS, s->n);
    plan.chunk = pl_ceil_div(s->n, plan.chunks);
    plan.chunks = pl_ceil_div(s->n, plan.chunk);
    const pl_window whole = pl_window_of(s, 0, s->oh);
    plan.band = pl_band_rows(s->oh, (s->stride_h * whole.width * s->c + s->ow * s->k) * plan.item, s->n, 1);
    const pl_window window = pl_window_of(s, 0, plan.band);
    if (!pl_window_inside(whole, s->h, s->w))
        plan.window_size = pl_round_up(window.height * window.width * s->c, 16);
    plan.column = window.height;
    plan.space_size = plan.window_size + pl_round_up(window.width * s->c * plan.column + 2 * lanes, 16);
    plan.sums_size = plan.tiles * s->c * s->kw * plan.vectors * lanes;

    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)(outputs * s->kw * s->c);
    const int workers = pl_workers(plan.chunks, work / PL_FLOPS);
    const ptrdiff_t table = plan.tiles * plan.vectors * plan.vector;
    const ptrdiff_t sums_bytes = pl_round_up(plan.chunks * plan.sums_size * plan.item, 64);
    const size_t space_bytes = (size_t)(workers * plan.space_size * plan.item);
    char *space = pl_scratch(PL_SLOT_CONV, (size_t)(pl_round_up(2 * table, 64) + sums_bytes) + space_bytes);
    if (!space) return PL_NO_MEMORY;
    plan.tables = space;
    plan.sums = space + pl_round_up(2 * table, 64);
    plan.spaces = memset(plan.sums + sums_bytes, 0, space_bytes);
    for (ptrdiff_t tile = 0; tile < plan.tiles; tile++)
        for (ptrdiff_t j = 0; j < plan.vectors; j++) {
            /* Rows count from the first of the tile. */
            const ptrdiff_t vector = tile * plan.vectors + j, base = tile * plan.vectors * lanes / s->k;
            const ptrdiff_t first = vector * lanes - base * s->k, left = outputs - base * s->k;
            plan.kernels->repeat(PL_REPEAT_QUOTIENT, NULL, s->k, first, left, space + vector * plan.vector);
            plan.kernels->repeat(PL_REPEAT_REST, NULL, s->k, first, left, space + table + vector * plan.vector);
        }
    pl_parallel_for(plan.chunks, workers, repeats_chunks, &plan);
    const pl_reduce_kernels *reduce = pl_reduce_select(a->dtype);
    for (ptrdiff_t chunk = 1; chunk < plan.chunks; chunk++)
        reduce->add(plan.sums + chunk * plan.sums_size * plan.item, plan.sums, plan.sums_size);
    place_sums(&plan);
    return PL_OK;
}
