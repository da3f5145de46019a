#include "conv/depthwise.h"

#include <string.h>

#include "common/scratch.h"
#include "conv/conv.h"
#include "eltwise/eltwise.h"
#include "reduce/reduce.h"
#include "threading/threading.h"

#define PL_OP depthwise
#define PL_OP_TABLE pl_depthwise_kernels
#define PL_OP_ROWS "conv/depthwise_kernels.inc"
#include "cpu/variant_rows.h"

/* Results from half of a usual last-level cache on are written past it. */
static const ptrdiff_t STREAM_BYTES = 16 << 20;

/* Pixels of zeros, and of the place that nobody reads: a row of a tile. */
enum { SHARED = PL_SQUARE_COLUMNS };

/* Images that tiles read, pixel by pixel. */
typedef struct {
    const char *pixels, *zeros;
    ptrdiff_t height, width, first_row; /* `pixels` begins with this row */
    ptrdiff_t pixel;                    /* bytes */
} source;

PL_INLINE const char *pixel_at(const source *from, ptrdiff_t y, ptrdiff_t x) {
    if (y < 0 || y >= from->height || x < 0 || x >= from->width) return from->zeros;
    return from->pixels + ((y - from->first_row) * from->width + x) * from->pixel;
}

/* ---- multipliers above 1: pixels whose channels lie where the lanes need them ---------------- */
/* to[i * to_i + q * to_q] = from[i * from_i + q * from_q] for i < c, q < multiplier, in each pixel. */
typedef struct {
    ptrdiff_t c, multiplier, to_i, to_q, from_i, from_q, from_pixel;
} arrangement;

/* (c) to (c, multiplier), every channel so many times. */
static arrangement repeated(ptrdiff_t c, ptrdiff_t m) { return (arrangement){c, m, m, 1, 1, 0, c}; }
/* (c, multiplier) to (multiplier, c). */
static arrangement turned(ptrdiff_t c, ptrdiff_t m) { return (arrangement){c, m, 1, c, m, 1, c * m}; }

PL_INLINE void arrange_items(arrangement how, const char *from, char *to, ptrdiff_t pixels,
                             const ptrdiff_t item) {
    for (ptrdiff_t p = 0; p < pixels; p++, from += how.from_pixel * item, to += how.c * how.multiplier * item)
        for (ptrdiff_t i = 0; i < how.c; i++)
            for (ptrdiff_t q = 0; q < how.multiplier; q++)
                memcpy(to + (i * how.to_i + q * how.to_q) * item,
                       from + (i * how.from_i + q * how.from_q) * item, (size_t)item);
}

static void arrange(arrangement how, const char *from, char *to, ptrdiff_t pixels, ptrdiff_t item) {
    if (item == 4)
        arrange_items(how, from, to, pixels, 4);
    else
        arrange_items(how, from, to, pixels, 8);
}

/* The rows [y0, y1) of an image of `pixel` elements a pixel, arranged in `space`; without space the
 * image itself. */
static source rows_of(const void *image, ptrdiff_t height, ptrdiff_t width, ptrdiff_t y0, ptrdiff_t y1,
                      arrangement how, ptrdiff_t item, char *space, const char *zeros) {
    source from = {image, zeros, height, width, 0, how.from_pixel * item};
    if (!space) return from;
    from.first_row = pl_max(0, pl_min(y0, height));
    y1 = pl_max(from.first_row, pl_min(y1, height));
    arrange(how, (const char *)image + from.first_row * width * from.pixel, space,
            (y1 - from.first_row) * width, item);
    from.pixels = space;
    from.pixel = how.c * how.multiplier * item;
    return from;
}

/* ---- forward and backward-data: tiles over lattices of pixels -------------------------------- */
/* Pixels (first_y + a * jump_y, first_x + b * jump_x) of the result, a < rows, b < columns, which see
 * the same taps: tap t reads (a * step_y + y[t], b * step_x + x[t]). */
typedef struct {
    ptrdiff_t first_y, first_x, jump_y, jump_x, rows, columns, step_y, step_x;
    ptrdiff_t taps;
    ptrdiff_t *y, *x, *inside; /* inside: bytes from the start of a pixel */
    ptrdiff_t *offset;         /* bytes from a pixel (a * step_y, b * step_x) to what a tap reads of it */
    const void **weights;
} lattice;

