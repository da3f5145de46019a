/* Elementwise ops: arrays are cut into chunks of elements or rows, which threads share. */
#include "eltwise/eltwise.h"

#include <string.h>

#include "common/scratch.h"
#include "random/random.h"
#include "reduce/reduce.h"
#include "threading/threading.h"

#define PL_OP eltwise
#define PL_OP_TABLE pl_eltwise_kernels
#define PL_OP_ROWS "eltwise/eltwise_kernels.inc"
#include "cpu/variant_rows.h"

/* Elements of a task: 16 KiB of float32, a multiple of eight for masks. */
enum { CHUNK = 4096 };

/* Nanoseconds that an element costs, for deciding about threads. */
#define CHEAP 0.1
#define COSTLY 0.4

typedef struct {
    const void *args;
    const pl_eltwise_kernels *kernels;
    size_t item;
    ptrdiff_t rows_per_task;
    double *partial;
} job;

typedef struct {
    ptrdiff_t first, count;
} span;

const pl_eltwise_kernels *pl_eltwise_select(int dtype) { return pl_select_op(dtype); }

static const void *in(const void *base, ptrdiff_t elements, size_t item) {
    return (const char *)base + elements * (ptrdiff_t)item;
}

static void *out(void *base, ptrdiff_t elements, size_t item) {
    return (char *)base + elements * (ptrdiff_t)item;
}

static span span_of(ptrdiff_t begin, ptrdiff_t end, ptrdiff_t unit, ptrdiff_t count) {
    return (span){begin * unit, pl_min(end * unit, count) - begin * unit};
}

static int run_elements(int dtype, ptrdiff_t count, double cost, pl_task task, const void *args) {
    const ptrdiff_t tasks = pl_ceil_div(count, CHUNK);
    job work = {args, pl_eltwise_select(dtype), pl_item_size(dtype), 0, NULL};
    pl_parallel_for(tasks, pl_workers(tasks, cost * (double)count), task, &work);
    return PL_OK;
}

static int run_rows(int dtype, ptrdiff_t rows, ptrdiff_t k, double cost, pl_task task,
                    const void *args) {
    const ptrdiff_t unit = pl_max(1, CHUNK / pl_max(k, 1)), tasks = pl_ceil_div(rows, unit);
    job work = {args, pl_eltwise_select(dtype), pl_item_size(dtype), unit, NULL};
    pl_parallel_for(tasks, pl_workers(tasks, cost * (double)rows * (double)k), task, &work);
    return PL_OK;
}

/* ---- activations ---------------------------------------------------------------------------- */

static void activation_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_activation_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    work->kernels->activation(g->kind, g->alpha, in(g->x, s.first, work->item),
                              out(g->y, s.first, work->item), s.count);
}

static double activation_cost(int kind) {
    return kind <= PL_LEAKY_RELU || kind == PL_HARD_SWISH ? CHEAP : COSTLY;
}

int pl_activation(const void *args) {
    const pl_activation_args *g = args;
    return run_elements(g->dtype, g->count, activation_cost(g->kind), activation_task, args);
}

void pl_activate(int dtype, int activation_kind, double alpha, void *x, ptrdiff_t count) {
    if (activation_kind != PL_LINEAR)
        pl_eltwise_select(dtype)->activation(activation_kind, alpha, x, x, count);
}

static void activation_backward_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_activation_backward_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    work->kernels->activation_backward(g->kind, g->alpha, in(g->dy, s.first, work->item),
                                       in(g->saved, s.first, work->item),
                                       out(g->dx, s.first, work->item), s.count);
}

int pl_activation_backward(const void *args) {
    const pl_activation_backward_args *g = args;
    const double cost = g->kind < PL_SOFTPLUS ? CHEAP : activation_cost(g->kind);
    return run_elements(g->dtype, g->count, cost, activation_backward_task, args);
}

/* Few channels are repeated `copies` times, a power of two, so that a period fills vectors: element
 * i then goes to sum i % period, and the copies are added by halves. One channel has the sums and
 * the tree of an acc16. */
typedef struct {
    const pl_eltwise_kernels *kernels;
    const void *args, *alpha;
    char *sums;
    size_t item;
    ptrdiff_t copies, period, chunk, tasks;
} prelu_job;

enum { PRELU_LEAST_PERIOD = 16, PRELU_LEAST_ROWS = 64 };

/* With `with_sums` there is a vector of sums for every task; without memory `alpha` is NULL. */
static prelu_job prepare_prelu(int dtype, ptrdiff_t count, ptrdiff_t channels, const void *alpha,
                               int with_sums) {
    prelu_job job = {.kernels = pl_eltwise_select(dtype), .item = pl_item_size(dtype), .copies = 1};
    while (job.copies * channels < PRELU_LEAST_PERIOD) job.copies *= 2;
    job.period = job.copies * channels;
    job.chunk = job.period * pl_max(PRELU_LEAST_ROWS, CHUNK / job.period);
    job.tasks = pl_max(1, pl_ceil_div(count, job.chunk));
    const size_t bytes = (size_t)job.period * job.item, own = (size_t)channels * job.item;
    const ptrdiff_t vectors = with_sums ? 1 + job.tasks : 1;
    char *memory = pl_scratch(PL_SLOT_REDUCE, (size_t)vectors * bytes);
    if (!memory) return job;
    for (ptrdiff_t copy = 0; copy < job.copies; copy++)
        memcpy(memory + (size_t)copy * own, alpha, own);
    job.alpha = memory;
    job.sums = memory + bytes;
    return job;
}

