/* Gradient with respect to the input, without inserting zeros: input pixels whose coordinates have
 * the same remainder by the stride see the same taps. Each such phase is a small forward convolution
 * over dy with transposed filters, on the same tiles as the forward pass.
 *
 *   dx[n, iy, ix, c] = sum over the taps (r, s) with iy + pad_top - r*dilation_h = oy*stride_h (and
 *   likewise ix), over k, of dy[n, oy, ox, k] * w[r, s, c, k]
 *
 * Taps are walked in falling order, so that neighbours lie in rising order in memory. Winograd and the
 * tiles for few filters, whose stride is 1, are given turned filters and go forward. */
#include "conv/conv.h"

#include "common/scratch.h"
#include "conv/depthwise.h"
#include "conv/few_channels.h"
#include "conv/few_filters.h"
#include "conv/winograd.h"
#include "threading/threading.h"

typedef struct {
    ptrdiff_t first, taps; /* first coordinate with this remainder; how many taps reach it */
} phase;

typedef struct {
    const pl_conv2d_backward_data_args *args;
    const pl_gemm_kernels *kernels;
    size_t item;
    char *panels, *windows;
    ptrdiff_t *offsets;   /* for each phase: kh * kw offsets, in a window of dy */
    pl_walk *walks;       /* for each phase */
    size_t *panel_start;  /* for each phase: bytes */
    size_t window_bytes;
    ptrdiff_t width, panel_columns, band, bands, top, left; /* top, left: window of dy for band 0 */
    ptrdiff_t window_height, window_width;
    int ahead;  /* dy is read once, from memory: the pixels of the next tile are fetched */
    int stream; /* dx goes past the caches */
} data_plan;

/* Row of dy that tap r contributes to input row iy, if the strides meet. */
static int meets(ptrdiff_t i, ptrdiff_t pad, ptrdiff_t tap, ptrdiff_t dilation, ptrdiff_t stride) {
    const ptrdiff_t at = i + pad - tap * dilation;
    return at - pl_floor_div(at, stride) * stride == 0;
}

static void band_of_phase(const data_plan *plan, pl_frame frame, ptrdiff_t image, ptrdiff_t row0,
                          ptrdiff_t rows, ptrdiff_t py, ptrdiff_t px) {
    const pl_conv2d_backward_data_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = (ptrdiff_t)plan->item, channels = s->c / s->groups, filters = s->k / s->groups;
    const ptrdiff_t which = py * s->stride_w + px;
    const pl_walk *walk = &plan->walks[which];
    const pl_finish finish = {0, 0, NULL, NULL, plan->stream};
    const ptrdiff_t across = px < s->w ? pl_ceil_div(s->w - px, s->stride_w) : 0;
    const ptrdiff_t down = py < rows ? pl_ceil_div(rows - py, s->stride_h) : 0;
    for (ptrdiff_t group = 0; group < s->groups; group++)
        for (ptrdiff_t j = 0; j < channels; j += plan->width) {
            const ptrdiff_t n = pl_min(plan->width, channels - j);
            const int vectors = (int)pl_ceil_div(n, plan->kernels->lanes);
            const char *panel = plan->panels + plan->panel_start[which] +
                                (group * plan->panel_columns + j) * walk->runs * walk->run * item;
            const char *row = frame.pixels + group * filters * item, *pixel = row;
            char *to_row = (char *)a->dx +
                           (((image * s->h + row0 + py) * s->w + px) * s->c + group * channels + j) * item;
            char *to_pixel = to_row;
            ptrdiff_t x = 0;
            for (ptrdiff_t left = down * across; left > 0;) {
                const int m = pl_next_height(plan->kernels, vectors, left);
                const void *from[PL_TILE_ROWS];
                void *to[PL_TILE_ROWS];
                for (int i = 0; i < m; i++) {
                    from[i] = pixel;
                    to[i] = to_pixel;
                    pixel += s->k * item;
                    to_pixel += s->stride_w * s->c * item;
                    if (++x == across) {
                        x = 0;
                        pixel = row += frame.row * item;
                        to_pixel = to_row += s->stride_h * s->w * s->c * item;
                    }
                }
                if (plan->ahead && j == 0) pl_prefetch(pixel, m * s->k * item);
                plan->kernels->rows[vectors - 1][m - 1](from, walk, panel,
                                                        pl_panel_width(plan->kernels, n), to, n, &finish);
                left -= m;
            }
        }
}