typedef struct {
    const pl_depthwise_kernels *kernels;
    const pl_conv_shape *shape;
    int dtype, activation, backward;
    ptrdiff_t item, multiplier, n; /* n: channels of the result */
    const char *from, *weights, *bias, *scale;
    char *to;
    ptrdiff_t height, width;           /* of the result */
    ptrdiff_t from_height, from_width; /* of the source */
    arrangement how;                   /* of the source */
    int stream;
    ptrdiff_t band, bands;
    char *zeros, *space; /* worker_bytes for each worker */
    size_t worker_bytes;
} tile_plan;

/* What a worker has: tables of a lattice and of a tile, a place that nobody reads, rows of a band. */
typedef struct {
    lattice lattice;
    const void **x;
    void *y[PL_GATHER];
    char *sink, *rows;
} workplace;

static void workplace_of(const tile_plan *plan, int thread, workplace *at) {
    const ptrdiff_t taps = plan->shape->kh * plan->shape->kw * plan->multiplier;
    char *space = plan->space + (size_t)thread * plan->worker_bytes;
    at->sink = space;
    space += pl_round_up(SHARED * plan->n * plan->item, 64);
    at->lattice.y = (ptrdiff_t *)space;
    at->lattice.x = at->lattice.y + taps;
    at->lattice.inside = at->lattice.x + taps;
    at->lattice.offset = at->lattice.inside + taps;
    at->lattice.weights = (const void **)(at->lattice.offset + taps);
    at->x = at->lattice.weights + taps;
    space = (char *)(at->x + taps * PL_GATHER);
    at->rows = plan->multiplier > 1 ? space : NULL;
}

static size_t workplace_bytes(const tile_plan *plan, ptrdiff_t rows) {
    const ptrdiff_t taps = plan->shape->kh * plan->shape->kw * plan->multiplier;
    const ptrdiff_t tables = 5 * taps + taps * PL_GATHER;
    ptrdiff_t bytes = pl_round_up(SHARED * plan->n * plan->item, 64) + tables * (ptrdiff_t)sizeof(void *);
    if (plan->multiplier > 1)
        bytes += pl_min(rows, plan->from_height) * plan->from_width * plan->shape->k * plan->item;
    return (size_t)pl_round_up(bytes, 64);
}

PL_INLINE void *result_at(const tile_plan *plan, const workplace *at, char *image, ptrdiff_t a,
                          ptrdiff_t last_a, ptrdiff_t b) {
    const lattice *l = &at->lattice;
    if (a >= last_a || b >= l->columns) return at->sink;
    return image + ((l->first_y + a * l->jump_y) * plan->width + l->first_x + b * l->jump_x) * plan->n *
                       plan->item;
}

/* The rectangle of lattice rows [a, last_a) and columns [begin, end), by any taps. */
static void gather_pixels(const tile_plan *plan, workplace *at, const source *from, char *image, ptrdiff_t a,
                          ptrdiff_t last_a, ptrdiff_t begin, ptrdiff_t end, pl_depthwise_tile *tile) {
    const lattice *l = &at->lattice;
    const ptrdiff_t taps = l->taps;
    /* From here on the pixels whose taps all lie inside the image. */
    ptrdiff_t top = 0, left = 0, bottom = from->height, right = from->width, lowest = 0;
    for (ptrdiff_t t = 0; t < taps; t++) {
        l->offset[t] = (l->y[t] * from->width + l->x[t]) * from->pixel + l->inside[t];
        lowest = pl_max(lowest, l->y[t]);
        top = pl_max(top, -l->y[t]);
        left = pl_max(left, -l->x[t]);
        bottom = pl_min(bottom, from->height - l->y[t]);
        right = pl_min(right, from->width - l->x[t]);
    }
    tile->soon_rows = l->step_y;
    tile->soon_row = from->width * from->pixel / plan->item;
    tile->soon_columns = l->step_x;
    const void **const x = at->x;
    for (ptrdiff_t b = begin; a < last_a && begin < end;) {
        tile->soon = from->pixels + ((a * l->step_y + lowest + 1 - from->first_row) * from->width +
                                     b * l->step_x) * from->pixel;
        for (ptrdiff_t i = 0; i < PL_GATHER; i++) {
            const ptrdiff_t y0 = a * l->step_y, x0 = b * l->step_x;
            if (y0 >= top && y0 < bottom && x0 >= left && x0 < right) {
                const char *pixel = from->pixels + ((y0 - from->first_row) * from->width + x0) * from->pixel;
                for (ptrdiff_t t = 0; t < taps; t++) x[t * PL_GATHER + i] = pixel + l->offset[t];
            } else {
                for (ptrdiff_t t = 0; t < taps; t++)
                    x[t * PL_GATHER + i] = pixel_at(from, y0 + l->y[t], x0 + l->x[t]) + l->inside[t];
            }
            at->y[i] = result_at(plan, at, image, a, last_a, b);
            if (++b == end) {
                b = begin;
                a++;
            }
        }
        plan->kernels->gather(tile);
    }
}

