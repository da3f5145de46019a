/* Up-sampling, adaptive average pooling, zero padding, and their gradients.
 *
 * Tables of bands (resample.h) for rows and columns are worked out first, in integers and one
 * division, so they depend on the sizes alone. A task is a row of the target: the source rows of its
 * band are combined into one line, whose pixels are then combined along the columns. */
#include "resample/resample.h"

#include <string.h>

#include "common/scratch.h"
#include "threading/threading.h"

#define PL_OP resample
#define PL_OP_TABLE pl_resample_kernels
#define PL_OP_ROWS "resample/resample_kernels.inc"
#include "cpu/variant_rows.h"

/* Estimated nanoseconds for a number that is read and added, or copied. */
#define ADDED 0.1
#define COPIED 0.05

/* ---- bands ---------------------------------------------------------------------------------- */
/* One axis: a band for each target, and the weights in the element type. */
typedef struct {
    ptrdiff_t targets, sources, taps; /* taps: of all bands together */
    pl_band *bands;
    void *weights;
} axis_map;

/* Band of output i of `out` from `in`, and the weights of its (at most two different) taps. */
static pl_band forward_band(int map, ptrdiff_t i, ptrdiff_t in, ptrdiff_t out, double weights[2]) {
    weights[0] = weights[1] = 1;
    if (map == PL_ADAPTIVE_AVERAGE) {
        const ptrdiff_t first = i * in / out, count = pl_ceil_div((i + 1) * in, out) - first;
        weights[0] = weights[1] = 1 / (double)count;
        return (pl_band){first, count, 0};
    }
    const ptrdiff_t factor = out / in;
    if (map == PL_NEAREST) return (pl_band){i / factor, 1, 0};
    /* The centre of output i lies at (i + 1/2) / factor - 1/2 = at / (2 * factor). */
    const ptrdiff_t at = pl_max(2 * i + 1 - factor, 0), first = at / (2 * factor);
    const ptrdiff_t rest = at % (2 * factor);
    if (rest == 0 || first == in - 1) return (pl_band){first, 1, 0};
    weights[1] = (double)rest / (double)(2 * factor);
    weights[0] = 1 - weights[1];
    return (pl_band){first, 2, 0};
}

static void fill_forward(axis_map *axis, int dtype, int map) {
    ptrdiff_t at = 0;
    for (ptrdiff_t i = 0; i < axis->targets; i++) {
        double weights[2];
        pl_band band = forward_band(map, i, axis->sources, axis->targets, weights);
        band.at = at;
        for (ptrdiff_t k = 0; k < band.count; k++)
            pl_put(dtype, axis->weights, at++, weights[k > 0]);
        axis->bands[i] = band;
    }
}

/* The same map the other way: the bands of neighbouring outputs start and end in rising order, so
 * the outputs that use an input are neighbours too. */
static void fill_backward(axis_map *axis, int dtype, int map) {
    double weights[2];
    for (ptrdiff_t j = 0; j < axis->targets; j++) axis->bands[j] = (pl_band){0, 0, 0};
    for (ptrdiff_t i = 0; i < axis->sources; i++) {
        const pl_band used = forward_band(map, i, axis->targets, axis->sources, weights);
        for (ptrdiff_t j = used.first; j < used.first + used.count; j++) {
            if (axis->bands[j].count == 0) axis->bands[j].first = i;
            axis->bands[j].count++;
        }
    }
    for (ptrdiff_t j = 1; j < axis->targets; j++)
        axis->bands[j].at = axis->bands[j - 1].at + axis->bands[j - 1].count;
    for (ptrdiff_t i = 0; i < axis->sources; i++) {
        const pl_band used = forward_band(map, i, axis->targets, axis->sources, weights);
        for (ptrdiff_t k = 0; k < used.count; k++) {
            const pl_band *band = &axis->bands[used.first + k];
            pl_put(dtype, axis->weights, band->at + i - band->first, weights[k > 0]);
        }
    }
}

static axis_map axis_of(int map, int backward, ptrdiff_t in, ptrdiff_t out) {
    axis_map axis = {backward ? in : out, backward ? out : in, 0, NULL, NULL};
    double weights[2];
    for (ptrdiff_t i = 0; i < out; i++) axis.taps += forward_band(map, i, in, out, weights).count;
    return axis;
}

/* ---- up-sampling and pooling ---------------------------------------------------------------- */
typedef struct {
    const pl_resample_args *args;
    const pl_resample_kernels *kernels;
    ptrdiff_t item, line_bytes; /* of an element, of a line of the source */
    axis_map rows, columns;
    char *lines; /* one for each thread */
} resample_call;

