/* Group normalization, and factors for the channels of every sample, on the passes of batch
 * normalization (norm.c). A task is a sample, which is walked over while it lies in a cache.
 *
 *   forward    mean and squared deviations of each channel -> of each group
 *              -> y = (x - mean) * scale + offset
 *   backward   sums of dy and dy * (x - mean) of each channel, which are also the sample's part of
 *              dbeta and dgamma; weighted with gamma and added over a group -> dx
 *
 * Sums of a channel are those of one batch of the sample's positions; channels of a group, and
 * samples, are added in order, in double. */
#include "common/scratch.h"
#include "norm/norm.h"
#include "threading/threading.h"

/* Estimated nanoseconds for an element: one pass, and the passes of both directions. */
#define ONE_PASS 0.15
#define FORWARD 0.3
#define BACKWARD 0.4

typedef struct {
    const pl_norm_kernels *kernels;
    pl_wide_rows shape; /* of one sample */
    int dtype;
    ptrdiff_t n, c, groups, item, size; /* size: elements of a sample */
    const char *dy, *x, *gamma, *beta;
    char *out, *mean, *inv_std;
    double epsilon;
    /* For each thread: the constants of the elementwise pass, four rows; the partial sums of every
     * chunk; doubles: two rows, then two for each channel. */
    char *memory;
    ptrdiff_t constants_bytes, partials_bytes, thread_bytes;
    double *parts; /* (n, 2, c): what a sample gives to dbeta and dgamma */
} group_call;

/* The working memory of one thread. */
typedef struct {
    char *constants, *partials;
    double *work, *first, *second;
} own_memory;

static own_memory memory_of(const group_call *call, int thread) {
    own_memory own;
    own.constants = call->memory + thread * call->thread_bytes;
    own.partials = own.constants + call->constants_bytes;
    own.work = (double *)(own.partials + call->partials_bytes);
    own.first = own.work + 2 * call->shape.width;
    own.second = own.first + call->c;
    return own;
}

static double put_constant(const group_call *call, const own_memory *own, int which, ptrdiff_t i,
                           double value) {
    return pl_put(call->dtype, own->constants, which * call->shape.width + i, value);
}

/* Repeats the channels along the rows. */
static void spread_constants(const group_call *call, const own_memory *own, int count) {
    const ptrdiff_t c = call->c, width = call->shape.width;
    for (int which = 0; which < count; which++)
        for (ptrdiff_t j = c; j < width; j++)
            put_constant(call, own, which, j,
                         pl_get(call->dtype, own->constants, which * width + j - c));
}

/* The partial sums of all chunks of a sample, `sums` rows for each. */
static void sum_chunks(const group_call *call, const own_memory *own, const char *dy, const char *x,
                       ptrdiff_t sums) {
    const pl_wide_rows *shape = &call->shape;
    for (ptrdiff_t chunk = 0; chunk < shape->chunks; chunk++) {
        const ptrdiff_t row = chunk * PL_NORM_CHUNK, at = row * shape->width * call->item;
        const ptrdiff_t rows = pl_min(PL_NORM_CHUNK, shape->rows - row);
        const ptrdiff_t rest = chunk == shape->chunks - 1 ? shape->rest : 0;
        char *partial = own->partials + chunk * sums * shape->width * call->item;
        if (dy)
            call->kernels->gradient_sums(dy + at, x + at, own->constants, rows, shape->width,
                                         shape->width, rest, partial);
        else
            call->kernels->statistics(x + at, rows, shape->width, shape->width, rest, partial);
    }
}

static void forward_sample(const group_call *call, const own_memory *own, ptrdiff_t sample) {
    const ptrdiff_t at = sample * call->size * call->item, each = call->c / call->groups;
    const double positions = (double)(call->size / call->c), values = positions * (double)each;
    sum_chunks(call, own, NULL, call->x + at, 3);
    call->kernels->fold_statistics(own->partials, &call->shape, own->work, own->first, own->second);
    for (ptrdiff_t group = 0; group < call->groups; group++) {
        const ptrdiff_t begin = group * each, place = sample * call->groups + group;
        double mean = 0, deviations = 0;
        for (ptrdiff_t i = begin; i < begin + each; i++) mean += own->first[i];
        mean /= (double)each;
        for (ptrdiff_t i = begin; i < begin + each; i++) {
            const double apart = own->first[i] - mean;
            deviations += own->second[i] + positions * apart * apart;
        }
        const double inv_std = 1 / __builtin_sqrt(deviations / values + call->epsilon);
        const double rounded = pl_put(call->dtype, call->mean, place, mean);
        pl_put(call->dtype, call->inv_std, place, inv_std);
        for (ptrdiff_t i = begin; i < begin + each; i++) {
            const double gamma = pl_get(call->dtype, call->gamma, i);
            const double scale = put_constant(call, own, 1, i, gamma * inv_std);
            put_constant(call, own, 0, i, rounded);
            put_constant(call, own, 2, i,
                         pl_get(call->dtype, call->beta, i) - (mean - rounded) * scale);
        }
    }
    spread_constants(call, own, 3);
    call->kernels->normalize(call->x + at, call->out + at, call->size, call->shape.width,
                             own->constants, 0, 0);
}