static void prelu_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const prelu_job *job = context;
    const pl_prelu_args *g = job->args;
    const span s = span_of(begin, end, job->chunk, g->count);
    job->kernels->prelu(job->alpha, job->period, in(g->x, s.first, job->item),
                        out(g->y, s.first, job->item), s.count);
}

int pl_prelu(const void *args) {
    const pl_prelu_args *g = args;
    prelu_job job = prepare_prelu(g->dtype, g->count, g->channels, g->alpha, 0);
    if (!job.alpha) return PL_NO_MEMORY;
    job.args = args;
    pl_parallel_for(job.tasks, pl_workers(job.tasks, CHEAP * (double)g->count), prelu_task, &job);
    return PL_OK;
}

static void prelu_backward_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const prelu_job *job = context;
    const pl_prelu_backward_args *g = job->args;
    for (ptrdiff_t task = begin; task < end; task++) {
        const span s = span_of(task, task + 1, job->chunk, g->count);
        job->kernels->prelu_backward(job->alpha, job->period, in(g->dy, s.first, job->item),
                                     in(g->x, s.first, job->item), out(g->dx, s.first, job->item),
                                     out(job->sums, task * job->period, job->item), s.count);
    }
}

int pl_prelu_backward(const void *args) {
    const pl_prelu_backward_args *g = args;
    prelu_job job = prepare_prelu(g->dtype, g->count, g->channels, g->alpha, 1);
    if (!job.alpha) return PL_NO_MEMORY;
    job.args = args;
    const pl_reduce_kernels *reduce = pl_reduce_select(g->dtype);
    const int workers = pl_workers(job.tasks, 2 * CHEAP * (double)g->count);
    pl_parallel_for(job.tasks, workers, prelu_backward_task, &job);
    for (ptrdiff_t task = 1; task < job.tasks; task++)
        reduce->add(in(job.sums, task * job.period, job.item), job.sums, job.period);
    for (ptrdiff_t half = job.copies / 2; half > 0; half /= 2)
        reduce->add(in(job.sums, half * g->channels, job.item), job.sums, half * g->channels);
    memcpy(g->dalpha, job.sums, (size_t)g->channels * job.item);
    return PL_OK;
}

static void elementary_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_elementary_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    work->kernels->elementary(g->function, in(g->x, s.first, work->item),
                              out(g->y, s.first, work->item), s.count);
}

int pl_elementary(const void *args) {
    const pl_elementary_args *g = args;
    return run_elements(g->dtype, g->count, COSTLY, elementary_task, args);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void softmax_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_softmax_args *g = work->args;
    const span s = span_of(begin, end, work->rows_per_task, g->rows);
    const ptrdiff_t first = s.first * g->classes;
    work->kernels->softmax(g->logarithm, in(g->x, first, work->item),
                           out(g->y, first, work->item), s.count, g->classes);
}

int pl_softmax(const void *args) {
    const pl_softmax_args *g = args;
    return run_rows(g->dtype, g->rows, g->classes, COSTLY, softmax_task, args);
}

static void softmax_backward_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_softmax_backward_args *g = work->args;
    const span s = span_of(begin, end, work->rows_per_task, g->rows);
    const ptrdiff_t first = s.first * g->classes;
    work->kernels->softmax_backward(g->logarithm, in(g->dy, first, work->item),
                                    in(g->y, first, work->item), out(g->dx, first, work->item),
                                    s.count, g->classes);
}

int pl_softmax_backward(const void *args) {
    const pl_softmax_backward_args *g = args;
    const double cost = g->logarithm ? COSTLY : CHEAP;
    return run_rows(g->dtype, g->rows, g->classes, cost, softmax_backward_task, args);
}

static void argmax_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_argmax_args *g = work->args;
    const span s = span_of(begin, end, work->rows_per_task, g->rows);
    work->kernels->argmax(in(g->x, s.first * g->classes, work->item), g->y + s.first, s.count,
                          g->classes);
}

int pl_argmax(const void *args) {
    const pl_argmax_args *g = args;
    return run_rows(g->dtype, g->rows, g->classes, CHEAP, argmax_task, args);
}

