/* Optimizer steps: the parameters are cut into chunks, which threads share. */
#include "optim/optim.h"

#include "threading/threading.h"

#define PL_OP optim
#define PL_OP_TABLE pl_optim_kernels
#define PL_OP_ROWS "optim/optim_kernels.inc"
#include "cpu/variant_rows.h"

enum { CHUNK = 4096 };

/* Nanoseconds for each parameter: 0.2 to 0.5, and as much again to bring the gradient from other threads'
 * caches. So an optimizer uses threads where the products before it did. */
#define COST 0.65

static void *from(void *array, ptrdiff_t bytes) { return array ? (char *)array + bytes : NULL; }

static void step_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const pl_optimizer_step_args *g = context;
    const ptrdiff_t i = begin * CHUNK, n = pl_min(end * CHUNK, g->count) - i;
    const ptrdiff_t bytes = i * (ptrdiff_t)pl_item_size(g->dtype);
    pl_select_op(g->dtype)->step[g->rule](g->hyper, from(g->value, bytes),
                                          (const char *)g->grad + bytes, from(g->state_1, bytes),
                                          from(g->state_2, bytes), from(g->state_3, bytes), n);
}

int pl_optimizer_step(const void *args) {
    const pl_optimizer_step_args *g = args;
    const ptrdiff_t tasks = pl_ceil_div(g->count, CHUNK);
    pl_parallel_for(tasks, pl_workers(tasks, COST * (double)g->count), step_task, (void *)args);
    return PL_OK;
}
