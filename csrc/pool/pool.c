/* Max and average pooling, forward and backward: walks over windows and threads around the leaves
 * of pool_simd.c.
 *
 *   forward              a task is an output row
 *   backward, disjoint   windows that do not overlap: a task is an output row and the input rows
 *                        that it owns; every element of dx is written once, none is cleared before
 *   backward, otherwise  a task is an input row: cleared, then every output row that covers it adds
 *                        to it in rising order, so no two tasks share an element
 *
 * A row of windows is cut into runs whose taps inside the image are the same: the windows over the
 * left edge one by one, those inside all together, those over the right edge one by one. */
#include <string.h>

#include "pool/pool.h"
#include "threading/threading.h"

#define PL_OP pool
#define PL_OP_TABLE pl_pool_kernels
#define PL_OP_ROWS "pool/pool_kernels.inc"
#include "cpu/variant_rows.h"

/* Outputs beyond half of a usual last-level cache are written past it. */
static const ptrdiff_t STREAM_BYTES = 16 << 20;

const pl_pool_kernels *pl_pool_select(int dtype) { return pl_select_op(dtype); }

static const pl_narrow *fill_narrow(pl_narrow *narrow, ptrdiff_t channels, ptrdiff_t stride_w) {
    const int c = (int)channels;
    if (c > 8) return NULL;
    for (int i = 0; i < 32; i++) {
        if (i < 16) narrow->pick[i] = stride_w == 2 ? i + i / c * c : i;
        narrow->back[i] = i / (2 * c) * c + i % c;
        narrow->column[i] = i / c % 2;
    }
    return narrow;
}

pl_windows pl_tiling_windows(ptrdiff_t w, ptrdiff_t c, ptrdiff_t kh, ptrdiff_t kw, pl_narrow *narrow) {
    return (pl_windows){.windows = w / kw,
                        .rows = kh,
                        .columns = kw,
                        .step = kw * c,
                        .row = w * c,
                        .pixel = c,
                        .next_row = kw,
                        .taps = kh * kw,
                        .narrow = fill_narrow(narrow, c, kw),
                        .lines = 1};
}

typedef enum { MAX, MAX_BACKWARD, AVERAGE, AVERAGE_BACKWARD } pool_kind;

typedef struct {
    const pl_pool_args *args;
    const pl_pool_kernels *kernels;
    pool_kind kind;
    ptrdiff_t item, number; /* bytes of an element, of an argmax */
    int disjoint;
    pl_narrow narrow;
    int stream;
    ptrdiff_t inside_begin, inside_end; /* output columns whose window has all its columns */
} pool_plan;

/* One run: windows [ox, ox + windows) of output row (image, oy) and of the lines - 1 that follow, taps
 * [r0, r1) x [s0, s1). */
static void run(const pool_plan *plan, ptrdiff_t image, ptrdiff_t oy, ptrdiff_t lines, ptrdiff_t ox,
                ptrdiff_t windows, ptrdiff_t r0, ptrdiff_t r1, ptrdiff_t s0, ptrdiff_t s1,
                ptrdiff_t taps) {
    const pl_pool_args *a = plan->args;
    const pl_pool_kernels *kernels = plan->kernels;
    const pl_windows g = {.windows = windows,
                          .rows = r1 - r0,
                          .columns = s1 - s0,
                          .step = a->stride_w * a->c,
                          .row = a->w * a->c,
                          .pixel = a->c,
                          .first = r0 * a->kw + s0,
                          .next_row = a->kw,
                          .taps = taps,
                          .narrow = a->c <= 8 ? &plan->narrow : NULL,
                          .dead = a->rectified ? PL_NO_PLACE : 0,
                          .lines = lines,
                          .image_line = (r1 - r0) * a->w * a->c,
                          .pooled_line = a->ow * a->c,
                          .stream = plan->stream};
    const ptrdiff_t iy = oy * a->stride_h - a->pad_top + r0;
    const ptrdiff_t ix = ox * a->stride_w - a->pad_left + s0;
    char *image_side = (char *)a->image + ((image * a->h + iy) * a->w + ix) * a->c * plan->item;
    const ptrdiff_t at = ((image * a->oh + oy) * a->ow + ox) * a->c;
    char *pooled_side = (char *)a->pooled + at * plan->item;
    char *argmax = (char *)a->argmax + at * plan->number;
    switch (plan->kind) {
    case MAX:
        (a->wide_argmax ? kernels->largest_wide : kernels->largest)(image_side, &g, pooled_side,
                                                                    argmax);
        break;
    case AVERAGE:
        kernels->average(image_side, &g, pooled_side);
        break;
    case AVERAGE_BACKWARD:
        (plan->disjoint ? kernels->spread : kernels->spread_add)(pooled_side, &g, image_side);
        break;
    case MAX_BACKWARD:
        if (plan->disjoint)
            (a->wide_argmax ? kernels->route_wide : kernels->route)(pooled_side, argmax, &g,
                                                                    image_side);
        else
            (a->wide_argmax ? kernels->route_add_wide : kernels->route_add)(pooled_side, argmax, &g,
                                                                            image_side);
    }
}

