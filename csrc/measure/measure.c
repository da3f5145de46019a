/* Times the yardstick loops. */
#include "measure/measure.h"

#include <time.h>

#include "threading/threading.h"

#define PL_OP measure
#define PL_OP_TABLE pl_measure_kernels
#define PL_OP_ROWS "measure/measure_kernels.inc"
#include "cpu/variant_rows.h"

double pl_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct {
    const pl_measure_kernels *kernels;
    ptrdiff_t iterations;
} peak_job;

static void run_peak(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const peak_job *job = context;
    double sink[8];
    for (ptrdiff_t task = begin; task < end; task++) job->kernels->multiply_add(job->iterations, sink);
}

/* Best of short runs, each about 2 ms: the clock of a shared machine drifts. */
double pl_fma_peak(int dtype, int threads, double budget) {
    peak_job job = {pl_select_op(dtype), 4096};
    const double start = pl_seconds();
    double best = 0;
    do {
        const double begin = pl_seconds();
        pl_parallel_for(threads, threads, run_peak, &job);
        const double taken = pl_seconds() - begin;
        const double rate = job.kernels->flops * (double)job.iterations * threads / taken * 1e-9;
        if (rate > best) best = rate;
        if (taken < 1e-3) job.iterations *= 2;
    } while (pl_seconds() - start < budget);
    return best;
}

typedef struct {
    const pl_measure_kernels *kernels;
    const pl_copy_args *args;
} copy_job;

enum { COPY_BLOCK = 4096 };

static void run_copy(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const copy_job *job = context;
    const size_t item = pl_item_size(job->args->dtype);
    const ptrdiff_t first = begin * COPY_BLOCK, last = pl_min(end * COPY_BLOCK, job->args->count);
    job->kernels->copy((const char *)job->args->x + (size_t)first * item,
                       (char *)job->args->y + (size_t)first * item, last - first);
}

int pl_copy(const void *args) {
    const pl_copy_args *a = args;
    copy_job job = {pl_select_op(a->dtype), a};
    const ptrdiff_t blocks = pl_ceil_div(a->count, COPY_BLOCK);
    pl_parallel_for(blocks, pl_workers(blocks, (double)a->count * 0.25), run_copy, &job);
    return PL_OK;
}