/* The columns that tiles of 3 x 3 taps can take: of the pixels below a tile, only the first and the
 * last may lie beside the image. */
static void square_columns(const lattice *l, ptrdiff_t width, ptrdiff_t *begin, ptrdiff_t *end) {
    *begin = pl_max(0, -1 - l->x[0]);
    *end = pl_min(l->columns, width - 1 - l->x[0]);
    if (*end - *begin < PL_SQUARE_COLUMNS) *begin = *end = 0;
}

/* Lattice rows [a, last_a) by 3 x 3 taps side by side. The last tile of a row lies over the one
 * before it, the last row below an odd number of them is nobody's. */
static void square_rows(const tile_plan *plan, workplace *at, const source *from, char *image, ptrdiff_t a,
                        ptrdiff_t last_a, pl_depthwise_tile *tile) {
    const lattice *l = &at->lattice;
    ptrdiff_t begin, end;
    square_columns(l, from->width, &begin, &end);
    gather_pixels(plan, at, from, image, a, last_a, 0, begin, tile);
    gather_pixels(plan, at, from, image, a, last_a, end, l->columns, tile);
    for (; a < last_a; a += PL_SQUARE_ROWS)
        for (ptrdiff_t next = begin; next < end; next += PL_SQUARE_COLUMNS) {
            const ptrdiff_t b = pl_min(next, end - PL_SQUARE_COLUMNS);
            for (ptrdiff_t r = 0; r < PL_SQUARE_ROWS + 2; r++) {
                const ptrdiff_t y = a + l->y[0] + r, x = b + l->x[0];
                at->x[r * 3] = pixel_at(from, y, x);
                at->x[r * 3 + 1] = pixel_at(from, y, x + 1);
                at->x[r * 3 + 2] = pixel_at(from, y, x + PL_SQUARE_COLUMNS + 1);
            }
            for (ptrdiff_t r = 0; r < PL_SQUARE_ROWS; r++)
                at->y[r] = result_at(plan, at, image, a + r, last_a, b);
            plan->kernels->square(tile);
        }
}

static int is_square(const lattice *l) {
    if (l->taps != 9 || l->step_y != 1 || l->step_x != 1 || l->jump_x != 1) return 0;
    for (ptrdiff_t t = 0; t < 9; t++)
        if (l->y[t] != l->y[0] + t / 3 || l->x[t] != l->x[0] + t % 3 || l->inside[t]) return 0;
    return 1;
}

static void run_lattice(const tile_plan *plan, workplace *at, const source *from, char *image,
                        ptrdiff_t a, ptrdiff_t last_a) {
    lattice *l = &at->lattice;
    if (l->columns <= 0 || a >= last_a) return;
    const int square = plan->kernels->square && is_square(l);
    const ptrdiff_t rows = square ? PL_SQUARE_ROWS : 1;
    pl_depthwise_tile tile = {.x = at->x,
                              .weights = l->weights,
                              .y = at->y,
                              .bias = plan->bias,
                              .scale = plan->scale,
                              .taps = l->taps,
                              .n = plan->n,
                              .relu = plan->activation == PL_RELU,
                              .stream = plan->stream,
                              .x_ahead = rows * l->step_y * from->width * from->pixel / plan->item,
                              .y_ahead = rows * l->jump_y * plan->width * plan->n};
    if (square)
        square_rows(plan, at, from, image, a, last_a, &tile);
    else
        gather_pixels(plan, at, from, image, a, last_a, 0, l->columns, &tile);
}