static void backward_sample(const group_call *call, const own_memory *own, ptrdiff_t sample) {
    const ptrdiff_t c = call->c, each = c / call->groups, place = sample * call->groups;
    const ptrdiff_t at = sample * call->size * call->item;
    const double values = (double)(call->size / call->groups);
    for (ptrdiff_t i = 0; i < c; i++)
        put_constant(call, own, 0, i, pl_get(call->dtype, call->mean, place + i / each));
    spread_constants(call, own, 1);
    sum_chunks(call, own, call->dy + at, call->x + at, 2);
    call->kernels->fold_sums(own->partials, &call->shape, own->work, own->first, own->second);
    for (ptrdiff_t group = 0; group < call->groups; group++) {
        const double inv_std = pl_get(call->dtype, call->inv_std, place + group);
        const ptrdiff_t begin = group * each;
        double sum = 0, product = 0;
        for (ptrdiff_t i = begin; i < begin + each; i++) {
            const double gamma = pl_get(call->dtype, call->gamma, i);
            sum += gamma * own->first[i];
            product += gamma * own->second[i];
            call->parts[2 * sample * c + i] = own->first[i];
            call->parts[(2 * sample + 1) * c + i] = own->second[i] * inv_std;
        }
        for (ptrdiff_t i = begin; i < begin + each; i++) {
            put_constant(call, own, 1, i, pl_get(call->dtype, call->gamma, i) * inv_std);
            put_constant(call, own, 2, i, -inv_std * inv_std * inv_std * product / values);
            put_constant(call, own, 3, i, -inv_std * sum / values);
        }
    }
    spread_constants(call, own, 4);
    call->kernels->gradient(call->dy + at, call->x + at, call->out + at, call->size,
                            call->shape.width, own->constants, 0);
}

/* y = (x - 0) * factor + -0 */
static void scale_sample(const group_call *call, const own_memory *own, ptrdiff_t sample) {
    const ptrdiff_t at = sample * call->size * call->item;
    for (ptrdiff_t i = 0; i < call->c; i++) {
        put_constant(call, own, 0, i, 0.0);
        put_constant(call, own, 1, i, pl_get(call->dtype, call->gamma, sample * call->c + i));
        put_constant(call, own, 2, i, -0.0);
    }
    spread_constants(call, own, 3);
    call->kernels->normalize(call->x + at, call->out + at, call->size, call->shape.width,
                             own->constants, 0, 0);
}

static void sample_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const group_call *call = context;
    const own_memory own = memory_of(call, thread);
    for (ptrdiff_t sample = begin; sample < end; sample++)
        if (call->dy)
            backward_sample(call, &own, sample);
        else if (call->mean)
            forward_sample(call, &own, sample);
        else
            scale_sample(call, &own, sample);
}

/* All samples; `sums` partial sums for each column. */
static int run(group_call *call, ptrdiff_t positions, ptrdiff_t sums, double cost) {
    const ptrdiff_t width = (call->shape = pl_wide_rows_of(positions, call->c)).width;
    call->kernels = pl_norm_select(call->dtype);
    call->item = (ptrdiff_t)pl_item_size(call->dtype);
    call->size = positions * call->c;
    const int workers = pl_workers(call->n, cost * (double)(call->n * call->size));
    call->constants_bytes = pl_round_up(4 * width * call->item, 64);
    call->partials_bytes = pl_round_up(call->shape.chunks * sums * width * call->item, 64);
    const ptrdiff_t doubles = (2 * width + 2 * call->c) * (ptrdiff_t)sizeof(double);
    call->thread_bytes =
        pl_round_up(call->constants_bytes + call->partials_bytes + doubles, 64);
    const ptrdiff_t parts = call->dy ? 2 * call->n * call->c * (ptrdiff_t)sizeof(double) : 0;
    call->memory = pl_scratch(PL_SLOT_REDUCE, (size_t)(workers * call->thread_bytes + parts));
    if (!call->memory) return PL_NO_MEMORY;
    call->parts = (double *)(call->memory + workers * call->thread_bytes);
    pl_parallel_for(call->n, workers, sample_tasks, call);
    return PL_OK;
}

int pl_group_norm(const void *args) {
    const pl_group_norm_args *a = args;
    group_call call = {.dtype = a->dtype, .n = a->n, .c = a->c, .groups = a->groups, .x = a->x,
                       .gamma = a->gamma, .beta = a->beta, .out = a->y, .mean = a->mean,
                       .inv_std = a->inv_std, .epsilon = a->epsilon};
    return run(&call, a->positions, 3, FORWARD);
}

int pl_group_norm_backward(const void *args) {
    const pl_group_norm_backward_args *a = args;
    group_call call = {.dtype = a->dtype, .n = a->n, .c = a->c, .groups = a->groups, .dy = a->dy,
                       .x = a->x, .gamma = a->gamma, .out = a->dx, .mean = (char *)a->mean,
                       .inv_std = (char *)a->inv_std};
    if (a->n > 0 && run(&call, a->positions, 2, BACKWARD) != PL_OK) return PL_NO_MEMORY;
    for (ptrdiff_t i = 0; i < a->c; i++) {
        double dbeta = 0, dgamma = 0;
        for (ptrdiff_t sample = 0; sample < a->n; sample++) {
            dbeta += call.parts[2 * sample * a->c + i];
            dgamma += call.parts[(2 * sample + 1) * a->c + i];
        }
        pl_put(a->dtype, a->dbeta, i, dbeta);
        pl_put(a->dtype, a->dgamma, i, dgamma);
    }
    return PL_OK;
}

int pl_scale_channels(const void *args) {
    const pl_scale_channels_args *a = args;
    group_call call = {.dtype = a->dtype, .n = a->n, .c = a->c, .x = a->x, .gamma = a->factors,
                       .out = a->y};
    return run(&call, a->positions, 0, ONE_PASS);
}