/* Rows of taps of output row oy that lie inside the image: [r0, r1). */
static void rows_inside(const pl_pool_args *a, ptrdiff_t oy, ptrdiff_t *r0, ptrdiff_t *r1) {
    const ptrdiff_t top = oy * a->stride_h - a->pad_top;
    *r0 = pl_max(0, -top);
    *r1 = pl_min(a->kh, a->h - top);
}

/* All windows of an output row, restricted to the tap rows [r0, r1). */
static void run_row(const pool_plan *plan, ptrdiff_t image, ptrdiff_t oy, ptrdiff_t r0,
                    ptrdiff_t r1) {
    const pl_pool_args *a = plan->args;
    ptrdiff_t all0, all1;
    rows_inside(a, oy, &all0, &all1);
    for (ptrdiff_t ox = 0; ox < a->ow;) {
        const int inside = ox >= plan->inside_begin && ox < plan->inside_end;
        const ptrdiff_t windows = inside ? plan->inside_end - ox : 1;
        const ptrdiff_t left = ox * a->stride_w - a->pad_left;
        const ptrdiff_t s0 = pl_max(0, -left), s1 = pl_min(a->kw, a->w - left);
        run(plan, image, oy, 1, ox, windows, r0, r1, s0, s1, (all1 - all0) * (s1 - s0));
        ox += windows;
    }
}

/* Rows of windows that tile the images, whole images as one. */
static void tiling_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pool_plan *plan = context;
    const pl_pool_args *a = plan->args;
    (void)thread;
    run(plan, begin / a->oh, begin % a->oh, end - begin, 0, a->ow, 0, a->kh, 0, a->kw, a->kh * a->kw);
    if (plan->stream) plan->kernels->fence();
}

static void forward_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pool_plan *plan = context;
    (void)thread;
    for (ptrdiff_t task = begin; task < end; task++) {
        ptrdiff_t r0, r1;
        rows_inside(plan->args, task % plan->args->oh, &r0, &r1);
        run_row(plan, task / plan->args->oh, task % plan->args->oh, r0, r1);
    }
    if (plan->stream) plan->kernels->fence();
}

static char *dx_at(const pool_plan *plan, ptrdiff_t image, ptrdiff_t iy, ptrdiff_t ix) {
    const pl_pool_args *a = plan->args;
    return (char *)a->image + ((image * a->h + iy) * a->w + ix) * a->c * plan->item;
}

static void disjoint_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pool_plan *plan = context;
    const pl_pool_args *a = plan->args;
    const ptrdiff_t pixel_bytes = a->c * plan->item;
    (void)thread;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / a->oh, oy = task % a->oh;
        /* From the top of this window to the top of the next, or to an end of the image. */
        const ptrdiff_t top = oy * a->stride_h - a->pad_top;
        const ptrdiff_t owned = oy == 0 ? 0 : top;
        const ptrdiff_t owned_end = oy == a->oh - 1 ? a->h : pl_min(top + a->stride_h, a->h);
        ptrdiff_t r0, r1;
        rows_inside(a, oy, &r0, &r1);
        const ptrdiff_t covered_end = top + r1;
        const ptrdiff_t right = pl_min((a->ow - 1) * a->stride_w - a->pad_left + a->kw, a->w);
        for (ptrdiff_t iy = owned; iy < covered_end; iy++) {
            if (a->stride_w > a->kw)
                memset(dx_at(plan, image, iy, 0), 0, (size_t)(a->w * pixel_bytes));
            else
                memset(dx_at(plan, image, iy, right), 0, (size_t)((a->w - right) * pixel_bytes));
        }
        memset(dx_at(plan, image, covered_end, 0), 0,
               (size_t)((owned_end - covered_end) * a->w * pixel_bytes));
        run_row(plan, image, oy, r0, r1);
    }
    if (plan->stream) plan->kernels->fence();
}