static void add_tap(const tile_plan *plan, lattice *l, ptrdiff_t tap, ptrdiff_t y, ptrdiff_t x) {
    const ptrdiff_t parts = plan->backward ? plan->multiplier : 1;
    for (ptrdiff_t q = 0; q < parts; q++, l->taps++) {
        l->y[l->taps] = y;
        l->x[l->taps] = x;
        l->inside[l->taps] = q * plan->n * plan->item;
        l->weights[l->taps] = plan->weights + (tap * parts + q) * plan->n * plan->item;
    }
}

static void forward_band(const tile_plan *plan, workplace *at, ptrdiff_t image, ptrdiff_t row,
                         ptrdiff_t last_row) {
    const pl_conv_shape *s = plan->shape;
    lattice *l = &at->lattice;
    l->first_y = l->first_x = l->taps = 0;
    l->jump_y = l->jump_x = 1;
    l->step_y = s->stride_h;
    l->step_x = s->stride_w;
    l->columns = s->ow;
    for (ptrdiff_t t = 0; t < s->kh * s->kw; t++)
        add_tap(plan, l, t, t / s->kw * s->dilation_h - s->pad_top, t % s->kw * s->dilation_w - s->pad_left);
    const pl_window seen = pl_window_of(s, row, last_row - row);
    const source from = rows_of(plan->from + image * s->h * s->w * s->c * plan->item, s->h, s->w, seen.y0,
                                seen.y0 + seen.height, plan->how, plan->item, at->rows, plan->zeros);
    run_lattice(plan, at, &from, plan->to + image * s->oh * s->ow * s->k * plan->item, row, last_row);
}

/* Pixels of dx whose coordinates have the same remainders by the stride see the same taps: walked in
 * falling order, as in backward_data.c. */
static void backward_band(const tile_plan *plan, workplace *at, ptrdiff_t image, ptrdiff_t row,
                          ptrdiff_t last_row) {
    const pl_conv_shape *s = plan->shape;
    lattice *l = &at->lattice;
    const ptrdiff_t top = pl_floor_div(row + s->pad_top - (s->kh - 1) * s->dilation_h, s->stride_h);
    const ptrdiff_t bottom = pl_floor_div(last_row - 1 + s->pad_top, s->stride_h) + 1;
    const source from = rows_of(plan->from + image * s->oh * s->ow * s->k * plan->item, s->oh, s->ow, top,
                                bottom, plan->how, plan->item, at->rows, plan->zeros);
    l->jump_y = s->stride_h;
    l->jump_x = s->stride_w;
    l->step_y = l->step_x = 1;
    for (l->first_y = 0; l->first_y < s->stride_h; l->first_y++)
        for (l->first_x = 0; l->first_x < s->stride_w; l->first_x++) {
            l->columns = pl_ceil_div(s->w - l->first_x, s->stride_w);
            l->taps = 0;
            for (ptrdiff_t t = s->kh * s->kw - 1; t >= 0; t--) {
                const ptrdiff_t y = l->first_y + s->pad_top - t / s->kw * s->dilation_h;
                const ptrdiff_t x = l->first_x + s->pad_left - t % s->kw * s->dilation_w;
                const ptrdiff_t oy = pl_floor_div(y, s->stride_h), ox = pl_floor_div(x, s->stride_w);
                if (oy * s->stride_h == y && ox * s->stride_w == x) add_tap(plan, l, t, oy, ox);
            }
            run_lattice(plan, at, &from, plan->to + image * s->h * s->w * s->c * plan->item,
                        row / s->stride_h, pl_ceil_div(last_row - l->first_y, s->stride_h));
        }
}

static void run_bands(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const tile_plan *plan = context;
    workplace at;
    workplace_of(plan, thread, &at);
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / plan->bands, row = task % plan->bands * plan->band;
        const ptrdiff_t last_row = pl_min(row + plan->band, plan->height);
        if (row >= last_row) continue;
        (plan->backward ? backward_band : forward_band)(plan, &at, image, row, last_row);
        if (plan->activation > PL_RELU)
            pl_activate(plan->dtype, plan->activation, PL_FUSED_ALPHA,
                        plan->to + (image * plan->height + row) * plan->width * plan->n * plan->item,
                        (last_row - row) * plan->width * plan->n);
    }
    if (plan->stream) plan->kernels->fence();
}

/* Memory traffic and multiply-adds, in nanoseconds of one thread. */
static double cost(const pl_conv_shape *s) {
    const double moved = (double)s->n * (double)(s->h * s->w * s->c + s->oh * s->ow * s->k);
    return 0.05 * moved + 0.02 * (double)(s->n * s->oh * s->ow * s->k) * (double)(s->kh * s->kw);
}