static void run_bands(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const data_plan *plan = context;
    const pl_conv2d_backward_data_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / plan->bands, row0 = task % plan->bands * plan->band;
        const ptrdiff_t rows = pl_min(plan->band, s->h - row0);
        if (rows <= 0) continue;
        const pl_window window = {plan->top + row0 / s->stride_h, plan->left, plan->window_height,
                                  plan->window_width};
        const pl_frame frame = pl_frame_of(
            (const char *)a->dy + (size_t)(image * s->oh * s->ow * s->k) * plan->item, s->oh, s->ow, s->k,
            window, plan->item,
            plan->window_bytes ? plan->windows + (size_t)thread * plan->window_bytes : NULL);
        for (ptrdiff_t py = 0; py < s->stride_h; py++)
            for (ptrdiff_t px = 0; px < s->stride_w; px++)
                band_of_phase(plan, frame, image, row0, rows, py, px);
    }
    if (plan->stream) plan->kernels->fence();
}

/* Walk and transposed panels of one phase; returns the bytes that its panels take. */
static size_t prepare_phase(data_plan *plan, ptrdiff_t py, ptrdiff_t px, size_t start, ptrdiff_t row) {
    const pl_conv2d_backward_data_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t which = py * s->stride_w + px, channels = s->c / s->groups, filters = s->k / s->groups;
    ptrdiff_t *offset = plan->offsets + which * s->kh * s->kw;
    pl_walk *walk = &plan->walks[which];
    *walk = (pl_walk){0, filters, offset, {NULL, 0}};
    for (ptrdiff_t r = s->kh - 1; r >= 0; r--)
        for (ptrdiff_t q = s->kw - 1; q >= 0; q--)
            if (meets(py, s->pad_top, r, s->dilation_h, s->stride_h) &&
                meets(px, s->pad_left, q, s->dilation_w, s->stride_w)) {
                const ptrdiff_t oy = pl_floor_div(py + s->pad_top - r * s->dilation_h, s->stride_h);
                const ptrdiff_t ox = pl_floor_div(px + s->pad_left - q * s->dilation_w, s->stride_w);
                offset[walk->runs++] = (oy - plan->top) * row + (ox - plan->left) * s->k;
            }
    const ptrdiff_t depth = walk->runs * filters;
    plan->panel_start[which] = start;
    for (ptrdiff_t group = 0; group < s->groups; group++)
        for (ptrdiff_t j = 0; j < channels; j += plan->width) {
            const ptrdiff_t n = pl_min(plan->width, channels - j), wide = pl_panel_width(plan->kernels, n);
            char *panel =
                plan->panels + start + (size_t)((group * plan->panel_columns + j) * depth) * plan->item;
            for (ptrdiff_t r = s->kh - 1; r >= 0; r--)
                for (ptrdiff_t q = s->kw - 1; q >= 0; q--)
                    if (meets(py, s->pad_top, r, s->dilation_h, s->stride_h) &&
                        meets(px, s->pad_left, q, s->dilation_w, s->stride_w)) {
                        const ptrdiff_t tap = ((r * s->kw + q) * channels + j) * s->k + group * filters;
                        plan->kernels->pack_transposed(
                            (const char *)a->weights + (size_t)tap * plan->item, s->k, filters, n, panel,
                            wide, wide);
                        panel += (size_t)(filters * wide) * plan->item;
                    }
        }
    if (walk->runs) pl_join_runs(walk, offset);
    return (size_t)(s->groups * plan->panel_columns * depth) * plan->item;
}

/* At stride 1: dx as a convolution of dy with the filters turned by 180 degrees, (kh, kw, k, c). */
static int forward_of_turned(const pl_conv2d_backward_data_args *a, int (*forward)(const pl_conv2d_args *)) {
    const pl_conv_shape *s = &a->shape;
    const size_t tap_bytes = (size_t)(s->c * s->k) * pl_item_size(a->dtype);
    const ptrdiff_t taps = s->kh * s->kw;
    char *turned = pl_scratch(PL_SLOT_TURNED, (size_t)taps * tap_bytes);
    if (!turned) return PL_NO_MEMORY;
    const pl_gemm_kernels *kernels = pl_gemm_select(a->dtype);
    for (ptrdiff_t tap = 0; tap < taps; tap++)
        kernels->pack_transposed((const char *)a->weights + (size_t)(taps - 1 - tap) * tap_bytes, s->k, s->k,
                                 s->c, turned + (size_t)tap * tap_bytes, s->c, s->c);
    pl_conv2d_args args = {.dtype = a->dtype, .shape = *s, .x = a->dy, .weights = turned, .y = a->dx};
    pl_conv_shape *to = &args.shape;
    to->h = s->oh, to->w = s->ow, to->c = s->k;
    to->oh = s->h, to->ow = s->w, to->k = s->c;
    to->pad_top = (s->kh - 1) * s->dilation_h - s->pad_top;
    to->pad_left = (s->kw - 1) * s->dilation_w - s->pad_left;
    return forward(&args);
}