static void overlapping_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pool_plan *plan = context;
    const pl_pool_args *a = plan->args;
    (void)thread;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / a->h, iy = task % a->h;
        memset(dx_at(plan, image, iy, 0), 0, (size_t)(a->w * a->c * plan->item));
        /* Tap row r of output row oy is iy: oy * stride_h + r = iy + pad_top, 0 <= r < kh. */
        const ptrdiff_t row = iy + a->pad_top;
        const ptrdiff_t first = row < a->kh ? 0 : (row - a->kh) / a->stride_h + 1;
        for (ptrdiff_t oy = first; oy <= pl_min(row / a->stride_h, a->oh - 1); oy++) {
            const ptrdiff_t r = row - oy * a->stride_h;
            run_row(plan, image, oy, r, r + 1);
        }
    }
}

static int pool(const pl_pool_args *a, pool_kind kind) {
    const int backward = kind == MAX_BACKWARD || kind == AVERAGE_BACKWARD;
    const int tiling = a->h == a->oh * a->kh && a->w == a->ow * a->kw && a->pad_top == 0 &&
                       a->pad_left == 0 && (a->stride_h == a->kh || a->oh == 1) &&
                       (a->stride_w == a->kw || a->ow == 1);
    pool_plan plan = {.args = a,
                      .kernels = pl_select_op(a->dtype),
                      .kind = kind,
                      .item = (ptrdiff_t)pl_item_size(a->dtype),
                      .number = a->wide_argmax ? 4 : 1,
                      .disjoint = tiling || (a->stride_h >= a->kh && a->stride_w >= a->kw)};
    fill_narrow(&plan.narrow, a->c, a->stride_w);
    plan.inside_begin = pl_min(pl_ceil_div(a->pad_left, a->stride_w), a->ow);
    if (a->w + a->pad_left >= a->kw)
        plan.inside_end = pl_min((a->w + a->pad_left - a->kw) / a->stride_w + 1, a->ow);

    const ptrdiff_t image_size = a->n * a->h * a->w * a->c;
    const ptrdiff_t pooled_size = a->n * a->oh * a->ow * a->c;
    const ptrdiff_t written = (backward ? image_size : pooled_size) * plan.item;
    const uintptr_t target = (uintptr_t)(backward ? a->image : a->pooled);
    plan.stream = written > STREAM_BYTES && target % 64 == 0 && a->c * plan.item % 64 == 0 &&
                  (plan.disjoint || !backward);

    /* About 80 GB/s of image, and as long again for each tap of a window. */
    const double nanoseconds =
        0.05 * (double)image_size + 0.05 * (double)pooled_size * (double)a->kh * (double)a->kw;
    const ptrdiff_t tasks = a->n * (backward && !plan.disjoint ? a->h : a->oh);
    const pl_task backward_tasks = plan.disjoint ? disjoint_tasks : overlapping_tasks;
    pl_parallel_for(tasks, pl_workers(tasks, nanoseconds),
                    tiling     ? tiling_tasks
                    : backward ? backward_tasks
                               : forward_tasks,
                    &plan);
    return PL_OK;
}

int pl_max_pool2d(const void *args) { return pool(args, MAX); }
int pl_max_pool2d_backward(const void *args) { return pool(args, MAX_BACKWARD); }
int pl_avg_pool2d(const void *args) { return pool(args, AVERAGE); }
int pl_avg_pool2d_backward(const void *args) { return pool(args, AVERAGE_BACKWARD); }