/* Bands, memory, threads. `reach`: rows of the source below one row of the result, `ratio` more for
 * each row that follows. */
static int run_tiles(tile_plan *plan, ptrdiff_t reach, ptrdiff_t ratio, ptrdiff_t multiple) {
    const pl_conv_shape *s = plan->shape;
    plan->kernels = pl_select_op(plan->dtype);
    plan->item = (ptrdiff_t)pl_item_size(plan->dtype);
    const ptrdiff_t row_bytes = (ratio * plan->from_width * s->k + plan->width * plan->n) * plan->item;
    const int workers = pl_workers(s->n * plan->height, cost(s));
    plan->band = pl_band_rows(plan->height, row_bytes, s->n, workers);
    plan->band = pl_round_up(plan->band, multiple * PL_SQUARE_ROWS);
    plan->bands = pl_ceil_div(plan->height, plan->band);
    plan->stream = s->n * plan->height * plan->width * plan->n * plan->item >= STREAM_BYTES &&
                   plan->n * plan->item % 64 == 0 && (uintptr_t)plan->to % 64 == 0 &&
                   plan->activation <= PL_RELU;
    plan->worker_bytes = workplace_bytes(plan, reach + ratio * plan->band);

    const ptrdiff_t zeros = pl_round_up(SHARED * s->k * plan->item, 64);
    const ptrdiff_t turned_weights =
        plan->backward && plan->multiplier > 1 ? pl_round_up(s->kh * s->kw * s->k * plan->item, 64) : 0;
    char *space = pl_scratch(PL_SLOT_CONV,
                             (size_t)(zeros + turned_weights) + plan->worker_bytes * (size_t)workers);
    if (!space) return PL_NO_MEMORY;
    plan->zeros = space;
    memset(space, 0, (size_t)zeros);
    if (turned_weights) {
        arrange(plan->how, plan->weights, space + zeros, s->kh * s->kw, plan->item);
        plan->weights = space + zeros;
    }
    plan->space = space + zeros + turned_weights;
    pl_parallel_for(s->n * plan->bands, workers, run_bands, plan);
    return PL_OK;
}

int pl_depthwise_forward(const pl_conv2d_args *a) {
    const pl_conv_shape *s = &a->shape;
    tile_plan plan = {.shape = s, .dtype = a->dtype, .activation = a->activation, .n = s->k,
                      .multiplier = s->k / s->c, .from = a->x, .weights = a->weights, .bias = a->bias,
                      .scale = a->scale, .to = a->y, .height = s->oh, .width = s->ow, .from_height = s->h, .from_width = s->w};
    plan.how = repeated(s->c, plan.multiplier);
    return run_tiles(&plan, (s->kh - 1) * s->dilation_h + 1, s->stride_h, 1);
}

int pl_depthwise_backward_data(const pl_conv2d_backward_data_args *a) {
    const pl_conv_shape *s = &a->shape;
    tile_plan plan = {.shape = s, .dtype = a->dtype, .activation = PL_LINEAR, .n = s->c, .backward = 1,
                      .multiplier = s->k / s->c, .from = a->dy, .weights = a->weights, .to = a->dx,
                      .height = s->h, .width = s->w, .from_height = s->oh, .from_width = s->ow};
    plan.how = turned(s->c, plan.multiplier);
    return run_tiles(&plan, (s->kh - 1) * s->dilation_h + 2, 1, s->stride_h);
}

/* ---- backward-weights ----------------------------------------------------------------------- */
/* Vectors of channels that a task takes where one chunk has all images. */
enum { BLOCK_VECTORS = 4 };

/* Rows of dy that the 3 x 3 kernel takes at once, and their bytes: these rows, those of the image and
 * as many that are fetched meanwhile fit the second level of cache. */
enum { MOST_ROWS = 8, ROWS_BYTES = 128 * 1024 };

typedef struct {
    const pl_conv2d_backward_weights_args *args;
    const pl_depthwise_kernels *kernels;
    ptrdiff_t item, taps, window; /* window: pixels of a row of the image that a row of dy meets */
    ptrdiff_t rows, pointers;     /* rows of dy at once where the 3 x 3 kernel serves, else 0; to pixels */
    arrangement how;
    char *zeros, *partial, *space; /* dw of chunk 1, 2, ...; worker_bytes for each worker */
    size_t worker_bytes;
    ptrdiff_t chunk, chunks, block, blocks, band;
} weights_plan;

