/* Elementwise ops: arrays are cut into chunks of elements or rows, which threads share. */
#include "eltwise/eltwise.h"

#include <string.h>

#include "common/scratch.h"
#include "random/random.h"
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
    return kind == PL_SIGMOID || kind == PL_TANH ? COSTLY : CHEAP;
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
                                       in(g->y, s.first, work->item),
                                       out(g->dx, s.first, work->item), s.count);
}

int pl_activation_backward(const void *args) {
    const pl_activation_backward_args *g = args;
    return run_elements(g->dtype, g->count, CHEAP, activation_backward_task, args);
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
    work->kernels->softmax(in(g->x, first, work->item), out(g->y, first, work->item), s.count,
                           g->classes);
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
    work->kernels->softmax_backward(in(g->dy, first, work->item), in(g->y, first, work->item),
                                    out(g->dx, first, work->item), s.count, g->classes);
}

int pl_softmax_backward(const void *args) {
    const pl_softmax_backward_args *g = args;
    return run_rows(g->dtype, g->rows, g->classes, CHEAP, softmax_backward_task, args);
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
        work->kernels->keep(in(g->x, s.first, work->item), mask, g->scale,
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
    work->kernels->keep(in(g->dy, s.first, work->item), g->mask + s.first / 8, g->scale,
                        out(g->dx, s.first, work->item), s.count);
}

int pl_dropout_backward(const void *args) {
    const pl_dropout_backward_args *g = args;
    return run_elements(g->dtype, g->count, CHEAP, dropout_backward_task, args);
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
