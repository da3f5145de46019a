/* Batch normalization: sums over chunks of rows, constants of each channel in double, then one
 * elementwise pass.
 *
 *   training    statistics of every chunk -> mean, variance -> y = (x - mean) * scale + offset
 *   inference   the same last pass with given statistics, or scale and shift for another op's last pass
 *   backward    sums of dy and dy * (x - mean) of every chunk -> dgamma, dbeta
 *               -> dx = dy * k1 + (x - mean) * k2 + k3
 *
 * A sum is: a chain over the rows of a chunk (PL_NORM_CHUNK) in the element type, then over chunks
 * and columns in double, all in an order that the shape alone decides. Centring before scaling
 * keeps the digits of data far from zero: what rounding the mean loses comes back through the
 * offset.
 *
 * With max pooling behind it, the elementwise passes go by tiles, the image rows of one row of
 * windows: what lies between the two layers exists for a tile at a time, in cache. The order of the
 * sums is the same, and so are the bits. A maximum that ReLU made 0 has no place, so that no
 * gradient goes there. */
#include "norm/norm.h"

#include "common/scratch.h"
#include "pool/pool.h"
#include "threading/threading.h"

#define PL_OP norm
#define PL_OP_TABLE pl_norm_kernels
#define PL_OP_ROWS "norm/norm_kernels.inc"
#include "cpu/variant_rows.h"

enum { TASK_COLUMNS = 64, TASK_ELEMENTS = 1 << 14 };

/* Outputs beyond half of a usual last-level cache are written past it. */
static const ptrdiff_t STREAM_BYTES = 16 << 20;

const pl_norm_kernels *pl_norm_select(int dtype) { return pl_select_op(dtype); }

/* ---- the width of a row --------------------------------------------------------------------- */
/* At least 64 columns, whole vectors of 16 where that takes at most 256. */
static ptrdiff_t row_width(ptrdiff_t c) {
    ptrdiff_t whole = c;
    while (whole % 16 != 0) whole *= 2;
    if (whole > 256) return c * pl_ceil_div(TASK_COLUMNS, c);
    return whole * pl_ceil_div(TASK_COLUMNS, whole);
}

pl_wide_rows pl_wide_rows_of(ptrdiff_t values, ptrdiff_t c) {
    pl_wide_rows shape = {.channels = c, .width = row_width(c)};
    shape.rows = values * c / shape.width;
    shape.rest = values * c % shape.width;
    shape.chunks = pl_max(1, pl_ceil_div(shape.rows, PL_NORM_CHUNK));
    return shape;
}

/* ---- one call ------------------------------------------------------------------------------- */
typedef struct {
    const pl_norm_kernels *kernels;
    pl_wide_rows shape;
    int dtype, relu, stream;
    ptrdiff_t item, size, sums; /* bytes of an element, elements of x, partial sums of a column */
    ptrdiff_t task_columns;     /* of a chunk that a task sums */
    const char *dy, *x;
    char *out;
    /* Working memory: the constants of the elementwise pass, four rows; the partial sums of every
     * chunk; doubles: two rows, then two for each channel. */
    char *constants, *partials;
    double *work, *first, *second;
    /* With pooling: elements of a tile and of its windows, and memory for each worker. */
    ptrdiff_t tile, pooled_tile, space;
    int workers;
    pl_windows windows;
    pl_narrow narrow;
    const pl_pool_kernels *pool;
    char *argmax, *spaces;
} norm_call;

static void pool_behind(norm_call *call, ptrdiff_t w, ptrdiff_t c, ptrdiff_t kh, ptrdiff_t kw,
                        const void *argmax) {
    call->windows = pl_tiling_windows(w, c, kh, kw, &call->narrow);
    call->tile = kh * w * c;
    call->pooled_tile = w / kw * c;
    call->argmax = (char *)argmax;
}