/* Adds rows [row, last_row) of dy to the channels [first, last) of dw, by 3 x 3 taps side by side. */
static void square_rows_of_weights(const weights_plan *plan, const void **x, const source *from, const char *dy,
                                   char *dw, ptrdiff_t first, ptrdiff_t last, ptrdiff_t row, ptrdiff_t last_row,
                                   int accumulate) {
    const pl_conv_shape *s = &plan->args->shape;
    const ptrdiff_t pixel = s->k * plan->item, step = plan->rows;
    for (; row < last_row; row += step, accumulate = 1) {
        const ptrdiff_t count = pl_min(step, last_row - row);
        for (ptrdiff_t r = 0; r < count + 2; r++) {
            const ptrdiff_t y = row + r - s->pad_top;
            x[r] = y >= 0 && y < s->h ? pixel_at(from, y, 1 - s->pad_left) : plan->zeros + pixel;
        }
        const pl_depthwise_rows rows = {.x = x, .zeros = plan->zeros, .dy = dy + row * s->ow * pixel, .dw = dw,
                                        .rows = count, .pixels = s->ow, .ld = s->k, .first = first, .n = last,
                                        .x_ahead = step * s->w * s->k, .dy_ahead = step * s->ow * s->k,
                                        .left = s->pad_left == 1, .right = s->ow - s->pad_left + 1 == s->w};
        plan->kernels->square_taps(&rows, accumulate);
    }
}

/* Adds one row of dy; x: the table of pixels of kh rows. */
static void row_of_weights(const weights_plan *plan, const void **x, char *sink, const source *from, const char *dy,
                           char *dw, ptrdiff_t first, ptrdiff_t last, ptrdiff_t row, int accumulate) {
    const pl_conv_shape *s = &plan->args->shape;
    const void **to = x;
    for (ptrdiff_t r = 0; r < s->kh; r++) {
        const ptrdiff_t y = row * s->stride_h - s->pad_top + r * s->dilation_h;
        const char *pixel = pixel_at(from, y, 0);
        const ptrdiff_t step = y >= 0 && y < s->h ? from->pixel : 0;
        for (ptrdiff_t q = -s->pad_left; q < plan->window - s->pad_left; q++)
            *to++ = q >= 0 && q < s->w ? pixel + q * step : plan->zeros;
    }
    for (ptrdiff_t tap = 0; tap < plan->taps;) {
        const int few = plan->taps - tap <= 4;
        const ptrdiff_t count = few ? 4 : PL_DEPTHWISE_TAPS;
        ptrdiff_t at[PL_DEPTHWISE_TAPS];
        void *result[PL_DEPTHWISE_TAPS];
        for (ptrdiff_t t = 0; t < count; t++) {
            const ptrdiff_t number = pl_min(tap + t, plan->taps - 1);
            at[t] = number / s->kw * plan->window + number % s->kw * s->dilation_w;
            result[t] = tap + t < plan->taps ? dw + number * s->k * plan->item : sink;
        }
        const pl_depthwise_taps taps = {x, at, dy + row * s->ow * s->k * plan->item, result, s->stride_w, s->k,
                                        s->ow, first, last, s->ow * s->k,
                                        tap + count < plan->taps ? 0 : s->stride_h, s->w * s->k, s->stride_w};
        plan->kernels->taps[few](&taps, accumulate);
        tap += count;
    }
}

static void images_of_channels(const weights_plan *plan, ptrdiff_t image, ptrdiff_t last_image, char *dw,
                               ptrdiff_t first, ptrdiff_t last, char *space) {
    const pl_conv2d_backward_weights_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = plan->item;
    char *sink = space;
    const void **x = (const void **)(sink + pl_round_up(s->k * item, 64));
    char *rows = plan->how.multiplier > 1 ? (char *)(x + plan->pointers) : NULL;
    for (int accumulate = 0; image < last_image; image++)
        for (ptrdiff_t row = 0; row < s->oh; row += plan->band, accumulate = 1) {
            const ptrdiff_t last_row = pl_min(row + plan->band, s->oh);
            const pl_window seen = pl_window_of(s, row, last_row - row);
            const source from = rows_of((const char *)a->x + image * s->h * s->w * s->c * item, s->h, s->w,
                                        seen.y0, seen.y0 + seen.height, plan->how, item, rows, plan->zeros);
            const char *dy = (const char *)a->dy + image * s->oh * s->ow * s->k * item;
            if (plan->rows)
                square_rows_of_weights(plan, x, &from, dy, dw, first, last, row, last_row, accumulate);
            else
                for (ptrdiff_t oy = row; oy < last_row; oy++)
                    row_of_weights(plan, x, sink, &from, dy, dw, first, last, oy, accumulate || oy > row);
        }
}

