/* Forward convolution as implicit matrix product: a tile is a few output pixels by one panel of
 * filters; its rows are pointers into the input, so nothing is gathered into columns.
 *
 *   pack the filters into panels (once, unless there are few pixels)
 *   for each image, for each band of output rows       (tasks, any thread)
 *     take the window of the input, with its border of zeros
 *     for each group, for each panel of filters, for each tile of pixels: one kernel call */
#include "conv/conv.h"

#include "common/scratch.h"
#include "conv/depthwise.h"
#include "conv/few_channels.h"
#include "conv/few_filters.h"
#include "conv/winograd.h"
#include "eltwise/eltwise.h"
#include "threading/threading.h"

typedef struct {
    const pl_conv2d_args *args;
    const pl_gemm_kernels *kernels;
    size_t item;
    pl_walk walk;
    char *panels;  /* for each group: all panels of its filters, one after the other; or NULL */
    char *windows; /* window_bytes for each worker */
    size_t window_bytes;
    ptrdiff_t depth; /* k of the matrix product: kh * kw * c / groups */
    ptrdiff_t width; /* columns of a full panel */
    ptrdiff_t panel_columns; /* columns of all panels of a group, padded to whole vectors */
    ptrdiff_t band, bands;
    int ahead;  /* x is read once, from memory: the pixels of the next tile are fetched */
    int stream; /* y goes past the caches */
} conv_plan;

static void band_of_group(const conv_plan *plan, pl_frame frame, ptrdiff_t image, ptrdiff_t row0,
                          ptrdiff_t rows, ptrdiff_t group) {
    const pl_conv2d_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    const ptrdiff_t item = (ptrdiff_t)plan->item, filters = s->k / s->groups;
    const ptrdiff_t pixel_step = s->stride_w * s->c * item, row_step = s->stride_h * frame.row * item;
    const char *x = frame.pixels + group * (s->c / s->groups) * item;
    for (ptrdiff_t j = 0; j < filters; j += plan->width) {
        const ptrdiff_t n = pl_min(plan->width, filters - j), column = group * filters + j;
        const int vectors = (int)pl_ceil_div(n, plan->kernels->lanes);
        const char *panel =
            plan->panels ? plan->panels + (group * plan->panel_columns + j) * plan->depth * item
                         : (const char *)a->weights + column * item;
        const ptrdiff_t ldb = plan->panels ? pl_panel_width(plan->kernels, n) : s->k;
        const pl_finish finish = {0, a->activation == PL_RELU,
                                  a->bias ? (const char *)a->bias + column * item : NULL,
                                  a->scale ? (const char *)a->scale + column * item : NULL,
                                  plan->stream};
        char *y = (char *)a->y + ((image * s->oh + row0) * s->ow * s->k + column) * item;
        const char *row = x, *pixel = x;
        ptrdiff_t ox = 0;
        for (ptrdiff_t left = rows * s->ow; left > 0;) {
            const int m = pl_next_height(plan->kernels, vectors, left);
            const void *from[PL_TILE_ROWS];
            void *to[PL_TILE_ROWS];
            for (int i = 0; i < m; i++, y += s->k * item) {
                from[i] = pixel;
                to[i] = y;
                pixel += pixel_step;
                if (++ox == s->ow) {
                    ox = 0;
                    row += row_step;
                    pixel = row;
                }
            }
            if (plan->ahead && j == 0) pl_prefetch(pixel, m * pixel_step);
            plan->kernels->rows[vectors - 1][m - 1](from, &plan->walk, panel, ldb, to, n, &finish);
            left -= m;
        }
    }
}

static void run_bands(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const conv_plan *plan = context;
    const pl_conv2d_args *a = plan->args;
    const pl_conv_shape *s = &a->shape;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / plan->bands, row0 = task % plan->bands * plan->band;
        const ptrdiff_t rows = pl_min(plan->band, s->oh - row0);
        if (rows <= 0) continue;
        const pl_frame frame =
            pl_frame_of((const char *)a->x + (size_t)(image * s->h * s->w * s->c) * plan->item, s->h, s->w,
                        s->c, pl_window_of(s, row0, rows), plan->item,
                        plan->window_bytes ? plan->windows + (size_t)thread * plan->window_bytes : NULL);
        for (ptrdiff_t group = 0; group < s->groups; group++)
            band_of_group(plan, frame, image, row0, rows, group);
        if (a->activation > PL_RELU)
            pl_activate(a->dtype, a->activation, PL_FUSED_ALPHA,
                        (char *)a->y + (size_t)((image * s->oh + row0) * s->ow * s->k) * plan->item,
                        rows * s->ow * s->k);
    }
    if (plan->stream) plan->kernels->fence();
}

