/* Random ops: arrays are cut into chunks of words, which threads share. */
#include "random/random.h"

#include "threading/threading.h"

#define PL_OP random
#define PL_OP_TABLE pl_random_kernels
#define PL_OP_ROWS "random/random_kernels.inc"
#include "cpu/variant_rows.h"

enum { CHUNK = 4096 };

const pl_random_kernels *pl_random_select(int dtype) { return pl_select_op(dtype); }

static void draw_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const pl_random_args *g = context;
    const pl_random_kernels *kernels = pl_random_select(g->dtype);
    const pl_philox_key key = {g->seed, g->stream, g->step};
    const ptrdiff_t i = begin * CHUNK, n = pl_min(end * CHUNK, g->count) - i;
    const uint64_t first = g->offset + (uint64_t)i;
    void *y = (char *)g->y + i * (ptrdiff_t)pl_item_size(g->dtype);
    switch (g->what) {
    case PL_WORDS: kernels->words(&key, first, (uint32_t *)g->y + i, n); break;
    case PL_UNIFORM: kernels->uniform(&key, first, g->first, g->second, y, n); break;
    default: kernels->normal(&key, first, g->first, g->second, y, n);
    }
}

int pl_random(const void *args) {
    const pl_random_args *g = args;
    const ptrdiff_t tasks = pl_ceil_div(g->count, CHUNK);
    const double cost = g->what == PL_NORMAL ? 10 : 1;
    pl_parallel_for(tasks, pl_workers(tasks, cost * (double)g->count), draw_task, (void *)args);
    return PL_OK;
}

/* Fisher-Yates from the top: draw t = n - 1 - i of 64 bits gives the partner of element i. */
int pl_permutation(const void *args) {
    const pl_permutation_args *g = args;
    const pl_random_kernels *kernels = pl_random_select(PL_F32);
    const pl_philox_key key = {g->seed, g->stream, g->step};
    uint32_t words[CHUNK];
    for (ptrdiff_t i = 0; i < g->count; i++) g->y[i] = i;
    for (ptrdiff_t i = g->count - 1, t = 0; i > 0; i--, t++) {
        const ptrdiff_t at = t % (CHUNK / 2);
        if (at == 0) kernels->words(&key, 2 * (uint64_t)t, words, pl_min(CHUNK, 2 * i));
        const uint64_t bound = (uint64_t)i + 1;
        const uint64_t low = words[2 * at] * bound >> 32;
        const ptrdiff_t j = (ptrdiff_t)((words[2 * at + 1] * bound + low) >> 32);
        const int64_t kept = g->y[i];
        g->y[i] = g->y[j];
        g->y[j] = kept;
    }
    return PL_OK;
}