static int start(norm_call *call, int dtype, ptrdiff_t values, ptrdiff_t c, ptrdiff_t sums,
                 const void *out) {
    call->kernels = pl_select_op(dtype);
    call->shape = pl_wide_rows_of(values, c);
    call->dtype = dtype;
    call->item = (ptrdiff_t)pl_item_size(dtype);
    call->size = values * c;
    call->sums = sums;
    call->stream = call->size * call->item > STREAM_BYTES && (uintptr_t)out % 64 == 0 &&
                   call->shape.width * call->item % 64 == 0 && call->tile * call->item % 64 == 0;
    const ptrdiff_t width = call->shape.width;
    const ptrdiff_t constants = pl_round_up(4 * width * call->item, 64);
    const ptrdiff_t partials = pl_round_up(call->shape.chunks * sums * width * call->item, 64);
    const ptrdiff_t doubles = (2 * width + 2 * c) * (ptrdiff_t)sizeof(double);
    ptrdiff_t spaces = 0;
    if (call->tile) {
        call->pool = pl_pool_select(dtype);
        /* A chunk, and of the tiles at its ends what lies outside of it. */
        call->space = (PL_NORM_CHUNK + 1) * width + 2 * call->tile;
        call->space = pl_round_up(call->space * call->item, 64);
        call->workers = pl_workers(call->size / call->tile, 0.15 * (double)call->size);
        spaces = call->space * call->workers;
    }
    const ptrdiff_t all = constants + partials + pl_round_up(doubles, 64) + spaces;
    char *memory = pl_scratch(PL_SLOT_REDUCE, (size_t)all);
    if (!memory) return PL_NO_MEMORY;
    call->spaces = memory + all - spaces;
    call->constants = memory;
    call->partials = memory + constants;
    call->work = (double *)(memory + constants + partials);
    call->first = call->work + 2 * width;
    call->second = call->first + c;
    return PL_OK;
}

static double get(const norm_call *call, const void *vector, ptrdiff_t i) {
    return pl_get(call->dtype, vector, i);
}

static double put(const norm_call *call, void *vector, ptrdiff_t i, double value) {
    return pl_put(call->dtype, vector, i, value);
}

/* Constant `which` of channel i; `spread_constants` repeats the channels along the row. */
static double put_constant(const norm_call *call, int which, ptrdiff_t i, double value) {
    return put(call, call->constants + which * call->shape.width * call->item, i, value);
}

static void spread_constants(const norm_call *call, int count) {
    const ptrdiff_t c = call->shape.channels, width = call->shape.width;
    for (int which = 0; which < count; which++)
        for (ptrdiff_t j = c; j < width; j++) {
            void *row = call->constants + which * width * call->item;
            put(call, row, j, get(call, row, j - c));
        }
}

/* ---- tiles ---------------------------------------------------------------------------------- */
/* The gradient of tile `tile` from that of its windows. */
static void unpool(const norm_call *call, ptrdiff_t tile, char *dy) {
    const ptrdiff_t at = tile * call->pooled_tile;
    call->pool->route(call->dy + at * call->item, call->argmax + at, &call->windows, dy);
}

/* Task: one tile. */
static void tile_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const norm_call *call = context;
    const ptrdiff_t width = call->shape.width, item = call->item;
    char *between = call->spaces + thread * call->space;
    for (ptrdiff_t tile = begin; tile < end; tile++) {
        const ptrdiff_t at = tile * call->tile * item, pooled = tile * call->pooled_tile;
        if (call->dy) {
            unpool(call, tile, between);
            call->kernels->gradient(between, call->x + at, call->out + at, call->tile, width,
                                    call->constants, call->stream);
        } else {
            call->kernels->normalize(call->x + at, between, call->tile, width, call->constants,
                                     call->relu, 0);
            call->pool->largest(between, &call->windows, call->out + pooled * item,
                                call->argmax + pooled);
        }
    }
}

/* Task: one chunk of rows, whose gradient fills the worker's memory. */
static void pooled_sum_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const norm_call *call = context;
    const pl_wide_rows *shape = &call->shape;
    char *dy = call->spaces + thread * call->space;
    for (ptrdiff_t chunk = begin; chunk < end; chunk++) {
        const ptrdiff_t row = chunk * PL_NORM_CHUNK, rows = pl_min(PL_NORM_CHUNK, shape->rows - row);
        const ptrdiff_t rest = chunk == shape->chunks - 1 ? shape->rest : 0;
        const ptrdiff_t first = row * shape->width, last = first + rows * shape->width + rest;
        const ptrdiff_t tile = first / call->tile, tiles = pl_ceil_div(last, call->tile) - tile;
        for (ptrdiff_t i = 0; i < tiles; i++) unpool(call, tile + i, dy + i * call->tile * call->item);
        call->kernels->gradient_sums(dy + (first - tile * call->tile) * call->item,
                                     call->x + first * call->item, call->constants, rows, shape->width,
                                     shape->width, rest,
                                     call->partials + chunk * call->sums * shape->width * call->item);
    }
}