static void run_chunks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const weights_plan *plan = context;
    const pl_conv_shape *s = &plan->args->shape;
    char *space = plan->space + (size_t)thread * plan->worker_bytes;
    memset(space, 0, (size_t)(s->k * plan->item));
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t chunk = task / plan->blocks, first = task % plan->blocks * plan->block;
        char *dw = plan->args->dweights;
        if (chunk) dw = plan->partial + (chunk - 1) * plan->taps * s->k * plan->item;
        images_of_channels(plan, chunk * plan->chunk, pl_min((chunk + 1) * plan->chunk, s->n), dw, first,
                           pl_min(first + plan->block, s->k), space);
    }
}

int pl_depthwise_backward_weights(const pl_conv2d_backward_weights_args *a) {
    const pl_conv_shape *s = &a->shape;
    weights_plan plan = {.args = a, .kernels = pl_select_op(a->dtype),
                         .item = (ptrdiff_t)pl_item_size(a->dtype), .taps = s->kh * s->kw, .how = repeated(s->c, s->k / s->c)};
    const ptrdiff_t count = plan.taps * s->k, item = plan.item;
    plan.chunks = count <= PL_CONV_SMALL_FILTERS ? pl_min(PL_CONV_CHUNKS, s->n) : 1;
    plan.chunk = pl_ceil_div(s->n, plan.chunks);
    plan.chunks = pl_ceil_div(s->n, plan.chunk);
    plan.block = plan.chunks > 1 ? s->k : BLOCK_VECTORS * plan.kernels->lanes;
    plan.blocks = pl_ceil_div(s->k, plan.block);
    plan.band = pl_band_rows(s->oh, s->stride_h * s->w * s->k * item, s->n, 1);
    const pl_window window = pl_window_of(s, 0, plan.band);
    plan.window = window.width;
    const int square = plan.kernels->square_taps && s->kh == PL_SQUARE && s->kw == PL_SQUARE &&
                       s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 && s->dilation_w == 1 &&
                       s->pad_left <= 1 && s->ow - s->pad_left < s->w;
    if (square) plan.rows = pl_max(1, pl_min(MOST_ROWS, ROWS_BYTES / (s->ow * s->k * item)));
    plan.pointers = square ? plan.rows + 2 : s->kh * plan.window;
    plan.worker_bytes = (size_t)pl_round_up(s->k * item, 64) + (size_t)plan.pointers * sizeof(void *);
    if (plan.how.multiplier > 1)
        plan.worker_bytes += (size_t)(pl_min(window.height, s->h) * s->w * s->k * item);
    plan.worker_bytes = (plan.worker_bytes + 63) / 64 * 64;

    const ptrdiff_t tasks = plan.chunks * plan.blocks;
    const int workers = pl_workers(tasks, cost(s));
    const ptrdiff_t zeros = pl_round_up((square ? s->ow + 2 : 1) * s->k * item, 64);
    const ptrdiff_t partial = pl_round_up((plan.chunks - 1) * count * item, 64);
    char *space = pl_scratch(PL_SLOT_CONV, (size_t)(zeros + partial) + plan.worker_bytes * (size_t)workers);
    if (!space) return PL_NO_MEMORY;
    plan.zeros = space;
    memset(space, 0, (size_t)zeros);
    plan.partial = space + zeros;
    plan.space = plan.partial + partial;
    pl_parallel_for(tasks, workers, run_chunks, &plan);
    const pl_reduce_kernels *reduce = pl_reduce_select(a->dtype);
    for (ptrdiff_t chunk = 1; chunk < plan.chunks; chunk++)
        reduce->add(plan.partial + (chunk - 1) * count * item, a->dweights, count);
    return PL_OK;
}
