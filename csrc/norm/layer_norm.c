/* Layer normalization: a task is a chunk of rows. Every chunk also sums what its rows give to dgamma
 * and dbeta, in the element type; chunks are added in order, in double. */
#include "common/scratch.h"
#include "norm/norm.h"
#include "threading/threading.h"

enum { ROWS = 64, COLUMNS = 64 };

/* Estimated nanoseconds for an element, forward and backward. */
#define FORWARD 0.2
#define BACKWARD 0.4

static void forward_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pl_group_norm_args *a = context;
    const ptrdiff_t item = (ptrdiff_t)pl_item_size(a->dtype), row = begin * ROWS;
    const ptrdiff_t at = row * a->c * item, rows = pl_min(end * ROWS, a->n) - row;
    (void)thread;
    pl_norm_select(a->dtype)
        ->rows((const char *)a->x + at, a->gamma, a->beta, (char *)a->y + at,
               (char *)a->mean + row * item, (char *)a->inv_std + row * item, rows, a->c,
               a->epsilon);
}

int pl_layer_norm(const void *args) {
    const pl_group_norm_args *a = args;
    const ptrdiff_t tasks = pl_ceil_div(a->n, ROWS);
    const double work = FORWARD * (double)(a->n * a->c);
    pl_parallel_for(tasks, pl_workers(tasks, work), forward_tasks, (void *)args);
    return PL_OK;
}

typedef struct {
    const pl_group_norm_backward_args *args;
    ptrdiff_t item, chunks;
    char *partials; /* (chunks, 2, c) */
} backward_call;

static void backward_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const backward_call *call = context;
    const pl_group_norm_backward_args *a = call->args;
    (void)thread;
    for (ptrdiff_t chunk = begin; chunk < end; chunk++) {
        const ptrdiff_t row = chunk * ROWS, at = row * a->c * call->item;
        pl_norm_select(a->dtype)
            ->rows_backward((const char *)a->dy + at, (const char *)a->x + at, a->gamma,
                            (const char *)a->mean + row * call->item,
                            (const char *)a->inv_std + row * call->item, (char *)a->dx + at,
                            call->partials + 2 * chunk * a->c * call->item,
                            pl_min(ROWS, a->n - row), a->c);
    }
}

/* Task: COLUMNS of the 2 * c sums. */
static void fold_tasks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const backward_call *call = context;
    const pl_group_norm_backward_args *a = call->args;
    (void)thread;
    for (ptrdiff_t task = begin; task < end; task++) {
        const ptrdiff_t first = task * COLUMNS, count = pl_min(COLUMNS, 2 * a->c - first);
        double sums[COLUMNS] = {0};
        for (ptrdiff_t chunk = 0; chunk < call->chunks; chunk++)
            for (ptrdiff_t j = 0; j < count; j++)
                sums[j] += pl_get(a->dtype, call->partials, 2 * chunk * a->c + first + j);
        for (ptrdiff_t j = 0; j < count; j++) {
            const ptrdiff_t i = first + j;
            pl_put(a->dtype, i < a->c ? a->dgamma : a->dbeta, i % a->c, sums[j]);
        }
    }
}

int pl_layer_norm_backward(const void *args) {
    const pl_group_norm_backward_args *a = args;
    backward_call call = {.args = a,
                          .item = (ptrdiff_t)pl_item_size(a->dtype),
                          .chunks = pl_ceil_div(a->n, ROWS)};
    const ptrdiff_t sums = 2 * a->c * call.chunks;
    call.partials = pl_scratch(PL_SLOT_REDUCE, (size_t)(pl_max(sums, 1) * call.item));
    if (!call.partials) return PL_NO_MEMORY;
    const double work = BACKWARD * (double)(a->n * a->c);
    pl_parallel_for(call.chunks, pl_workers(call.chunks, work), backward_tasks, &call);
    const ptrdiff_t tasks = pl_ceil_div(2 * a->c, COLUMNS);
    pl_parallel_for(tasks, pl_workers(tasks, (double)sums), fold_tasks, &call);
    return PL_OK;
}