/* ---- tasks ---------------------------------------------------------------------------------- */
/* Task: one chunk of rows, all of it or some columns; no sum depends on which. */
static void sum_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const norm_call *call = context;
    const pl_wide_rows *shape = &call->shape;
    const ptrdiff_t blocks = pl_ceil_div(shape->width, call->task_columns);
    (void)thread;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t chunk = task / blocks, j = task % blocks * call->task_columns;
        const ptrdiff_t row = chunk * PL_NORM_CHUNK;
        const ptrdiff_t rows = pl_min(PL_NORM_CHUNK, shape->rows - row);
        const ptrdiff_t columns = pl_min(call->task_columns, shape->width - j);
        const ptrdiff_t rest = chunk == shape->chunks - 1 ? shape->rest - j : 0;
        const ptrdiff_t at = (row * shape->width + j) * call->item;
        char *partial = call->partials + (chunk * call->sums * shape->width + j) * call->item;
        if (call->dy)
            call->kernels->gradient_sums(call->dy + at, call->x + at,
                                         call->constants + j * call->item, rows, shape->width,
                                         columns, rest, partial);
        else
            call->kernels->statistics(call->x + at, rows, shape->width, columns, rest, partial);
    }
}

static void sum_chunks(norm_call *call) {
    if (call->tile && call->dy) {
        pl_parallel_for(call->shape.chunks, call->workers, pooled_sum_tasks, call);
        return;
    }
    const int few = call->shape.chunks < 4 * pl_threads();
    call->task_columns = few ? TASK_COLUMNS : call->shape.width;
    const ptrdiff_t tasks = call->shape.chunks * pl_ceil_div(call->shape.width, call->task_columns);
    pl_parallel_for(tasks, pl_workers(tasks, 0.1 * (double)call->size), sum_tasks, call);
}

/* Task: about TASK_ELEMENTS elements in whole rows. */
static ptrdiff_t task_elements(const norm_call *call) {
    return pl_ceil_div(TASK_ELEMENTS, call->shape.width) * call->shape.width;
}

static void elementwise_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const norm_call *call = context;
    const ptrdiff_t each = task_elements(call), at = begin * each * call->item;
    const ptrdiff_t count = pl_min(end * each, call->size) - begin * each;
    (void)thread;
    if (call->dy)
        call->kernels->gradient(call->dy + at, call->x + at, call->out + at, count,
                                call->shape.width, call->constants, call->stream);
    else
        call->kernels->normalize(call->x + at, call->out + at, count, call->shape.width,
                                 call->constants, call->relu, call->stream);
}

static void run_elementwise(norm_call *call) {
    if (call->tile) {
        pl_parallel_for(call->size / call->tile, call->workers, tile_tasks, call);
        return;
    }
    const ptrdiff_t tasks = pl_ceil_div(call->size, task_elements(call));
    pl_parallel_for(tasks, pl_workers(tasks, 0.15 * (double)call->size), elementwise_tasks, call);
}

/* ---- forward -------------------------------------------------------------------------------- */
static double inverse_deviation(double variance, double epsilon) {
    return 1 / __builtin_sqrt(variance + epsilon);
}