static void row_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const resample_call *call = context;
    const pl_resample_args *a = call->args;
    const axis_map *rows = &call->rows, *columns = &call->columns;
    const ptrdiff_t width = columns->sources * a->c;
    char *own = call->lines + thread * call->line_bytes;
    for (ptrdiff_t task = begin; task < end; task++) {
        const pl_band band = rows->bands[task % rows->targets];
        const ptrdiff_t source = task / rows->targets * rows->sources + band.first;
        const char *line = (const char *)a->source + source * width * call->item;
        if (band.count > 1 || a->map == PL_ADAPTIVE_AVERAGE) {
            const char *weights = (const char *)rows->weights + band.at * call->item;
            call->kernels->combine(line, width, band.count, weights, own, width);
            line = own;
        }
        call->kernels->line(line, columns->bands, columns->weights, a->c,
                            (char *)a->target + task * columns->targets * a->c * call->item,
                            columns->targets);
    }
}

/* Bytes of an axis' tables, in whole cache lines. */
static ptrdiff_t table_bytes(const axis_map *axis, ptrdiff_t item) {
    return pl_round_up(axis->targets * (ptrdiff_t)sizeof(pl_band), 64) +
           pl_round_up(axis->taps * item, 64);
}

static char *place(axis_map *axis, char *memory) {
    axis->bands = (pl_band *)memory;
    axis->weights = memory + pl_round_up(axis->targets * (ptrdiff_t)sizeof(pl_band), 64);
    return memory;
}

int pl_resample(const void *args) {
    const pl_resample_args *a = args;
    resample_call call = {.args = a,
                          .kernels = pl_select_op(a->dtype),
                          .item = (ptrdiff_t)pl_item_size(a->dtype),
                          .rows = axis_of(a->map, a->backward, a->h, a->oh),
                          .columns = axis_of(a->map, a->backward, a->w, a->ow)};
    axis_map *axes[2] = {&call.rows, &call.columns};
    const ptrdiff_t width = call.columns.sources * a->c, tasks = a->n * call.rows.targets;
    const double work =
        (double)(a->n * call.rows.taps) * (double)width + (double)(tasks * call.columns.taps * a->c);
    const int workers = pl_workers(tasks, ADDED * work);
    call.line_bytes = pl_round_up(width * call.item, 64);
    const ptrdiff_t tables[2] = {table_bytes(&call.rows, call.item),
                                 table_bytes(&call.columns, call.item)};
    char *memory = pl_scratch(PL_SLOT_IMAGE,
                              (size_t)(tables[0] + tables[1] + workers * call.line_bytes));
    if (!memory) return PL_NO_MEMORY;
    for (int i = 0; i < 2; i++) {
        memory = place(axes[i], memory) + tables[i];
        (a->backward ? fill_backward : fill_forward)(axes[i], a->dtype, a->map);
    }
    call.lines = memory;
    pl_parallel_for(tasks, workers, row_tasks, &call);
    return PL_OK;
}

/* ---- zero padding --------------------------------------------------------------------------- */
static void pad_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pl_zero_pad_args *a = context;
    const ptrdiff_t pixel = a->c * (ptrdiff_t)pl_item_size(a->dtype);
    const ptrdiff_t inside = a->w * pixel, before = a->pad_left * pixel, all = a->ow * pixel;
    (void)thread;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t image = task / a->oh, row = task % a->oh - a->pad_top;
        char *to = (char *)a->target + task * all;
        if (row < 0 || row >= a->h) {
            memset(to, 0, (size_t)all);
            continue;
        }
        memset(to, 0, (size_t)before);
        memcpy(to + before, (const char *)a->source + (image * a->h + row) * inside, (size_t)inside);
        memset(to + before + inside, 0, (size_t)(all - before - inside));
    }
}

int pl_zero_pad(const void *args) {
    const pl_zero_pad_args *a = args;
    const ptrdiff_t tasks = a->n * a->oh;
    const double work = COPIED * (double)tasks * (double)(a->ow * a->c);
    pl_parallel_for(tasks, pl_workers(tasks, work), pad_tasks, (void *)args);
    return PL_OK;
}

/* The part of every image that the padding left alone. */
static void unpad_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pl_zero_pad_args *a = context;
    const ptrdiff_t pixel = a->c * (ptrdiff_t)pl_item_size(a->dtype), inside = a->w * pixel;
    (void)thread;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t row = task / a->h * a->oh + task % a->h + a->pad_top;
        memcpy((char *)a->target + task * inside,
               (const char *)a->source + (row * a->ow + a->pad_left) * pixel, (size_t)inside);
    }
}

int pl_zero_pad_backward(const void *args) {
    const pl_zero_pad_args *a = args;
    const ptrdiff_t tasks = a->n * a->h;
    const double work = COPIED * (double)tasks * (double)(a->w * a->c);
    pl_parallel_for(tasks, pl_workers(tasks, work), unpad_tasks, (void *)args);
    return PL_OK;
}