int pl_conv2d_backward_data(const void *args) {
    const pl_conv2d_backward_data_args *a = args;
    const pl_conv_shape *s = &a->shape;
    if (s->n * s->h * s->w * s->c == 0) return PL_OK;
    switch (pl_conv_algorithm(a->dtype, s, PL_BACKWARD_DATA, a->algorithm)) {
    case PL_CONV_WINOGRAD: return forward_of_turned(a, pl_winograd_forward);
    case PL_CONV_FEW_FILTERS: return forward_of_turned(a, pl_few_filters_forward);
    case PL_CONV_FEW_CHANNELS: return pl_few_channels_backward_data(a);
    case PL_CONV_DEPTHWISE: return pl_depthwise_backward_data(a);
    }
    data_plan plan = {.args = a, .kernels = pl_gemm_select(a->dtype), .item = pl_item_size(a->dtype)};
    const ptrdiff_t phases = s->stride_h * s->stride_w, taps = s->kh * s->kw;
    plan.width = (ptrdiff_t)plan.kernels->lanes * plan.kernels->vectors;
    plan.panel_columns = pl_round_up(s->c / s->groups, plan.kernels->lanes);

    /* The window of dy that a band of dx rows reads: from the last tap of its first row to the first
     * tap of its last row, over all phases. */
    plan.top = pl_floor_div(s->pad_top - (s->kh - 1) * s->dilation_h, s->stride_h);
    plan.left = pl_floor_div(s->pad_left - (s->kw - 1) * s->dilation_w, s->stride_w);
    plan.window_width = pl_floor_div(s->w - 1 + s->pad_left, s->stride_w) - plan.left + 1;
    const ptrdiff_t row_bytes = plan.window_width * s->k * (ptrdiff_t)plan.item / s->stride_h + 1;
    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)s->k *
                        (double)(taps * (s->c / s->groups));
    const int workers = pl_workers(s->n * s->h, work / PL_FLOPS);
    plan.band = pl_round_up(pl_band_rows(s->h, row_bytes, s->n, workers), s->stride_h);
    plan.bands = pl_ceil_div(s->h, plan.band);
    plan.window_height = pl_floor_div(plan.band - 1 + s->pad_top, s->stride_h) - plan.top + 1;
    const pl_window last = {plan.top + (plan.bands - 1) * plan.band / s->stride_h, plan.left,
                            plan.window_height, plan.window_width};
    const pl_window first = {plan.top, plan.left, plan.window_height, plan.window_width};
    const int inside = pl_window_inside(first, s->oh, s->ow) && pl_window_inside(last, s->oh, s->ow);
    const ptrdiff_t row = inside ? s->ow * s->k : plan.window_width * s->k;
    if (!inside)
        plan.window_bytes =
            (size_t)pl_round_up(plan.window_height * plan.window_width * s->k, 16) * plan.item;

    plan.ahead = taps == 1 && s->groups == 1 && phases == 1;
    plan.stream = plan.ahead && pl_streams(a->dx, s->c * (ptrdiff_t)plan.item,
                                           s->n * s->h * s->w * (s->c + s->k) * (ptrdiff_t)plan.item);

    const size_t panel_bytes =
        (size_t)(s->groups * plan.panel_columns * taps * (s->k / s->groups)) * plan.item;
    const size_t per_phase = (size_t)taps * sizeof(ptrdiff_t) + sizeof(pl_walk) + sizeof(size_t);
    const size_t tables = ((size_t)phases * per_phase + 63) / 64 * 64;
    char *space = pl_scratch(PL_SLOT_CONV, tables + panel_bytes + plan.window_bytes * (size_t)workers);
    if (!space) return PL_NO_MEMORY;
    plan.walks = (pl_walk *)space;
    plan.panel_start = (size_t *)(plan.walks + phases);
    plan.offsets = (ptrdiff_t *)(plan.panel_start + phases);
    plan.panels = space + tables;
    plan.windows = plan.panels + panel_bytes;

    size_t start = 0;
    for (ptrdiff_t py = 0; py < s->stride_h; py++)
        for (ptrdiff_t px = 0; px < s->stride_w; px++) start += prepare_phase(&plan, py, px, start, row);
    pl_parallel_for(s->n * plan.bands, workers, run_bands, &plan);
    return PL_OK;
}