static int forward(const pl_norm_args *a, int training, const pl_norm_pool_args *pool) {
    norm_call call = {.x = a->x, .out = a->y, .relu = a->activation == PL_RELU};
    if (pool) pool_behind(&call, pool->w, a->c, pool->kh, pool->kw, pool->argmax);
    call.windows.dead = call.relu ? PL_NO_PLACE : 0;
    if (start(&call, a->dtype, a->values, a->c, training ? 3 : 0, a->y) != PL_OK)
        return PL_NO_MEMORY;
    if (training) {
        sum_chunks(&call);
        call.kernels->fold_statistics(call.partials, &call.shape, call.work, call.first,
                                      call.second);
    }
    for (ptrdiff_t i = 0; i < a->c; i++) {
        double mean, inv_std;
        if (training) {
            mean = call.first[i];
            const double variance = call.second[i] / (double)a->values, keep = a->momentum;
            inv_std = inverse_deviation(variance, a->epsilon);
            put(&call, a->mean, i, mean);
            put(&call, a->inv_std, i, inv_std);
            put(&call, a->running_mean, i,
                keep * get(&call, a->running_mean, i) + (1 - keep) * mean);
            put(&call, a->running_variance, i,
                keep * get(&call, a->running_variance, i) + (1 - keep) * variance);
        } else {
            mean = get(&call, a->running_mean, i);
            inv_std = inverse_deviation(get(&call, a->running_variance, i), a->epsilon);
        }
        const double rounded = put_constant(&call, 0, i, mean);
        const double scale = put_constant(&call, 1, i, get(&call, a->gamma, i) * inv_std);
        put_constant(&call, 2, i, get(&call, a->beta, i) - (mean - rounded) * scale);
    }
    spread_constants(&call, 3);
    run_elementwise(&call);
    if (a->activation <= PL_RELU) return PL_OK;
    /* 0.01 is the default slope of leaky ReLU. */
    const pl_activation_args rest = {a->dtype, a->activation, 0.01, call.size, a->y, a->y};
    return pl_activation(&rest);
}

int pl_batch_norm_training(const void *args) { return forward(args, 1, NULL); }
int pl_batch_norm_inference(const void *args) { return forward(args, 0, NULL); }
int pl_batch_norm_max_pool2d(const void *args) {
    const pl_norm_pool_args *pool = args;
    return forward(&pool->norm, 1, pool);
}

int pl_fold_batch_norm(const void *args) {
    const pl_fold_batch_norm_args *a = args;
    const norm_call call = {.dtype = a->dtype};
    for (ptrdiff_t i = 0; i < a->c; i++) {
        const double inv_std = inverse_deviation(get(&call, a->variance, i), a->epsilon);
        const double scale = put(&call, a->scale, i, get(&call, a->gamma, i) * inv_std);
        const double bias = a->bias ? get(&call, a->bias, i) : 0.0;
        put(&call, a->shift, i, get(&call, a->beta, i) + (bias - get(&call, a->mean, i)) * scale);
    }
    return PL_OK;
}

/* ---- backward ------------------------------------------------------------------------------- */
static int backward(const pl_norm_backward_args *a, int training,
                    const pl_norm_pool_backward_args *pool) {
    norm_call call = {.dy = a->dy, .x = a->x, .out = a->dx};
    if (pool) pool_behind(&call, pool->w, a->c, pool->kh, pool->kw, pool->argmax);
    if (start(&call, a->dtype, a->values, a->c, 2, a->dx) != PL_OK) return PL_NO_MEMORY;
    const ptrdiff_t c = a->c;
    const double values = (double)a->values;
    for (ptrdiff_t i = 0; i < c; i++) put_constant(&call, 0, i, get(&call, a->mean, i));
    spread_constants(&call, 1);
    sum_chunks(&call);
    call.kernels->fold_sums(call.partials, &call.shape, call.work, call.first, call.second);
    for (ptrdiff_t i = 0; i < c; i++) {
        const double given = get(&call, a->spread, i);
        const double inv_std = training ? given : inverse_deviation(given, a->epsilon);
        const double scale = get(&call, a->gamma, i) * inv_std;
        put(&call, a->dbeta, i, call.first[i]);
        put(&call, a->dgamma, i, call.second[i] * inv_std);
        if (training) {
            put_constant(&call, 1, i, scale);
            put_constant(&call, 2, i, -scale * inv_std * inv_std * call.second[i] / values);
            put_constant(&call, 3, i, -scale * call.first[i] / values);
        } else {
            /* dx = (dy - 0) * scale + -0: the statistics are constants. */
            put_constant(&call, 0, i, 0.0);
            put_constant(&call, 1, i, scale);
            put_constant(&call, 2, i, -0.0);
        }
    }
    if (!training) {
        call.x = call.dy;
        call.dy = NULL;
    }
    spread_constants(&call, training ? 4 : 3);
    run_elementwise(&call);
    return PL_OK;
}

int pl_batch_norm_backward(const void *args) { return backward(args, 1, NULL); }
int pl_batch_norm_inference_backward(const void *args) { return backward(args, 0, NULL); }
int pl_batch_norm_max_pool2d_backward(const void *args) {
    const pl_norm_pool_backward_args *pool = args;
    return backward(&pool->norm, 1, pool);
}