/* Offsets of the taps (r, s) in a window whose rows are `row` elements apart. */
static void walk_taps(conv_plan *plan, ptrdiff_t *offset, ptrdiff_t row) {
    const pl_conv_shape *s = &plan->args->shape;
    for (ptrdiff_t r = 0; r < s->kh; r++)
        for (ptrdiff_t q = 0; q < s->kw; q++)
            offset[r * s->kw + q] = r * s->dilation_h * row + q * s->dilation_w * s->c;
    plan->walk = (pl_walk){s->kh * s->kw, s->c / s->groups, offset, {NULL, 0}};
    pl_join_runs(&plan->walk, offset);
}

/* Pixels of a band of a 1 x 1 filter: y is written from its beginning to its end. */
enum { PIXELS_AT_ONCE = 96 };

int pl_conv2d(const void *args) {
    const pl_conv2d_args *a = args;
    const pl_conv_shape *s = &a->shape;
    if (s->n * s->oh * s->ow * s->k == 0) return PL_OK;
    switch (pl_conv_algorithm(a->dtype, s, PL_FORWARD, a->algorithm)) {
    case PL_CONV_WINOGRAD: return pl_winograd_forward(a);
    case PL_CONV_FEW_CHANNELS: return pl_few_channels_forward(a);
    case PL_CONV_FEW_FILTERS: return pl_few_filters_forward(a);
    case PL_CONV_DEPTHWISE: return pl_depthwise_forward(a);
    }
    conv_plan plan = {.args = a, .kernels = pl_gemm_select(a->dtype), .item = pl_item_size(a->dtype)};
    const ptrdiff_t filters = s->k / s->groups, taps = s->kh * s->kw;
    plan.depth = taps * (s->c / s->groups);
    plan.width = (ptrdiff_t)plan.kernels->lanes * plan.kernels->vectors;
    plan.panel_columns = pl_round_up(filters, plan.kernels->lanes);

    const pl_window whole = pl_window_of(s, 0, s->oh);
    const double work = 2.0 * (double)(s->n * s->oh * s->ow) * (double)s->k * (double)plan.depth;
    const int workers = pl_workers(s->n * s->oh, work / PL_FLOPS);
    plan.band = pl_band_rows(s->oh, s->stride_h * whole.width * s->c * (ptrdiff_t)plan.item, s->n, workers);
    plan.ahead = taps == 1 && s->groups == 1 && s->stride_h == 1 && s->stride_w == 1;
    if (plan.ahead) plan.band = pl_min(plan.band, pl_ceil_div(PIXELS_AT_ONCE, s->ow));
    plan.stream = plan.ahead && a->activation <= PL_RELU &&
                  pl_streams(a->y, s->k * (ptrdiff_t)plan.item,
                             s->n * s->oh * s->ow * (s->c + s->k) * (ptrdiff_t)plan.item);
    plan.bands = pl_ceil_div(s->oh, plan.band);
    const pl_window window = pl_window_of(s, 0, plan.band);
    const int inside = pl_window_inside(whole, s->h, s->w);
    if (!inside)
        plan.window_bytes = (size_t)pl_round_up(window.height * window.width * s->c, 16) * plan.item;

    const int packs = !pl_reads_unpacked(plan.kernels, plan.item, s->n * s->oh * s->ow, filters, s->k);
    const size_t panel_bytes =
        packs ? (size_t)(s->groups * plan.panel_columns * plan.depth) * plan.item : 0;
    const size_t offset_bytes = (size_t)pl_round_up(taps, 8) * sizeof(ptrdiff_t);
    char *space = pl_scratch(PL_SLOT_CONV, panel_bytes + offset_bytes + plan.window_bytes * (size_t)workers);
    if (!space) return PL_NO_MEMORY;
    if (packs) plan.panels = space;
    plan.windows = space + panel_bytes + offset_bytes;
    walk_taps(&plan, (ptrdiff_t *)(space + panel_bytes), inside ? s->w * s->c : window.width * s->c);

    for (ptrdiff_t group = 0; packs && group < s->groups; group++)
        for (ptrdiff_t j = 0; j < filters; j += plan.width) {
            const ptrdiff_t n = pl_min(plan.width, filters - j);
            plan.kernels->pack(
                (const char *)a->weights + (size_t)(group * filters + j) * plan.item, s->k, plan.depth, n,
                plan.panels + (size_t)((group * plan.panel_columns + j) * plan.depth) * plan.item,
                pl_panel_width(plan.kernels, n));
        }
    pl_parallel_for(s->n * plan.bands, workers, run_bands, &plan);
    return PL_OK;
}