static void gather_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_gather_args *g = work->args;
    const span s = span_of(begin, end, work->rows_per_task, g->rows);
    const size_t item = g->source == PL_U8 ? 1 : pl_item_size(g->source);
    const int copies = g->source == g->dtype && g->scale == 1.0;
    for (ptrdiff_t r = s.first; r < s.first + s.count; r++) {
        const void *x = in(g->x, g->indices[r] * g->width, item);
        void *y = out(g->y, r * g->width, work->item);
        if (copies)
            memcpy(y, x, (size_t)g->width * item);
        else
            work->kernels->convert(g->source, g->scale, x, y, g->width);
    }
}

int pl_gather(const void *args) {
    const pl_gather_args *g = args;
    return run_rows(g->dtype, g->rows, g->width, CHEAP, gather_task, args);
}

/* ---- dropout -------------------------------------------------------------------------------- */

static void dropout_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_dropout_args *g = work->args;
    const pl_random_kernels *random = pl_random_select(g->dtype);
    const pl_philox_key key = {g->seed, g->stream, *g->counter};
    for (ptrdiff_t task = begin; task < end; task++) {
        const span s = span_of(task, task + 1, CHUNK, g->count);
        uint8_t *mask = g->mask + s.first / 8;
        random->kept(&key, (uint64_t)s.first, g->threshold, mask, s.count);
        work->kernels->keep(in(g->x, s.first, work->item), mask, g->scale, g->offset, g->dropped,
                            out(g->y, s.first, work->item), s.count);
    }
}

int pl_dropout(const void *args) {
    const pl_dropout_args *g = args;
    const int status = run_elements(g->dtype, g->count, COSTLY, dropout_task, args);
    ++*g->counter;
    return status;
}

static void dropout_backward_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_dropout_backward_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    work->kernels->keep(in(g->dy, s.first, work->item), g->mask + s.first / 8, g->scale, -0.0, 0,
                        out(g->dx, s.first, work->item), s.count);
}

int pl_dropout_backward(const void *args) {
    const pl_dropout_backward_args *g = args;
    return run_elements(g->dtype, g->count, CHEAP, dropout_backward_task, args);
}

int pl_gaussian_noise(const void *args) {
    const pl_gaussian_noise_args *g = args;
    const double none = __builtin_inf();
    const pl_image_noise_args once = {g->dtype, g->seed, g->stream, *g->counter, g->std,
                                      -none,    none,    g->count,  g->x,        g->y};
    const int status = pl_image_noise(&once);
    ++*g->counter;
    return status;
}

/* ---- vectors -------------------------------------------------------------------------------- */

static void add_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_add_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    work->kernels->add(in(g->a, s.first, work->item), in(g->b, s.first, work->item),
                       out(g->y, s.first, work->item), s.count);
}

int pl_add(const void *args) {
    const pl_add_args *g = args;
    return run_elements(g->dtype, g->count, CHEAP, add_task, args);
}

static void add_scaled_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_add_scaled_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    work->kernels->add_scaled(g->alpha, in(g->x, s.first, work->item),
                              out(g->y, s.first, work->item), s.count);
}

int pl_add_scaled(const void *args) {
    const pl_add_scaled_args *g = args;
    return run_elements(g->dtype, g->count, CHEAP, add_scaled_task, args);
}

static void scale_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_scale_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    work->kernels->scale(g->alpha, out(g->x, s.first, work->item), s.count);
}

int pl_scale(const void *args) {
    const pl_scale_args *g = args;
    return run_elements(g->dtype, g->count, CHEAP, scale_task, args);
}

static void squares_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_sum_of_squares_args *g = work->args;
    for (ptrdiff_t task = begin; task < end; task++) {
        const span s = span_of(task, task + 1, PL_SQUARES_CHUNK, g->count);
        work->partial[task] = work->kernels->sum_of_squares(in(g->x, s.first, work->item), s.count);
    }
}

int pl_sum_of_squares(const void *args) {
    const pl_sum_of_squares_args *g = args;
    const ptrdiff_t tasks = pl_ceil_div(g->count, PL_SQUARES_CHUNK);
    job work = {args, pl_eltwise_select(g->dtype), pl_item_size(g->dtype), 0, NULL};
    work.partial = pl_scratch(PL_SLOT_REDUCE, (size_t)pl_max(tasks, 1) * sizeof(double));
    if (!work.partial) return PL_NO_MEMORY;
    pl_parallel_for(tasks, pl_workers(tasks, CHEAP * (double)g->count), squares_task, &work);
    double sum = 0;
    for (ptrdiff_t task = 0; task < tasks; task++) sum += work.partial[task];
    *g->result = sum;
    return PL_OK;
}

static void all_finite_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_all_finite_args *g = work->args;
    const span s = span_of(begin, end, CHUNK, g->count);
    if (!work->kernels->all_finite(in(g->x, s.first, work->item), s.count))
        __atomic_store_n(g->result, 0, __ATOMIC_RELAXED);
}

int pl_all_finite(const void *args) {
    const pl_all_finite_args *g = args;
    *g->result = 1;
    return run_elements(g->dtype, g->count, CHEAP / 2, all_finite_task, args);
}
